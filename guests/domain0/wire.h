/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's store ring, the server's side.
 *
 *   CLOSED -- wire_open --> OPEN -- a ring that lies --> BROKEN
 *     ^                       |                            |
 *     +----- wire_close ------+----------------------------+
 *
 * The page is the client's: each index is read once a turn and their
 * differences are checked; message bytes are copied once into a private
 * buffer. A ring whose indices cannot be, or a message that is too long, is
 * closed, with the reason in the page; its client loses the store and nothing
 * else, and nobody else anything.
 *
 * A message that fits into the ring is taken out of it only after its answer
 * has been put in whole, so that a server which ends at any point leaves the
 * ring at the border of a message, and the next one goes on. Of a longer
 * message (payload beyond 1008 bytes) this cannot be had: when the server ends
 * in its middle, the client's connection is lost.
 *
 * Sources: [XEN io/xs_wire.h].
 */
#ifndef GUESTS_DOMAIN0_WIRE_H
#define GUESTS_DOMAIN0_WIRE_H

#include "guests/domain0/requests.h"
#include "guests/lib/rings.h"

enum wire_state { WIRE_CLOSED, WIRE_OPEN, WIRE_BROKEN };

struct wire {
    volatile struct store_ring *page;
    u32 domid;
    u32 state;               /* enum wire_state */
    u32 in_have;             /* bytes of the request that were copied */
    u32 in_eaten;            /* of these, taken out of the ring */
    u32 out_bytes, out_sent; /* of the message that is being written */
    bool out_is_answer;
    struct message in, out;
};

/* Begin to serve the page of client domid, which is open. What is in the ring
 * stays: another server may have been here before. */
void wire_open(struct wire *w, u32 domid, volatile struct store_ring *page);
void wire_close(struct wire *w);
/* Answer some requests, tell some events. True: the client is to be notified.
 * When *again, there may be more to do at once. */
bool wire_turn(struct wire *w, bool *again);

#endif
