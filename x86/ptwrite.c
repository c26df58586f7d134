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
#include "core/arch.h"
#include "core/domain.h"
#include "core/pgtable.h"
#include "x86/decode.h"
#include "x86/private.h"
#include "x86/pte.h"
#include "x86/rmw.h"

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
static bool form_ok(const struct insn *in, struct regs *r, u64 address,
                    u64 bit_number)
{
    const bool bits = in->op == INSN_BTS || in->op == INSN_BTR;
    /* A bit number may reach beyond the operand; keep to the near ones. */
    const bool near = !bits || in->immediate || bit_number < 8u * in->size;
    return in->op != INSN_NONE && in->op <= INSN_BTR && !in->segment && near &&
           (address & 7) + in->size <= 8 && decode_address(in, r) == address;
}

bool ptwrite_emulate(struct vcpu *v, struct regs *r, u64 address)
{
    mfn_t l1;
    u64 entry;
    if (!find_table(v, address, &l1, &entry)) {
        return false;
    }
    u8 bytes[INSN_ROOM];
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
    const u64 mask = rmw_mask(in.size) << shift;
    struct rmw w;
    rmw_compute(&in, (entry & mask) >> shift, *reg, r->rax, &w);
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
