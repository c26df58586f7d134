/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: sched_op and set_timer_op. [XEN sched.h, xen.h]
 *
 * Sleeping loses no event: the vCPU asks to block first and then looks at what
 * is pending; an event that comes in between finds it RUNNING with block_asked
 * and leaves wake_pending behind, which the next pick honours.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"

#define POLL_PORTS_MAX 128u /* nr_ports in args.def */

s64 hc_sched_yield(struct hc_call *c)
{
    sched_give_way(c->v);
    return RC_OK;
}

/* Something to do before sleeping: an event to deliver, or an NMI. */
static bool has_work(struct vcpu *v)
{
    return evtchn_collect(v) ||
           (atomic_load32(&v->nmi_pending) != 0 && !v->nmi_masked);
}

s64 hc_sched_block(struct hc_call *c)
{
    struct vcpu *v = c->v;

    atomic_store8(&v->info->upcall_mask, 0);
    if (has_work(v)) {
        return RC_OK; /* the common case of a busy guest: no lock */
    }
    sched_block(v);
    if (has_work(v)) {
        sched_wake(v);
    }
    return RC_OK;
}

s64 hc_sched_shutdown(struct hc_call *c, struct arg_sched_shutdown *a)
{
    /* Nobody could resume a suspended tenant. */
    if (a->reason > SHUTDOWN_CRASH || a->reason == SHUTDOWN_SUSPEND) {
        return RC_EINVAL;
    }
    domain_end(c->v->domain, a->reason);
    return RC_OK;
}

static bool any_pending(const struct domain *d, const port_t *ports, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (evtchn_is_pending(d, ports[i])) {
            return true;
        }
    }
    return false;
}

static bool ports_valid(const struct domain *d, const port_t *ports, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (ports[i] >= d->port_count) {
            return false;
        }
    }
    return true;
}

s64 hc_sched_poll(struct hc_call *c, struct arg_sched_poll *a)
{
    struct vcpu *v = c->v;
    port_t ports[POLL_PORTS_MAX];

    if (!arch_fetch(ports, gva(a->ports), a->nr_ports * sizeof(port_t))) {
        return RC_EFAULT;
    }
    if (!ports_valid(v->domain, ports, a->nr_ports)) {
        return RC_EINVAL;
    }
    if (a->timeout != 0 && a->timeout <= arch_now()) {
        return RC_OK;
    }
    atomic_store32(&v->poll_port, a->nr_ports == 1 ? ports[0] : 0);
    sched_block(v);
    /* An exchange, not a store: it must be seen before the ports are looked
     * at, as the notifier sets a port before it looks here. */
    (void)atomic_swap32(&v->poll_count, a->nr_ports);
    if (any_pending(v->domain, ports, a->nr_ports) || has_work(v)) {
        atomic_store32(&v->poll_count, 0);
        sched_wake(v);
    } else if (a->timeout != 0) {
        sched_timer_set(v, &v->sched.poll_at, a->timeout);
    }
    return RC_OK;
}

/* An absolute time in ns; 0 stops the timer. What is past fires at once. */
s64 hc_set_timer_op(struct hc_call *c)
{
    const u64 at = c->arg[0];

    sched_timer_set(c->v, &c->v->sched.timer_at, at == 0 ? NS_NEVER : at);
    return RC_OK;
}
