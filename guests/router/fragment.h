/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in fragments, under way from one interface to another: the first one
 * is judged, the others follow it in order, for verdict.c.
 */
#ifndef GUESTS_ROUTER_FRAGMENT_H
#define GUESTS_ROUTER_FRAGMENT_H

#include "guests/router/filter.h"

/* A first fragment passes: the rest may follow, in order. A second first one
 * would overlap. The oldest packet under way of the sender makes room. */
enum drop fragment_begin(struct filter *f, u32 from, u32 to,
                         const struct packet *p, u64 now_ns) MUST_CHECK;

/* Another than the first: does it go on where the last one ended? */
enum drop fragment_next(struct filter *f, u32 from, u32 to,
                        const struct packet *p, u64 now_ns) MUST_CHECK;

#endif
