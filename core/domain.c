/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domain table, and making a domain's record at boot.
 *
 * Everything a domain will ever need of hypervisor memory is taken here, from
 * the boot allocator; there is no allocator after boot. A machine too small
 * for its manifest is found out before the first tenant runs.
 */
#include "core/domain.h"

#include "core/arch.h"
#include "core/mem.h"
#include "core/nospec.h"
#include "core/record.h"
#include "core/sched.h"
#include "policy/manifest.h"

#define PRIVATE_FRAMES_A_VCPU 4u

struct domain *domain_table[DOMID_MAX + 1];
u32 domain_first = 1;
u32 domain_count;
struct domain *domain_service[MF_ROLE_COUNT];

struct domain *domain_by_id(u64 id)
{
    return id <= DOMID_MAX ? domain_table[index_clamp(id, DOMID_MAX + 1)]
                           : NULL;
}

void domain_tell(u32 virq)
{
    for (u32 role = MF_ROLE_DOMAIN0; role < MF_ROLE_COUNT; role++) {
        if (domain_service[role] != NULL) {
            evtchn_raise_virq(&domain_service[role]->vcpu[0], virq);
        }
    }
}

struct vcpu *vcpu_of(struct domain *d, u64 id)
{
    return id < d->vcpu_count ? &d->vcpu[index_clamp(id, d->vcpu_count)] : NULL;
}

void domain_set_m2p(struct domain *d, mfn_t m, u64 pfn_number)
{
    const u64 count = (u64)d->chunk_count << CHUNK_FRAME_BITS;
    const u64 nth = m.v - (d->first_chunk << CHUNK_FRAME_BITS);

    d->m2p[index_clamp(nth, count)] = pfn_number;
}

static void *take(u64 bytes, mfn_t *first)
{
    return arch_boot_frames(pages_of(bytes), first);
}

static enum rc create_tables(struct domain *d, const struct mf_domain *plan)
{
    mfn_t ignored;
    mfn_t shared;
    const u64 grants = (u64)plan->grant_frames * GRANTS_PER_FRAME;

    d->vcpu = take(plan->vcpus * sizeof(struct vcpu), &ignored);
    d->port = take(plan->port_count * sizeof(struct evtchn), &ignored);
    d->map = take((plan->map_count + 1) * sizeof(struct maptrack), &ignored);
    d->grants.active = take(grants * sizeof(struct active_grant), &ignored);
    d->shared = take(PAGE_BYTES, &d->shared_mfn);
    d->m2p = take((u64)d->chunk_count * PAGE_BYTES, &d->m2p_mfn);
    u8 *const table = take((u64)plan->grant_frames * PAGE_BYTES, &shared);

    if (d->vcpu == NULL || d->port == NULL || d->map == NULL ||
        d->grants.active == NULL || d->shared == NULL || d->m2p == NULL ||
        table == NULL) {
        return RC_ENOMEM;
    }
    for (u32 i = 0; i < plan->grant_frames; i++) {
        d->grants.shared[i] = (u64 *)(void *)(table + (u64)i * PAGE_BYTES);
        d->grants.shared_mfn[i] = mfn(shared.v + i);
    }
    d->grants.frame_max = plan->grant_frames;
    d->vcpu_count = plan->vcpus;
    d->port_count = plan->port_count;
    d->map_count = plan->map_count;
    return RC_OK;
}

static void copy_plan(struct domain *d, const struct mf_domain *plan)
{
    memcpy(d->name, plan->name, sizeof(d->name));
    d->plan = plan;
    d->audit = plan->audit;
    d->frames_max = plan->frames_max;
    d->console_rate = plan->console_rate;
    d->role = plan->role;
    d->permits = plan->permits;
}

static void create_vcpus(struct domain *d, const struct mf_domain *plan)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct vcpu *v = &d->vcpu[i];

        v->domain = d;
        v->id = i;
        v->sched.weight = plan->weight;
        v->sched.cap_percent = plan->cap_percent;
        v->sched.cpu_mask = plan->cpu_mask != 0 ? plan->cpu_mask : U64_MAX;
        sched_add(v);
    }
}

enum rc domain_create(domid_t id, const struct mf_domain *plan)
{
    mfn_t ignored;
    struct domain *d = take(sizeof(*d), &ignored);

    if (d == NULL) {
        return RC_ENOMEM;
    }
    const u64 frames =
        plan->frames_max + (u64)plan->vcpus * PRIVATE_FRAMES_A_VCPU;

    d->id = id;
    d->chunk_count = (u32)((frames + CHUNK_FRAMES - 1) >> CHUNK_FRAME_BITS);
    if (!arch_boot_chunks(d->chunk_count, &d->first_chunk)) {
        return RC_ENOMEM;
    }
    d->frame_first = d->first_chunk * CHUNK_FRAMES;
    d->frame_count = (u64)d->chunk_count * CHUNK_FRAMES;
    copy_plan(d, plan);
    enum rc rc = create_tables(d, plan);

    if (rc == RC_OK) {
        rc = arch_domain_tables(d);
    }
    if (rc != RC_OK) {
        return rc;
    }
    create_vcpus(d, plan);
    domain_table[id] = d;
    if (d->role != MF_ROLE_TENANT) {
        domain_service[d->role] = d;
    }
    if (id == 0) {
        domain_first = 0;
    }
    domain_count = id;
    record_life(d, AUDIT_DOMAIN_CREATED, plan->frames);
    return RC_OK;
}
