/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Honest TCP through the filter: two ends send each other data over a line
 * that loses, delays and reorders, before the filter and behind it, with
 * windows that open, close and are scaled. The filter may drop what is of no
 * use to the receiver any more, and nothing else; every transfer ends, both
 * ends close.
 */
#include "tests/frames.h"
#include "tests/pf_fixture.h"
#include "tests/pfgen.h"

#define LINE 64u /* packets under way, each way and part */

struct end {
    u32 isn;
    u32 una; /* sent and not acknowledged from here */
    u32 next;
    u32 most; /* highest that was ever sent */
    u32 last; /* where its data end; FIN stands there */
    u32 edge; /* the other has room up to here */
    u32 seen; /* received in order up to here */
    u32 room; /* offered up to here */
    u8 scale;
    u8 other_scale;
    bool is_open;
    bool has_fin; /* the other's FIN was received */
    u32 window;   /* largest that the other has offered */
    u32 idle;
};

struct line {
    struct packet p[LINE];
    u32 count;
};

struct sim {
    struct fixture x;
    struct pfgen g;
    struct end end[2];
    struct line line[2][2]; /* by sender; before the filter, behind it */
    u64 now;
    u32 dropped;
    bool is_reordered;
    u32 restarts; /* of the router, a transfer */
};

static bool not_after(u32 a, u32 b)
{
    return (s32)(a - b) <= 0;
}

static void put(struct sim *s, struct line *l, const struct packet *p)
{
    if (l->count == LINE || gen(&s->g, 20) == 0) {
        return; /* lost */
    }
    l->p[l->count++] = *p;
}

static bool take(struct sim *s, struct line *l, struct packet *p)
{
    if (l->count == 0) {
        return false;
    }
    const u32 at =
        s->is_reordered && gen(&s->g, 4) == 0 ? gen(&s->g, l->count) : 0;
    *p = l->p[at];
    l->count--;
    memmove(&l->p[at], &l->p[at + 1], (l->count - at) * sizeof(*p));
    return true;
}

/* What is offered never shrinks, and is a multiple of the scale. */
static u32 offer(struct sim *s, struct end *e)
{
    const u32 buffer = gen(&s->g, 5) == 0 ? 0 : gen(&s->g, 60000);
    const u32 least = e->room - e->seen;
    const u32 want = buffer > least ? buffer : least;
    const u32 units = (want + (1u << e->scale) - 1) >> e->scale;
    const u32 field = units > 65535 ? 65535 : units;

    e->room = e->seen + (field << e->scale);
    return field;
}

