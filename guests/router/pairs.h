/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of interfaces that may know of each other, for verdict.c.
 */
#ifndef GUESTS_ROUTER_PAIRS_H
#define GUESTS_ROUTER_PAIRS_H

#include "guests/router/filter.h"

/* Find out for all pairs of an accepted blob. */
void pairs_build(const struct rules *r, struct filter_pairs *pairs);

#endif
