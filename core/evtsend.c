/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event delivery: pending, mask and selector bits of the two-level ABI, and
 * the send call. The states of a port and the two halves of delivery are
 * described in core/evtchn.h.
 *
 * The words of the shared page can be rewritten by the guest at any moment.
 * Each is touched by one atomic operation and nothing is concluded from it
 * but whether this one event is to be delivered: a guest that lies about its
 * own bits loses its own events.
 *
 * Locks: send holds evt of the sender while it notifies the other end, so
 * that the other end cannot be closed and become something else meanwhile.
 */
#include "core/abi.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/nospec.h"
#include "core/sched.h"
#include "core/vcpu.h"

#define WORD_BITS 64u

static inline u64 port_bit(port_t port)
{
    return 1ull << (port % WORD_BITS);
}

static inline u32 port_word(port_t port)
{
    return (port / WORD_BITS) % PORT_WORDS;
}

struct evtchn *evtchn_at(struct domain *d, u64 port)
{
    if (port == 0 || port >= d->port_count) {
        return NULL;
    }
    return &d->port[index_clamp(port, d->port_count)];
}

bool evtchn_is_pending(const struct domain *d, port_t port)
{
    const u32 word = port_word(port);
    return (atomic_load64(&d->shared->evtchn_pending[word]) & port_bit(port)) !=
           0;
}

void evtchn_clear_pending(struct domain *d, port_t port)
{
    (void)atomic_and64(&d->shared->evtchn_pending[port_word(port)],
                       ~port_bit(port));
}

/* Wake the vCPUs of d that poll for the port: also when it is masked, and
 * also when it notifies another vCPU. */
static void wake_pollers(struct domain *d, port_t port)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct vcpu *v = &d->vcpu[i];
        const u32 count = atomic_load32(&v->poll_count);
        if (count > 1 || (count == 1 && atomic_load32(&v->poll_port) == port)) {
            sched_notify(v);
        }
    }
}

/* The port became deliverable: tell its vCPU. */
static void deliver(struct domain *d, port_t port, vcpuid_t target)
{
    struct vcpu *v = &d->vcpu[index_clamp(target, d->vcpu_count)];
    (void)atomic_or64(&v->pend_sel, 1ull << port_word(port));
    sched_notify(v);
}

void evtchn_notify(struct domain *d, port_t port)
{
    const struct evtchn *e = evtchn_at(d, port);
    if (e == NULL) {
        return;
    }
    struct shared_info *s = d->shared;
    const u32 word = port_word(port);
    const u64 bit = port_bit(port);
    if ((atomic_or64(&s->evtchn_pending[word], bit) & bit) != 0) {
        return; /* already pending: whoever set it has told the vCPU */
    }
    if ((atomic_load64(&s->evtchn_mask[word]) & bit) == 0) {
        deliver(d, port, atomic_load32(&e->vcpu));
    }
    wake_pollers(d, port);
}

void evtchn_raise_virq(struct vcpu *v, u32 virq)
{
    /* Without the evt lock: a port closed at this moment may be marked
     * pending once more, which its domain sees as a spurious event. */
    const port_t port = atomic_load32(&v->virq_port[virq]);
    if (port != 0) {
        evtchn_notify(v->domain, port);
    }
}

bool evtchn_collect(struct vcpu *v)
{
    struct vcpu_info *info = v->info;
    if (atomic_load64(&v->pend_sel) != 0) {
        const u64 sel = atomic_swap64(&v->pend_sel, 0);
        (void)atomic_or64(&info->pending_sel, sel);
        atomic_store8(&info->upcall_pending, 1);
    }
    return atomic_load8(&info->upcall_pending) != 0 &&
           atomic_load8(&info->upcall_mask) == 0;
}

/* Lock: evt of d. */
static enum rc send_locked(struct domain *d, u64 port)
{
    const struct evtchn *e = evtchn_at(d, port);
    if (e == NULL) {
        return RC_EINVAL;
    }
    switch ((enum evtchn_state)e->state) {
    case EVTCHN_INTERDOMAIN: /* the other end is there: see evtchn.h */
        evtchn_notify(domain_by_id(e->peer), e->peer_port);
        return RC_OK;
    case EVTCHN_IPI:
        evtchn_notify(d, (port_t)port);
        return RC_OK;
    case EVTCHN_UNBOUND:
        return RC_OK; /* nobody listens yet: dropped */
    case EVTCHN_FREE:
    case EVTCHN_VIRQ:
        break;
    }
    return RC_EINVAL;
}

s64 hc_evtchn_send(struct hc_call *c, struct arg_evtchn_port *a)
{
    struct domain *d = c->v->domain;
    lock_take(&d->evt);
    const enum rc rc = send_locked(d, a->port);
    lock_drop(&d->evt);
    return rc;
}

s64 hc_evtchn_unmask(struct hc_call *c, struct arg_evtchn_port *a)
{
    struct domain *d = c->v->domain;
    const struct evtchn *e = evtchn_at(d, a->port);
    if (e == NULL) {
        return RC_EINVAL;
    }
    struct shared_info *s = d->shared;
    const u32 word = port_word(a->port);
    const u64 bit = port_bit(a->port);
    const bool was_masked =
        (atomic_and64(&s->evtchn_mask[word], ~bit) & bit) != 0;
    if (was_masked && (atomic_load64(&s->evtchn_pending[word]) & bit) != 0) {
        deliver(d, a->port, atomic_load32(&e->vcpu));
    }
    return RC_OK;
}
