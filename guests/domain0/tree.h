/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the store.
 *
 * A node has a name, a value, permissions, and children in the order in which
 * they were made. Nodes of open transactions ("shadows", txn.h) are of the
 * same kind and hang on roots of their own. Everything here is plain
 * structure: who may do what is asked in txn.c.
 *
 * A generation is a number that no other change has: a node gets a new one
 * when its value, its permissions or its list of children change.
 */
#ifndef GUESTS_DOMAIN0_TREE_H
#define GUESTS_DOMAIN0_TREE_H

#include "guests/domain0/client.h"

#define NODE_NONE 0u
#define NODE_ROOT 1u

#define ACCESS_READ 1u
#define ACCESS_WRITE 2u

struct perm {
    u16 domid;
    u8 access; /* ACCESS_ bits */
};

/* Of a shadow: what it knows and what the transaction did to it. */
#define SHADOW_CHECK 1u /* seen or changed: must be as it was */
#define SHADOW_GONE 2u  /* is not there, in this transaction */
#define SHADOW_CUT 4u   /* the store's node was removed, with what is below */
#define SHADOW_MADE 8u  /* made in this transaction */
#define SHADOW_VALUE 16u
#define SHADOW_PERMS 32u
#define SHADOW_FIRE 64u /* watches hear of it */

struct node {
    u32 parent, first, last, prev, next;
    u32 name, value, hash;
    u16 name_bytes, value_bytes;
    u16 payer;  /* the client that made it */
    u16 writer; /* the client that wrote its value last */
    u8 perm_count, flags;
    struct perm perm[PERMS_MAX]; /* 0: the owner, and what all others may */
    u64 generation;
    /* Of a shadow: the store's node and its generation when first looked at,
     * and the node where the commit finds it. */
    u32 base, at;
    u64 seen;
};

extern struct node node[NODES];

/* A path, absolute and checked: "/" or "/a/b". */
struct path {
    u32 bytes;
    u8 text[PATH_MAX_ABS + 1];
};

void tree_reset(void);
u32 tree_free_nodes(void);

/* Check and complete a path of so many bytes, as domain domid wrote it. The
 * special paths that begin with '@' only when asked for. */
enum xs_error path_make(struct path *p, u32 domid, const u8 *text, u32 bytes,
                        bool may_be_special);
/* The component at *at, which moves behind it; its length, 0 at the end. */
u32 path_next(const struct path *p, u32 *at, const u8 **name);

u32 node_child(u32 parent, const u8 *name, u32 bytes);
/* A new last child without value, with its parent's permissions. NODE_NONE:
 * over the payer's quota. */
u32 node_new(u32 parent, const u8 *name, u32 bytes, u32 payer, bool is_shadow);
/* The shadow becomes a node of the store below parent: its name is moved.
 * NODE_NONE: as node_new. */
u32 node_adopt(u32 parent, u32 shadow);
/* A root of shadows, of the client. */
u32 node_new_root(u32 payer);
/* Remove it and all that is below. */
void node_drop(u32 n, bool is_shadow);
bool node_set_value(u32 n, const u8 *value, u32 bytes);
void node_touch(u32 n);
/* The next node of the tree below top, parents first; NODE_NONE at the end. */
u32 node_after(u32 n, u32 top);
void node_path(u32 n, struct path *p);
bool node_allows(u32 n, u32 domid, u32 access);

#endif
