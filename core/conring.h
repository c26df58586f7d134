/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's end of a tenant's console: the PV console ring as its back
 * end, and the emergency output call.
 *
 *   CLOSED -- open --> OPEN -- a ring that lies --> BROKEN
 *     ^                 |                             |
 *     +----- close -----+-----------------------------+
 *
 * OPEN holds a writable reference on the ring's frame, so that the page can
 * neither become a page table nor leave the domain while we write indices into
 * it. BROKEN: the indices were further apart than the ring is long; the ring
 * is not looked at any more, the tenant goes on without a console.
 *
 * Output is limited by a token bucket a domain. What is beyond the limit stays
 * in the ring until console_service_poll finds tokens: the tenant waits,
 * nothing is lost. The emergency call has nowhere to wait, so there bytes
 * beyond the limit are dropped and counted.
 *
 * Lock: conring.lock (rank ring); it is held while bytes go out, so that two
 * vCPUs of a tenant cannot mix their output. It is dropped before the guest is
 * notified.
 */
#ifndef CORE_CONRING_H
#define CORE_CONRING_H

#include "core/ids.h"
#include "core/lock.h"
#include "core/rc.h"

struct domain;

#define CONSOLE_RATE_DEFAULT 1000000u /* bytes per second */
#define CONSOLE_BURST 4096u           /* bytes that may go out at once */

enum conring_state { CONRING_CLOSED, CONRING_OPEN, CONRING_BROKEN };

struct conring {
    struct lock lock;
    u32 state;        /* [a] enum conring_state; changes under lock */
    mfn_t frame;      /* under lock: the ring's page */
    u64 tokens;       /* under lock: bytes that may go out now */
    ns_t filled;      /* under lock: when tokens were last added */
    u64 out_bytes;    /* under lock: bytes that went out */
    u64 dropped;      /* under lock: bytes of the emergency call dropped */
    u64 broken_count; /* under lock: rings closed because they lied */
};

/* Begin to serve the ring in d->console_mfn: takes a writable reference on the
 * frame. RC_EINVAL when it is not d's memory, RC_EBUSY when it cannot be
 * written. Lock: mm of d. */
enum rc console_service_open(struct domain *d) MUST_CHECK;
/* Stop; returns the reference. Lock: mm of d. */
void console_service_close(struct domain *d);

/* The guest has sent an event: bring out what is in its ring. No lock. */
void console_service_notify(struct domain *d);
/* Bring out what waited for tokens, of all domains; cheap if there is nothing.
 * True: something still waits. No lock. */
bool console_service_poll(ns_t now);
/* Put typed bytes into the ring: how many it had room for. No lock. */
u32 console_service_input(struct domain *d, const u8 *bytes, u32 count);

#endif
