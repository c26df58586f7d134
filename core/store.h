/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's end of a tenant's store ring, as long as no store server
 * runs: each request is answered with the error ENOENT, so that a guest finds
 * an empty store instead of waiting for an answer for ever.
 *
 * A request is a 16-byte header and at most 4096 bytes of payload, which may
 * be longer than the ring: it is consumed in pieces and forgotten, only the
 * header's type, request and transaction numbers are kept for the answer.
 *
 *   HEADER -- 16 bytes read --> BODY -- len bytes read --> REPLY
 *     ^                                                      |
 *     +----------------- all bytes written ------------------+
 *
 * States of the ring, its reference and its lock are as in core/conring.h.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/conring.h"
#include "core/ids.h"
#include "core/lock.h"
#include "core/rc.h"

struct domain;

#define STORE_HEADER_BYTES 16u
#define STORE_PAYLOAD_MAX 4096u
#define STORE_REPLY_BYTES 23u /* header and "ENOENT\0" */

enum store_phase { STORE_HEADER, STORE_BODY, STORE_REPLY };

struct storering {
    struct lock lock;
    u32 state;   /* [a] enum conring_state; changes under lock */
    mfn_t frame; /* under lock, like all that follows: the ring's page */
    u32 phase;   /* enum store_phase */
    u32 done;    /* bytes of header read, or of reply written */
    u32 left;    /* payload bytes to skip */
    u8 message[STORE_REPLY_BYTES]; /* header being read, or reply */
    u64 requests;                  /* requests answered */
    u64 broken_count;              /* rings closed because they lied */
};

/* Begin to serve the ring in d->store_mfn, and stop; errors and lock as
 * console_service_open. */
enum rc store_service_open(struct domain *d) MUST_CHECK;
void store_service_close(struct domain *d);

/* The guest has sent an event: read requests, write answers. No lock. */
void store_service_notify(struct domain *d);

#endif
