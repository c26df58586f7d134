/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: see filter.h. A packet is asked about on both sides first, which
 * changes nothing but what has expired; when both pass it, both are updated.
 */
#include "guests/router/filter.h"

#include "guests/router/bytes.h"
#include "guests/router/fragment.h"
#include "guests/router/pairs.h"
#include "guests/router/side.h"
#include "guests/router/tables.h"

/* ---- loading ---- */

const char *filter_load(struct filter *f, const void *blob, u32 bytes)
{
    const u8 *const from = blob;
    u8 *const to = (u8 *)f->blob;

    if (bytes > RULES_BYTES_MAX) {
        return "a rules blob of an impossible size";
    }
    for (u32 i = 0; i < bytes; i++) {
        to[i] = from[i];
    }
    const char *const wrong = rules_check(f->blob, bytes, &f->rules);
    if (wrong != NULL) {
        return wrong;
    }
    f->used_words = 0;
    f->generation = 1;
    for (u32 i = 0; i < f->rules.header->rule_count; i++) {
        f->rule_packets[i] = 0;
        f->rule_bytes[i] = 0;
    }
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        f->states[i] = NULL;
        for (u32 k = 0; k < FILTER_FRAGMENTS; k++) {
            f->fragment[i][k].is_used = false;
        }
        for (u32 k = 0; k < DROP_COUNT; k++) {
            f->drops[i][k] = 0;
        }
    }
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        const struct rules_vif *const v = &f->rules.vif[i];
        if (!tables_build(f, &f->out[i], v->out_first, v->out_count) ||
            !tables_build(f, &f->in[i], v->in_first, v->in_count)) {
            return "the tables of these rules take too much memory";
        }
    }
    pairs_build(&f->rules, &f->pairs);
    return NULL;
}

void filter_attach(struct filter *f, u32 vif, struct states *states)
{
    f->states[vif] = states;
    states_renew(states, f->generation);
}

void filter_take_over(struct filter *f, const struct filter *old)
{
    f->generation = old->generation + 1;
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        const struct rules_vif *const v = &f->rules.vif[i];
        const u32 was = rules_find(&old->rules, v->domid, v->handle);
        if (was == RULES_NO_VIF) {
            continue;
        }
        for (u32 k = 0; k < DROP_COUNT; k++) {
            f->drops[i][k] = old->drops[was][k];
        }
        if (old->states[was] != NULL) {
            filter_attach(f, i, old->states[was]);
        }
    }
}

void filter_forget(struct filter *f, u16 domid)
{
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        struct states *const states = f->states[i];
        for (u32 k = 0; k < FILTER_FRAGMENTS; k++) {
            struct filter_fragment *const g = &f->fragment[i][k];
            g->is_used = g->is_used && f->rules.vif[i].domid != domid &&
                         f->rules.vif[g->receiver].domid != domid;
        }
        if (states == NULL) {
            continue;
        }
        if (f->rules.vif[i].domid == domid) {
            states_init(states, states->secret);
            states_renew(states, f->generation);
        } else {
            states_forget(states, domid);
        }
    }
}

void filter_resume(struct filter *f, u32 vif, u64 now_ns)
{
    if (f->states[vif] != NULL) {
        states_resume(f->states[vif], now_ns);
    }
}

void filter_count(struct filter *f, u32 from, enum drop drop)
{
    f->drops[from][drop]++;
}

/* ---- bindings ---- */

static bool has_ip4(const struct rules_vif *v, u64 ip)
{
    for (u32 i = 0; i < v->ip4_count; i++) {
        if (v->ip4[i] == ip) {
            return true;
        }
    }
    return false;
}

/* Of the file, or the link-local address that its MAC makes [RFC 4291 A]. */
static bool has_ip6(const struct rules_vif *v, struct addr a)
{
    const u64 mac = (u64)be32(v->mac) << 16 | be16(v->mac + 4);
    const u64 made = ((mac & 0xffffff000000ull) << 16 | (mac & 0xffffffull) |
                      0xfffe000000ull) ^
                     0x0200000000000000ull;

    if (a.high == 0xfe80000000000000ull && a.low == made) {
        return true;
    }
    for (u32 i = 0; i < v->ip6_count; i++) {
        if (be64(v->ip6[i]) == a.high && be64(v->ip6[i] + 8) == a.low) {
            return true;
        }
    }
    return false;
}

