/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: handlers that bind, offer and close ports. States, locks
 * and delivery are described in core/evtchn.h; sending is in core/evtsend.c.
 *
 * Error numbers are those that guests know [XEN event_channel.h]: EINVAL for a
 * port that is not there or not in the right state, ESRCH for a domain that is
 * not there, ENOENT for a vCPU that is not there, EEXIST for a virtual
 * interrupt that has a port already, ENOSPC when no port is free, EPERM for
 * acting on another domain.
 *
 * Invariants: an INTERDOMAIN port and its peer name each other. A vCPU's
 * virq_port names a port in state VIRQ that names the vCPU and the interrupt.
 */
#include "core/evtchn.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/lock.h"
#include "core/nospec.h"
#include "core/vcpu.h"
#include "policy/policy.h"

/* Give a FREE port its use. Lock: evt of d. */
static void port_open(struct domain *d, port_t port, enum evtchn_state state,
                      vcpuid_t vcpu)
{
    struct evtchn *e = &d->port[port];
    e->state = (u8)state;
    e->virq = 0;
    e->peer = (u16)DOMID_NONE;
    e->peer_port = 0;
    atomic_store32(&e->vcpu, vcpu);
    const u64 bit = port == 0 ? 0 : 1ull << port % 64;
    u64 *const word = &d->port_free[port / 64];
    *word = state == EVTCHN_FREE ? *word | bit : *word & ~bit;
}

/* The lowest FREE port, opened; 0 when there is none. Lock: evt of d. */
static port_t port_take(struct domain *d, enum evtchn_state state,
                        vcpuid_t vcpu)
{
    for (u32 w = 0; w < PORT_WORDS; w++) {
        if (d->port_free[w] != 0) {
            port_t p = w * 64;
            while ((d->port_free[w] >> p % 64 & 1) == 0) {
                p++; /* ends: there is a bit */
            }
            port_open(d, p, state, vcpu);
            return p;
        }
    }
    return 0;
}

void evtchn_init(struct domain *d)
{
    for (port_t p = 0; p < d->port_count; p++) {
        port_open(d, p, EVTCHN_FREE, 0);
        if (p % 256 == 255) {
            arch_interrupts();
        }
    }
}

port_t evtchn_offer(struct domain *d, domid_t peer)
{
    lock_take(&d->evt);
    const port_t port = port_take(d, EVTCHN_UNBOUND, 0);
    if (port != 0) {
        d->port[port].peer = peer;
    }
    lock_drop(&d->evt);
    return port;
}

/* ---- close ------------------------------------------------------------- */

/* Who else's lock the port's closing needs: the domain at the other end, or d
 * itself. Lock: none; the answer is checked again with the locks held. */
static struct domain *other_end(struct domain *d, port_t port)
{
    struct domain *peer = NULL;
    lock_take(&d->evt);
    const struct evtchn *e = &d->port[index_clamp(port, d->port_count)];
    /* Who may bind an UNBOUND port may do so before we have the locks. */
    if (e->state == EVTCHN_INTERDOMAIN || e->state == EVTCHN_UNBOUND) {
        peer = domain_by_id(e->peer);
    }
    lock_drop(&d->evt);
    return peer != NULL ? peer : d;
}

/* Locks: evt of d and of peer. */
static enum rc close_locked(struct domain *d, struct domain *peer, port_t port)
{
    struct evtchn *e = &d->port[index_clamp(port, d->port_count)];
    switch ((enum evtchn_state)e->state) {
    case EVTCHN_FREE:
        return RC_EINVAL;
    case EVTCHN_INTERDOMAIN: {
        if (e->peer != peer->id) {
            /* Another vCPU of d closed the port and used it anew: the port
             * that was meant is gone. */
            return RC_EINVAL;
        }
        struct evtchn *other = &peer->port[e->peer_port];
        other->state = EVTCHN_UNBOUND;
        other->peer = d->id;
        other->peer_port = 0;
        break;
    }
    case EVTCHN_VIRQ: {
        struct vcpu *v = &d->vcpu[index_clamp(e->vcpu, d->vcpu_count)];
        atomic_store32(&v->virq_port[e->virq], 0);
        break;
    }
    case EVTCHN_UNBOUND:
    case EVTCHN_IPI:
        break;
    }
    port_open(d, port, EVTCHN_FREE, 0);
    evtchn_clear_pending(d, port);
    return RC_OK;
}

static enum rc port_close(struct domain *d, port_t port)
{
    struct domain *peer = other_end(d, port);
    lock_take_two(&d->evt, &peer->evt);
    const enum rc rc = close_locked(d, peer, port);
    lock_drop_two(&d->evt, &peer->evt);
    return rc;
}

bool evtchn_close_some(struct domain *d, u32 budget)
{
    /* No vCPU of d runs any more and nobody binds to what is not RUNNING: a
     * word of free ports stays so. */
    for (port_t p = 0; p < d->port_count; p++) {
        if (d->port_free[p / 64] == U64_MAX) {
            p |= 63u;
        } else if (d->port[p].state != EVTCHN_FREE) {
            if (budget == 0) {
                return false;
            }
            budget--;
            (void)port_close(d, p);
        }
    }
    return true;
}

s64 hc_evtchn_close(struct hc_call *c, struct arg_evtchn_port *a)
{
    struct domain *d = c->v->domain;
    if (evtchn_at(d, a->port) == NULL) {
        return RC_EINVAL;
    }
    return port_close(d, a->port);
}

