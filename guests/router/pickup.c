/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that are older than this router: see
 * docs/decisions/0016-flows-outlive-their-router.md.
 *
 * A router that begins knows no flow, while its tenants' connections live on.
 * For some time it lets packets from the middle of a TCP connection pass, if
 * the rules of now would have let it begin, on both sides and in the same
 * direction. A packet of the side that may begin it could as well have been a
 * SYN. One of the other side is unasked for until that side speaks: such flows
 * are few, short, and of a minute after the beginning only.
 *
 * Of a flow that was picked up windows and their scales are not known: it is
 * held to sequence numbers that are near those seen (tcp.c).
 */
#include "guests/router/side.h"
#include "guests/router/tcp.h"

#define ANSWER_LASTS_NS 10000000000ull

/* The SYN that this side has let pass, if it has. */
static struct packet opening(const struct side *s, const struct packet *p)
{
    const struct flow *const flow = &p->flow;
    const bool is_same = s->is_begun == s->is_out;

    return (struct packet){
        .type = p->type,
        .flow = { .from = is_same ? flow->from : flow->to,
                  .to = is_same ? flow->to : flow->from,
                  .from_port = is_same ? flow->from_port : flow->to_port,
                  .to_port = is_same ? flow->to_port : flow->from_port,
                  .proto = flow->proto,
                  .is_ip6 = flow->is_ip6 },
        .tcp_flags = TCP_SYN,
    };
}

static bool is_open(const struct states *states, u64 now_ns)
{
    return states != NULL && now_ns < states->packets_until_ns;
}

/* Without a flow, by the rule that would have let it begin. */
static bool ask_opening(struct filter *f, struct side *s,
                        const struct packet *p, u64 now_ns)
{
    struct states *const states = f->states[s->vif];
    const bool is_answer = s->is_begun != s->is_out;
    const struct packet begin = opening(s, p);

    if (!is_open(states, now_ns) ||
        (is_answer && now_ns >= states->answers_until_ns)) {
        return false;
    }
    if (is_answer && states->unasked >= STATES_UNASKED) {
        states_sweep(states, now_ns);
        if (states->unasked >= STATES_UNASKED) {
            return false;
        }
    }
    s->rule = filter_decide(f, s->vif, s->is_begun, &begin);
    if (s->rule == FILTER_NO_RULE) {
        return false;
    }
    const struct rules_rule *const u = &f->rules.rule[s->rule];
    s->is_picked = true;
    s->wants_state = true;
    return (u->flags & RULE_STATE) != 0 && (u->options & RULE_NO_SYNC) == 0 &&
           states_room(states, &begin, s->is_begun, f->rules.vif[s->peer].domid,
                       s->rule, u->max, now_ns) == DROP_NONE;
}

/* As one side that the tenant of which has begun the flow, or not. */
static bool ask_side(struct filter *f, struct side *s, const struct packet *p,
                     bool is_begun, u64 now_ns)
{
    struct states *const states = f->states[s->vif];

    *s = (struct side){ .vif = s->vif,
                        .peer = s->peer,
                        .rule = FILTER_NO_RULE,
                        .is_out = s->is_out,
                        .is_begun = is_begun };
    if (states != NULL) {
        s->state = states_find(states, p, s->is_out, now_ns);
    }
    if (s->state != NULL) {
        s->state = state_again(f, s, s->state);
    }
    if (s->state != NULL) {
        s->rule = s->state->rule;
        return s->state->is_out == is_begun &&
               state_check(s->state, p, s->is_out) == DROP_NONE;
    }
    s->rule = filter_decide(f, s->vif, s->is_out, p);
    if (s->rule != FILTER_NO_RULE &&
        (f->rules.rule[s->rule].flags & RULE_PASS) != 0) {
        s->is_log = (f->rules.rule[s->rule].flags & RULE_LOG) != 0;
        return true; /* it keeps no flows, and passes this */
    }
    return ask_opening(f, s, p, now_ns);
}

bool pickup_ask(struct filter *f, struct side *sender, struct side *receiver,
                const struct packet *p, u64 now_ns)
{
    const u8 way = p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK);

    if (p->flow.proto != IP_TCP || p->is_fragment || way != TCP_ACK ||
        (!is_open(f->states[sender->vif], now_ns) &&
         !is_open(f->states[receiver->vif], now_ns))) {
        return false;
    }
    for (u32 i = 0; i < 2; i++) {
        const bool is_answer = i == 1;
        if (ask_side(f, sender, p, !is_answer, now_ns) &&
            ask_side(f, receiver, p, is_answer, now_ns)) {
            return sender->is_picked || receiver->is_picked;
        }
    }
    return false;
}

void pickup_add(struct filter *f, const struct side *s, const struct packet *p,
                u64 now_ns)
{
    struct states *const states = f->states[s->vif];
    const struct packet begin = opening(s, p);
    struct state *const st =
        states_add(states, &begin, s->is_begun, f->rules.vif[s->peer].domid,
                   s->rule, now_ns);

    if (st == NULL) {
        return;
    }
    tcp_loosen(st, p, s->is_out, now_ns);
    if (s->is_begun != s->is_out) {
        st->is_unasked = true;
        st->expires_ns = now_ns + ANSWER_LASTS_NS;
        states->unasked++;
    }
}

void pickup_confirm(struct filter *f, const struct side *s)
{
    if (s->state->is_unasked && s->is_out == s->state->is_out) {
        s->state->is_unasked = false;
        f->states[s->vif]->unasked--;
    }
}
