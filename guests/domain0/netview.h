/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a router counts (guests/router/counters.h), as lines of JSON. The pages
 * are the router's: they are copied once, and every number in them is checked
 * or only shown.
 */
#ifndef GUESTS_DOMAIN0_NETVIEW_H
#define GUESTS_DOMAIN0_NETVIEW_H

#include "core/base.h"

/* Copy the counters of that domain. False: it has none, or none that hold
 * together. */
bool netview_take(u32 domid) MUST_CHECK;

/* Of what was taken: how many interfaces, how many rules; whose interface. */
u32 netview_vifs(void);
u32 netview_rules(void);
u32 netview_domid(u32 vif);

/* One object each; json_has_room. Rules that have met no packet are left
 * out. */
void netview_put_vif(u32 vif, const char *name);
void netview_put_rule(u32 rule);
/* Which rules these are. */
void netview_put_head(void);

#endif
