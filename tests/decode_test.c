/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder: the forms that Linux writes, wrong and short input, and random
 * bytes, which must never be read beyond their end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86/decode.h"
#include "x86/regs.h"

struct sample {
    u8 op, size, reg, length;
    u8 bytes[INSN_BYTES_MAX];
};

static const struct sample samples[] = {
    /* mov %rax,(%rdi); movq $0,0x10(%rbx); mov %eax,(%r8) */
    { INSN_MOV, 8, 0, 3, { 0x48, 0x89, 0x07 } },
    { INSN_MOV, 8, 0, 8, { 0x48, 0xc7, 0x43, 0x10, 0, 0, 0, 0 } },
    { INSN_MOV, 4, 0, 3, { 0x41, 0x89, 0x00 } },
    /* movb $0x65,(%rdx) */
    { INSN_MOV, 1, 0, 3, { 0xc6, 0x02, 0x65 } },
    /* xchg %rcx,(%rdx); lock cmpxchg %rsi,(%rdi) */
    { INSN_XCHG, 8, 1, 3, { 0x48, 0x87, 0x0a } },
    { INSN_CMPXCHG, 8, 6, 5, { 0xf0, 0x48, 0x0f, 0xb1, 0x37 } },
    /* lock andb $0xfd,(%rbx); andb without lock */
    { INSN_AND, 1, 4, 4, { 0xf0, 0x80, 0x23, 0xfd } },
    { INSN_AND, 1, 4, 3, { 0x80, 0x23, 0xfd } },
    /* lock btr $5,(%rax); lock btsq $6,(%rsi); btr %rcx,(%rdx) */
    { INSN_BTR, 4, 6, 5, { 0xf0, 0x0f, 0xba, 0x30, 0x05 } },
    { INSN_BTS, 8, 5, 6, { 0xf0, 0x48, 0x0f, 0xba, 0x2e, 0x06 } },
    { INSN_BTR, 8, 1, 4, { 0x48, 0x0f, 0xb3, 0x0a } },
    /* privileged */
    { INSN_IN, 1, 0, 1, { 0xec } },
    { INSN_IN, 4, 0, 1, { 0xed } },
    { INSN_IN, 2, 0, 2, { 0x66, 0xed } },
    { INSN_OUT, 1, 0, 2, { 0xe6, 0x80 } },
    { INSN_CPUID, 0, 0, 2, { 0x0f, 0xa2 } },
    { INSN_WRMSR, 0, 0, 2, { 0x0f, 0x30 } },
    { INSN_RDMSR, 0, 0, 2, { 0x0f, 0x32 } },
    { INSN_READ_CR, 8, 4, 3, { 0x0f, 0x20, 0xe0 } },
    { INSN_WRITE_CR, 8, 4, 3, { 0x0f, 0x22, 0xe7 } },
    { INSN_CLI, 0, 0, 1, { 0xfa } },
    { INSN_STI, 0, 0, 1, { 0xfb } },
    { INSN_XSETBV, 0, 2, 3, { 0x0f, 0x01, 0xd1 } },
    { INSN_WBINVD, 0, 0, 2, { 0x0f, 0x09 } },
};

static void test_decode_known_forms(void **unused)
{
    (void)unused;
    for (u32 i = 0; i < ARRAY_COUNT(samples); i++) {
        const struct sample *s = &samples[i];
        struct insn in;
        assert_int_equal(decode(s->bytes, s->length, &in), DECODE_OK);
        assert_int_equal(in.op, s->op);
        assert_int_equal(in.length, s->length);
        if (s->size != 0) {
            assert_int_equal(in.size, s->size);
            assert_int_equal(in.reg, s->reg);
        }
        /* Each proper prefix of it asks for more. */
        for (u32 n = 0; n < s->length; n++) {
            assert_int_equal(decode(s->bytes, n, &in), DECODE_SHORT);
        }
    }
}

static void test_decode_address(void **unused)
{
    (void)unused;
    struct regs r = { .rax = 0x1000, .rdi = 0x20, .r9 = 0x300, .rip = 0x4000 };
    struct insn in;
    /* mov %rcx,0x8(%rax,%r9,4) */
    const u8 sib[] = { 0x4a, 0x89, 0x4c, 0x88, 0x08 };
    assert_int_equal(decode(sib, sizeof(sib), &in), DECODE_OK);
    assert_int_equal(decode_address(&in, &r), 0x1000 + 0x300 * 4 + 8);
    /* movq $1,0x10(%rip): counts from the end of the instruction */
    const u8 rip[] = { 0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 1, 0, 0, 0 };
    assert_int_equal(decode(rip, sizeof(rip), &in), DECODE_OK);
    assert_int_equal(decode_address(&in, &r), 0x4000 + 11 + 0x10);
    /* mov %rcx,-8(%rdi) */
    const u8 minus[] = { 0x48, 0x89, 0x4f, 0xf8 };
    assert_int_equal(decode(minus, sizeof(minus), &in), DECODE_OK);
    assert_int_equal(decode_address(&in, &r), 0x18);
    /* mov %rcx,0x1234 (no base) */
    const u8 flat[] = { 0x48, 0x89, 0x0c, 0x25, 0x34, 0x12, 0, 0 };
    assert_int_equal(decode(flat, sizeof(flat), &in), DECODE_OK);
    assert_int_equal(decode_address(&in, &r), 0x1234);
}

static void test_decode_refuses(void **unused)
{
    (void)unused;
    static const u8 wrong[][INSN_BYTES_MAX] = {
        { 0x48, 0x89, 0xc7 },       /* mov to a register */
        { 0xf0, 0x48, 0x89, 0x07 }, /* lock mov */
        { 0xf3, 0x6c },             /* rep insb */
        { 0x0f, 0x01, 0xf8 },       /* swapgs */
        { 0x0f, 0x01, 0x10 },       /* lgdt */
        { 0xf4 },                   /* hlt */
        { 0xcd, 0x80 },             /* int */
        { 0xf0, 0xfa },             /* lock cli */
    };
    for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct insn in;
        assert_int_equal(decode(wrong[i], INSN_BYTES_MAX, &in), DECODE_UNKNOWN);
    }
    /* Nothing but prefixes. */
    u8 prefixes[INSN_BYTES_MAX];
    struct insn in;
    memset(prefixes, 0x66, sizeof(prefixes));
    assert_int_equal(decode(prefixes, sizeof(prefixes), &in), DECODE_UNKNOWN);
}

static void test_decode_random_bytes(void **unused)
{
    (void)unused;
    struct regs r = { .rip = 1 };
    for (u32 i = 0; i < 2000000; i++) {
        const u32 count = (u32)rand() % (INSN_BYTES_MAX + 1);
        u8 *bytes = malloc(count + 1); /* the sanitizer watches the end */
        for (u32 j = 0; j < count; j++) {
            bytes[j] = (u8)rand();
        }
        if (count > 2 && i % 2 == 0) {
            bytes[0] = 0x0f;
        }
        u8 *exact = realloc(bytes, count != 0 ? count : 1);
        struct insn in;
        if (decode(exact, count, &in) == DECODE_OK) {
            assert_in_range(in.length, 1, count);
            assert_in_range(in.op, INSN_MOV, INSN_INVLPG);
            (void)decode_address(&in, &r);
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_known_forms),
        cmocka_unit_test(test_decode_address),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_decode_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
