/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader's information in both protocols: what is right is taken, what is
 * short, wild or too much is refused, and no byte outside the given memory is
 * read (the memory ends where the sanitizer's red zone begins).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86/bootinfo.h"

#define MEM 0x8000u
#define INFO 0x1000u

static u8 *mem;
static struct bootinfo b;

static int set_up(void **state)
{
    (void)state;
    mem = calloc(1, MEM);
    return mem == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(mem);
    return 0;
}

static void put32(u32 at, u32 v)
{
    memcpy(mem + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
    memcpy(mem + at, &v, 8);
}

/* ---- multiboot2 -------------------------------------------------------- */

static u32 tag_at;

static void mb2_begin(void)
{
    tag_at = INFO + 8;
}

static u32 mb2_tag(u32 type, u32 bytes)
{
    const u32 at = tag_at;
    put32(at, type);
    put32(at + 4, bytes);
    tag_at += (bytes + 7) & ~7u;
    return at;
}

static void mb2_end(void)
{
    (void)mb2_tag(0, 8);
    put32(INFO, tag_at - INFO);
}

static void mb2_memory(u64 start, u64 bytes, u32 type)
{
    const u32 at = mb2_tag(6, 16 + 24);
    put32(at + 8, 24);
    put64(at + 16, start);
    put64(at + 24, bytes);
    put32(at + 32, type);
}

static void mb2_module(u32 start, u32 end)
{
    const u32 at = mb2_tag(3, 17);
    put32(at + 8, start);
    put32(at + 12, end);
}

static const char *parse_mb2(void)
{
    return bootinfo_parse(&b, MULTIBOOT2_BOOT_MAGIC, INFO, mem, MEM);
}

static void test_mb2_complete(void **state)
{
    (void)state;
    mb2_begin();
    mb2_memory(0, 0x9f000, 1);
    mb2_memory(0x100000, 0x7ff00000, 1);
    mb2_memory(0xfee00000, 0x1000, 2);
    mb2_module(0x3000, 0x5000);
    const u32 old = mb2_tag(14, 8 + 20);
    memcpy(mem + old + 8, "RSD PTR old", 11);
    const u32 new = mb2_tag(15, 8 + 36);
    memcpy(mem + new + 8, "RSD PTR new", 11);
    mb2_end();
    assert_null(parse_mb2());
    assert_int_equal(b.range_count, 3);
    assert_true(b.range[1].usable);
    assert_int_equal(b.range[1].start, 0x100000);
    assert_false(b.range[2].usable);
    assert_int_equal(b.module_start, 0x3000);
    assert_int_equal(b.module_bytes, 0x2000);
    assert_memory_equal(mem + b.rsdp_address, "RSD PTR new", 11);
}

static void test_mb2_refused(void **state)
{
    (void)state;
    mb2_begin();
    mb2_end();
    assert_string_equal(parse_mb2(), "no memory map");
    mb2_begin();
    mb2_memory(0, 0x1000, 1);
    mb2_module(0x3000, 0x4000);
    mb2_module(0x4000, 0x5000);
    mb2_end();
    assert_string_equal(parse_mb2(), "more than one module");
    mb2_begin();
    mb2_memory(0, 0x1000, 1);
    mb2_module(0x5000, 0x4000);
    mb2_end();
    assert_string_equal(parse_mb2(), "damaged module tag");
    mb2_begin();
    mb2_memory(0, 0x1000, 1);
    mb2_module(0x5000, MEM + 1);
    mb2_end();
    assert_string_equal(parse_mb2(), "the module is not below 4 GiB");
    mb2_begin();
    mb2_memory(U64_MAX - 10, 0x1000, 1);
    mb2_end();
    assert_string_equal(parse_mb2(), "damaged memory map");
}

static void test_mb2_lengths_that_lie(void **state)
{
    (void)state;
    mb2_begin();
    mb2_memory(0, 0x1000, 1);
    mb2_end();
    put32(INFO, MEM); /* longer than memory from INFO on */
    assert_string_equal(parse_mb2(), "damaged boot information");
    put32(INFO, 16); /* the end tag lies outside */
    assert_non_null(parse_mb2());
    mb2_end();
    put32(INFO + 8 + 4, 3); /* a tag shorter than a tag */
    put32(INFO, 0x100);
    assert_string_equal(parse_mb2(), "damaged boot information");
    mb2_begin();
    const u32 at = mb2_tag(6, 16 + 24);
    put32(at + 8, 8); /* entries shorter than an entry */
    mb2_end();
    assert_string_equal(parse_mb2(), "damaged memory map");
    assert_string_equal(
        bootinfo_parse(&b, MULTIBOOT2_BOOT_MAGIC, MEM - 2, mem, MEM),
        "damaged boot information");
}

/* ---- PVH --------------------------------------------------------------- */

#define RANGES 0x2000u
#define MODULES 0x2800u

static void pvh_begin(u32 ranges, u32 modules)
{
    put32(INFO, 0x336ec578);
    put32(INFO + 4, 1);
    put32(INFO + 12, modules);
    put64(INFO + 16, MODULES);
    put64(INFO + 32, 0xe0000);
    put64(INFO + 40, RANGES);
    put32(INFO + 48, ranges);
    for (u32 i = 0; i < ranges && i < 8; i++) {
        put64(RANGES + 24 * i, 0x100000ull * i);
        put64(RANGES + 24 * i + 8, 0x100000);
        put32(RANGES + 24 * i + 16, i % 2 == 0 ? 1 : 2);
    }
    put64(MODULES, 0x4000);
    put64(MODULES + 8, 0x123);
}

static const char *parse_pvh(void)
{
    return bootinfo_parse(&b, 0, INFO, mem, MEM);
}

static void test_pvh_complete(void **state)
{
    (void)state;
    pvh_begin(4, 1);
    assert_null(parse_pvh());
    assert_int_equal(b.range_count, 4);
    assert_true(b.range[2].usable);
    assert_false(b.range[3].usable);
    assert_int_equal(b.module_start, 0x4000);
    assert_int_equal(b.module_bytes, 0x123);
    assert_int_equal(b.rsdp_address, 0xe0000);
}

/* What must not be used is noted even if the loader's map fills the table. */
static void test_282_range_left_out(void **state)
{
    (void)state;
    pvh_begin(BOOT_RANGES_MAX - 1, 0);
    assert_true(RANGES + BOOT_RANGES_MAX * 24 <= MEM);
    for (u32 i = 0; i < BOOT_RANGES_MAX - 1; i++) {
        put64(RANGES + (i * 24), i * 0x1000ull);
        put64(RANGES + (i * 24) + 8, 0x1000);
        put32(RANGES + (i * 24) + 16, 1);
    }
    assert_null(parse_pvh());
    bootinfo_leave_out(&b, 0x40000000, 0x400000);
    assert_int_equal(b.range_count, BOOT_RANGES_MAX);
    assert_int_equal(b.range[BOOT_RANGES_MAX - 1].start, 0x40000000);
    assert_int_equal(b.range[BOOT_RANGES_MAX - 1].bytes, 0x400000);
    assert_false(b.range[BOOT_RANGES_MAX - 1].usable);
}

static void test_pvh_refused(void **state)
{
    (void)state;
    assert_string_equal(parse_pvh(), "not started by multiboot2 or PVH");
    pvh_begin(0, 0);
    assert_string_equal(parse_pvh(), "no memory map");
    pvh_begin(2, 2);
    assert_string_equal(parse_pvh(), "more than one module");
    pvh_begin(2, 1);
    put64(INFO + 16, U64_MAX - 8);
    assert_string_equal(parse_pvh(), "damaged module list");
    pvh_begin(2, 1);
    put64(MODULES + 8, U64_MAX);
    assert_string_equal(parse_pvh(), "damaged module list");
    pvh_begin(U32_MAX, 0);
    for (u32 at = RANGES; at + 24 < MEM; at += 24) {
        put64(at + 8, 0x1000);
    }
    assert_string_equal(parse_pvh(), "damaged memory map");
}

/* Any single byte of good information turned over: an answer, and nothing read
 * outside. */
static void test_flipped_bytes(void **state)
{
    (void)state;
    mb2_begin();
    mb2_memory(0, 0x1000, 1);
    mb2_module(0x3000, 0x4000);
    (void)mb2_tag(14, 8 + 20);
    mb2_end();
    for (u32 at = INFO; at < tag_at; at++) {
        for (u32 bit = 0; bit < 8; bit++) {
            mem[at] ^= (u8)(1u << bit);
            const char *const wrong = parse_mb2();
            assert_true(wrong != NULL || b.module_bytes <= MEM);
            mem[at] ^= (u8)(1u << bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mb2_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mb2_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mb2_lengths_that_lie, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pvh_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_282_range_left_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pvh_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