/* ---- bind -------------------------------------------------------------- */

s64 hc_evtchn_alloc_unbound(struct hc_call *c, struct arg_evtchn_unbound *a)
{
    struct domain *d = c->v->domain;
    if (!domain_is_self(d, a->dom)) {
        return RC_EPERM;
    }
    const domid_t peer =
        a->remote_dom == DOMID_SELF ? d->id : (domid_t)a->remote_dom;
    a->port = evtchn_offer(d, peer);
    return a->port != 0 ? RC_OK : RC_ENOSPC;
}

/* Locks: evt of d and of peer. */
static enum rc interdomain_locked(struct domain *d, struct domain *peer,
                                  u32 remote_port, port_t *local)
{
    /* With the lock: a domain that ends closes its ports once, after it has
     * left RUNNING. */
    if (atomic_load64(&peer->state) != DOMAIN_RUNNING) {
        return RC_ESRCH;
    }
    struct evtchn *other = evtchn_at(peer, remote_port);
    if (other == NULL || other->state != EVTCHN_UNBOUND ||
        other->peer != d->id) {
        return RC_EINVAL;
    }
    const port_t port = port_take(d, EVTCHN_INTERDOMAIN, 0);
    if (port == 0) {
        return RC_ENOSPC;
    }
    d->port[port].peer = peer->id;
    d->port[port].peer_port = remote_port;
    other->state = EVTCHN_INTERDOMAIN;
    other->peer = d->id;
    other->peer_port = port;
    *local = port;
    /* What the other end sent before now was dropped: let the guest look. */
    evtchn_notify(d, port);
    return RC_OK;
}

s64 hc_evtchn_bind_interdomain(struct hc_call *c,
                               struct arg_evtchn_interdomain *a)
{
    struct domain *d = c->v->domain;
    struct domain *peer =
        domain_is_self(d, a->remote_dom) ? d : domain_by_id(a->remote_dom);
    if (peer == NULL) {
        return RC_ESRCH;
    }
    lock_take_two(&d->evt, &peer->evt);
    const enum rc rc =
        interdomain_locked(d, peer, a->remote_port, &a->local_port);
    lock_drop_two(&d->evt, &peer->evt);
    return rc;
}

/* Lock: evt of v's domain. */
static enum rc virq_locked(struct vcpu *v, u32 virq, port_t *port)
{
    struct domain *d = v->domain;
    u32 *const bound = &v->virq_port[index_clamp(virq, VIRQ_COUNT)];
    if (*bound != 0) {
        return RC_EEXIST;
    }
    const port_t p = port_take(d, EVTCHN_VIRQ, v->id);
    if (p == 0) {
        return RC_ENOSPC;
    }
    d->port[p].virq = (u8)virq;
    atomic_store32(bound, p);
    *port = p;
    return RC_OK;
}

/* A vCPU's own are everybody's. What reports on the host is for who may ask
 * about it; nobody else's business. */
static bool virq_allowed(const struct domain *d, u32 virq)
{
    const u64 needs = virq == VIRQ_CONSOLE   ? RIGHT_MASK(CONSOLES)
                      : virq == VIRQ_DOM_EXC ? RIGHT_MASK(OBSERVE)
                      : virq == VIRQ_RULES   ? RIGHT_MASK(RULES_READ)
                                             : 0;
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG ||
           (atomic_load64(&d->rights) & needs) != 0;
}

s64 hc_evtchn_bind_virq(struct hc_call *c, struct arg_evtchn_virq *a)
{
    struct domain *d = c->v->domain;
    if (a->virq >= VIRQ_COUNT) {
        return RC_EINVAL;
    }
    if (!virq_allowed(d, a->virq)) {
        return RC_EPERM;
    }
    struct vcpu *v = vcpu_of(d, a->vcpu);
    if (v == NULL) {
        return RC_ENOENT;
    }
    lock_take(&d->evt);
    const enum rc rc = virq_locked(v, a->virq, &a->port);
    lock_drop(&d->evt);
    return rc;
}

s64 hc_evtchn_bind_ipi(struct hc_call *c, struct arg_evtchn_ipi *a)
{
    struct domain *d = c->v->domain;
    const struct vcpu *v = vcpu_of(d, a->vcpu);
    if (v == NULL) {
        return RC_ENOENT;
    }
    lock_take(&d->evt);
    a->port = port_take(d, EVTCHN_IPI, v->id);
    lock_drop(&d->evt);
    return a->port != 0 ? RC_OK : RC_ENOSPC;
}

s64 hc_evtchn_bind_vcpu(struct hc_call *c, struct arg_evtchn_vcpu *a)
{
    struct domain *d = c->v->domain;
    const struct vcpu *v = vcpu_of(d, a->vcpu);
    if (v == NULL) {
        return RC_ENOENT;
    }
    struct evtchn *e = evtchn_at(d, a->port);
    if (e == NULL) {
        return RC_EINVAL;
    }
    lock_take(&d->evt);
    /* A virtual interrupt of a vCPU and an IPI stay where they are. */
    const bool moved =
        e->state == EVTCHN_UNBOUND || e->state == EVTCHN_INTERDOMAIN;
    if (moved) {
        atomic_store32(&e->vcpu, v->id);
    }
    lock_drop(&d->evt);
    return moved ? RC_OK : RC_EINVAL;
}
