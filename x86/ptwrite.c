/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped page-table writes. A guest kernel sees its L1 tables read-only and
 * writes to them all the same; the fault brings the instruction here, where it
 * is carried out as a checked replacement of one entry.
 *
 * One try: read the entry, compute what the instruction would make of it and
 * of its registers, and ask the page-table machine to replace exactly that old
 * value. If the entry changed meanwhile (another vCPU, or the processor's
 * accessed and dirty bits) the guest simply executes the instruction again.
 * What the page-table machine refuses, and every write that is not one of the
 * known forms within one entry, is a page fault for the guest.
 *
 * Lock: domain.mm to look at the tables; not held over guest access.
 */
#include "x86/ptwrite.h"
#include "core/arch.h"
#include "core/domain.h"
#include "core/pgtable.h"
#include "x86/decode.h"
#include "x86/private.h"
#include "x86/pte.h"

#define RFLAGS_ARITHMETIC                                                      \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static u64 size_mask(u32 size)
{
    return size >= 8 ? U64_MAX : (1ull << (8 * size)) - 1;
}

/* Zero, sign and parity of a result. */
static u64 flags_of(u64 result, u32 size)
{
    u64 flags = 0;
    u32 ones = 0;
    for (u32 i = 0; i < 8; i++) {
        ones += result >> i & 1;
    }
    if ((ones & 1) == 0) {
        flags |= RFLAGS_PF;
    }
    if ((result & size_mask(size)) == 0) {
        flags |= RFLAGS_ZF;
    }
    if ((result >> (8 * size - 1) & 1) != 0) {
        flags |= RFLAGS_SF;
    }
    return flags;
}

/* Flags of a + b = result, and of result + b = a for a subtraction. */
static u64 flags_of_sum(u64 a, u64 b, u64 sum, u32 size)
{
    const u64 top = 1ull << (8 * size - 1);
    const u64 carry = (a & b) | ((a | b) & ~sum);
    u64 flags = 0;
    if ((carry & top) != 0) {
        flags |= RFLAGS_CF;
    }
    if ((carry & 8) != 0) {
        flags |= RFLAGS_AF;
    }
    if (((a ^ sum) & (b ^ sum) & top) != 0) {
        flags |= RFLAGS_OF;
    }
    return flags;
}

static u64 flags_of_difference(u64 a, u64 b, u64 difference, u32 size)
{
    const u64 top = 1ull << (8 * size - 1);
    const u64 borrow = (~a & b) | ((~a | b) & difference);
    u64 flags = 0;
    if ((borrow & top) != 0) {
        flags |= RFLAGS_CF;
    }
    if ((borrow & 8) != 0) {
        flags |= RFLAGS_AF;
    }
    if (((a ^ b) & (a ^ difference) & top) != 0) {
        flags |= RFLAGS_OF;
    }
    return flags | flags_of(difference, size);
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
    return (old & ~size_mask(size)) | (value & size_mask(size));
}

static void apply_arithmetic(const struct insn *in, u64 old, u64 src,
                             struct ptwrite *w)
{
    u64 result = src;
    switch (in->op) {
    case INSN_ADD:
    case INSN_XADD:
        result = old + src;
        w->flags = flags_of_sum(old, src, result, in->size);
        break;
    case INSN_SUB:
        result = old - src;
        w->flags = flags_of_difference(old, src, result, in->size);
        break;
    case INSN_OR:
        result = old | src;
        break;
    case INSN_AND:
        result = old & src;
        break;
    case INSN_XOR:
        result = old ^ src;
        break;
    default:
        break;
    }
    w->flags |= flags_of(result, in->size);
    w->flags_changed = RFLAGS_ARITHMETIC;
    w->value = result;
}

static void apply_bit(const struct insn *in, u64 old, u64 src,
                      struct ptwrite *w)
{
    const u64 bit = 1ull << (src & (8u * in->size - 1));
    w->flags = (old & bit) != 0 ? RFLAGS_CF : 0;
    w->flags_changed = RFLAGS_CF;
    if (in->op == INSN_BTS) {
        w->value = old | bit;
    } else if (in->op == INSN_BTR) {
        w->value = old & ~bit;
    } else {
        w->value = old ^ bit;
    }
}

