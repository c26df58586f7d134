/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow of TCP, packet by packet, for state.c.
 */
#ifndef GUESTS_ROUTER_TCP_H
#define GUESTS_ROUTER_TCP_H

#include "guests/router/state.h"

/* Is the packet in place? */
enum drop tcp_check(const struct state *st, const struct packet *p,
                    bool is_out) MUST_CHECK;

/* It has passed: sides, phase and time of the flow. */
void tcp_update(struct state *st, const struct packet *p, bool is_out,
                u64 now_ns);

/* A new flow is met in the middle: p is the first packet that is seen of it. */
void tcp_loosen(struct state *st, const struct packet *p, bool is_out,
                u64 now_ns);

/* Has that side sent this sequence number, not long ago? */
bool tcp_has_sent(const struct state *st, u32 seq, bool is_out);

#endif
