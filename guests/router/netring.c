/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of a network interface: see netring.h.
 *
 * A tx slot is three words, {gref} {offset, flags} {id, size}, or, as an extra
 * info, {type, flags, value...} in the first two. An rx slot is two: {id, pad}
 * {gref} of a request, {id, offset} {flags, status} of an answer.
 */
#include "guests/router/netring.h"

#include "core/atomic.h"

#define REQ_PROD 0u
#define REQ_EVENT 1u
#define RSP_PROD 2u
#define RSP_EVENT 3u
#define FIRST_SLOT 16u
#define TX_WORDS 3u
#define RX_WORDS 2u

#define FLAGS_DEFINED 15u
#define EXTRA_GSO 1u
#define EXTRA_END 5u
#define EXTRA_MORE 1u

struct tx_slot {
    u32 ref;
    u16 offset, flags, id, bytes;
};

struct extra {
    u8 type;
    bool more;
    u16 gso_bytes;
    u8 gso_type;
};

const char *netring_text(enum netring_error error)
{
#define NETRING_TEXT(name, text) [NETRING_##name] = text,
    static const char *const texts[NETRING_ERRORS] = {
        [NETRING_OK] = "sound",
        NETRING_LIES(NETRING_TEXT) NETRING_DROPS(NETRING_TEXT)
    };
    return (u32)error < NETRING_ERRORS ? texts[error] : "unknown";
}

/* ---- both rings ------------------------------------------------------------
 */

static u32 *slot_of(const struct netring *r, u32 index, u32 words)
{
    return r->word + FIRST_SLOT + index % NETRING_SLOTS * words;
}

void netring_close(struct netring *r, enum netring_error why)
{
    if (r->lie == NETRING_OK) {
        r->lie = why;
    }
}

bool netring_attach(struct netring *r, u32 *page)
{
    const u32 answered = atomic_load32(page + RSP_PROD);
    *r = (struct netring){ .word = page,
                           .req_cons = answered,
                           .rsp_pvt = answered,
                           .rsp_sent = answered,
                           .lie = NETRING_OK };
    (void)netring_waiting(r);
    return r->lie == NETRING_OK;
}

u32 netring_waiting(struct netring *r)
{
    if (r->lie != NETRING_OK) {
        return 0;
    }
    const u32 waiting = atomic_load32(r->word + REQ_PROD) - r->req_cons;
    const u32 taken = r->req_cons - r->rsp_pvt;
    if (waiting > NETRING_SLOTS - taken) {
        netring_close(r, NETRING_REQUESTS);
        return 0;
    }
    return waiting;
}

bool netring_arm(struct netring *r)
{
    if (r->lie != NETRING_OK) {
        return false;
    }
    /* The exchange is a full barrier: whoever writes a request after it sees
     * the new threshold, and what was written before it is seen below. */
    (void)atomic_swap32(r->word + REQ_EVENT, r->req_cons + 1);
    return netring_waiting(r) != 0;
}

bool netring_push(struct netring *r)
{
    const u32 old = r->rsp_sent;
    const u32 now = r->rsp_pvt;
    if (old == now || r->lie != NETRING_OK) {
        return false;
    }
    (void)atomic_swap32(r->word + RSP_PROD, now);
    r->rsp_sent = now;
    return now - atomic_load32(r->word + RSP_EVENT) < now - old;
}

/* ---- tx: what the other end sends ------------------------------------------
 */

static struct tx_slot tx_fetch(const struct netring *r, u32 index)
{
    const u32 *w = slot_of(r, index, TX_WORDS);
    const u32 first = atomic_load32(w);
    const u32 second = atomic_load32(w + 1);
    const u32 third = atomic_load32(w + 2);
    return (struct tx_slot){ .ref = first,
                             .offset = (u16)second,
                             .flags = (u16)(second >> 16),
                             .id = (u16)third,
                             .bytes = (u16)(third >> 16) };
}

