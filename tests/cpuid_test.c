/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID policy: on a machine that says yes to everything, what a guest must
 * not see is not there, and what Linux needs is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "x86/cpuid.h"
#include "x86/private.h"

u64 fpu_mask(void)
{
    return 0;
}

static const struct cpuid_regs everything = { U32_MAX, U32_MAX, U32_MAX,
                                              U32_MAX };
static const struct cpuid_view view = { 3, 0xe7, 44 };

static struct cpuid_regs ask(u32 leaf, u32 sub)
{
    return cpuid_filter(leaf, sub, everything, &view);
}

static bool bit(u32 word, u32 n)
{
    return (word >> n & 1) != 0;
}

static void test_cpuid_hides(void **unused)
{
    (void)unused;
    const struct cpuid_regs f = ask(1, 0);
    const u32 no_c[] = { 3, 5, 6, 17, 21, 24 };
    const u32 no_d[] = { 3, 7, 9, 12, 13, 14, 16, 17, 22, 28 };
    for (u32 i = 0; i < ARRAY_COUNT(no_c); i++) {
        assert_false(bit(f.c, no_c[i]));
    }
    for (u32 i = 0; i < ARRAY_COUNT(no_d); i++) {
        assert_false(bit(f.d, no_d[i]));
    }
    const struct cpuid_regs g = ask(7, 0);
    assert_int_equal(g.a, 0);
    const u32 no_7b[] = { 1, 4, 7, 10, 11, 14, 20, 25 };
    for (u32 i = 0; i < ARRAY_COUNT(no_7b); i++) {
        assert_false(bit(g.b, no_7b[i]));
    }
    assert_false(bit(g.c, 2));  /* UMIP */
    assert_false(bit(g.c, 3));  /* PKU */
    assert_false(bit(g.c, 16)); /* LA57 */
    assert_false(bit(g.d, 26)); /* speculation control */
    const struct cpuid_regs e = ask(0x80000001, 0);
    assert_false(bit(e.c, 2));  /* SVM */
    assert_false(bit(e.d, 26)); /* 1 GiB pages */
    assert_false(bit(e.d, 3));
    assert_false(bit(e.d, 13));
}

static void test_cpuid_shows(void **unused)
{
    (void)unused;
    const struct cpuid_regs f = ask(1, 0);
    assert_true(bit(f.c, 31)); /* hypervisor */
    assert_true(bit(f.c, 26) && bit(f.c, 27));
    assert_true(bit(f.d, 6)); /* PAE */
    assert_int_equal(f.b >> 24, 3);
    assert_true(bit(ask(7, 0).b, 0)); /* FSGSBASE */
    assert_true(bit(ask(0x80000001, 0).d, 11));
    assert_true(bit(ask(0x80000001, 0).d, 20));
    assert_true(bit(ask(0x80000001, 0).d, 29));
}

static void test_cpuid_no_xsave(void **unused)
{
    (void)unused;
    const struct cpuid_view none = { 0, 0, 44 };
    const struct cpuid_regs f = cpuid_filter(1, 0, everything, &none);
    assert_false(bit(f.c, 26) || bit(f.c, 27) || bit(f.c, 28));
    assert_false(bit(f.c, 12) || bit(f.c, 29));
    const struct cpuid_regs g = cpuid_filter(7, 0, everything, &none);
    assert_false(bit(g.b, 5) || bit(g.b, 16));
    assert_int_equal(cpuid_filter(0xd, 0, everything, &none).a, 0);
}

static void test_cpuid_signature(void **unused)
{
    (void)unused;
    const struct cpuid_regs s = ask(0x40000000, 0);
    assert_memory_equal(&s.b, "XenVMMXenVMM", 12);
    assert_in_range(s.a, 0x40000002, 0x400000ff);
    assert_int_equal(ask(0x40000001, 0).a, 0x00040011);
    assert_int_equal(ask(0x40000100, 0).a, 0);
    assert_int_equal(ask(0x40000100, 0).b, 0);
}

/* An unknown leaf is zero, whatever the machine says. */
static void test_cpuid_unknown_leaves(void **unused)
{
    (void)unused;
    static const u32 leaves[] = { 3,      5,          6,          0xa,
                                  0xb,    0xe,        0x10,       0x14,
                                  0x1f,   0x20000000, 0x80000009, 0x8000001f,
                                  U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++) {
        const struct cpuid_regs r = ask(leaves[i], 0);
        assert_int_equal(r.a | r.b | r.c | r.d, 0);
    }
    assert_int_equal(ask(0, 0).a, 0xd);
    assert_int_equal(ask(0x80000000, 0).a, 0x80000008);
    /* Supervisor and unknown components of XSAVE. */
    assert_int_equal(ask(0xd, 9).a, 0);
    assert_int_equal(ask(0xd, 1).a, 7);
    assert_int_equal(ask(0xd, 0).a, 0xe7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuid_hides),
        cmocka_unit_test(test_cpuid_shows),
        cmocka_unit_test(test_cpuid_no_xsave),
        cmocka_unit_test(test_cpuid_signature),
        cmocka_unit_test(test_cpuid_unknown_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
