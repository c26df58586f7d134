/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains for the tests, made by the code that ships: see host_arch.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/atomic.h"
#include "core/gnttab.h"
#include "core/lock.h"
#include "core/pgtable.h"
#include "core/recount.h"
#include "policy/manifest.h"
#include "policy/policy.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

u32 host_port_count = 256;
u32 host_grant_frames = 2;
u32 host_map_count = 64;

static struct mf_domain plans[HOST_DOMAINS];

mfn_t host_mfn(const struct domain *d, u64 pfn_number)
{
    return mfn((d->first_chunk << CHUNK_FRAME_BITS) + pfn_number);
}

struct domain *host_domain(domid_t id, u64 count, u32 vcpus)
{
    struct mf_domain *plan = &plans[id];
    memset(plan, 0, sizeof(*plan));
    snprintf(plan->name, sizeof(plan->name), "dom%u", (unsigned)id);
    plan->frames = count;
    plan->frames_max = count;
    plan->vcpus = vcpus;
    plan->weight = 256;
    plan->permits = POLICY_PERMITS;
    plan->audit = 0; /* the log is tested by itself */
    plan->port_count = host_port_count;
    plan->grant_frames = host_grant_frames;
    plan->map_count = host_map_count;
    if (domain_create(id, plan) != RC_OK) {
        host_fail("domain_create refused");
    }
    struct domain *d = domain_by_id(id);
    d->free_head = FRAME_NO_PFN;
    for (u64 i = (u64)d->chunk_count * CHUNK_FRAMES; i-- > 0;) {
        const bool is_memory = i < count;
        domain_set_m2p(d, host_mfn(d, i), is_memory ? i : PFN_INVALID);
        if (is_memory) {
            frame_populate(frame_at(host_mfn(d, i)), (u32)i);
        } else {
            frame_at(host_mfn(d, i))->pfn = d->free_head;
            d->free_head = (u32)i;
        }
    }
    d->frames = count;
    d->incarnation = 1;
    for (u32 i = 0; i < vcpus; i++) {
        struct vcpu *v = &d->vcpu[i];
        v->info = &d->shared->vcpu_info[i];
        v->info->upcall_mask = 1;
        v->kernel_root = mfn(MFN_NONE);
        for (u32 k = 0; k < 2; k++) {
            v->runstate_frame[k] = mfn(MFN_NONE);
            v->time_frame[k] = mfn(MFN_NONE);
        }
        v->info_frame = mfn(MFN_NONE);
        v->user_root = mfn(MFN_NONE);
        v->gdt_frame = mfn(MFN_NONE);
        v->ldt_frame = mfn(MFN_NONE);
        v->info_frame = mfn(MFN_NONE);
        for (u32 k = 0; k < 2; k++) {
            v->runstate_frame[k] = mfn(MFN_NONE);
            v->time_frame[k] = mfn(MFN_NONE);
        }
        v->in_kernel = true;
        v->state = VCPU_UP;
    }
    d->cpus = 1;
    evtchn_init(d);
    gnttab_init(d);
    memset(d->shared->evtchn_mask, 0, sizeof(d->shared->evtchn_mask));
    atomic_store64(&d->state, DOMAIN_RUNNING);
    return d;
}

void host_run(struct vcpu *v)
{
    host.current = v;
}

struct hc_call host_call(struct vcpu *v, u64 arg0, u64 arg1, u64 arg2)
{
    const struct hc_call c = { .v = v, .arg = { arg0, arg1, arg2 } };
    host_run(v);
    return c;
}

mfn_t host_build_root(struct vcpu *v, u64 va, u64 l4_pfn)
{
    struct domain *d = v->domain;
    for (u32 level = 4; level > 1; level--) {
        u64 *table = host_table(host_mfn(d, l4_pfn + 4 - level));
        table[pte_index(va, level)] =
            pte_make(host_mfn(d, l4_pfn + 5 - level),
                     PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
    }
    enum rc rc = RC_PREEMPT;
    for (u32 tries = 0; tries < 64 && rc == RC_PREEMPT; tries++) {
        v->budget = PGTABLE_BUDGET;
        rc = pgtable_set_root(v, host_mfn(d, l4_pfn), false);
    }
    if (rc != RC_OK) {
        host_fail("root refused");
    }
    return host_mfn(d, l4_pfn + 3);
}

void host_recount(struct domain *d)
{
    static struct recount_holds holds[HOST_FRAMES];
    struct recount r = { .holds = holds };
    recount_begin(&r, d);
    enum rc rc = RC_PREEMPT;
    while (rc == RC_PREEMPT) {
        rc = recount_slice(&r);
    }
    if (rc != RC_OK) {
        fprintf(stderr,
                "host_arch: domain %u: recount %d: fault %s at %llx: %llx "
                "expected, %llx found\n",
                (unsigned)d->id, (int)rc, recount_text(r.fault),
                (unsigned long long)r.where, (unsigned long long)r.expected,
                (unsigned long long)r.found);
        abort();
    }
}

static bool is_held(const struct lock *l)
{
    return atomic_load32(&l->serving) != atomic_load32(&l->next);
}

u32 host_locks_held(void)
{
    u32 held = 0;
    for (u32 i = 0; i <= domain_count; i++) {
        const struct domain *d = domain_table[i];
        if (d == NULL) {
            continue;
        }
        held += is_held(&d->mm) ? 1 : 0;
        held += is_held(&d->evt) ? 1 : 0;
        held += is_held(&d->console) ? 1 : 0;
    }
    return held;
}
