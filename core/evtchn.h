/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: ports of a domain, two-level ABI.
 *
 *   FREE -- alloc_unbound, launch --> UNBOUND -- peer binds --> INTERDOMAIN
 *   FREE -- bind_virq --> VIRQ     FREE -- bind_ipi --> IPI
 *   any -- close --> FREE (the peer of an INTERDOMAIN port becomes UNBOUND)
 *
 * All ports exist from the domain's creation, so a port is never dangling.
 * Lock: domain.evt; two domains in domain-number order. The end of a channel
 * changes only with the locks of both domains held, so either lock is enough
 * to rely on the other end: that is what evtchn_send does.
 *
 * Delivery has two halves, because the shared page is a hypervisor frame that
 * is valid in every address space, and vcpu_info is a guest's frame that is
 * valid in its own only:
 *
 *   notify (any CPU)     pending bit in the shared page; when it was clear and
 *                        the port is not masked, the port's word in pend_sel
 *                        of the vCPU; wake or kick the vCPU
 *   collect (own CPU)    pend_sel moves to vcpu_info.pending_sel, and
 *                        upcall_pending is set
 *
 * A bit in pend_sel is set before the vCPU is woken and pend_sel is taken
 * whole by one exchange, so no event is lost and none is shown twice.
 */
#ifndef CORE_EVTCHN_H
#define CORE_EVTCHN_H

#include "core/ids.h"

struct domain;
struct vcpu;

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_UNBOUND,
    EVTCHN_INTERDOMAIN,
    EVTCHN_VIRQ,
    EVTCHN_IPI
};

struct evtchn {
    u8 state; /* enum evtchn_state */
    u8 virq;  /* VIRQ number */
    u16 peer; /* UNBOUND: who may bind; INTERDOMAIN: the other domain */
    port_t peer_port;
    vcpuid_t vcpu; /* [a] who is notified */
};

/* Make all ports of d FREE, at creation and at a restart: no vCPU has a virtual
 * interrupt bound. */
void evtchn_init(struct domain *d);
/* First free port, offered to peer; 0 when none. Takes evt of d. */
port_t evtchn_offer(struct domain *d, domid_t peer);
/* Close up to budget ports of a domain that ends and whose vCPUs are off. True:
 * none is left. Takes evt of d and of peers. */
bool evtchn_close_some(struct domain *d, u32 budget);

/* Mark the port pending and make its vCPU notice. Any context; takes no lock
 * but the scheduler's. */
void evtchn_notify(struct domain *d, port_t port);
/* Raise a per-vCPU virtual interrupt, if it is bound. Locks as notify. */
void evtchn_raise_virq(struct vcpu *v, u32 virq);

/* In v's own address space: show collected events in its vcpu_info. True when
 * an upcall is due now (pending, not masked). */
bool evtchn_collect(struct vcpu *v);

/* True when the pending bit of one of d's ports is set. Takes no lock. */
bool evtchn_is_pending(const struct domain *d, port_t port);
/* Forget that the port is pending. Lock: evt of d. */
void evtchn_clear_pending(struct domain *d, port_t port);

/* The record of a port that a guest named, or NULL: port 0 and ports beyond
 * the domain's are not there. */
struct evtchn *evtchn_at(struct domain *d, u64 port);

#endif