static struct extra extra_fetch(const struct netring *r, u32 index)
{
    const u32 *w = slot_of(r, index, TX_WORDS);
    const u32 first = atomic_load32(w);
    const u32 second = atomic_load32(w + 1);
    return (struct extra){ .type = (u8)first,
                           .more = (first >> 8 & EXTRA_MORE) != 0,
                           .gso_bytes = (u16)(first >> 16),
                           .gso_type = (u8)second };
}

static void drop(struct netpacket *p, enum netring_error why)
{
    if (p->error == NETRING_OK) {
        p->error = why;
    }
}

static enum netring_error take_gso(struct netpacket *p, const struct extra *e,
                                   u32 offered)
{
    if (e->gso_type != NETRING_GSO_TCP4 && e->gso_type != NETRING_GSO_TCP6) {
        return NETRING_GSO_TYPE;
    }
    if (e->gso_bytes == 0) {
        return NETRING_GSO_SIZE;
    }
    if ((offered >> e->gso_type & 1) == 0) {
        drop(p, NETRING_GSO_UNASKED);
    }
    p->gso_type = e->gso_type;
    p->gso_bytes = e->gso_bytes;
    return NETRING_OK;
}

/* The extra infos behind the first slot, *waiting slots at most. Each type may
 * come once, so there are fewer than EXTRA_END. */
static enum netring_error take_extras(const struct netring *r,
                                      struct netpacket *p, u32 waiting,
                                      u32 offered)
{
    u32 seen = 0;
    bool more = true;
    while (more) {
        if (p->slots == waiting) {
            return NETRING_EXTRA_MISSING;
        }
        const struct extra e = extra_fetch(r, r->req_cons + p->slots);
        if (e.type == 0 || e.type >= EXTRA_END) {
            return NETRING_EXTRA_TYPE;
        }
        if ((seen >> e.type & 1) != 0) {
            return NETRING_EXTRA_TWICE;
        }
        seen |= 1u << e.type;
        p->slots++;
        p->frag[0].extras++;
        more = e.more;
        if (e.type != EXTRA_GSO) {
            drop(p, NETRING_EXTRA_UNASKED);
            continue;
        }
        const enum netring_error wrong = take_gso(p, &e, offered);
        if (wrong != NETRING_OK) {
            return wrong;
        }
    }
    return NETRING_OK;
}

/* One more fragment, of which the slot is s; rest is what the packet has left
 * for the first one. */
static enum netring_error add_fragment(struct netpacket *p,
                                       const struct tx_slot *s, u32 *rest)
{
    if (p->frags == NETRING_FRAGMENTS_LIE) {
        return NETRING_FRAGMENTS_FAR;
    }
    if ((u32)s->offset + s->bytes > PAGE_BYTES) {
        return NETRING_PAGE;
    }
    if ((s->flags & ~FLAGS_DEFINED) != 0) {
        drop(p, NETRING_FLAGS);
    }
    if (s->bytes > *rest) {
        drop(p, NETRING_FRAGMENT_BYTES);
    } else {
        *rest -= s->bytes;
    }
    p->frag[p->frags] = (struct netfrag){
        .ref = s->ref, .offset = s->offset, .bytes = s->bytes, .id = s->id
    };
    p->frags++;
    return NETRING_OK;
}

/* The fragments behind the first; its own bytes are what they leave. */
static enum netring_error take_fragments(const struct netring *r,
                                         struct netpacket *p, u32 waiting,
                                         bool more)
{
    u32 rest = p->bytes;
    while (more) {
        if (p->slots == waiting) {
            return NETRING_MORE_MISSING;
        }
        const struct tx_slot s = tx_fetch(r, r->req_cons + p->slots);
        const enum netring_error wrong = add_fragment(p, &s, &rest);
        if (wrong != NETRING_OK) {
            return wrong;
        }
        p->slots++;
        more = (s.flags & NETTX_MORE) != 0;
    }
    if (p->frags > NETRING_FRAGMENTS_MAX) {
        drop(p, NETRING_FRAGMENTS);
    }
    /* Of a packet that is dropped nobody looks at the bytes. */
    if (p->error == NETRING_OK && p->frag[0].offset + rest > PAGE_BYTES) {
        return NETRING_PAGE;
    }
    p->frag[0].bytes = (u16)rest;
    return NETRING_OK;
}