static void emit(struct sim *s, u32 from, u8 flags, u32 seq, u32 bytes)
{
    struct end *const e = &s->end[from];
    struct packet p = {
        .type = ETH_IP4,
        .flow = { .from = { 0, 0x0a000002u + from },
                  .to = { 0, 0x0a000003u - from },
                  .from_port = from == 0 ? 40000 : 80,
                  .to_port = from == 0 ? 80 : 40000,
                  .proto = IP_TCP },
        .tcp_flags = flags,
        .tcp_seq = seq,
        .tcp_ack = (flags & TCP_ACK) != 0 ? e->seen : 0,
        .tcp_bytes = bytes,
        .tcp_scale = TCP_NO_SCALE,
    };
    const u32 end = seq + bytes + ((flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);

    if ((flags & TCP_SYN) != 0) {
        p.tcp_scale = e->scale;
        p.tcp_window = 10000;
        e->room = e->seen + 10000;
    } else {
        p.tcp_window = (u16)offer(s, e);
    }
    if (!not_after(end, e->most)) {
        e->most = end;
    }
    put(s, &s->line[from][0], &p);
}

/* As much as the window lets, or, after a silence, from the front again. */
static void talk(struct sim *s, u32 from)
{
    struct end *const e = &s->end[from];

    if (e->una == e->isn) { /* nobody has answered yet */
        if (from == 0 || e->is_open) {
            emit(s, from, from == 0 ? TCP_SYN : TCP_SYN | TCP_ACK, e->isn, 0);
        }
        return;
    }
    if (++e->idle > 40) {
        e->idle = 0;
        e->next = e->una;
        if (e->next == e->edge) { /* is there room by now? */
            emit(s, from, TCP_ACK, e->una - 1, 0);
            return;
        }
    }
    const u32 data = e->last - e->next;
    const u32 room = e->edge - e->next;
    u32 bytes = 1 + gen(&s->g, 3000);
    bytes = bytes < room ? bytes : room;
    if (not_after(e->next, e->last - 1) && bytes > 0 && room < 0x80000000u) {
        bytes = bytes < data ? bytes : data;
        emit(s, from, TCP_ACK, e->next, bytes);
        e->next += bytes;
    } else if (e->next == e->last && room > 0 && room < 0x80000000u) {
        emit(s, from, TCP_FIN | TCP_ACK, e->last, 0);
        e->next++;
    }
}

static void hear(struct sim *s, u32 to, const struct packet *p)
{
    struct end *const e = &s->end[to];
    const u32 window = (p->tcp_flags & TCP_SYN) != 0
                           ? p->tcp_window
                           : (u32)p->tcp_window << e->other_scale;
    const bool has_end = (p->tcp_flags & (TCP_SYN | TCP_FIN)) != 0;
    const u32 end = p->tcp_seq + p->tcp_bytes + (has_end ? 1 : 0);

    e->window = window > e->window ? window : e->window;
    if ((p->tcp_flags & TCP_SYN) != 0 && !e->is_open) {
        e->is_open = true;
        e->seen = end;
        e->edge = e->isn + 1;
    }
    if (!e->is_open) {
        return;
    }
    if ((p->tcp_flags & TCP_ACK) != 0) {
        if (!not_after(p->tcp_ack, e->una)) {
            e->una = p->tcp_ack;
            e->idle = 0;
            e->next = not_after(e->next, e->una) ? e->una : e->next;
        }
        if (!not_after(p->tcp_ack + window, e->edge)) {
            e->edge = p->tcp_ack + window;
        }
    }
    if (not_after(p->tcp_seq, e->seen) && !not_after(end, e->seen)) {
        e->seen = end;
        e->has_fin = e->has_fin || (p->tcp_flags & TCP_FIN) != 0;
    }
    if (p->tcp_bytes != 0 || has_end || end != e->seen) {
        if (e->una != e->isn) {
            emit(s, to, TCP_ACK, e->next, 0);
        }
    }
}

/* Would the receiver have any use for it? Behind its window an acknowledgement
 * spoils all of the packet [RFC 5961 5.2]. */
static bool is_useless(const struct end *e, const struct packet *p)
{
    const bool has_end = (p->tcp_flags & (TCP_SYN | TCP_FIN)) != 0;
    const u32 end = p->tcp_seq + p->tcp_bytes + (has_end ? 1 : 0);
    const bool has_ack = (p->tcp_flags & TCP_ACK) != 0;

    if (!e->is_open) {
        return false;
    }
    if (has_ack && not_after(p->tcp_ack, e->una - e->window - 1)) {
        return true;
    }
    return not_after(end, e->seen) &&
           (!has_ack || not_after(p->tcp_ack, e->una));
}

static void step(struct sim *s)
{
    for (u32 from = 0; from < 2; from++) {
        struct packet p;
        struct filter_answer a;
        talk(s, from);
        for (u32 n = gen(&s->g, 4); n > 0; n--) {
            if (!take(s, &s->line[from][0], &p)) {
                break;
            }
            if (filter_pass(s->x.f, from, 1 - from, &p, s->now, &a)) {
                put(s, &s->line[from][1], &p);
                continue;
            }
            s->dropped++;
            if (!is_useless(&s->end[1 - from], &p)) {
                fail_msg("%s: flags %x seq %u bytes %u ack %u window %u",
                         drop_word(a.drop), p.tcp_flags, p.tcp_seq, p.tcp_bytes,
                         p.tcp_ack, p.tcp_window);
            }
        }
        for (u32 n = gen(&s->g, 4); n > 0; n--) {
            if (take(s, &s->line[from][1], &p)) {
                hear(s, 1 - from, &p);
            }
        }
    }
    s->now += 1000000;
}

/* All flows are forgotten; both tenants were connected to the last router. */
static void restart(struct sim *s)
{
    for (u32 i = 0; i < 2; i++) {
        states_init(s->x.states[i], i);
        filter_attach(s->x.f, i, s->x.states[i]);
        filter_resume(s->x.f, i, s->now);
    }
}

/* Has the handshake come to its end? Before, a SYN is sent again. */
static bool is_begun(const struct sim *s)
{
    return s->end[0].una != s->end[0].isn && s->end[1].una != s->end[1].isn;
}

static bool is_done(const struct sim *s)
{
    return s->end[0].has_fin && s->end[1].has_fin &&
           s->end[0].una == s->end[0].last + 1 &&
           s->end[1].una == s->end[1].last + 1;
}

static void run(struct sim *s)
{
    const u32 scale = gen(&s->g, 3);

    for (u32 i = 0; i < 2; i++) {
        struct end *const e = &s->end[i];
        *e = (struct end){ .isn = gen(&s->g, U32_MAX),
                           .scale = (u8)(scale == 0 ? 0 : gen(&s->g, 8)) };
        e->una = e->isn;
        e->next = e->isn + 1;
        e->most = e->isn + 1;
        e->last = e->isn + 1 + gen(&s->g, 300000);
        s->line[i][0].count = 0;
        s->line[i][1].count = 0;
    }
    s->end[0].other_scale = s->end[1].scale;
    s->end[1].other_scale = s->end[0].scale;
    u32 left = s->restarts;
    for (u32 i = 0; !is_done(s); i++) {
        if (left != 0 && is_begun(s) && gen(&s->g, 100) == 0) {
            restart(s);
            left--;
        }
        if (i == 200000) {
            fail_msg("the transfer does not end: %u %u, %u %u",
                     s->end[0].last - s->end[0].una, s->end[0].has_fin,
                     s->end[1].last - s->end[1].una, s->end[1].has_fin);
        }
        step(s);
    }
    s->now += 20000000000ull; /* closed flows are over */
}

static void test_honest_tcp_passes(void **state)
{
    static struct sim s;

    (void)state;
    s.g.seed = 20;
    s.now = 1;
    fix_tenant(&s.x, "web", "bridge=b,mac=00:16:3e:00:00:02,ip=10.0.0.2",
               "'pass out proto tcp'");
    fix_tenant(&s.x, "db", "bridge=b,mac=00:16:3e:00:00:03,ip=10.0.0.3",
               "'pass in proto tcp'");
    fix_begin(&s.x);
    for (u32 i = 0; i < 60; i++) {
        s.is_reordered = i % 2 != 0;
        run(&s);
    }
    print_message("%u packets of no use dropped\n", s.dropped);
    /* A router that ends in the middle of it costs no useful packet. */
    s.restarts = 3;
    for (u32 i = 0; i < 60; i++) {
        s.is_reordered = i % 2 != 0;
        run(&s);
    }
    fix_end(&s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_tcp_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
