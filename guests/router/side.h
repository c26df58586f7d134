/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet as one of its two interfaces sees it: what verdict.c and pickup.c
 * share. Nothing of a filter or of a table changes before both sides pass, but
 * what has expired, and flows that the rules of now do not pass.
 */
#ifndef GUESTS_ROUTER_SIDE_H
#define GUESTS_ROUTER_SIDE_H

#include "guests/router/filter.h"

struct side {
    struct state *state; /* the packet's flow, or NULL */
    enum drop drop;
    u16 vif;
    u16 peer; /* interface */
    u16 rule;
    bool is_out;
    bool wants_state;
    bool is_log;
    bool is_picked; /* the flow that it wants is under way: pickup.c */
    bool is_begun;  /* by this interface's tenant, of such a flow */
};

/* The flow, if the rules of now would let it begin; else NULL, and it is
 * forgotten. */
struct state *state_again(struct filter *f, const struct side *s,
                          struct state *st);

/*
 * Flows of a router before this one.
 *
 * The packet passes neither side's flows nor rules. Is it of a TCP connection
 * that both sides would have let begin, and did either keep flows of an earlier
 * router? True: both sides are filled in to pass it.
 */
bool pickup_ask(struct filter *f, struct side *sender, struct side *receiver,
                const struct packet *p, u64 now_ns) MUST_CHECK;
/* Keep the flow of such a packet, which has passed. */
void pickup_add(struct filter *f, const struct side *s, const struct packet *p,
                u64 now_ns);
/* Another packet of a known flow passes: has its beginner spoken by now? */
void pickup_confirm(struct filter *f, const struct side *s);

#endif
