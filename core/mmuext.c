/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: mmuext_op but for set_ldt, one element at a time.
 * [XEN xen.h mmuext_op]
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/pgtable.h"

static enum rc pin_locked(struct vcpu *v, mfn_t m, u32 level)
{
    struct frame *f = frame_of(v->domain, m);

    if (f == NULL || f->pinned != 0) {
        return RC_EINVAL;
    }
    const enum rc rc = pgtable_get(v, m, level);

    if (rc != RC_OK) {
        return rc;
    }
    /* Finishing older work may have let another vCPU's pin pass us. */
    if (frame_pin(f) != RC_OK) {
        pgtable_put(v, m);
        return RC_EINVAL;
    }
    return RC_OK;
}

enum rc pgtable_pin(struct vcpu *v, mfn_t m, u32 level)
{
    lock_take(&v->domain->mm);
    const enum rc rc = pin_locked(v, m, level);

    lock_drop(&v->domain->mm);
    return rc;
}

s64 hc_pin_l1(struct hc_call *c, struct arg_mmuext_op *a)
{
    return pgtable_pin(c->v, mfn(a->arg1), 1);
}

s64 hc_pin_l3(struct hc_call *c, struct arg_mmuext_op *a)
{
    return pgtable_pin(c->v, mfn(a->arg1), 3);
}

s64 hc_pin_l4(struct hc_call *c, struct arg_mmuext_op *a)
{
    return pgtable_pin(c->v, mfn(a->arg1), 4);
}

static enum rc unpin_locked(struct vcpu *v, mfn_t m)
{
    const enum rc ready = pgtable_ready(v);

    if (ready != RC_OK) {
        return ready;
    }
    struct frame *f = frame_of(v->domain, m);

    if (f == NULL) {
        return RC_EINVAL;
    }
    const enum rc rc = frame_unpin(f);

    if (rc == RC_OK) {
        pgtable_put(v, m);
    }
    return rc;
}

s64 hc_unpin(struct hc_call *c, struct arg_mmuext_op *a)
{
    lock_take(&c->v->domain->mm);
    const enum rc rc = unpin_locked(c->v, mfn(a->arg1));

    lock_drop(&c->v->domain->mm);
    return rc;
}

s64 hc_new_baseptr(struct hc_call *c, struct arg_mmuext_op *a)
{
    return pgtable_set_root(c->v, mfn(a->arg1), false);
}

s64 hc_new_user_baseptr(struct hc_call *c, struct arg_mmuext_op *a)
{
    const u64 root = a->arg1 == 0 ? MFN_NONE : a->arg1;

    return pgtable_set_root(c->v, mfn(root), true);
}

s64 hc_flush_local(struct hc_call *c, struct arg_mmuext_op *a)
{
    (void)c;
    (void)a;
    arch_tlb_flush(1ull << arch_cpu());
    return RC_OK;
}

s64 hc_invlpg_local(struct hc_call *c, struct arg_mmuext_op *a)
{
    (void)c;
    arch_tlb_flush_page(1ull << arch_cpu(), a->arg1);
    return RC_OK;
}

/*
 * Flush a page, or all, on the CPUs of a set of vCPUs given by a bitmap in
 * guest memory. Bits beyond the last vCPU are ignored. A vCPU that is on its
 * way to another CPU loads its root there, which flushes.
 */
static enum rc flush_set(const struct hc_call *c, const struct arg_mmuext_op *a,
                         bool page)
{
    const struct domain *d = c->v->domain;
    u32 set = 0;
    u64 cpus = 0;

    if (!arch_fetch(&set, gva(a->arg2), (d->vcpu_count + 7) / 8)) {
        return RC_EFAULT;
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        if ((set >> i & 1) != 0) {
            const u32 cpu = atomic_load32(&d->vcpu[i].sched.cpu);

            cpus |= 1ull << (cpu % CPU_MAX);
        }
    }
    cpus &= atomic_load64(&d->cpus);
    if (page) {
        arch_tlb_flush_page(cpus, a->arg1);
    } else {
        arch_tlb_flush(cpus);
    }
    return RC_OK;
}

s64 hc_flush_multi(struct hc_call *c, struct arg_mmuext_op *a)
{
    return flush_set(c, a, false);
}

s64 hc_invlpg_multi(struct hc_call *c, struct arg_mmuext_op *a)
{
    return flush_set(c, a, true);
}
