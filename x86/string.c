/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and its relatives by the string instructions: short, and fast where
 * the CPU has fast strings.
 */
#include "core/mem.h"
#include "x86/hw.h"

void *memcpy(void *to, const void *from, size_t bytes)
{
    hw_copy_bytes(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    hw_fill_bytes(to, (u8)value, bytes);
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const u8 *x = a;
    const u8 *y = b;
    for (size_t i = 0; i < bytes; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}
