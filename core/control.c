/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls by which one domain sees to the lives of others. Who may make them,
 * on whom, and that each is recorded, is settled before a handler is called
 * [core/dispatch.c], and the domain that the arguments name is there; what
 * happens then is the business of core/domlife.c. There is no call here, or
 * anywhere, that reaches another domain's memory or registers.
 */
#include "core/abi.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/mem.h"

s64 hc_domain_info(struct hc_call *c, struct arg_domain_info *a)
{
    const struct domain *d = domain_by_id(a->domid);
    const u64 state = atomic_load64(&d->state);
    const bool paused =
        state == DOMAIN_RUNNING && atomic_load32(&d->paused) != 0;

    (void)c;
    a->state = paused ? DOMAIN_PAUSED : (u32)state;
    a->end_reason = d->end_reason;
    a->incarnation = d->incarnation;
    a->cpu_ns = 0;
    for (u32 i = 0; i < d->vcpu_count; i++) {
        a->cpu_ns += atomic_load64(&d->vcpu[i].sched.run_ns);
    }
    a->refused = atomic_load64(&d->refused);
    a->frames = (u32)atomic_load64(&d->frames);
    a->frames_max = (u32)d->frames_max;
    a->vcpus = d->vcpu_count;
    a->role = d->role;
    a->console_port = d->console_port;
    a->store_port = d->store_port;
    memcpy(a->name, d->name, MF_NAME_BYTES);
    return RC_OK;
}

/* RC_EBUSY: it does not run. */
static s64 set_paused(domid_t id, bool paused)
{
    struct domain *d = domain_by_id(id);

    if (atomic_load64(&d->state) != DOMAIN_RUNNING) {
        return RC_EBUSY;
    }
    domain_pause(d, paused);
    return RC_OK;
}

s64 hc_domain_pause(struct hc_call *c, struct arg_domain_of *a)
{
    (void)c;
    return set_paused(a->domid, true);
}

s64 hc_domain_unpause(struct hc_call *c, struct arg_domain_of *a)
{
    (void)c;
    return set_paused(a->domid, false);
}

s64 hc_domain_destroy(struct hc_call *c, struct arg_domain_of *a)
{
    struct domain *d = domain_by_id(a->domid);

    (void)c;
    if (atomic_load64(&d->state) != DOMAIN_RUNNING) {
        return RC_EBUSY;
    }
    domain_end(d, ENDED_DESTROYED);
    return RC_OK;
}

s64 hc_domain_start(struct hc_call *c, struct arg_domain_of *a)
{
    (void)c;
    return domain_restart(domain_by_id(a->domid));
}

s64 hc_rights_drop(struct hc_call *c, struct arg_rights *a)
{
    (void)atomic_and64(&c->v->domain->rights, ~a->mask);
    return RC_OK;
}
