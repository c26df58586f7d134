/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console ring, back-end side, and the emergency output call. States, limits
 * and locks are described in core/conring.h.
 *
 * The page is the guest's: the four indices are copied once into a local
 * structure, their difference is checked against the ring's length, and ring
 * bytes are copied once into a local buffer and sent from there. Both indices
 * are the ring's own, as the ABI has it; a guest that changes ours gets its
 * own bytes twice or not at all.
 *
 * Sources: [XEN io/console.h].
 */
#include "core/conring.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/pgentry.h"
#include "core/xen.h"

#define IN_BYTES 1024u
#define OUT_BYTES 2048u
#define PIECE_BYTES 256u
#define DRAIN_BYTES 512u /* of a ring at a time; about 12 instructions each */
#define WRITE_MAX 4096u  /* bytes of one emergency call */
#define NS_PER_S 1000000000ull

_Static_assert((IN_BYTES & (IN_BYTES - 1)) == 0, "indices wrap at 2^32");
_Static_assert((OUT_BYTES & (OUT_BYTES - 1)) == 0, "indices wrap at 2^32");

struct indices {
    u32 in_cons, in_prod, out_cons, out_prod;
};

_Static_assert(sizeof(struct indices) == 16, "read in one copy");

/* [a] Domains whose bytes were left in the ring for want of tokens. */
static u64 waiting[(DOMID_MAX + 1) / 64];

static bool is_waiting(u32 id)
{
    return (atomic_load64(&waiting[id / 64]) >> id % 64 & 1) != 0;
}

/* Lock: con.lock. */
static void set_waiting(const struct domain *d, bool waits)
{
    const u64 bit = 1ull << d->id % 64;

    if (waits) {
        (void)atomic_or64(&waiting[d->id / 64], bit);
    } else {
        (void)atomic_and64(&waiting[d->id / 64], ~bit);
    }
}

/* ---- limits ------------------------------------------------------------ */

/* Add the tokens of the time since they were last added; the bucket holds
 * CONSOLE_BURST. Lock: con.lock. */
static void refill(struct domain *d, ns_t now)
{
    struct conring *con = &d->con;
    const u64 rate =
        d->console_rate != 0 ? d->console_rate : CONSOLE_RATE_DEFAULT;
    if (now <= con->filled) {
        return;
    }
    const u64 passed = now - con->filled;
    if (passed >= CONSOLE_BURST * NS_PER_S / rate) {
        con->tokens = CONSOLE_BURST; /* time enough to fill it from empty */
        con->filled = now;
        return;
    }
    const u64 more = passed * rate / NS_PER_S; /* product below 2^42 */
    const u64 sum = con->tokens + more;
    con->tokens = sum > CONSOLE_BURST ? CONSOLE_BURST : sum;
    /* Only the time that made whole tokens is spent. */
    con->filled += more * NS_PER_S / rate;
}

/* ---- open and close ---------------------------------------------------- */

enum rc console_service_open(struct domain *d)
{
    const enum rc rc = pgentry_hold(d, d->console_mfn);
    if (rc != RC_OK) {
        return rc;
    }
    struct conring *con = &d->con;
    lock_take(&con->lock);
    con->frame = d->console_mfn;
    con->tokens = CONSOLE_BURST;
    con->filled = arch_now();
    set_waiting(d, false);
    atomic_store32(&con->state, CONRING_OPEN);
    lock_drop(&con->lock);
    return RC_OK;
}

void console_service_close(struct domain *d)
{
    struct conring *con = &d->con;
    lock_take(&con->lock);
    const mfn_t frame =
        con->state != CONRING_CLOSED ? con->frame : mfn(MFN_NONE);
    con->frame = mfn(MFN_NONE);
    atomic_store32(&con->state, CONRING_CLOSED);
    set_waiting(d, false);
    lock_drop(&con->lock);
    pgentry_let_go(frame);
}

/* ---- ring -------------------------------------------------------------- */

/* Lock: con.lock. */
static void break_ring(struct domain *d)
{
    atomic_store32(&d->con.state, CONRING_BROKEN);
    set_waiting(d, false);
    d->con.broken_count++;
    arch_log("domain %u: console ring closed: indices out of range\n",
             (u32)d->id);
}

/* Copy the indices; false, and the ring is closed, when they lie. Lock:
 * con.lock; the ring is OPEN. */
static bool read_indices(struct domain *d, struct indices *x)
{
    arch_frame_read(x, d->con.frame,
                    (u32)offsetof(struct console_ring, in_cons), sizeof(*x));
    const u32 waiting_out = x->out_prod - x->out_cons;
    const u32 waiting_in = x->in_prod - x->in_cons;
    if (waiting_out > OUT_BYTES || waiting_in > IN_BYTES) {
        break_ring(d);
        return false;
    }
    return true;
}

/* Bring out at most count bytes from index cons, not across the ring's end.
 * Returns how many went. Lock: con.lock. */
