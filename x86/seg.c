/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables and segment bases of a guest.
 *
 * The processor only ever uses tables in the hypervisor's own frames: the
 * private GDT page is a copy of the guest's first 512 descriptors after
 * desc_sanitise, the private LDT page the same of its LDT (DR-24). So there is
 * no page type for descriptor tables, and a guest that writes to its own table
 * behind our back changes nothing. update_descriptor writes the guest's frame
 * and every copy made of it.
 *
 * Lock: domain.mm for gdt_frame, gdt_entries, ldt_frame, ldt_entries and the
 * copies of all vCPUs of the domain. Copies are written 8 bytes at a time, as
 * another CPU may be using them.
 */
#include "x86/seg.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/nospec.h"
#include "core/pgentry.h"
#include "x86/desc.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/private.h"
#include "x86/pte.h"

#define COPY_CHUNK 64u /* descriptors read at a time */
#define TABLE_COST 160 /* of the vCPU's budget: a table is copied */

/* Fill copy with entries descriptors of frame m, and null ones after. */
static void table_copy(u64 *copy, mfn_t m, u32 entries)
{
    u64 part[COPY_CHUNK];
    for (u32 i = 0; i < DESC_ENTRIES_MAX; i += COPY_CHUNK) {
        if (i < entries) {
            arch_frame_read(part, m, i * 8, sizeof(part));
        }
        for (u32 j = 0; j < COPY_CHUNK; j++) {
            const u64 desc = i + j < entries ? desc_sanitise(part[j]) : 0;
            atomic_store64(&copy[i + j], desc);
        }
    }
}

static bool table_ok(mfn_t m, u32 entries)
{
    u64 part[COPY_CHUNK];
    for (u32 i = 0; i < entries; i += COPY_CHUNK) {
        arch_frame_read(part, m, i * 8, sizeof(part));
        for (u32 j = 0; j < COPY_CHUNK && i + j < entries; j++) {
            if (!desc_is_allowed(part[j])) {
                return false;
            }
        }
    }
    return true;
}

enum rc seg_set_gdt(struct vcpu *v, mfn_t m, u32 entries)
{
    struct domain *d = v->domain;
    if (entries > DESC_ENTRIES_MAX) {
        return RC_EINVAL;
    }
    lock_take(&d->mm);
    enum rc rc = RC_OK;
    if (entries != 0 && frame_of(d, m) == NULL) {
        rc = RC_EINVAL;
    } else if (entries != 0 && !table_ok(m, entries)) {
        rc = RC_EINVAL;
    } else {
        table_copy(private_gdt(v), m, entries);
        v->gdt_frame = entries != 0 ? m : mfn(MFN_NONE);
        v->gdt_entries = entries;
    }
    lock_drop(&d->mm);
    return rc;
}

s64 hc_set_gdt(struct hc_call *c)
{
    const u64 entries = c->arg[1];
    u64 frame = MFN_NONE;
    if (entries > DESC_ENTRIES_MAX) {
        return RC_EINVAL;
    }
    if (entries != 0 && !arch_fetch(&frame, gva(c->arg[0]), sizeof(frame))) {
        return RC_EFAULT;
    }
    return seg_set_gdt(c->v, mfn(frame), (u32)entries);
}

/* Frame of the page at va in the current tables. Lock: mm. */
static enum rc frame_behind(const struct vcpu *v, u64 va, mfn_t *m)
{
    mfn_t table;
    u32 index;
    const enum rc rc = arch_walk(v, va, &table, &index);
    if (rc != RC_OK) {
        return rc;
    }
    const u64 pte = arch_pte_read(table, index);
    if (!pte_is_present(pte) || frame_of(v->domain, pte_mfn(pte)) == NULL) {
        return RC_EFAULT;
    }
    *m = pte_mfn(pte);
    return RC_OK;
}

