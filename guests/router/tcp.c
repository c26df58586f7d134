/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows and resets of TCP.
 *
 * TCP is followed as van Rooij describes it ("Real stateful TCP packet
 * filtering in IP Filter", 2001): of each side the highest sequence number
 * sent, the highest that the other has had room for, and the largest window
 * offered. A packet is in place when what it carries ends below the limit and
 * not further back than a window, and what it acknowledges has been sent.
 * Resets must be where the sender is, or where it was acknowledged.
 *
 * Of a flow that was met in the middle (pickup.c) scales and limits are not
 * known: its numbers must be near those that were seen.
 */
#include "guests/router/tcp.h"

#define SECOND_NS 1000000000ull
#define TCP_OPENING_NS (60 * SECOND_NS)
#define TCP_ESTABLISHED_NS (86400 * SECOND_NS)
#define TCP_CLOSING_NS (900 * SECOND_NS)
#define TCP_CLOSED_NS (10 * SECOND_NS)
#define NEAR (1u << 30)   /* the largest window there is */
#define ACK_BEHIND 67000u /* of an old acknowledgement, besides windows */

static bool not_after(u32 a, u32 b)
{
    return (s32)(a - b) <= 0;
}

static u32 tcp_end(const struct packet *p)
{
    return p->tcp_seq + p->tcp_bytes + ((p->tcp_flags & TCP_SYN) != 0 ? 1 : 0) +
           ((p->tcp_flags & TCP_FIN) != 0 ? 1 : 0);
}

/* The window a packet offers. It is scaled when both sides can do that, and
 * never in a SYN. */
static u32 tcp_window(const struct state *st, const struct state_side *from,
                      const struct packet *p)
{
    const bool is_scaled = st->side[0].scale != TCP_NO_SCALE &&
                           st->side[1].scale != TCP_NO_SCALE &&
                           (p->tcp_flags & TCP_SYN) == 0;

    return is_scaled ? (u32)p->tcp_window << from->scale : p->tcp_window;
}

/* The first packet of the answering side. */
static enum drop check_answer(const struct state_side *to,
                              const struct packet *p)
{
    if ((p->tcp_flags & TCP_ACK) == 0) {
        /* Both begin at once; anything else is no answer. */
        return (p->tcp_flags & TCP_SYN) != 0 ? DROP_NONE : DROP_TCP_WINDOW;
    }
    /* Data in a SYN need not be acknowledged with it. */
    if (!not_after(p->tcp_ack, to->end) ||
        !not_after(to->acked + 1, p->tcp_ack)) {
        return (p->tcp_flags & TCP_RST) != 0 ? DROP_TCP_RESET : DROP_TCP_WINDOW;
    }
    return (p->tcp_flags & (TCP_SYN | TCP_RST)) != 0 ? DROP_NONE
                                                     : DROP_TCP_WINDOW;
}

static bool is_near(u32 a, u32 b)
{
    return a - b <= NEAR || b - a <= NEAR;
}

/* Of a flow that was met in the middle. */
static enum drop check_loose(const struct state_side *from,
                             const struct state_side *to,
                             const struct packet *p)
{
    const u8 way = p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK);
    const bool has_ack = (way & TCP_ACK) != 0;

    if ((way & TCP_SYN) != 0 || way == 0 || !is_near(tcp_end(p), from->end) ||
        (has_ack && !is_near(p->tcp_ack, to->end))) {
        return (way & TCP_RST) != 0 ? DROP_TCP_RESET : DROP_TCP_WINDOW;
    }
    return DROP_NONE;
}

