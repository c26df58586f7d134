/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done on account of a processor's model: a table of processors, with
 * and without the microcode that cures them, and what must come of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "x86/model.h"

#define INTEL .vendor = VENDOR_INTEL, .family = 6
#define AMD(f, m) .vendor = VENDOR_AMD, .family = (f), .model = (m)
/* Leaf 7, EDX: SRBDS_CTRL, MD_CLEAR. EBX: RTM. */
#define D(bits) .l7 = { .d = (bits) }
#define SRBDS_CTRL (1u << 9)
#define MD_CLEAR (1u << 10)
#define RTM (1u << 11)
/* IA32_ARCH_CAPABILITIES */
#define MDS_NO (1u << 5)
#define TSX_CTRL (1u << 7)
#define TAA_NO (1u << 8)
#define FB_CLEAR (1u << 17)
#define GDS_CTRL (1u << 25)
#define GDS_NO (1u << 26)
#define RFDS_NO (1u << 27)
#define RFDS_CLEAR (1u << 28)

struct verdict {
    struct cpu_model m;
    const char *flaw; /* NULL: it may run tenants */
};

static void check(const struct verdict *v, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct cpu_model m = v[i].m;
        const char *const flaw = model_flaw(&m);
        if (v[i].flaw == NULL) {
            assert_null(flaw);
        } else {
            assert_non_null(flaw);
            assert_string_equal(flaw, v[i].flaw);
        }
        /* What another hypervisor shows says nothing of the machine. */
        m.is_guest = true;
        if (m.family != 0xf) {
            assert_null(model_flaw(&m));
        }
    }
}

#define CHECK_ALL(table) check(table, ARRAY_COUNT(table))

static void test_9_hang_at_the_hole(void **unused)
{
    (void)unused;
    static const struct verdict v[] = {
        { { AMD(0xf, 0x05) }, "erratum 121" },
        { { AMD(0xf, 0x3f) }, "erratum 121" },
        { { AMD(0xf, 0x3f), .is_guest = true }, "erratum 121" },
        { { AMD(0xf, 0x40) }, NULL },
        { { AMD(0x10, 0x04) }, NULL },
        { { .vendor = VENDOR_INTEL, .family = 0xf, .model = 4 }, NULL },
    };
    CHECK_ALL(v);
}

static void test_297_305_buffers_without_microcode(void **unused)
{
    (void)unused;
    static const struct verdict v[] = {
        { { INTEL, .model = 0x2a }, "MDS" },
        { { INTEL, .model = 0x2a, D(MD_CLEAR) }, NULL },
        { { INTEL, .model = 0xcf, .caps = MDS_NO }, NULL },
        { { INTEL, .model = 0xcf, .caps = MDS_NO, .l7 = { .b = RTM } }, "TAA" },
        { { INTEL, .model = 0xcf, .caps = MDS_NO | TAA_NO, .l7 = { .b = RTM } },
          NULL },
        { { INTEL, .model = 0xcf, .caps = MDS_NO | TSX_CTRL,
            .l7 = { .b = RTM } },
          NULL },
        { { .vendor = 0x12345678, .family = 6, .model = 0x2a }, NULL },
    };
    CHECK_ALL(v);
}

static void test_320_435_452_models_without_microcode(void **unused)
{
    (void)unused;
    static const struct verdict v[] = {
        { { INTEL, .model = 0x3c, D(MD_CLEAR) }, "SRBDS" },
        { { INTEL, .model = 0x3c, D(MD_CLEAR | SRBDS_CTRL) }, NULL },
        { { INTEL, .model = 0x3f, D(MD_CLEAR) }, NULL }, /* a server */
        { { INTEL, .model = 0x9e, D(MD_CLEAR | SRBDS_CTRL) }, "GDS" },
        { { INTEL, .model = 0x9e, D(MD_CLEAR | SRBDS_CTRL), .caps = GDS_CTRL },
          NULL },
        { { INTEL, .model = 0x9e, .caps = MDS_NO | GDS_NO }, NULL },
        { { INTEL, .model = 0xa7, .caps = MDS_NO }, "GDS" },
        { { INTEL, .model = 0x97, .caps = MDS_NO }, "RFDS" },
        { { INTEL, .model = 0x97, .caps = MDS_NO | RFDS_CLEAR }, NULL },
        { { INTEL, .model = 0xbf, .caps = MDS_NO | RFDS_NO }, NULL },
    };
    CHECK_ALL(v);
}

