/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the store: see xsclient.h. */
#include "guests/router/xsclient.h"

#include "core/atomic.h"
#include "core/mem.h"
#include "guests/router/machine.h"

#define XS_READ 2u
#define XS_WATCH 4u
#define XS_WRITE 11u
#define XS_WATCH_EVENT 15u
#define XS_ERROR 16u

#define HEADER_BYTES 16u
#define RING_BYTES 1024u
#define PAYLOAD_MAX 4096u
#define RECONNECTION 1u /* of server_features */
#define RECONNECT 1u    /* of connection */

struct header {
    u32 type, id, tx, bytes;
};

void xs_open(struct xs *xs, struct store_ring *ring, u32 port)
{
    xs->ring = ring;
    xs->port = port;
    xs->id = 0;
    xs->changed = true;
    xs->have = 0;
}

/* ---- the ring --------------------------------------------------------------
 */

/* Forget a conversation that broke off. */
static void make_anew(struct xs *xs)
{
    struct store_ring *r = xs->ring;
    xs->have = 0;
    xs->changed = true;
    atomic_store32(&r->rsp_cons, atomic_load32(&r->rsp_prod));
    if ((atomic_load32(&r->server_features) & RECONNECTION) != 0) {
        atomic_store32(&r->connection, RECONNECT);
    }
    machine_notify(xs->port);
}

static bool may_talk(const struct xs *xs)
{
    return atomic_load32(&xs->ring->connection) == 0;
}

/* Up to `want` bytes of the answers, appended to in. */
static void take(struct xs *xs, u32 want)
{
    struct store_ring *r = xs->ring;
    const u32 cons = r->rsp_cons;
    const u32 ready = atomic_load32(&r->rsp_prod) - cons;
    if (ready > RING_BYTES) {
        make_anew(xs);
        return;
    }
    const u32 count = ready < want ? ready : want;
    for (u32 i = 0; i < count; i++) {
        xs->in[xs->have + i] = r->rsp[(cons + i) % RING_BYTES];
    }
    xs->have += count;
    atomic_store32(&r->rsp_cons, cons + count);
    if (count != 0) {
        machine_notify(xs->port);
    }
}

static struct header header_of(const struct xs *xs)
{
    struct header h;
    memcpy(&h, xs->in, sizeof(h));
    return h;
}

/* A whole message is in; its header. It stays there until xs->have is 0. */
static bool receive(struct xs *xs, struct header *h)
{
    if (!may_talk(xs)) {
        return false;
    }
    if (xs->have < HEADER_BYTES) {
        take(xs, HEADER_BYTES - xs->have);
        if (xs->have < HEADER_BYTES) {
            return false;
        }
    }
    *h = header_of(xs);
    if (h->bytes > PAYLOAD_MAX) {
        make_anew(xs);
        return false;
    }
    if (xs->have < HEADER_BYTES + h->bytes) {
        take(xs, HEADER_BYTES + h->bytes - xs->have);
    }
    return xs->have == HEADER_BYTES + h->bytes;
}

/* The next message that is no watch event. */
static bool receive_answer(struct xs *xs, struct header *h)
{
    /* At most one message for each 16 bytes of a full ring. */
    for (u32 i = 0; i <= RING_BYTES / HEADER_BYTES; i++) {
        if (!receive(xs, h)) {
            return false;
        }
        if (h->type != XS_WATCH_EVENT) {
            return true;
        }
        xs->changed = true;
        xs->have = 0;
    }
    return false;
}

void xs_look(struct xs *xs)
{
    struct header h;
    /* An answer that nobody waits for any more: it came late. */
    while (receive_answer(xs, &h)) {
        xs->have = 0;
    }
}