/* The same of the page at arg1 in the kernel's tables, for the LDT. */
s64 hc_set_ldt(struct hc_call *c, struct arg_mmuext_op *a)
{
    struct vcpu *v = c->v;
    struct domain *d = v->domain;
    const u64 va = a->arg1;
    const u64 entries = a->arg2;
    v->budget -= TABLE_COST;
    if (entries > DESC_ENTRIES_MAX || (va & (PAGE_BYTES - 1)) != 0) {
        return RC_EINVAL;
    }
    mfn_t m = mfn(MFN_NONE);
    lock_take(&d->mm);
    const enum rc rc = entries != 0 ? frame_behind(v, va, &m) : RC_OK;
    if (rc == RC_OK) {
        table_copy(private_ldt(v), m, (u32)entries);
        v->ldt_frame = m;
        v->ldt_entries = (u32)entries;
        ctxsw_load_ldt(v);
    }
    lock_drop(&d->mm);
    return rc;
}

/* Bring the copies of frame m up to date. Lock: mm. */
static void copies_update(struct domain *d, mfn_t m, u32 index, u64 desc)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct vcpu *v = &d->vcpu[i];
        if (v->gdt_frame.v == m.v && index < v->gdt_entries) {
            atomic_store64(&private_gdt(v)[index], desc_sanitise(desc));
        }
        if (v->ldt_frame.v == m.v && index < v->ldt_entries) {
            atomic_store64(&private_ldt(v)[index], desc_sanitise(desc));
        }
    }
}

s64 hc_update_descriptor(struct hc_call *c)
{
    struct domain *d = c->v->domain;
    const u64 address = c->arg[0];
    const u64 desc = c->arg[1];
    const mfn_t m = mfn(address >> PAGE_BITS);
    const u32 offset = (u32)(address & (PAGE_BYTES - 1));
    if ((offset & 7) != 0 || !desc_is_allowed(desc)) {
        return RC_EINVAL;
    }
    lock_take(&d->mm);
    const enum rc rc = pgentry_hold(d, m);
    if (rc == RC_OK) {
        arch_frame_write64(m, offset, desc);
        copies_update(d, m, offset / 8, desc);
        pgentry_let_go(m);
    }
    lock_drop(&d->mm);
    return rc;
}

bool seg_is_long(const struct vcpu *v, u64 cs)
{
    const u32 index = (u32)(cs & 0xffff) >> 3;
    if ((cs & 0xffff) == SEL_GUEST_CS64) {
        return true;
    }
    const u64 at = index_clamp(index, TABLE_ENTRIES);
    if ((cs & 4) != 0) {
        return index < v->ldt_entries && (private_ldt(v)[at] & DESC_LONG) != 0;
    }
    return index < v->gdt_entries && (private_gdt(v)[at] & DESC_LONG) != 0;
}

/* ---- segment bases ----------------------------------------------------------
 */

s64 hc_segbase_fs(struct hc_call *c)
{
    return msr_write(c->v, MSR_FS_BASE, c->arg[1]) ? RC_OK : RC_EINVAL;
}

/* Only the guest kernel makes hypercalls: the user base is the other one. */
s64 hc_segbase_gs_user(struct hc_call *c)
{
    if (!address_is_canonical(c->arg[1])) {
        return RC_EINVAL;
    }
    c->v->gs_base_user = c->arg[1];
    return RC_OK;
}

s64 hc_segbase_gs_kernel(struct hc_call *c)
{
    return msr_write(c->v, MSR_GS_BASE, c->arg[1]) ? RC_OK : RC_EINVAL;
}

/* The selector and its base become those of user mode; a bad one is replaced
 * by the null selector and is no error, as the ABI has it. */
s64 hc_segbase_gs_sel(struct hc_call *c)
{
    u64 base = 0;
    const u64 own = (u64)this_cpu();
    const u16 selector = (u16)(c->arg[1] & 0xffff);
    /* Ring 0 could load its own selectors: those of a guest are ring 3's. */
    const u16 safe = selector > 3 ? selector | SELECTOR_RPL : selector;
    (void)hw_load_gs(safe, SEL_GUEST_DS, own, &base);
    c->v->gs_base_user = base;
    return RC_OK;
}