static enum drop bind_arp(const struct rules_vif *v, const struct packet *p)
{
    if (!mac_equal(p->arp_from_mac, v->mac)) {
        return DROP_BIND_ARP_MAC;
    }
    /* A probe asks for an address before it is used [RFC 5227]. */
    const bool is_probe = p->arp_operation == 1 && p->arp_from == 0;
    return is_probe || has_ip4(v, p->arp_from) ? DROP_NONE : DROP_BIND_ARP_IP;
}

static enum drop bind_ip6(const struct rules_vif *v, const struct packet *p)
{
    const struct addr from = p->flow.from;
    const bool is_nobody = from.high == 0 && from.low == 0;

    if (!is_nobody && !has_ip6(v, from)) {
        return DROP_BIND_IP6;
    }
    if (!p->is_nd) {
        return DROP_NONE;
    }
    /* Who speaks of an address as its own: 136, and 135 without a source. */
    const bool is_own =
        p->icmp_type == 136 || (p->icmp_type == 135 && is_nobody);
    if ((is_own && !has_ip6(v, p->nd_target)) ||
        (p->has_nd_mac && !mac_equal(p->nd_mac, v->mac))) {
        return DROP_BIND_ND;
    }
    return DROP_NONE;
}

enum drop filter_source(struct filter *f, u32 from, const struct packet *p)
{
    const struct rules_vif *const v = &f->rules.vif[from];
    enum drop drop = DROP_NONE;

    if (!mac_equal(p->from_mac, v->mac)) {
        drop = DROP_BIND_MAC;
    } else if (p->type == ETH_ARP) {
        drop = bind_arp(v, p);
    } else if (p->type == ETH_IP6) {
        drop = bind_ip6(v, p);
    } else if (!has_ip4(v, p->flow.from.low)) {
        drop = DROP_BIND_IP4;
    }
    if (drop != DROP_NONE) {
        filter_count(f, from, drop);
    }
    return drop;
}

/* A solicited-node group [RFC 4291 2.7.1], and no address of the interface
 * ends in its last three bytes. */
static bool is_others_group(const struct rules_vif *v, struct addr to)
{
    const u32 tail = (u32)to.low & 0xffffffu;

    if (to.high != 0xff02000000000000ull || to.low >> 24 != 0x1ff) {
        return false;
    }
    for (u32 i = 0; i < v->ip6_count; i++) {
        if ((be32(v->ip6[i] + 12) & 0xffffffu) == tail) {
            return false;
        }
    }
    return (be32(v->mac + 2) & 0xffffffu) != tail;
}

bool filter_accepts(const struct filter *f, u32 to, const struct packet *p)
{
    const struct rules_vif *const v = &f->rules.vif[to];

    if (!p->is_group && !mac_equal(p->to_mac, v->mac)) {
        return false;
    }
    if (p->type == ETH_ARP) {
        return has_ip4(v, p->arp_to) && (!p->is_group || p->arp_operation == 1);
    }
    if (p->is_nd) {
        return p->icmp_type == 135 ? has_ip6(v, p->nd_target)
                                   : p->icmp_type == 136 && !p->is_group;
    }
    return !p->flow.is_ip6 || !is_others_group(v, p->flow.to);
}

/* ---- rules and flows of one side ---- */

u16 filter_decide(const struct filter *f, u32 vif, bool is_out,
                  const struct packet *p)
{
    return tables_decide(f, is_out ? &f->out[vif] : &f->in[vif], p);
}

struct state *state_again(struct filter *f, const struct side *s,
                          struct state *st)
{
    struct states *const states = f->states[s->vif];

