/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path leads in a view: between ops.c, which acts, and txn.c, which
 * ends transactions.
 */
#ifndef GUESTS_DOMAIN0_VIEW_H
#define GUESTS_DOMAIN0_VIEW_H

#include "guests/domain0/txn.h"

/* One path in a view: the store's node, the transaction's shadow. */
struct place {
    u32 base, shadow;
    u32 at; /* in the path: the first component that is not there */
    bool is_there;
};

/* The root of the transaction's shadows; NODE_NONE for no transaction. */
u32 txn_root(u32 txn);
/* Walk to the path. When it is not there, the place is that of its last
 * ancestor that is. In a transaction, shadows are made on the way. */
enum xs_error place_find(const struct view *v, const struct path *p,
                         struct place *to);
/* The nodes that carry the value and the permissions of a place. */
u32 place_value(const struct place *to);
u32 place_perms(const struct place *to);

#endif
