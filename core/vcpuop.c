/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: vcpu_op but for initialise and send_nmi, which are x86's.
 *
 * Areas that a guest registers by address (runstate, time) or frame (vcpu_info)
 * are resolved once, here: the frames are held writable, so they can neither
 * become page tables nor leave, and are mapped in the vCPU's private area; so
 * writing them can not fault, and needs no look at the guest's tables.
 * A vCPU's areas are registered while it is current or down. [XEN vcpu.h]
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/pgentry.h"
#include "core/sched.h"
#include "x86/layout.h"
#include "x86/pte.h"

static struct vcpu *target(const struct hc_call *c)
{
    return vcpu_of(c->v->domain, (u32)c->arg[1]);
}

s64 hc_vcpu_is_up(struct hc_call *c)
{
    struct vcpu *v = target(c);

    if (v == NULL) {
        return RC_ENOENT; /* Linux counts CPUs by this answer */
    }
    return atomic_load32(&v->state) == VCPU_UP ? 1 : 0;
}

s64 hc_vcpu_up(struct hc_call *c)
{
    struct vcpu *v = target(c);
    enum rc rc = RC_OK;

    if (v == NULL) {
        return RC_ENOENT;
    }
    lock_take(&v->domain->mm);
    const bool has_state = v->state == VCPU_DOWN || v->state == VCPU_UP;

    if (!has_state || v->kernel_root.v == MFN_NONE) {
        rc = RC_EINVAL;
    } else {
        v->state = VCPU_UP;
    }
    lock_drop(&v->domain->mm);
    if (rc == RC_OK) {
        sched_online(v);
        /* If the domain began to end before, its end has missed this one. */
        if (atomic_load64(&v->domain->state) != DOMAIN_RUNNING) {
            sched_offline(v);
        }
    }
    return rc;
}

/* Lock: mm. */
static bool all_down(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        if (d->vcpu[i].state == VCPU_UP) {
            return false;
        }
    }
    return true;
}

/* Returns, into the caller, when the vCPU is brought up again. A domain whose
 * last one goes has nobody to bring it up: it has powered off. */
s64 hc_vcpu_down(struct hc_call *c)
{
    struct vcpu *v = target(c);

    if (v == NULL) {
        return RC_ENOENT;
    }
    lock_take(&v->domain->mm);
    const bool was_up = v->state == VCPU_UP;

    if (was_up) {
        v->state = VCPU_DOWN;
    }
    const bool last = was_up && all_down(v->domain);

    lock_drop(&v->domain->mm);
    if (last) {
        domain_end(v->domain, SHUTDOWN_POWEROFF);
    }
    sched_offline(v);
    return RC_OK;
}

/* The own frame that va is mapped to, writable; held. *out is as it was on
 * failure. Lock: mm. */
static enum rc hold_page(struct vcpu *caller, u64 va, mfn_t *out)
{
    mfn_t table;
    u32 index;

    if (arch_walk(caller, va, &table, &index) != RC_OK) {
        return RC_EFAULT;
    }
    const u64 pte = arch_pte_read(table, index);
    const u64 wanted = PTE_PRESENT | PTE_WRITE;

    if ((pte & wanted) != wanted) {
        return RC_EFAULT;
    }
    const enum rc rc = pgentry_hold(caller->domain, pte_mfn(pte));

    if (rc == RC_OK) {
        *out = pte_mfn(pte);
    }
    return rc;
}

static void drop_pages(mfn_t held[2])
{
    for (u32 i = 0; i < 2; i++) {
        pgentry_let_go(held[i]);
        held[i] = mfn(MFN_NONE);
    }
}

/* Hold the one or two pages of an area, in held, which names none. Nothing is
 * held on failure. */
static enum rc hold_area(struct vcpu *caller, u64 va, u64 bytes, mfn_t held[2])
{
    const u64 last = va + bytes - 1;
    enum rc rc = hold_page(caller, va, &held[0]);

