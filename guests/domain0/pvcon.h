/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tenant's console ring, the back end's side.
 *
 *   CLOSED -- pvcon_open --> OPEN -- a ring that lies --> BROKEN
 *     ^                          |                            |
 *     +------ pvcon_close -----+----------------------------+
 *
 * The page is the tenant's: indices are read once and their differences are
 * checked, bytes are copied once. Both indices are the ring's own, so a server
 * that is started anew goes on where the last one was.
 *
 * Output is limited by a token bucket. What is beyond the limit, or beyond
 * what the line takes, stays in the ring: the tenant waits, nothing is lost.
 * What is typed waits here until the ring has room; beyond TYPED_MAX bytes it
 * is lost.
 *
 * Sources: [XEN io/console.h].
 */
#ifndef GUESTS_DOMAIN0_PVCON_H
#define GUESTS_DOMAIN0_PVCON_H

#include "guests/lib/rings.h"

#define PVCON_RATE 1000000u /* bytes a second */
#define PVCON_BURST 4096u   /* bytes that may go out at once */
#define TYPED_MAX 1024u

enum pvcon_state { PVCON_CLOSED, PVCON_OPEN, PVCON_BROKEN };

struct pvcon {
    volatile struct console_ring *page;
    u32 state; /* enum pvcon_state */
    u32 typed_bytes;
    u64 rate, tokens, filled_ns;
    u64 out_bytes, in_bytes, lost_bytes;
    u8 typed[TYPED_MAX];
};

/* rate: bytes a second, 0 for PVCON_RATE. */
void pvcon_open(struct pvcon *c, volatile struct console_ring *page, u32 rate,
                u64 now_ns);
void pvcon_close(struct pvcon *c);

/* Copy what may go out now, at most room bytes; it stays in the ring. */
u32 pvcon_look(struct pvcon *c, u64 now_ns, u8 *to, u32 room);
/* So many of these bytes went out. The tenant is to be notified. */
void pvcon_sent(struct pvcon *c, u32 bytes);
/* Is there output in the ring? */
bool pvcon_waits(const struct pvcon *c);
/* When output waits for tokens: the time at which there are some; else 0. */
u64 pvcon_due_ns(const struct pvcon *c);

/* Somebody typed; and what was typed goes into the ring as far as it has room.
 * True: the tenant is to be notified. */
void pvcon_type(struct pvcon *c, const u8 *bytes, u32 count);
bool pvcon_flush(struct pvcon *c);

#endif
