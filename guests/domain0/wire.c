/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store rings: see wire.h. One turn does at most STEPS messages, so that one
 * client cannot keep the others waiting.
 */
#include "guests/domain0/wire.h"
#include "guests/domain0/client.h"
#include "guests/domain0/copy.h"
#include "guests/domain0/watch.h"

#define RING_BYTES 1024u
#define STEPS 8u

/* What the server can do, and why it closed a ring. */
#define FEATURE_RECONNECT 1u
#define FEATURE_ERROR 2u
#define CONNECTION_RECONNECT 1u
#define ERROR_INDEX 2u
#define ERROR_PROTOCOL 3u

_Static_assert(WATCH_PAYLOAD_MAX <= PAYLOAD_MAX, "an event fits");

/* Private copies of the indices. */
struct indices {
    u32 req_cons, req_prod, rsp_cons, rsp_prod;
};

/* Bytes of the ring are read after its index, and written before it. */
static void order(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void messages_forget(struct wire *w)
{
    w->in_have = 0;
    w->in_eaten = 0;
    w->out_bytes = 0;
    w->out_sent = 0;
}

void wire_open(struct wire *w, u32 domid, volatile struct store_ring *page)
{
    w->page = page;
    w->domid = domid;
    w->state = WIRE_OPEN;
    messages_forget(w);
    page->server_features = FEATURE_RECONNECT | FEATURE_ERROR;
    page->error = 0;
}

void wire_close(struct wire *w)
{
    w->page = NULL;
    w->state = WIRE_CLOSED;
}

static void break_ring(struct wire *w, u32 why)
{
    w->state = WIRE_BROKEN;
    w->page->error = why;
    client_close(w->domid);
}

static bool read_indices(struct wire *w, struct indices *x)
{
    x->req_cons = w->page->req_cons;
    x->req_prod = w->page->req_prod;
    x->rsp_cons = w->page->rsp_cons;
    x->rsp_prod = w->page->rsp_prod;
    order();
    const u32 there = x->req_prod - x->req_cons;
    if (there > RING_BYTES || x->rsp_prod - x->rsp_cons > RING_BYTES ||
        there < w->in_have - w->in_eaten) {
        break_ring(w, ERROR_INDEX);
        return false;
    }
    return true;
}

/* The client wants to begin anew: everything of the old connection goes. */
static void reconnect(struct wire *w)
{
    const bool sees_domains = client[w->domid].sees_domains;
    client_close(w->domid);
    client_open(w->domid, sees_domains);
    messages_forget(w);
    w->page->req_cons = 0;
    w->page->req_prod = 0;
    w->page->rsp_cons = 0;
    w->page->rsp_prod = 0;
    w->page->error = 0;
    order();
    w->page->connection = 0;
}

static u32 piece(u32 a, u32 b)
{
    return a < b ? a : b;
}

/* ---- in -------------------------------------------------------------------
 */

/* Copy request bytes up to so many in all, as far as they are there. */
static void copy_in(struct wire *w, const struct indices *x, u32 upto)
{
    u8 *const to = (u8 *)&w->in;
    const u32 there = x->req_prod - x->req_cons + w->in_eaten;
    const u32 end = upto < there ? upto : there;
    const u32 index = x->req_cons + (w->in_have - w->in_eaten);
    w->in_have =
        ring_read(to, w->in_have, end, w->page->req, RING_BYTES, index);
}

/* True: the request is whole. */
static bool read_request(struct wire *w, struct indices *x)
{
    copy_in(w, x, HEADER_BYTES);
    if (w->in_have < HEADER_BYTES) {
        return false;
    }
    if (w->in.bytes > PAYLOAD_MAX) {
        break_ring(w, ERROR_PROTOCOL);
        return false;
    }
    const u32 bytes = HEADER_BYTES + w->in.bytes;
    copy_in(w, x, bytes);
    if (bytes > RING_BYTES) { /* make room for the rest of it */
        x->req_cons += w->in_have - w->in_eaten;
        w->in_eaten = w->in_have;
    }
    return w->in_have == bytes;
}

/* ---- out ------------------------------------------------------------------
 */

/* Write what fits of the message; one that fits into the ring goes in whole.
 * True: all of it is in. */
static bool write_message(struct wire *w, struct indices *x)
{
    const u8 *const from = (const u8 *)&w->out;
    const u32 room = RING_BYTES - (x->rsp_prod - x->rsp_cons);
    if (w->out_bytes <= RING_BYTES && room < w->out_bytes) {
        return false;
    }
    const u32 end = piece(w->out_bytes, w->out_sent + room);
    const u32 sent = ring_write(w->page->rsp, RING_BYTES, x->rsp_prod, from,
                                w->out_sent, end);
    x->rsp_prod += sent - w->out_sent;
    w->out_sent = sent;
    if (w->out_sent < w->out_bytes) {
        return false;
    }
    w->out_bytes = 0;
    if (w->out_is_answer) { /* the request is done */
        x->req_cons += w->in_have - w->in_eaten;
        w->in_have = 0;
        w->in_eaten = 0;
    }
    return true;
}

static void begin_message(struct wire *w, bool is_answer)
{
    w->out_is_answer = is_answer;
    w->out_bytes = HEADER_BYTES + w->out.bytes;
    w->out_sent = 0;
}

static bool take_event(struct wire *w)
{
    const u32 bytes = watch_take(w->domid, w->out.payload);
    if (bytes == 0) {
        return false;
    }
    w->out.type = TYPE_WATCH_EVENT;
    w->out.req_id = 0;
    w->out.tx_id = 0;
    w->out.bytes = bytes;
    return true;
}

/* ---- one turn -------------------------------------------------------------
 */

/* Have a message to write: an event after an answer, so that neither waits for
 * the other. False: there is none. */
static bool next_message(struct wire *w, struct indices *x)
{
    if (w->out_is_answer && take_event(w)) {
        begin_message(w, false);
        return true;
    }
    if (read_request(w, x)) {
        request_answer(w->domid, &w->in, &w->out);
        begin_message(w, true);
        return true;
    }
    if (w->state == WIRE_OPEN && take_event(w)) {
        begin_message(w, false);
        return true;
    }
    return false;
}

/* One message further. False: nothing can be done now. */
static bool step(struct wire *w, struct indices *x)
{
    return (w->out_bytes != 0 || next_message(w, x)) && write_message(w, x);
}

bool wire_turn(struct wire *w, bool *again)
{
    struct indices x;
    *again = false;
    if (w->state != WIRE_OPEN) {
        return false;
    }
    const bool is_new = w->page->connection == CONNECTION_RECONNECT;
    if (is_new) {
        reconnect(w);
    }
    if (!read_indices(w, &x)) {
        return true; /* it shall see the error */
    }
    const struct indices before = x;
    u32 steps = 0;
    while (steps < STEPS && step(w, &x)) {
        steps++;
    }
    if (w->state != WIRE_OPEN) {
        return true;
    }
    *again = steps == STEPS;
    order();
    if (x.rsp_prod != before.rsp_prod) {
        w->page->rsp_prod = x.rsp_prod;
    }
    order();
    if (x.req_cons != before.req_cons) {
        w->page->req_cons = x.req_cons;
    }
    order();
    return is_new || x.rsp_prod != before.rsp_prod ||
           x.req_cons != before.req_cons;
}
