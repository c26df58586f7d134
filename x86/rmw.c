/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the operands of an instruction that reads, changes and writes
 * one integer in memory: the new integer, the registers and the flags. Pure, so
 * that tests/rmw_test.c can compare it with the processor itself. [SDM 2]
 */
#include "x86/rmw.h"

#include "x86/decode.h"
#include "x86/rflags.h"

#define RFLAGS_ARITHMETIC                                                      \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

u64 rmw_mask(u32 size)
{
    return size >= 8 ? U64_MAX : (1ull << (8 * size)) - 1;
}

/* Zero, sign and parity of a result. */
static u64 flags_of(u64 result, u32 size)
{
    u64 flags = 0;
    u32 ones = 0;
    for (u32 i = 0; i < 8; i++) {
        ones += (u32)(result >> i) & 1;
    }
    if ((ones & 1) == 0) {
        flags |= RFLAGS_PF;
    }
    if ((result & rmw_mask(size)) == 0) {
        flags |= RFLAGS_ZF;
    }
    if ((result >> (8 * size - 1) & 1) != 0) {
        flags |= RFLAGS_SF;
    }
    return flags;
}

/* Flags of a - b = difference. */
static u64 flags_of_difference(u64 a, u64 b, u64 difference, u32 size)
{
    const u64 top = 1ull << (8 * size - 1);
    const u64 borrow = (~a & b) | ((~a | b) & difference);
    u64 flags = flags_of(difference, size);
    if ((borrow & top) != 0) {
        flags |= RFLAGS_CF;
    }
    if ((borrow & 8) != 0) {
        flags |= RFLAGS_AF;
    }
    if (((a ^ b) & (a ^ difference) & top) != 0) {
        flags |= RFLAGS_OF;
    }
    return flags;
}

/* Put a result of the size into a register as the processor does: 4 bytes
 * clear the upper half, 1 and 2 leave the rest. */
static u64 register_merge(u64 old, u64 value, u32 size, bool high_byte)
{
    if (high_byte) {
        return (old & ~0xff00ull) | (value & 0xff) << 8;
    }
    if (size == 4) {
        return value & U32_MAX;
    }
    return (old & ~rmw_mask(size)) | (value & rmw_mask(size));
}

static void apply_logic(const struct insn *in, u64 old, u64 src, struct rmw *w)
{
    w->value = in->op == INSN_OR ? old | src : old & src;
    w->flags = flags_of(w->value, in->size);
    w->flags_changed = RFLAGS_ARITHMETIC;
}

static void apply_bit(const struct insn *in, u64 old, u64 src, struct rmw *w)
{
    const u64 bit = 1ull << (src & (8u * in->size - 1));
    w->flags = (old & bit) != 0 ? RFLAGS_CF : 0;
    w->flags_changed = RFLAGS_CF;
    w->value = in->op == INSN_BTS ? old | bit : old & ~bit;
}

static void apply_compare(const struct insn *in, u64 old, u64 src, u64 rax,
                          struct rmw *w)
{
    const u64 mask = rmw_mask(in->size);
    const u64 wanted = rax & mask;
    w->flags =
        flags_of_difference(wanted, old, (wanted - old) & mask, in->size);
    w->flags_changed = RFLAGS_ARITHMETIC;
    if (wanted == old) {
        w->value = src;
        return;
    }
    w->writes = false;
    w->value = old;
    w->sets_rax = true;
    w->rax = register_merge(rax, old, in->size, false);
}

void rmw_compute(const struct insn *in, u64 old, u64 reg, u64 rax,
                 struct rmw *w)
{
    const u64 mask = rmw_mask(in->size);
    const u64 from_reg = in->high_byte ? reg >> 8 : reg;
    const u64 src = (in->immediate ? in->imm : from_reg) & mask;
    *w = (struct rmw){ .writes = true };
    switch (in->op) {
    case INSN_MOV:
        w->value = src;
        break;
    case INSN_XCHG:
        w->value = src;
        w->sets_reg = true;
        break;
    case INSN_CMPXCHG:
        apply_compare(in, old, src, rax, w);
        break;
    case INSN_BTS:
    case INSN_BTR:
        apply_bit(in, old, src, w);
        break;
    default:
        apply_logic(in, old, src, w);
        break;
    }
    w->value &= mask;
    w->reg = register_merge(reg, old, in->size, in->high_byte);
}