    if (rc == RC_OK && last >> PAGE_BITS != va >> PAGE_BITS) {
        rc = hold_page(caller, last, &held[1]);
    }
    if (rc != RC_OK) {
        drop_pages(held);
    }
    return rc;
}

/* The caller, or one that is down and has left its CPU. Lock: mm, so that it
 * stays so. */
static bool is_quiet(const struct hc_call *c, struct vcpu *v)
{
    return v == c->v ||
           (atomic_load32(&v->state) != VCPU_UP && sched_is_off(v));
}

/* One of the areas of a vCPU that are registered by address. */
struct area {
    u32 page; /* first of its two places in the private area */
    u32 bytes;
    mfn_t *frames;
    u32 *offset;
};

/* Move it to va (0: nowhere). Lock: mm. */
static enum rc place_area(const struct hc_call *c, struct vcpu *v, u64 va,
                          const struct area *area)
{
    mfn_t held[2] = { { MFN_NONE }, { MFN_NONE } };

    if ((va & 3) != 0) {
        return RC_EINVAL;
    }
    if (!is_quiet(c, v)) {
        return RC_EBUSY;
    }
    const enum rc rc = va != 0 ? hold_area(c->v, va, area->bytes, held) : RC_OK;

    if (rc == RC_OK) {
        (void)arch_private_map(v, area->page, held[0]);
        (void)arch_private_map(v, area->page + 1, held[1]);
        drop_pages(area->frames);
        area->frames[0] = held[0];
        area->frames[1] = held[1];
        *area->offset = (u32)(va & (PAGE_BYTES - 1));
    }
    return rc;
}

static s64 register_area(const struct hc_call *c, u64 va, bool is_time)
{
    struct vcpu *v = target(c);

    if (v == NULL) {
        return RC_ENOENT;
    }
    const struct area time = { PRIVATE_TIME_PAGE, sizeof(struct vcpu_time_info),
                               v->time_frame, &v->time_offset };
    const struct area runstate = { PRIVATE_RUNSTATE_PAGE,
                                   sizeof(struct vcpu_runstate_info),
                                   v->runstate_frame, &v->runstate_offset };

    lock_take(&v->domain->mm);
    const enum rc rc = place_area(c, v, va, is_time ? &time : &runstate);

    /* With the lock: it stays quiet. */
    if (rc == RC_OK && va != 0 && is_time) {
        arch_time_publish(v);
    } else if (rc == RC_OK && va != 0) {
        arch_runstate_publish(v);
    }
    lock_drop(&v->domain->mm);
    return rc;
}

s64 hc_vcpu_runstate(struct hc_call *c, struct arg_runstate_area *a)
{
    return register_area(c, a->addr, false);
}

s64 hc_vcpu_time_area(struct hc_call *c, struct arg_time_area *a)
{
    return register_area(c, a->addr, true);
}

s64 hc_vcpu_info(struct hc_call *c, struct arg_vcpu_info_place *a)
{
    struct vcpu *v = target(c);
    enum rc rc;

    if (v == NULL) {
        return RC_ENOENT;
    }
    if ((a->offset & 7) != 0) {
        return RC_EINVAL;
    }
    lock_take(&v->domain->mm);
    if (!is_quiet(c, v)) {
        rc = RC_EBUSY;
    } else if (v->info_frame.v != MFN_NONE) {
        rc = RC_EINVAL;
    } else {
        rc = pgentry_hold(v->domain, mfn(a->mfn));
    }
    if (rc == RC_OK) {
        u8 *page = arch_private_map(v, PRIVATE_VCPU_INFO_PAGE, mfn(a->mfn));
        struct vcpu_info *to = (void *)(page + a->offset);

        v->info_frame = mfn(a->mfn);
        *to = *v->info;
        v->info = to;
        /* What is pending is shown again in full. */
        atomic_or64(&v->pend_sel, U64_MAX);
    }
    lock_drop(&v->domain->mm);
    return rc;
}
