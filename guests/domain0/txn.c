/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning and ending transactions: see txn.h.
 */
#include "guests/domain0/bytes.h"
#include "guests/domain0/view.h"
#include "guests/domain0/watch.h"

#define EPOCH_SHIFT 24u
#define SERIAL_MASK 0xffffffu

struct txn {
    u32 id, root;
    u16 domid;
    bool is_open;
    bool is_doomed; /* of an earlier Domain0: ends with EAGAIN */
};

static struct txn txn[TXNS]; /* 0 is not used */
static u32 used, epoch;

void txn_reset(void)
{
    used = 1;
}

void store_set_epoch(u32 number)
{
    epoch = number % 255 + 1;
}

u32 txn_root(u32 t)
{
    return t != 0 ? txn[t].root : NODE_NONE;
}

/* A free record; below used, or the next one. 0 when there is none. */
static u32 txn_take(void)
{
    for (u32 t = 1; t < used; t++) {
        if (!txn[t].is_open) {
            return t;
        }
    }
    return used < TXNS ? used++ : 0;
}

static enum xs_error txn_open(u32 domid, u32 id, bool is_doomed, u32 *out)
{
    const u32 t =
        client[domid].txns < quota.txns || domid == 0 ? txn_take() : 0;
    const u32 root = t != 0 ? node_new_root(domid) : NODE_NONE;
    if (root == NODE_NONE) {
        return XS_ENOSPC;
    }
    node[root].base = NODE_ROOT;
    node[root].seen = node[NODE_ROOT].generation;
    txn[t] = (struct txn){ id, root, (u16)domid, true, is_doomed };
    client[domid].txns++;
    *out = t;
    return XS_OK;
}

static bool is_of(u32 t, u32 domid)
{
    return txn[t].is_open && txn[t].domid == domid;
}

static u32 txn_by_id(u32 domid, u32 id)
{
    for (u32 t = 1; t < used; t++) {
        if (is_of(t, domid) && txn[t].id == id) {
            return t;
        }
    }
    return 0;
}

enum xs_error txn_start(u32 domid, u32 *id)
{
    u32 t;
    do { /* ends: a client has few of them open */
        client[domid].txn_serial = (client[domid].txn_serial + 1) & SERIAL_MASK;
        *id = epoch << EPOCH_SHIFT | client[domid].txn_serial;
    } while (txn_by_id(domid, *id) != 0);
    return txn_open(domid, *id, false, &t);
}

enum xs_error txn_find(u32 domid, u32 id, u32 *out)
{
    *out = 0;
    if (id == 0) {
        return XS_OK;
    }
    *out = txn_by_id(domid, id);
    if (*out != 0) {
        return XS_OK;
    }
    const u32 of = id >> EPOCH_SHIFT;
    return of != 0 && of != epoch ? txn_open(domid, id, true, out) : XS_ENOENT;
}

/* ---- commit ---------------------------------------------------------------
 */

/* Where the store has the shadow's node now, given where its parent is. */
static u32 find_at(const struct node *s)
{
    u8 name[PATH_MAX_ABS + 1];
    const u32 up = node[s->parent].at;
    if (up == NODE_NONE || (node[s->parent].flags & SHADOW_CUT) != 0) {
        return NODE_NONE;
    }
    bytes_copy(s->name, s->name_bytes, name);
    return node_child(up, name, s->name_bytes);
}

/* Has nobody changed what was read or is to be changed? Counts the nodes that
 * are to be made. */
static bool unchanged(u32 root, u32 *made)
{
    *made = 0;
    node[root].at = NODE_ROOT;
    if ((node[root].flags & SHADOW_CHECK) != 0 &&
        node[root].seen != node[NODE_ROOT].generation) {
        return false;
    }
    for (u32 i = node_after(root, root); i != NODE_NONE;
         i = node_after(i, root)) {
        struct node *const s = &node[i];
        s->at = find_at(s);
        if (s->at != s->base || ((s->flags & SHADOW_CHECK) != 0 &&
                                 node[s->at].generation != s->seen)) {
            return false;
        }
        *made += (s->flags & SHADOW_MADE) != 0;
    }
    return true;
}

/* Value and permissions of the shadow become those of its node. */
static void apply_content(struct node *s)
{
    struct node *const to = &node[s->at];
    if ((s->flags & SHADOW_VALUE) != 0) {
        bytes_drop(to->payer, to->value);
        bytes_pass(s->payer, to->payer, s->value);
        to->value = s->value;
        to->value_bytes = s->value_bytes;
        to->writer = (s->flags & SHADOW_FIRE) != 0 ? s->payer : to->writer;
        s->value = 0;
        s->value_bytes = 0;
    }
    if ((s->flags & SHADOW_PERMS) != 0) {
        to->perm_count = s->perm_count;
        for (u32 k = 0; k < s->perm_count; k++) {
            to->perm[k] = s->perm[k];
        }
    }
    if ((s->flags & (SHADOW_VALUE | SHADOW_PERMS)) != 0) {
        node_touch(s->at);
    }
}

/* There is room for what is to be made (has_room): this cannot fail. Events
 * may take blocks meanwhile, and nothing here needs any. */
static void apply(u32 i)
{
    static struct path p;
    struct node *const s = &node[i];
    if ((s->flags & SHADOW_CUT) != 0 && s->at != NODE_NONE) {
        watch_fire_removed(s->at);
        node_drop(s->at, false);
        s->at = NODE_NONE;
    }
    if ((s->flags & SHADOW_MADE) != 0) {
        s->at = node_adopt(node[s->parent].at, i);
    }
    if (s->at == NODE_NONE) {
        return;
    }
    apply_content(s);
    if ((s->flags & SHADOW_FIRE) != 0) {
        node_path(s->at, &p);
        watch_fire(&p, s->at, false);
    }
}

/* Names and values are moved: only the nodes themselves are new. */
static bool has_room(const struct txn *t, u32 made)
{
    return tree_free_nodes() >= made &&
           (t->domid == 0 || client[t->domid].nodes + made <= quota.nodes);
}

static enum xs_error commit(const struct txn *t)
{
    u32 made;
    if (t->is_doomed || !unchanged(t->root, &made)) {
        return XS_EAGAIN;
    }
    if (!has_room(t, made)) {
        return XS_ENOSPC;
    }
    for (u32 i = t->root; i != NODE_NONE; i = node_after(i, t->root)) {
        apply(i);
    }
    client[t->domid].is_changed = true;
    return XS_OK;
}

enum xs_error txn_end(u32 t, bool is_commit)
{
    const enum xs_error e = is_commit ? commit(&txn[t]) : XS_OK;
    node_drop(txn[t].root, true);
    txn[t].is_open = false;
    client[txn[t].domid].txns--;
    return e;
}

void txn_drop_all(u32 domid)
{
    for (u32 t = 1; t < used; t++) {
        if (is_of(t, domid)) {
            (void)txn_end(t, false);
        }
    }
}
