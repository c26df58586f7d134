/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision tables of a list of rules, for filter.c.
 */
#ifndef GUESTS_ROUTER_TABLES_H
#define GUESTS_ROUTER_TABLES_H

#include "guests/router/filter.h"

/* Build the tables of one list, out of f->rules; false: no memory left. */
bool tables_build(struct filter *f, struct filter_list *list, u32 first,
                  u32 count) MUST_CHECK;

/* First rule of the list that matches, an index into rules.rule, or
 * FILTER_NO_RULE. */
u16 tables_decide(const struct filter *f, const struct filter_list *list,
                  const struct packet *p);

/* What the tables leave out: TCP flags, ICMP type and code. */
bool tables_rest_ok(const struct rules_rule *u, const struct packet *p);

#endif
