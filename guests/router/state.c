/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of flows: see state.h. Entries are chained by hash; free ones are a
 * list; a hand goes round and frees what has expired, an entry with each new
 * flow, and all of them now and then when there is no room.
 */
#include "guests/router/state.h"

#include "guests/router/tcp.h"

#define SECOND_NS 1000000000ull
#define UDP_NS (60 * SECOND_NS)
#define ICMP_NS (10 * SECOND_NS)
#define SWEEP_NS (SECOND_NS / 10)

/* ---- the table ---- */

static u32 hash_flow(const struct states *states, struct addr mine,
                     struct addr other, u32 ports, u8 proto)
{
    u64 h = states->secret ^ ports;

    h = (h ^ mine.low) * 0x9e3779b97f4a7c15ull;
    h = (h ^ h >> 29 ^ other.low) * 0xbf58476d1ce4e5b9ull;
    if ((mine.high | other.high) != 0) {
        h = (h ^ h >> 31 ^ mine.high) * 0x94d049bb133111ebull;
        h = (h ^ h >> 30 ^ other.high) * 0x9e3779b97f4a7c15ull;
    }
    h = (h ^ h >> 32 ^ proto) * 0xd6e8feb86659fd93ull;
    return (u32)(h >> 40) % STATES_MAX;
}

static u32 hash_state(const struct states *states, const struct state *st)
{
    return hash_flow(states, st->mine, st->other,
                     (u32)st->my_port << 16 | st->other_port, st->proto);
}

void states_init(struct states *states, u64 secret)
{
    states->secret = secret;
    states->generation = 0;
    states->count = 0;
    states->free = 0;
    states->hand = 0;
    states->sweep_ns = 0;
    states->packets_until_ns = 0;
    states->answers_until_ns = 0;
    states->unasked = 0;
    for (u32 i = 0; i < STATES_MAX; i++) {
        states->head[i] = STATE_NONE;
        states->state[i].is_used = false;
        states->state[i].next =
            i + 1 < STATES_MAX ? (u16)(i + 1) : (u16)STATE_NONE;
    }
    for (u32 i = 0; i < STATE_PEERS; i++) {
        states->peer_count[i] = 0;
    }
    for (u32 i = 0; i < RULES_MAX; i++) {
        states->rule_count[i] = 0;
    }
}

void states_renew(struct states *states, u32 generation)
{
    states->generation = generation;
    for (u32 i = 0; i < RULES_MAX; i++) {
        states->rule_count[i] = 0;
    }
}

static u16 index_of(const struct states *states, const struct state *st)
{
    return (u16)(st - states->state);
}

void states_remove(struct states *states, struct state *st)
{
    const u16 idx = index_of(states, st);
    u16 *link = &states->head[hash_state(states, st)];

    for (u32 i = 0; i < STATES_MAX && *link != idx; i++) {
        link = &states->state[*link].next;
    }
    *link = st->next;
    st->is_used = false;
    st->next = states->free;
    states->free = idx;
    states->count--;
    states->unasked -= st->is_unasked ? 1 : 0;
    if (!st->is_out) {
        states->peer_count[st->peer % STATE_PEERS]--;
    }
    if (st->generation == states->generation) {
        states->rule_count[st->rule]--;
    }
}

void states_bind(struct states *states, struct state *st, u16 rule)
{
    if (st->generation == states->generation) {
        states->rule_count[st->rule]--;
    }
    st->generation = states->generation;
    st->rule = rule;
    states->rule_count[rule]++;
}

void states_forget(struct states *states, u16 peer)
{
    for (u32 i = 0; i < STATES_MAX; i++) {
        struct state *const st = &states->state[i];
        if (st->is_used && st->peer == peer) {
            states_remove(states, st);
        }
    }
}

/* The hand goes on by `steps`; is_full: closed flows make room, too. */
static void sweep(struct states *states, u32 steps, bool is_full, u64 now_ns)
{
    for (u32 i = 0; i < steps; i++) {
        struct state *const st = &states->state[states->hand];
        const bool is_over =
            st->expires_ns <= now_ns || (is_full && st->phase == PHASE_CLOSED);
        states->hand = (u16)((states->hand + 1u) % STATES_MAX);
        if (st->is_used && is_over) {
            states_remove(states, st);
        }
    }
}

/* At most ten times a second: it takes a while. */
void states_sweep(struct states *states, u64 now_ns)
{
    if (now_ns >= states->sweep_ns) {
        states->sweep_ns = now_ns + SWEEP_NS;
        sweep(states, STATES_MAX, true, now_ns);
    }
}

/* What answers a query of this type, or 0xff. */
static u8 answer_type(u8 proto, u8 type)
{
    if (proto == IP_ICMP6) {
        return type == 128 ? 129 : 0xff;
    }
    switch (type) {
    case 8:
        return 0;
    case 13:
    case 15:
    case 17:
        return (u8)(type + 1);
    default:
        return 0xff;
    }
}

/* Two flows of ICMP may differ in their type alone. */
static bool type_fits(const struct state *st, const struct packet *p,
                      bool is_out)
{
    if (st->proto != IP_ICMP && st->proto != IP_ICMP6) {
        return true;
    }
    if (is_out == st->is_out) {
        return p->icmp_type == st->icmp_type;
    }
    return p->icmp_type == answer_type(st->proto, st->icmp_type);
}

/* Of a flow as it is sent by the interface (is_out), or to it. p: whose ICMP
 * type has to fit, or NULL. */
