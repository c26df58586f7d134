/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store ring, server side, with nothing to tell: see core/store.h.
 *
 * The page is the guest's: indices are copied once and their differences are
 * checked; request bytes are copied once. One call consumes no more than what
 * was in the ring when it began (1024 bytes) and writes no more than fits, so
 * its work is bounded however the guest fills the ring meanwhile. When the
 * response ring is full the answer waits for the guest's next event, which it
 * sends when it has read.
 *
 * Sources: [XEN io/xs_wire.h].
 */
#include "core/store.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/mem.h"
#include "core/pgentry.h"
#include "core/xen.h"

#define RING_BYTES 1024u
/* A request takes three steps of at most 300 instructions; a ring has 64. */
#define STEPS_A_TURN 48u
#define TURNS_MAX 5u
#define WIRE_ERROR 16u /* XS_ERROR */

struct indices {
    u32 req_cons, req_prod, rsp_cons, rsp_prod;
};

_Static_assert(sizeof(struct indices) == 16, "read in one copy");

enum rc store_service_open(struct domain *d)
{
    const enum rc rc = pgentry_hold(d, d->store_mfn);
    if (rc != RC_OK) {
        return rc;
    }
    struct storering *st = &d->store;
    lock_take(&st->lock);
    st->frame = d->store_mfn;
    st->phase = STORE_HEADER;
    st->done = 0;
    st->left = 0;
    atomic_store32(&st->state, CONRING_OPEN);
    lock_drop(&st->lock);
    return RC_OK;
}

void store_service_close(struct domain *d)
{
    struct storering *st = &d->store;
    lock_take(&st->lock);
    const mfn_t frame = st->state != CONRING_CLOSED ? st->frame : mfn(MFN_NONE);
    st->frame = mfn(MFN_NONE);
    atomic_store32(&st->state, CONRING_CLOSED);
    lock_drop(&st->lock);
    pgentry_let_go(frame);
}

/* Lock: store.lock. */
static void break_ring(struct domain *d, const char *why)
{
    atomic_store32(&d->store.state, CONRING_BROKEN);
    d->store.broken_count++;
    arch_log("domain %u: store ring closed: %s\n", (u32)d->id, why);
}

/* Lock: store.lock; the ring is OPEN. */
static bool read_indices(struct domain *d, struct indices *x)
{
    arch_frame_read(x, d->store.frame,
                    (u32)offsetof(struct store_ring, req_cons), sizeof(*x));
    const u32 requests = x->req_prod - x->req_cons;
    const u32 replies = x->rsp_prod - x->rsp_cons;
    if (requests > RING_BYTES || replies > RING_BYTES) {
        break_ring(d, "indices out of range");
        return false;
    }
    return true;
}

/* Turn the header in message into the reply to it: request and transaction
 * numbers stay where they are. */
static void make_reply(struct storering *st)
{
    static const u8 text[] = "ENOENT";
    _Static_assert(STORE_HEADER_BYTES + sizeof(text) == STORE_REPLY_BYTES,
                   "with its NUL");
    const u32 type = WIRE_ERROR;
    const u32 bytes = sizeof(text);
    memcpy(st->message, &type, sizeof(type));
    memcpy(st->message + 12, &bytes, sizeof(bytes));
    memcpy(st->message + STORE_HEADER_BYTES, text, sizeof(text));
    st->phase = STORE_REPLY;
    st->done = 0;
}

/* Bytes to copy at once: what is wanted, what is there, not over the end. */
static u32 piece(u32 wanted, u32 there, u32 at)
{
    const u32 n = wanted < there ? wanted : there;
    return n < RING_BYTES - at ? n : RING_BYTES - at;
}

/* Read header bytes while there are any. False: the request is too long and
 * the ring is closed. Lock: store.lock. */