static u32 send_piece(struct domain *d, u32 cons, u32 count)
{
    u8 piece[PIECE_BYTES];
    const u32 at = cons % OUT_BYTES;
    u32 bytes = count < PIECE_BYTES ? count : PIECE_BYTES;
    if (bytes > OUT_BYTES - at) {
        bytes = OUT_BYTES - at;
    }
    arch_frame_read(piece, d->con.frame,
                    (u32)offsetof(struct console_ring, out) + at, bytes);
    arch_console_write(d->id, piece, bytes);
    return bytes;
}

/* Bring out what the tokens allow. True when the guest got room. Lock:
 * con.lock. */
static bool drain(struct domain *d, ns_t now)
{
    struct conring *con = &d->con;
    struct indices x;
    if (con->state != CONRING_OPEN || !read_indices(d, &x)) {
        return false;
    }
    refill(d, now);
    const u32 there = x.out_prod - x.out_cons;
    const u32 most = there < DRAIN_BYTES ? there : DRAIN_BYTES;
    const u32 allowed = con->tokens < most ? (u32)con->tokens : most;
    u32 sent = 0;
    while (sent < allowed) { /* at most DRAIN_BYTES; sent rises each turn */
        sent += send_piece(d, x.out_cons + sent, allowed - sent);
    }
    con->tokens -= sent;
    con->out_bytes += sent;
    set_waiting(d, sent < there);
    if (sent == DRAIN_BYTES && sent < there) {
        arch_resched(); /* the next piece on the way back to the guest */
    }
    if (sent == 0) {
        return false;
    }
    const u32 cons = x.out_cons + sent;
    arch_frame_write(con->frame, (u32)offsetof(struct console_ring, out_cons),
                     &cons, sizeof(cons));
    return true;
}

static void serve(struct domain *d, ns_t now)
{
    lock_take(&d->con.lock);
    const bool room = drain(d, now);
    lock_drop(&d->con.lock);
    if (room) {
        evtchn_notify_service(d, d->console_port, SERVICE_CONSOLE);
    }
}

void console_service_notify(struct domain *d)
{
    serve(d, arch_now());
}

bool console_service_poll(ns_t now)
{
    bool waits = false;
    for (u32 i = 0; i <= domain_count; i++) {
        if (atomic_load64(&waiting[i / 64]) == 0) {
            i |= 63; /* none of this word's domains */
        } else if (is_waiting(i)) {
            serve(domain_table[i], now);
            arch_interrupts();
            waits = is_waiting(i) || waits;
        }
    }
    return waits;
}

/* Lock: con.lock. */
static u32 put_input(struct domain *d, const u8 *bytes, u32 count)
{
    struct indices x;
    if (d->con.state != CONRING_OPEN || !read_indices(d, &x)) {
        return 0;
    }
    const u32 room = IN_BYTES - (x.in_prod - x.in_cons);
    const u32 total = count < room ? count : room;
    const u32 at = x.in_prod % IN_BYTES;
    const u32 first = total < IN_BYTES - at ? total : IN_BYTES - at;
    const u32 base = (u32)offsetof(struct console_ring, in);
    if (total == 0) {
        return 0;
    }
    arch_frame_write(d->con.frame, base + at, bytes, first);
    if (total > first) {
        arch_frame_write(d->con.frame, base, bytes + first, total - first);
    }
    const u32 prod = x.in_prod + total;
    arch_frame_write(d->con.frame, (u32)offsetof(struct console_ring, in_prod),
                     &prod, sizeof(prod));
    return total;
}

u32 console_service_input(struct domain *d, const u8 *bytes, u32 count)
{
    lock_take(&d->con.lock);
    const u32 taken = put_input(d, bytes, count);
    lock_drop(&d->con.lock);
    if (taken != 0) {
        evtchn_notify_service(d, d->console_port, SERVICE_CONSOLE);
    }
    return taken;
}

/* ---- emergency output -------------------------------------------------- */

/* Bring out what the tokens allow of count bytes; the rest is dropped. */
static void write_piece(struct domain *d, const u8 *bytes, u32 count)
{
    struct conring *con = &d->con;
    lock_take(&con->lock);
    refill(d, arch_now());
    const u32 allowed = con->tokens < count ? (u32)con->tokens : count;
    if (allowed != 0) {
        arch_console_write(d->id, bytes, allowed);
    }
    con->tokens -= allowed;
    con->out_bytes += allowed;
    con->dropped += count - allowed;
    lock_drop(&con->lock);
}

s64 hc_console_write(struct hc_call *c)
{
    struct domain *d = c->v->domain;
    const u64 count = c->arg[1];
    if (count > WRITE_MAX) {
        return count > 0x7fffffffu ? RC_EINVAL : RC_E2BIG;
    }
    u8 piece[PIECE_BYTES];
    u32 sent = 0;
    while (sent < count) { /* at most WRITE_MAX; sent rises each turn */
        const u32 left = (u32)count - sent;
        const u32 bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!arch_fetch(piece, gva(c->arg[2] + sent), bytes)) {
            return RC_EFAULT;
        }
        write_piece(d, piece, bytes);
        sent += bytes;
        arch_interrupts();
    }
    return RC_OK;
}
