/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: mmu_update (some elements at a time) and update_va_mapping.
 *
 * Who flushes: the guest asks for the flushes it needs for itself; what the
 * hypervisor needs for safety happens when a frame changes its type.
 * [XEN xen.h mmu_update, update_va_mapping]
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/pgentry.h"
#include "core/pgtable.h"
#include "x86/pte.h"

#define UVMF_TLB_FLUSH 1u
#define UVMF_INVLPG 2u
#define UVMF_FLUSH_MASK 3u

/* The address of mmu_update carries the sub-operation in its low two bits. */
static mfn_t target_frame(u64 ptr)
{
    return mfn(ptr >> PAGE_BITS);
}

static u32 target_index(u64 ptr)
{
    return (u32)(ptr & (PAGE_BYTES - 1)) / 8;
}

static bool is_word_of(u64 ptr, mfn_t m)
{
    return target_frame(ptr).v == m.v && (ptr & 4) == 0;
}

/* Words of plain memory: those of the first count elements that follow each
 * other in m. Nobody can make it a table meanwhile. Lock: mm. */
static u32 write_plain(struct domain *d, struct frame *f, mfn_t m,
                       const struct arg_mmu_update *a, u32 count)
{
    u32 i = 0;

    pgentry_quarantine(d, f, FRAME_WRITABLE);
    u64 *words = arch_frame_open(m);

    for (; i < count && is_word_of(a[i].ptr, m); i++) {
        atomic_store64(&words[target_index(a[i].ptr)], a[i].val);
    }
    arch_frame_close();
    return i;
}

/* The elements a[0..c->more], until one is refused, under one lock; what was
 * looked up of a frame holds for those that follow in it. How many of more were
 * done, or what the first came to. */
static s64 update(struct hc_call *c, const struct arg_mmu_update *a,
                  bool keep_ad)
{
    struct domain *d = c->v->domain;
    mfn_t m = mfn(MFN_NONE);
    struct frame *f = NULL;
    enum rc rc = RC_OK;
    u32 done = 0;

    lock_take(&d->mm);
    while (rc == RC_OK && done <= c->more) {
        const u64 ptr = a[done].ptr;

        if (target_frame(ptr).v != m.v) {
            m = target_frame(ptr);
            f = frame_of(d, m);
        }
        if ((ptr & 4) != 0) {
            rc = RC_EINVAL;
        } else if (f == NULL) {
            rc = RC_EPERM;
        } else if (f->type == FRAME_L1 && f->state == FRAME_SETTLED) {
            rc =
                pgentry_write_l1(d, m, target_index(ptr), a[done].val, keep_ad);
            done += rc == RC_OK ? 1 : 0;
        } else if (frame_is_table(f)) {
            rc =
                pgtable_write(c->v, m, target_index(ptr), a[done].val, keep_ad);
            done += rc == RC_OK ? 1 : 0;
        } else {
            done += write_plain(d, f, m, &a[done], c->more + 1 - done);
        }
    }
    lock_drop(&d->mm);
    return done != 0 ? (s64)done - 1 : rc;
}

s64 hc_mmu_normal(struct hc_call *c, struct arg_mmu_update *a)
{
    return update(c, a, false);
}

s64 hc_mmu_keep_ad(struct hc_call *c, struct arg_mmu_update *a)
{
    return update(c, a, true);
}

s64 hc_mmu_machphys(struct hc_call *c, struct arg_mmu_update *a)
{
    struct domain *d = c->v->domain;
    const mfn_t m = target_frame(a->ptr);
    enum rc rc = RC_EPERM;

    lock_take(&d->mm);
    struct frame *f = frame_of(d, m);

    if (f != NULL && a->val < FRAME_NO_PFN) {
        f->pfn = (u32)a->val;
        domain_set_m2p(d, m, a->val);
        rc = RC_OK;
    }
    lock_drop(&d->mm);
    return rc;
}

static void flush_as_asked(const struct domain *d, u64 va, u64 flags)
{
    const bool others = (flags & ~(u64)UVMF_FLUSH_MASK) != 0;
    const u64 cpus = others ? atomic_load64(&d->cpus) : 1ull << arch_cpu();

    if ((flags & UVMF_FLUSH_MASK) == UVMF_TLB_FLUSH) {
        arch_tlb_flush(cpus);
    } else if ((flags & UVMF_FLUSH_MASK) == UVMF_INVLPG) {
        arch_tlb_flush_page(cpus, va);
    }
}

/* A set of vCPUs may be asked for by a pointer; flushing all CPUs of the
 * domain covers any set. */
s64 hc_update_va_mapping(struct hc_call *c)
{
    struct vcpu *v = c->v;
    struct domain *d = v->domain;
    mfn_t table;
    u32 index;

    if ((c->arg[2] & UVMF_FLUSH_MASK) == UVMF_FLUSH_MASK) {
        return RC_EINVAL;
    }
    lock_take(&d->mm);
    enum rc rc = arch_walk(v, c->arg[0], &table, &index);

    if (rc == RC_OK) {
        rc = pgtable_write(v, table, index, c->arg[1], false);
    } else {
        rc = RC_EINVAL;
    }
    lock_drop(&d->mm);
    if (rc == RC_OK) {
        flush_as_asked(d, c->arg[0], c->arg[2]);
    }
    return rc;
}

s64 hc_assist_pagetables(struct hc_call *c)
{
    (void)c; /* always on: trapped writes cost nothing to those who do none */
    return RC_OK;
}
