/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: ports of a domain, two-level ABI.
 *
 *   FREE -- alloc_unbound --> UNBOUND -- peer binds --> INTERDOMAIN
 *   FREE -- bind_virq --> VIRQ     FREE -- bind_ipi --> IPI
 *   FREE -- launch --> SERVICE (the hypervisor's console and store ends)
 *   any -- close --> FREE (the peer of an INTERDOMAIN port becomes UNBOUND)
 *
 * All ports exist from the domain's creation, so a port is never dangling.
 * Lock: domain.evt; two domains in domain-number order.
 */
#ifndef CORE_EVTCHN_H
#define CORE_EVTCHN_H

#include "core/ids.h"
#include "core/rc.h"

struct domain;
struct vcpu;

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_UNBOUND,
    EVTCHN_INTERDOMAIN,
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    EVTCHN_SERVICE
};

enum evtchn_service { SERVICE_CONSOLE = 1, SERVICE_STORE = 2 };

struct evtchn {
    u8 state; /* enum evtchn_state */
    u8 virq;  /* VIRQ number, or enum evtchn_service */
    u16 peer; /* UNBOUND: who may bind; INTERDOMAIN: the other domain */
    port_t peer_port;
    vcpuid_t vcpu; /* who is notified */
};

/* Make port_count ports at creation; all FREE. */
void evtchn_init(struct domain *d);
/* First free port bound to a service of the hypervisor, 0 when none. */
port_t evtchn_open_service(struct domain *d, enum evtchn_service service);
/* Close everything when the domain ends. Takes evt of d and of peers. */
void evtchn_close_all(struct domain *d);

/* Mark the port pending and make its vCPU notice. Any context; takes no lock
 * but the scheduler's. */
void evtchn_notify(struct domain *d, port_t port);
/* Raise a per-vCPU virtual interrupt, if it is bound. */
void evtchn_raise_virq(struct vcpu *v, u32 virq);

/* In v's own address space: show collected events in its vcpu_info. True when
 * an upcall is due now (pending, not masked). */
bool evtchn_collect(struct vcpu *v);

#endif
