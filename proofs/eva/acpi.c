/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's tables: any bytes in memories of some sizes up to 4 GiB, and
 * a root pointer anywhere.
 */
#include "x86/acpi.h"

static u8 memory[1ull << 32];

void prove(void)
{
    static const u64 sizes[] = { 0, 1, 4096, 1 << 20, 1ull << 32 };
    static struct acpi_info a;
    static struct bootinfo b;
    const u32 i = eva_below(ARRAY_COUNT(sizes));

    u64 bytes;

    eva_any(memory);
    eva_any(a);
    eva_any(b);
    /*@ split i; */
    bytes = sizes[i];
    const u8 *const end = memory + sizeof(memory);
    (void)acpi_parse(&a, &b, end - bytes, bytes);
}