    if (st->generation == f->generation) {
        return st;
    }
    const bool is_out = st->is_out;
    const struct packet begin = {
        .type = st->is_ip6 ? ETH_IP6 : ETH_IP4,
        .flow = {
            .from = is_out ? st->mine : st->other,
            .to = is_out ? st->other : st->mine,
            .from_port = is_out ? st->my_port : st->other_port,
            .to_port = is_out ? st->other_port : st->my_port,
            .proto = st->proto,
            .is_ip6 = st->is_ip6,
        },
        .tcp_flags = st->proto == IP_TCP ? TCP_SYN : 0,
        .icmp_type = st->icmp_type,
        .icmp_code = st->icmp_code,
    };
    const u16 rule = filter_decide(f, s->vif, is_out, &begin);
    if (rule == FILTER_NO_RULE ||
        (f->rules.rule[rule].flags & RULE_STATE) == 0) {
        states_remove(states, st);
        return NULL;
    }
    states_bind(states, st, rule);
    return st;
}

/* The rule has been asked about this packet: it counts. */
static void rule_count(struct filter *f, u16 rule, const struct packet *p)
{
    if (rule != FILTER_NO_RULE) {
        f->rule_packets[rule]++;
        f->rule_bytes[rule] += p->frame_bytes;
    }
}

/* What each Linux says of itself when it comes up: which groups it is in, and
 * whether there is a router [RFC 3376, 3810, 4861]. To the link only. */
static bool is_membership(const struct packet *p)
{
    const struct addr to = p->flow.to;

    if (!p->flow.is_ip6) {
        return p->flow.proto == IP_IGMP && to.low >> 8 == 0xe00000;
    }
    return p->flow.proto == IP_ICMP6 && to.high >> 48 == 0xff02 &&
           ((p->icmp_type >= 131 && p->icmp_type <= 133) ||
            p->icmp_type == 143);
}

static void ask_rules(struct filter *f, struct side *s, const struct packet *p,
                      u64 now_ns)
{
    struct states *const states = f->states[s->vif];

    s->rule = filter_decide(f, s->vif, s->is_out, p);
    if (s->rule == FILTER_NO_RULE) {
        /* Nobody has asked for it, and nobody misses it: counted only. */
        s->drop = is_membership(p) ? DROP_GROUP : DROP_RULE_DEFAULT;
        s->is_log = s->drop != DROP_GROUP;
        return;
    }
    const struct rules_rule *const u = &f->rules.rule[s->rule];
    s->is_log = (u->flags & RULE_LOG) != 0;
    if ((u->flags & RULE_PASS) == 0) {
        s->drop = DROP_RULE;
        return;
    }
    if ((u->flags & RULE_STATE) == 0) {
        return;
    }
    s->wants_state = true;
    s->drop = states == NULL ? DROP_STATE_FULL
                             : states_room(states, p, s->is_out,
                                           f->rules.vif[s->peer].domid, s->rule,
                                           u->max, now_ns);
}

/* An error belongs to the flow that it quotes a packet of: the receiver has
 * sent that packet. The sender of the error may be on the way only, and then
 * needs a rule that lets it. */
static void ask_error(struct filter *f, struct side *s, const struct packet *p,
                      u64 now_ns)
{
    struct states *const states = f->states[s->vif];
    struct state *st = NULL;

    if (states != NULL && addr_equal(p->inner.from, p->flow.to) &&
        p->inner.is_ip6 == p->flow.is_ip6) {
        st = states_find_inner(states, p, !s->is_out, now_ns);
    }
    if (st != NULL) {
        st = state_again(f, s, st);
    }
    if (st != NULL) {
        s->rule = st->rule;
        return;
    }
    s->drop = DROP_ICMP_UNKNOWN;
    if (s->is_out) {
        const u16 rule = filter_decide(f, s->vif, true, p);
        if (rule != FILTER_NO_RULE &&
            (f->rules.rule[rule].flags & RULE_PASS) != 0) {
            s->rule = rule;
            s->drop = DROP_NONE;
        }
    }
}