static void test_471_tsa_without_microcode(void **unused)
{
    (void)unused;
    static const struct verdict v[] = {
        { { AMD(0x19, 0x21) }, "TSA" },
        { { AMD(0x19, 0x21), .amd21 = { .c = 2 } }, "TSA" },
        { { AMD(0x19, 0x21), .amd21 = { .c = 6 } }, NULL },
        { { AMD(0x19, 0x21), .amd21 = { .a = 1u << 5 } }, NULL },
        { { AMD(0x17, 0x31) }, NULL },
        { { AMD(0x1a, 0x02) }, NULL },
    };
    CHECK_ALL(v);
}

static u64 bits_of(const struct cpu_model *m, u32 msr)
{
    u64 bits = 0;
    for (u32 i = 0; i < MODEL_MSRS; i++) {
        u32 number = 0;
        const u64 b = model_msr_bits(m, i, &number);
        bits |= number == msr ? b : 0;
    }
    return bits;
}

static void test_82_305_433_488_490_bits_to_set(void **unused)
{
    (void)unused;
    static const struct {
        struct cpu_model m;
        u32 msr;
        u64 bits;
    } v[] = {
        { { AMD(0x16, 0x00) }, 0xc0011020, 0x8000 },
        { { AMD(0x16, 0x10) }, 0xc0011020, 0 },
        { { AMD(0x17, 0x01) }, 0xc0011028, 0x200 },
        { { AMD(0x17, 0x31) }, 0xc0011028, 0 },
        { { AMD(0x17, 0x2f) }, 0xc0011029, 0 },
        { { AMD(0x17, 0x31) }, 0xc0011029, 0x200 },
        { { AMD(0x17, 0x31) }, 0xc001102e, 0x200000000 },
        { { AMD(0x17, 0xa0) }, 0xc001102e, 0x200000000 },
        { { AMD(0x19, 0x31) }, 0xc0011029, 0 },
        { { AMD(0x17, 0x31), .is_guest = true }, 0xc0011029, 0 },
        { { INTEL, .model = 0x55, .caps = TSX_CTRL }, 0x122, 3 },
        { { INTEL, .model = 0x55 }, 0x122, 0 },
        { { AMD(0x17, 0x31), .caps = TSX_CTRL }, 0x122, 0 },
    };
    for (u32 i = 0; i < ARRAY_COUNT(v); i++) {
        assert_int_equal(bits_of(&v[i].m, v[i].msr), v[i].bits);
    }
}

static void test_297_404_452_471_verw(void **unused)
{
    (void)unused;
    const struct cpu_model with[] = {
        { INTEL, D(MD_CLEAR) },
        { INTEL, .caps = FB_CLEAR },
        { INTEL, .caps = RFDS_CLEAR },
        { AMD(0x19, 0x21), .amd21 = { .a = 1u << 5 } },
    };
    const struct cpu_model without = { INTEL, .caps = MDS_NO | RFDS_NO };
    for (u32 i = 0; i < ARRAY_COUNT(with); i++) {
        assert_true(model_has_verw(&with[i]));
    }
    assert_false(model_has_verw(&without));
}

static void test_426_threads_of_a_core(void **unused)
{
    (void)unused;
    const struct hw_cpuid none = { 0, 0, 0, 0 };
    const struct hw_cpuid two = { .a = 1, .b = 2, .c = 0x100 };
    const struct hw_cpuid one = { .a = 0, .b = 1, .c = 0x100 };
    const struct hw_cpuid amd_two = { .b = 0x100 };
    const struct hw_cpuid amd_three = { .b = 0x200 };
    assert_int_equal(model_thread_bits(two, none), 1);
    assert_int_equal(model_thread_bits(one, amd_two), 0);
    assert_int_equal(model_thread_bits(none, none), 0);
    assert_int_equal(model_thread_bits(none, amd_two), 1);
    assert_int_equal(model_thread_bits(none, amd_three), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_9_hang_at_the_hole),
        cmocka_unit_test(test_297_305_buffers_without_microcode),
        cmocka_unit_test(test_320_435_452_models_without_microcode),
        cmocka_unit_test(test_471_tsa_without_microcode),
        cmocka_unit_test(test_82_305_433_488_490_bits_to_set),
        cmocka_unit_test(test_297_404_452_471_verw),
        cmocka_unit_test(test_426_threads_of_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