static void apply_compare(const struct insn *in, u64 old, u64 src, u64 rax,
                          struct ptwrite *w)
{
    const u64 mask = size_mask(in->size);
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

void ptwrite_compute(const struct insn *in, u64 old, u64 reg, u64 rax,
                     struct ptwrite *w)
{
    const u64 mask = size_mask(in->size);
    const u64 from_reg = in->high_byte ? reg >> 8 : reg;
    const u64 src = (in->immediate ? in->imm : from_reg) & mask;
    *w = (struct ptwrite){ .writes = true };
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
    case INSN_BTC:
        apply_bit(in, old, src, w);
        break;
    default:
        apply_arithmetic(in, old, src, w);
        w->sets_reg = in->op == INSN_XADD;
        break;
    }
    w->value &= mask;
    w->reg = register_merge(reg, old, in->size, in->high_byte);
}

/* Is the page at address one of the domain's L1 tables, mapped read-only?
 * Then which, and the entry that address lies in. */
static bool find_table(struct vcpu *v, u64 address, mfn_t *l1, u64 *entry)
{
    struct domain *d = v->domain;
    mfn_t table;
    u32 index;
    bool found = false;
    lock_take(&d->mm);
    if (arch_walk(v, address, &table, &index) == RC_OK) {
        const u64 pte = arch_pte_read(table, index);
        const struct frame *f =
            pte_is_present(pte) ? frame_of(d, pte_mfn(pte)) : NULL;
        if (f != NULL && (pte & PTE_WRITE) == 0 && f->type == FRAME_L1 &&
            f->state == FRAME_SETTLED) {
            *l1 = pte_mfn(pte);
            *entry = arch_pte_read(*l1, (u32)(address & 0xfff) / 8);
            found = true;
        }
    }
    lock_drop(&d->mm);
    return found;
}

/* A known form that writes at exactly the faulting address, in one entry? */
static bool form_ok(const struct insn *in, const struct regs *r, u64 address,
                    u64 bit_number)
{
    if (in->op == INSN_NONE || in->op > INSN_BTC || in->segment) {
        return false;
    }
    if ((address & 7) + in->size > 8) {
        return false;
    }
    u64 ea = decode_address(in, r);
    const bool bits =
        in->op == INSN_BTS || in->op == INSN_BTR || in->op == INSN_BTC;
    if (bits && !in->immediate) {
        /* The bit number reaches beyond the operand; keep to the near ones. */
        if (bit_number >= 8u * in->size) {
            return false;
        }
    }
    return ea == address;
}

bool ptwrite_emulate(struct vcpu *v, struct regs *r, u64 address)
{
    mfn_t l1;
    u64 entry;
    if (!find_table(v, address, &l1, &entry)) {
        return false;
    }
    u8 bytes[INSN_BYTES_MAX];
    struct insn in;
    const u32 count = emul_fetch(r, bytes);
    if (!seg_is_long(v, r->cs) || decode(bytes, count, &in) != DECODE_OK) {
        return false;
    }
    u64 *reg = regs_general(r, in.reg);
    if (!form_ok(&in, r, address, *reg)) {
        return false;
    }
    const u32 shift = (u32)(address & 7) * 8;
    const u64 mask = size_mask(in.size) << shift;
    struct ptwrite w;
    ptwrite_compute(&in, (entry & mask) >> shift, *reg, r->rax, &w);
    if (w.writes) {
        const u64 pte = (entry & ~mask) | (w.value << shift & mask);
        const u32 index = (u32)(address & 0xfff) / 8;
        const enum rc rc = pgtable_trapped_write(v, l1, index, entry, pte);
        if (rc == RC_EAGAIN) {
            return true;
        }
        if (rc != RC_OK) {
            return false;
        }
    }
    r->rflags = (r->rflags & ~w.flags_changed) | (w.flags & w.flags_changed);
    if (w.sets_reg) {
        *reg = w.reg;
    }
    if (w.sets_rax) {
        r->rax = w.rax;
    }
    emul_done(v, r, in.length);
    return true;
}
