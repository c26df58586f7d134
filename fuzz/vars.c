/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of the code under test as a whole: the build puts them into
 * sections of their own, of which the linker tells the ends.
 */
#include <stdlib.h>

#include "fuzz/world.h"

extern u8 __start_rf_data[] __attribute__((weak));
extern u8 __stop_rf_data[] __attribute__((weak));
extern u8 __start_rf_bss[] __attribute__((weak));
extern u8 __stop_rf_bss[] __attribute__((weak));

static u8 *data, *bss;

/* As memcpy, without the sanitizer's look at red zones between variables. */
static void copy_raw(void *to, const void *from, size_t bytes)
{
    __asm__ volatile("rep movsb"
                     : "+D"(to), "+S"(from), "+c"(bytes)
                     :
                     : "memory");
}

static size_t data_bytes(void)
{
    return (size_t)(__stop_rf_data - __start_rf_data);
}

static size_t bss_bytes(void)
{
    return (size_t)(__stop_rf_bss - __start_rf_bss);
}

void vars_save(void)
{
    if (data == NULL) {
        data = malloc(data_bytes() + 1);
        bss = malloc(bss_bytes() + 1);
    }
    if (data == NULL || bss == NULL) {
        fuzz_fail("no memory");
    }
    copy_raw(data, __start_rf_data, data_bytes());
    copy_raw(bss, __start_rf_bss, bss_bytes());
}

void vars_restore(void)
{
    copy_raw(__start_rf_data, data, data_bytes());
    copy_raw(__start_rf_bss, bss, bss_bytes());
}
