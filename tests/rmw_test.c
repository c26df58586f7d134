/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86/rmw.c against the processor: each form at each size on random and on
 * extreme operands; memory, registers and the defined flags must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "x86/decode.h"
#include "x86/rflags.h"
#include "x86/rmw.h"

#define ROUNDS 20000u
#define ALL_FLAGS                                                              \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define LOGIC_FLAGS (ALL_FLAGS & ~RFLAGS_AF) /* AF is undefined */

struct state {
    u64 memory, reg, rax, flags;
};

#define NATIVE(name, text)                                                     \
    static void native_##name(struct state *s)                                 \
    {                                                                          \
        u64 flags;                                                             \
        __asm__ volatile("movq %[rax], %%rax\n\t" text                         \
                         "\n\tpushfq\n\tpopq %[flags]\n\t"                     \
                         "movq %%rax, %[rax]"                                  \
                         : [memory] "+m"(s->memory), [reg] "+c"(s->reg),       \
                           [rax] "+m"(s->rax), [flags] "=&d"(flags)            \
                         :                                                     \
                         : "rax", "cc", "memory");                             \
        s->flags = flags;                                                      \
    }

#define NATIVE_SIZES(name, op)                                                 \
    NATIVE(name##1, op "b %%cl, %[memory]")                                    \
    NATIVE(name##2, op "w %%cx, %[memory]")                                    \
    NATIVE(name##4, op "l %%ecx, %[memory]")                                   \
    NATIVE(name##8, op "q %%rcx, %[memory]")

NATIVE_SIZES(or, "or")
NATIVE_SIZES(and, "and")
NATIVE_SIZES(mov, "mov")
NATIVE_SIZES(xchg, "xchg")
NATIVE_SIZES(cmpxchg, "lock cmpxchg")
NATIVE(bts4, "btsl %%ecx, %[memory]")
NATIVE(bts8, "btsq %%rcx, %[memory]")
NATIVE(btr4, "btrl %%ecx, %[memory]")
NATIVE(btr8, "btrq %%rcx, %[memory]")

static u64 operand(u32 round)
{
    static const u64 extremes[] = { 0,          1,          0x7f,
                                    0x80,       0xff,       0x7fffffff,
                                    0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                    1ull << 63, U64_MAX };
    if (round % 3 == 0) {
        return extremes[(u32)rand() % ARRAY_COUNT(extremes)];
    }
    return (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();
}

static void compare(u8 op, u8 size, void (*native)(struct state *), u64 flags)
{
    const struct insn in = { .op = op, .size = size };
    const bool bits = op == INSN_BTS || op == INSN_BTR;
    for (u32 i = 0; i < ROUNDS; i++) {
        struct state s = { operand(i), operand(i), operand(i), 0 };
        if (bits) {
            s.reg %= 8u * size;
        }
        if (op == INSN_CMPXCHG && i % 2 == 0) {
            s.rax = s.memory;
        }
        const struct state before = s;
        native(&s);
        struct rmw w;
        rmw_compute(&in, before.memory & rmw_mask(size), before.reg, before.rax,
                    &w);
        assert_int_equal(w.value, s.memory & rmw_mask(size));
        assert_int_equal(w.sets_reg ? w.reg : before.reg, s.reg);
        assert_int_equal(w.sets_rax ? w.rax : before.rax, s.rax);
        assert_int_equal(w.flags & flags, s.flags & flags);
        assert_int_equal(w.flags_changed & flags, flags);
    }
}

#define COMPARE_SIZES(op, name, flags)                                         \
    compare(op, 1, native_##name##1, flags);                                   \
    compare(op, 2, native_##name##2, flags);                                   \
    compare(op, 4, native_##name##4, flags);                                   \
    compare(op, 8, native_##name##8, flags)

static void test_rmw_logic(void **unused)
{
    (void)unused;
    COMPARE_SIZES(INSN_OR, or, LOGIC_FLAGS);
    COMPARE_SIZES(INSN_AND, and, LOGIC_FLAGS);
}

static void test_rmw_exchange(void **unused)
{
    (void)unused;
    COMPARE_SIZES(INSN_MOV, mov, 0);
    COMPARE_SIZES(INSN_XCHG, xchg, 0);
    COMPARE_SIZES(INSN_CMPXCHG, cmpxchg, ALL_FLAGS);
}

static void test_rmw_bits(void **unused)
{
    (void)unused;
    compare(INSN_BTS, 4, native_bts4, RFLAGS_CF);
    compare(INSN_BTS, 8, native_bts8, RFLAGS_CF);
    compare(INSN_BTR, 4, native_btr4, RFLAGS_CF);
    compare(INSN_BTR, 8, native_btr8, RFLAGS_CF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rmw_logic),
        cmocka_unit_test(test_rmw_exchange),
        cmocka_unit_test(test_rmw_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