static struct state *find(struct states *states, const struct flow *flow,
                          const struct packet *p, bool is_out, u64 now_ns)
{
    const struct addr mine = is_out ? flow->from : flow->to;
    const struct addr other = is_out ? flow->to : flow->from;
    const u16 my_port = is_out ? flow->from_port : flow->to_port;
    const u16 other_port = is_out ? flow->to_port : flow->from_port;
    u16 idx = states->head[hash_flow(
        states, mine, other, (u32)my_port << 16 | other_port, flow->proto)];

    for (u32 i = 0; i < STATES_MAX && idx != STATE_NONE; i++) {
        struct state *const st = &states->state[idx];
        idx = st->next;
        if (addr_equal(st->mine, mine) && addr_equal(st->other, other) &&
            st->my_port == my_port && st->other_port == other_port &&
            st->proto == flow->proto && st->is_ip6 == flow->is_ip6 &&
            (p == NULL || type_fits(st, p, is_out))) {
            if (st->expires_ns > now_ns) {
                return st;
            }
            states_remove(states, st);
            return NULL;
        }
    }
    return NULL;
}

struct state *states_find(struct states *states, const struct packet *p,
                          bool is_out, u64 now_ns)
{
    struct state *const st = find(states, &p->flow, p, is_out, now_ns);
    const u8 opening = p->tcp_flags & (TCP_SYN | TCP_ACK);

    /* Ports may be used again once a connection is closed. Of one that was met
     * in the middle the end may have been missed, too. */
    if (st != NULL && st->proto == IP_TCP && opening == TCP_SYN &&
        (st->phase == PHASE_CLOSED || (st->is_loose && is_out == st->is_out))) {
        states_remove(states, st);
        return NULL;
    }
    return st;
}

/* ---- any protocol ---- */

enum drop state_check(const struct state *st, const struct packet *p,
                      bool is_out)
{
    return st->proto == IP_TCP ? tcp_check(st, p, is_out) : DROP_NONE;
}

void state_update(struct state *st, const struct packet *p, bool is_out,
                  u64 now_ns)
{
    const bool is_icmp = st->proto == IP_ICMP || st->proto == IP_ICMP6;

    if (st->proto == IP_TCP) {
        tcp_update(st, p, is_out, now_ns);
        return;
    }
    if (is_out != st->is_out) {
        st->phase = PHASE_ESTABLISHED;
    }
    st->expires_ns = now_ns + (is_icmp ? ICMP_NS : UDP_NS);
}

struct state *states_find_inner(struct states *states, const struct packet *p,
                                bool is_out, u64 now_ns)
{
    struct state *const st = find(states, &p->inner, NULL, is_out, now_ns);

    /* What is quoted must have been sent, and not long ago. */
    return st == NULL || st->proto != IP_TCP ||
                   tcp_has_sent(st, p->inner_seq, is_out)
               ? st
               : NULL;
}

enum drop states_room(struct states *states, const struct packet *p,
                      bool is_out, u16 peer, u16 rule, u32 max, u64 now_ns)
{
    const bool is_tcp = p->flow.proto == IP_TCP;
    const u8 opening = p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST);

    if (is_tcp && opening != TCP_SYN) {
        return DROP_TCP_NEW;
    }
    sweep(states, 1, false, now_ns);
    if (max != 0 && states->rule_count[rule] >= max) {
        states_sweep(states, now_ns);
        if (states->rule_count[rule] >= max) {
            return DROP_STATE_MAX;
        }
    }
    if (!is_out && states->peer_count[peer % STATE_PEERS] >= STATES_MAX / 2) {
        states_sweep(states, now_ns);
        if (states->peer_count[peer % STATE_PEERS] >= STATES_MAX / 2) {
            return DROP_STATE_PEER;
        }
    }
    if (states->free == STATE_NONE) {
        states_sweep(states, now_ns);
    }
    return states->free == STATE_NONE ? DROP_STATE_FULL : DROP_NONE;
}

struct state *states_add(struct states *states, const struct packet *p,
                         bool is_out, u16 peer, u16 rule, u64 now_ns)
{
    const u16 idx = states->free;

    if (idx == STATE_NONE) {
        return NULL;
    }
    struct state *const st = &states->state[idx];
    states->free = st->next;
    states->count++;
    *st = (struct state){
        .mine = is_out ? p->flow.from : p->flow.to,
        .other = is_out ? p->flow.to : p->flow.from,
        .my_port = is_out ? p->flow.from_port : p->flow.to_port,
        .other_port = is_out ? p->flow.to_port : p->flow.from_port,
        .rule = rule,
        .generation = states->generation,
        .peer = peer,
        .proto = p->flow.proto,
        .phase = PHASE_OPENING,
        .is_ip6 = p->flow.is_ip6,
        .is_out = is_out,
        .is_used = true,
        .icmp_type = p->icmp_type,
        .icmp_code = p->icmp_code,
        .side = { { .scale = TCP_NO_SCALE }, { .scale = TCP_NO_SCALE } },
    };
    u16 *const head = &states->head[hash_state(states, st)];
    st->next = *head;
    *head = idx;
    states->rule_count[rule]++;
    if (!is_out) {
        states->peer_count[peer % STATE_PEERS]++;
    }
    state_update(st, p, is_out, now_ns);
    return st;
}

void states_resume(struct states *states, u64 now_ns)
{
    states->packets_until_ns = now_ns + PICKUP_PACKETS_NS;
    states->answers_until_ns = now_ns + PICKUP_ANSWERS_NS;
}