enum drop tcp_check(const struct state *st, const struct packet *p, bool is_out)
{
    const struct state_side *const from = &st->side[is_out ? 0 : 1];
    const struct state_side *const to = &st->side[is_out ? 1 : 0];
    const u8 opening = p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST);
    const u32 end = tcp_end(p);

    if (st->is_loose) {
        return check_loose(from, to, p);
    }
    if (!from->is_seen) {
        return check_answer(to, p);
    }
    if ((p->tcp_flags & TCP_RST) != 0) {
        return not_after(from->acked, p->tcp_seq) &&
                       not_after(p->tcp_seq, from->end)
                   ? DROP_NONE
                   : DROP_TCP_RESET;
    }
    /* A SYN that nobody has answered may begin anew. */
    if (!to->is_seen) {
        return opening == TCP_SYN ? DROP_NONE : DROP_TCP_WINDOW;
    }
    if (!not_after(end, from->limit) ||
        !not_after(from->end - to->window - 1, end)) {
        return DROP_TCP_WINDOW;
    }
    if ((p->tcp_flags & TCP_ACK) == 0) {
        return opening == TCP_SYN && end == from->end ? DROP_NONE
                                                      : DROP_TCP_WINDOW;
    }
    /* A packet that others have overtaken may lag by more than a window. */
    const u32 behind = 2 * from->window + ACK_BEHIND;
    return not_after(p->tcp_ack, to->end) && to->end - p->tcp_ack <= behind
               ? DROP_NONE
               : DROP_TCP_WINDOW;
}

static void begin_side(struct state_side *side, const struct packet *p)
{
    side->is_seen = true;
    side->end = tcp_end(p);
    side->acked = p->tcp_seq;
    side->scale = p->tcp_scale;
    side->window = p->tcp_window > 0 ? p->tcp_window : 1;
}

static void update_phase(struct state *st, const struct packet *p)
{
    const bool has_fin[2] = { st->side[0].has_fin, st->side[1].has_fin };

    if ((p->tcp_flags & TCP_RST) != 0 || (has_fin[0] && has_fin[1])) {
        st->phase = PHASE_CLOSED;
    } else if (has_fin[0] || has_fin[1]) {
        st->phase = PHASE_CLOSING;
    } else if (st->side[0].is_seen && st->side[1].is_seen &&
               (p->tcp_flags & TCP_ACK) != 0) {
        st->phase = PHASE_ESTABLISHED;
    }
}

void tcp_update(struct state *st, const struct packet *p, bool is_out,
                u64 now_ns)
{
    static const u64 lasts[] = { TCP_OPENING_NS, TCP_ESTABLISHED_NS,
                                 TCP_CLOSING_NS, TCP_CLOSED_NS };
    struct state_side *const from = &st->side[is_out ? 0 : 1];
    struct state_side *const to = &st->side[is_out ? 1 : 0];
    const u32 end = tcp_end(p);

    if (st->is_loose) {
        from->is_seen = true;
    } else if (!from->is_seen || !to->is_seen) {
        begin_side(from, p);
        from->limit = end + (to->is_seen ? to->window : 0);
    }
    const u32 offered = tcp_window(st, from, p);
    const u32 window = offered > 0 ? offered : 1;
    if (!not_after(end, from->end)) {
        from->end = end;
    }
    if (window > from->window) {
        from->window = window;
    }
    if ((p->tcp_flags & TCP_ACK) != 0) {
        if (st->is_loose && !not_after(p->tcp_ack, to->end)) {
            to->end = p->tcp_ack; /* sent before we were there */
        }
        if (!not_after(p->tcp_ack, to->acked)) {
            to->acked = p->tcp_ack;
        }
        if (!not_after(p->tcp_ack + window, to->limit)) {
            to->limit = p->tcp_ack + window;
        }
    }
    from->has_fin = from->has_fin || (p->tcp_flags & TCP_FIN) != 0;
    update_phase(st, p);
    if (!st->is_unasked) {
        st->expires_ns = now_ns + lasts[st->phase];
    }
}

void tcp_loosen(struct state *st, const struct packet *p, bool is_out,
                u64 now_ns)
{
    struct state_side *const from = &st->side[is_out ? 0 : 1];
    struct state_side *const to = &st->side[is_out ? 1 : 0];

    begin_side(from, p);
    *to = (struct state_side){ .end = p->tcp_ack,
                               .acked = p->tcp_ack,
                               .window = 1 };
    st->is_loose = true;
    tcp_update(st, p, is_out, now_ns);
}

bool tcp_has_sent(const struct state *st, u32 seq, bool is_out)
{
    const struct state_side *const from = &st->side[is_out ? 0 : 1];
    const struct state_side *const to = &st->side[is_out ? 1 : 0];

    if (st->is_loose) {
        return from->is_seen && is_near(seq, from->end);
    }
    return from->is_seen && not_after(seq, from->end) &&
           not_after(from->end - to->window - ACK_BEHIND, seq);
}