static enum netring_error take_packet(const struct netring *r, u32 waiting,
                                      u32 offered, struct netpacket *p)
{
    const struct tx_slot s = tx_fetch(r, r->req_cons);
    p->error = NETRING_OK;
    p->slots = 1;
    p->frags = 1;
    p->bytes = s.bytes;
    p->flags = s.flags & (NETTX_CSUM_BLANK | NETTX_VALIDATED);
    p->gso_bytes = 0;
    p->gso_type = 0;
    p->frag[0] =
        (struct netfrag){ .ref = s.ref, .offset = s.offset, .id = s.id };
    if ((s.flags & ~FLAGS_DEFINED) != 0) {
        drop(p, NETRING_FLAGS);
    }
    if (s.bytes < NETRING_HEADER_BYTES) {
        drop(p, NETRING_SHORT);
    }
    enum netring_error wrong = NETRING_OK;
    if ((s.flags & NETTX_EXTRA) != 0) {
        wrong = take_extras(r, p, waiting, offered);
    }
    if (wrong == NETRING_OK) {
        wrong = take_fragments(r, p, waiting, (s.flags & NETTX_MORE) != 0);
    }
    if (p->gso_bytes != 0 && (p->flags & NETTX_CSUM_BLANK) == 0) {
        drop(p, NETRING_GSO_BLANK);
    }
    return wrong;
}

enum nettx_result nettx_take(struct netring *r, u32 offered,
                             struct netpacket *p)
{
    const u32 waiting = netring_waiting(r);
    if (r->lie != NETRING_OK) {
        return NETTX_CLOSED;
    }
    if (waiting == 0) {
        return NETTX_NONE;
    }
    const enum netring_error wrong = take_packet(r, waiting, offered, p);
    if (wrong != NETRING_OK) {
        netring_close(r, wrong);
        return NETTX_CLOSED;
    }
    r->req_cons += p->slots;
    return NETTX_PACKET;
}

static void tx_answer(struct netring *r, u16 id, s32 status)
{
    u32 *w = slot_of(r, r->rsp_pvt, TX_WORDS);
    atomic_store32(w, (u32)id | (u32)(u16)(s16)status << 16);
    r->rsp_pvt++;
}

void nettx_answer(struct netring *r, const struct netpacket *p, s32 status)
{
    for (u32 i = 0; i < p->frags; i++) {
        tx_answer(r, p->frag[i].id, status);
        for (u32 k = 0; k < p->frag[i].extras; k++) {
            tx_answer(r, 0, NET_NULL);
        }
    }
}

/* ---- rx: what the other end receives ---------------------------------------
 */

struct netrx_slot netrx_take(struct netring *r)
{
    const u32 *w = slot_of(r, r->req_cons, RX_WORDS);
    const u32 id = atomic_load32(w);
    const u32 ref = atomic_load32(w + 1);
    r->req_cons++;
    return (struct netrx_slot){ .ref = ref, .id = (u16)id };
}

static void rx_store(struct netring *r, u32 first, u32 second)
{
    u32 *w = slot_of(r, r->rsp_pvt, RX_WORDS);
    atomic_store32(w, first);
    atomic_store32(w + 1, second);
    r->rsp_pvt++;
}

void netrx_answer(struct netring *r, u16 id, u16 flags, s32 status)
{
    rx_store(r, id, (u32)flags | (u32)(u16)(s16)status << 16);
}

void netrx_answer_gso(struct netring *r, u8 type, u16 bytes)
{
    rx_store(r, EXTRA_GSO | (u32)bytes << 16, type);
}