/* Write all of it, or nothing. */
static bool send(struct xs *xs, const struct header *h, const u8 *payload)
{
    struct store_ring *r = xs->ring;
    const u32 prod = r->req_prod;
    const u32 used = prod - atomic_load32(&r->req_cons);
    if (used > RING_BYTES) {
        make_anew(xs);
        return false;
    }
    if (!may_talk(xs) || HEADER_BYTES + h->bytes > RING_BYTES - used) {
        return false;
    }
    u8 head[HEADER_BYTES];
    memcpy(head, h, sizeof(head));
    for (u32 i = 0; i < HEADER_BYTES + h->bytes; i++) {
        r->req[(prod + i) % RING_BYTES] =
            i < HEADER_BYTES ? head[i] : payload[i - HEADER_BYTES];
    }
    atomic_store32(&r->req_prod, prod + HEADER_BYTES + h->bytes);
    machine_notify(xs->port);
    return true;
}

/* ---- requests --------------------------------------------------------------
 */

static bool text_is(const struct xs *xs, u32 bytes, const char *text)
{
    u32 i = 0;
    while (i < bytes && text[i] != '\0' &&
           xs->in[HEADER_BYTES + i] == text[i]) {
        i++;
    }
    return text[i] == '\0';
}

/* What an answer of that many bytes says to a request of the type. */
static enum xs_result result_of(const struct xs *xs, const struct header *h,
                                u32 type)
{
    if (h->type != XS_ERROR) {
        return h->type == type ? XS_OK : XS_REFUSED;
    }
    if (text_is(xs, h->bytes, "ENOENT")) {
        return XS_MISSING;
    }
    return text_is(xs, h->bytes, "EEXIST") ? XS_OK : XS_REFUSED;
}

/* Ask, and leave the answer in xs->in; *bytes of it. */
static enum xs_result ask(struct xs *xs, u32 type, const u8 *payload, u32 bytes,
                          u32 *answer_bytes)
{
    const u64 until = machine_now() + XS_WAIT_NS;
    const struct header h = { .type = type, .id = ++xs->id, .bytes = bytes };
    bool sent = false;
    xs_look(xs);
    for (;;) {
        sent = sent || send(xs, &h, payload);
        struct header got;
        while (receive_answer(xs, &got)) {
            xs->have = 0;
            /* Others are to requests that were given up. */
            if (sent && got.id == h.id) {
                *answer_bytes = got.bytes;
                return result_of(xs, &got, type);
            }
        }
        if (machine_now() >= until) {
            make_anew(xs);
            return XS_SILENT;
        }
        machine_wait(until);
    }
}

/* Append a string to a payload; its new length. */
static u32 append(u8 *payload, u32 at, const char *s, bool with_nul)
{
    for (; *s != '\0' && at < RING_BYTES - HEADER_BYTES - 1; s++) {
        payload[at++] = (u8)*s;
    }
    if (with_nul) {
        payload[at++] = 0;
    }
    return at;
}

enum xs_result xs_read(struct xs *xs, const char *path,
                       char value[XS_VALUE_BYTES])
{
    u8 payload[RING_BYTES];
    u32 bytes = 0;
    const u32 asked = append(payload, 0, path, true);
    const enum xs_result r = ask(xs, XS_READ, payload, asked, &bytes);
    value[0] = '\0';
    if (r != XS_OK) {
        return r;
    }
    if (bytes >= XS_VALUE_BYTES) {
        return XS_REFUSED;
    }
    memcpy(value, xs->in + HEADER_BYTES, bytes);
    value[bytes] = '\0';
    return XS_OK;
}

enum xs_result xs_write(struct xs *xs, const char *path, const char *value)
{
    u8 payload[RING_BYTES];
    u32 bytes = append(payload, 0, path, true);
    bytes = append(payload, bytes, value, false);
    return ask(xs, XS_WRITE, payload, bytes, &bytes);
}

enum xs_result xs_watch(struct xs *xs, const char *path, const char *token)
{
    u8 payload[RING_BYTES];
    u32 bytes = append(payload, 0, path, true);
    bytes = append(payload, bytes, token, true);
    return ask(xs, XS_WATCH, payload, bytes, &bytes);
}
