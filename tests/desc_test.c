/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor whitelist, over every combination of access byte and flags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "x86/desc.h"

#define BASE_AND_LIMIT 0x5a005b5c5d5e5f60ull

static u64 desc_of(u32 access, u32 flags)
{
    return (BASE_AND_LIMIT & 0xff0f00ffffffffffull) | (u64)access << 40 |
           (u64)flags << 52;
}

/* DR-24: what the processor sees is a ring-3 code or data segment, or null. */
static void test_dr24_only_ring3_segments(void **unused)
{
    (void)unused;
    for (u32 access = 0; access < 256; access++) {
        for (u32 flags = 0; flags < 16; flags++) {
            const u64 seen = desc_sanitise(desc_of(access, flags));
            if (seen == 0) {
                continue;
            }
            assert_true((seen & DESC_PRESENT) != 0);
            assert_true((seen & DESC_SEGMENT) != 0);
            assert_true((seen & DESC_DPL) == DESC_DPL);
            assert_true((seen & DESC_ACCESSED) != 0);
            assert_int_equal(seen & 0xff0f00ffffffffffull,
                             BASE_AND_LIMIT & 0xff0f00ffffffffffull);
        }
    }
}

static void test_desc_allowed(void **unused)
{
    (void)unused;
    /* Linux: 64-bit kernel code, data, 32-bit user code, per-CPU number. */
    assert_true(desc_is_allowed(0x00af9b000000ffff));
    assert_true(desc_is_allowed(0x00cf93000000ffff));
    assert_true(desc_is_allowed(0x00cffb000000ffff));
    assert_true(desc_is_allowed(0x0040f50000000001));
    assert_true(desc_is_allowed(0));
    /* Call gate, TSS, LDT, interrupt gate. */
    assert_false(desc_is_allowed(0x0000ec0000080000));
    assert_false(desc_is_allowed(0x0000890000000067));
    assert_false(desc_is_allowed(0x0000820000000067));
    assert_false(desc_is_allowed(0x0000ee0000080000));
    /* The same absent: null to the processor. */
    assert_true(desc_is_allowed(0x0000090000000067));
    assert_int_equal(desc_sanitise(0x0000090000000067), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dr24_only_ring3_segments),
        cmocka_unit_test(test_desc_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