static bool read_header(struct domain *d, struct indices *x)
{
    struct storering *st = &d->store;
    while (st->done < STORE_HEADER_BYTES && x->req_cons != x->req_prod) {
        const u32 at = x->req_cons % RING_BYTES;
        const u32 n =
            piece(STORE_HEADER_BYTES - st->done, x->req_prod - x->req_cons, at);
        arch_frame_read(&st->message[st->done], st->frame,
                        (u32)offsetof(struct store_ring, req) + at, n);
        st->done += n;
        x->req_cons += n;
    }
    if (st->done < STORE_HEADER_BYTES) {
        return true;
    }
    u32 bytes;
    memcpy(&bytes, st->message + 12, sizeof(bytes));
    if (bytes > STORE_PAYLOAD_MAX) {
        break_ring(d, "request too long");
        return false;
    }
    st->left = bytes;
    st->phase = STORE_BODY;
    return true;
}

/* Pass over payload. Lock: store.lock. */
static void skip_body(struct storering *st, struct indices *x)
{
    const u32 there = x->req_prod - x->req_cons;
    const u32 skip = st->left < there ? st->left : there;
    x->req_cons += skip;
    st->left -= skip;
    if (st->left == 0) {
        make_reply(st);
    }
}

/* Write what fits of the reply. Lock: store.lock. */
static void write_reply(struct storering *st, struct indices *x)
{
    while (st->done < STORE_REPLY_BYTES &&
           x->rsp_prod - x->rsp_cons < RING_BYTES) {
        const u32 at = x->rsp_prod % RING_BYTES;
        const u32 n = piece(STORE_REPLY_BYTES - st->done,
                            RING_BYTES - (x->rsp_prod - x->rsp_cons), at);
        arch_frame_write(st->frame, (u32)offsetof(struct store_ring, rsp) + at,
                         &st->message[st->done], n);
        st->done += n;
        x->rsp_prod += n;
    }
    if (st->done == STORE_REPLY_BYTES) {
        st->phase = STORE_HEADER;
        st->done = 0;
        st->requests++;
    }
}

/* One step of the present phase. False: nothing more can be done now. Lock:
 * store.lock. */
static bool step(struct domain *d, struct indices *x)
{
    struct storering *st = &d->store;
    const struct indices before = *x;
    const u32 phase = st->phase;
    switch ((enum store_phase)phase) {
    case STORE_HEADER:
        if (!read_header(d, x)) {
            return false;
        }
        break;
    case STORE_BODY:
        skip_body(st, x);
        break;
    case STORE_REPLY:
        write_reply(st, x);
        break;
    }
    return st->phase != phase || x->req_cons != before.req_cons ||
           x->rsp_prod != before.rsp_prod;
}

/* True when the guest is to be told. Lock: store.lock. */
static bool work(struct domain *d)
{
    struct storering *st = &d->store;
    struct indices x;
    if (st->state != CONRING_OPEN || !read_indices(d, &x)) {
        return false;
    }
    const struct indices before = x;
    for (u32 i = 0; i < STEPS_A_TURN && step(d, &x); i++) {
    }
    if (st->state != CONRING_OPEN) {
        return false;
    }
    if (x.rsp_prod != before.rsp_prod) {
        arch_frame_write(st->frame, (u32)offsetof(struct store_ring, rsp_prod),
                         &x.rsp_prod, sizeof(x.rsp_prod));
    }
    if (x.req_cons != before.req_cons) {
        arch_frame_write(st->frame, (u32)offsetof(struct store_ring, req_cons),
                         &x.req_cons, sizeof(x.req_cons));
    }
    return x.rsp_prod != before.rsp_prod || x.req_cons != before.req_cons;
}

void store_service_notify(struct domain *d)
{
    /* More than the turns of a full ring means that it is filled meanwhile:
     * then the guest notifies again. */
    bool moved = true;
    for (u32 i = 0; i < TURNS_MAX && moved; i++) {
        lock_take(&d->store.lock);
        moved = work(d);
        lock_drop(&d->store.lock);
        if (moved) {
            evtchn_notify_service(d, d->store_port, SERVICE_STORE);
        }
        arch_interrupts();
    }
}