static void ask(struct filter *f, struct side *s, const struct packet *p,
                u64 now_ns)
{
    struct states *const states = f->states[s->vif];

    if (p->is_icmp_error) {
        ask_error(f, s, p, now_ns);
        return;
    }
    if (states != NULL) {
        s->state = states_find(states, p, s->is_out, now_ns);
    }
    if (s->state != NULL) {
        s->state = state_again(f, s, s->state);
    }
    if (s->state == NULL) {
        ask_rules(f, s, p, now_ns);
        return;
    }
    s->drop = state_check(s->state, p, s->is_out);
    s->rule = s->state->rule;
}

static void commit(struct filter *f, const struct side *s,
                   const struct packet *p, u64 now_ns)
{
    rule_count(f, s->rule, p);
    if (s->state != NULL) {
        pickup_confirm(f, s);
        state_update(s->state, p, s->is_out, now_ns);
    } else if (s->is_picked) {
        pickup_add(f, s, p, now_ns);
    } else if (s->wants_state) {
        (void)states_add(f->states[s->vif], p, s->is_out,
                         f->rules.vif[s->peer].domid, s->rule, now_ns);
    }
}

/* ---- both sides ---- */

static bool answer(struct filter *f, u32 from, struct filter_answer *a)
{
    if (a->drop != DROP_NONE) {
        filter_count(f, from, a->drop);
    }
    return a->drop == DROP_NONE;
}

static void answer_side(struct filter_answer *a, const struct side *s)
{
    /* Of two rules that pass, the one with `log` is told of. */
    if (s->drop != DROP_NONE || s->is_log || !a->is_log) {
        a->vif = s->vif;
        a->rule = s->rule;
        a->is_receiver = !s->is_out;
    }
    a->drop = s->drop;
    a->is_log = a->is_log || s->is_log;
    a->is_state = s->state != NULL;
}

/* A flow of a router before this one goes on: told of, whatever its rule. */
static void answer_picked(struct filter_answer *a, const struct side *s)
{
    *a = (struct filter_answer){ .rule = s->rule,
                                 .vif = s->vif,
                                 .is_log = true,
                                 .is_picked = true,
                                 .is_receiver = !s->is_out };
}

bool filter_pass(struct filter *f, u32 from, u32 to, const struct packet *p,
                 u64 now_ns, struct filter_answer *a)
{
    struct side sender = { .vif = (u16)from,
                           .peer = (u16)to,
                           .rule = FILTER_NO_RULE,
                           .is_out = true };
    struct side receiver = { .vif = (u16)to,
                             .peer = (u16)from,
                             .rule = FILTER_NO_RULE };

    *a = (struct filter_answer){ .rule = FILTER_NO_RULE, .vif = (u16)from };
    /* Bound to their addresses, and delivered to who is asked only. */
    if (p->type == ETH_ARP || p->is_nd) {
        a->drop = (f->pairs.open[from][to / 64] >> to % 64 & 1) != 0
                      ? DROP_NONE
                      : DROP_ISOLATED;
        return answer(f, from, a);
    }
    if (p->is_fragment && p->fragment_offset != 0) {
        a->drop = fragment_next(f, from, to, p, now_ns);
        return answer(f, from, a);
    }
    ask(f, &sender, p, now_ns);
    answer_side(a, &sender);
    if (a->drop == DROP_NONE) {
        ask(f, &receiver, p, now_ns);
        answer_side(a, &receiver);
    }
    if (a->drop != DROP_NONE && pickup_ask(f, &sender, &receiver, p, now_ns)) {
        answer_picked(a, sender.is_picked ? &sender : &receiver);
    }
    if (a->drop == DROP_NONE && p->is_fragment) {
        a->drop = fragment_begin(f, from, to, p, now_ns);
    }
    if (a->drop == DROP_NONE) {
        commit(f, &sender, p, now_ns);
        commit(f, &receiver, p, now_ns);
    } else {
        rule_count(f, a->rule, p);
    }
    return answer(f, from, a);
}
