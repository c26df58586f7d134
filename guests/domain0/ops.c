/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and changing the store: see txn.h.
 *
 * Outside a transaction a change is made at once and watches hear of it. In
 * one, the shadow notes it.
 */
#include "guests/domain0/bytes.h"
#include "guests/domain0/view.h"
#include "guests/domain0/watch.h"

/* Find what must be there and be allowed. */
static enum xs_error find_allowed(const struct view *v, const struct path *p,
                                  u32 access, struct place *to)
{
    const enum xs_error e = place_find(v, p, to);
    if (e != XS_OK) {
        return e;
    }
    /* Whether it is there is told to those who may read what is above. */
    if (!node_allows(place_perms(to), v->domid,
                     to->is_there ? access : ACCESS_READ)) {
        return XS_EACCES;
    }
    return to->is_there ? XS_OK : XS_ENOENT;
}

/* ---- reading --------------------------------------------------------------
 */

enum xs_error store_read(const struct view *v, const struct path *p,
                         u8 to[VALUE_MAX], u32 *bytes)
{
    struct place at;
    const enum xs_error e = find_allowed(v, p, ACCESS_READ, &at);
    if (e == XS_OK) {
        const struct node *const n = &node[place_value(&at)];
        *bytes = n->value_bytes;
        bytes_copy(n->value, n->value_bytes, to);
    }
    return e;
}

enum xs_error store_perms(const struct view *v, const struct path *p,
                          struct perm to[PERMS_MAX], u32 *count)
{
    struct place at;
    const enum xs_error e = find_allowed(v, p, ACCESS_READ, &at);
    if (e == XS_OK) {
        const struct node *const n = &node[place_perms(&at)];
        *count = n->perm_count;
        for (u32 i = 0; i < n->perm_count; i++) {
            to[i] = n->perm[i];
        }
    }
    return e;
}

/* A name of the list: the part of it that lies in the window. */
static void list_name(struct listing *l, u32 n)
{
    u8 name[PATH_MAX_ABS + 1];
    const u32 count = node[n].name_bytes + 1u;
    if (l->total + count > l->offset && l->bytes < l->room) {
        bytes_copy(node[n].name, count - 1, name);
        name[count - 1] = '\0';
        for (u32 i = 0; i < count; i++) {
            if (l->total + i >= l->offset && l->bytes < l->room) {
                l->to[l->bytes++] = name[i];
            }
        }
    }
    l->total += count;
}

/* Names of the children of a node of the store, but for those of which the
 * transaction knows that they are gone. */
static void list_base(struct listing *l, u32 base, u32 shadow)
{
    if (shadow != NODE_NONE) { /* let each find its shadow */
        for (u32 s = node[shadow].first; s != NODE_NONE; s = node[s].next) {
            node[node[s].base].at = s;
        }
        node[NODE_NONE].at = NODE_NONE;
    }
    for (u32 n = node[base].first; n != NODE_NONE; n = node[n].next) {
        const u32 s = node[n].at;
        const bool has_shadow = shadow != NODE_NONE && s != NODE_NONE &&
                                node[s].parent == shadow && node[s].base == n;
        if (!has_shadow || (node[s].flags & (SHADOW_GONE | SHADOW_CUT)) == 0) {
            list_name(l, n);
        }
    }
}

enum xs_error store_list(const struct view *v, const struct path *p,
                         struct listing *l)
{
    struct place at;
    const enum xs_error e = find_allowed(v, p, ACCESS_READ, &at);
    if (e != XS_OK) {
        return e;
    }
    l->bytes = 0;
    l->total = 0;
    l->generation = node[at.base].generation;
    if (at.shadow == NODE_NONE || (node[at.shadow].flags & SHADOW_CUT) == 0) {
        list_base(l, at.base, at.shadow);
    }
    for (u32 s = at.shadow != NODE_NONE ? node[at.shadow].first : NODE_NONE;
         s != NODE_NONE; s = node[s].next) {
        if ((node[s].flags & SHADOW_MADE) != 0) {
            list_name(l, s);
        }
    }
    return XS_OK;
}

/* ---- making ---------------------------------------------------------------
 */

/* One node more below to, which moves there. It takes over the permissions;
 * what a tenant makes is the tenant's. */
static bool make_step(const struct view *v, struct place *to, const u8 *name,
                      u32 bytes)
{
    const u32 perms = place_perms(to);
    const bool is_shadow = to->shadow != NODE_NONE;
    const u32 parent = is_shadow ? to->shadow : to->base;
    u32 n = is_shadow ? node_child(parent, name, bytes) : NODE_NONE;
    if (n == NODE_NONE) {
        n = node_new(parent, name, bytes, v->domid, is_shadow);
    }
    if (n == NODE_NONE) {
        return false;
    }
    struct node *const it = &node[n];
    if (is_shadow) {
        it->flags &= (u8)~SHADOW_GONE;
        it->flags |= SHADOW_CHECK | SHADOW_MADE | SHADOW_VALUE | SHADOW_PERMS;
        bytes_drop(it->payer, it->value);
        it->value = 0;
        it->value_bytes = 0;
    }
    it->perm_count = node[perms].perm_count;
    for (u32 i = 0; i < it->perm_count; i++) {
        it->perm[i] = node[perms].perm[i];
    }
    if (v->domid != 0) {
        it->perm[0].domid = (u16)v->domid;
    }
    to->base = is_shadow ? NODE_NONE : n;
    to->shadow = is_shadow ? n : NODE_NONE;
    return true;
}

/* Take back the nodes that were made below the place that was there. */
static void make_undo(u32 first)
{
    const bool is_shadow = node[first].flags != 0;
    if (!is_shadow) {
        node_drop(first, false);
        return;
    }
    while (node[first].first != NODE_NONE) {
        node_drop(node[first].first, true);
    }
    node[first].flags &=
        (u8) ~(SHADOW_MADE | SHADOW_VALUE | SHADOW_PERMS | SHADOW_FIRE);
    node[first].flags |= SHADOW_GONE;
}

/* Make the path, of which to is the last that is there. */
static enum xs_error make_path(const struct view *v, const struct path *p,
                               struct place *to, u32 *first)
{
    if (!node_allows(place_perms(to), v->domid, ACCESS_WRITE)) {
        return XS_EACCES;
    }
    u32 at = to->at;
    *first = NODE_NONE;
    while (at < p->bytes) {
        const u8 *name;
        const u32 bytes = path_next(p, &at, &name);
        if (!make_step(v, to, name, bytes)) {
            if (*first != NODE_NONE) {
                make_undo(*first);
            }
            return XS_ENOSPC;
        }
        if (*first == NODE_NONE) {
            *first = to->shadow != NODE_NONE ? to->shadow : to->base;
        }
    }
    to->is_there = true;
    return XS_OK;
}

/* Something changed at the place: tell, now or at the commit. */
static void changed(const struct place *to, const struct path *p)
{
    if (to->shadow != NODE_NONE) {
        node[to->shadow].flags |= SHADOW_FIRE | SHADOW_CHECK;
    } else {
        watch_fire(p, to->base, false);
    }
}

enum xs_error store_write(const struct view *v, const struct path *p,
                          const u8 *value, u32 bytes)
{
    struct place to;
    u32 first = NODE_NONE;
    enum xs_error e = place_find(v, p, &to);
    if (e != XS_OK) {
        return e;
    }
    if (bytes > VALUE_MAX) {
        return XS_ENOSPC;
    }
    if (!to.is_there) {
        e = make_path(v, p, &to, &first);
    } else if (!node_allows(place_perms(&to), v->domid, ACCESS_WRITE)) {
        e = XS_EACCES;
    }
    if (e != XS_OK) {
        return e;
    }
    if (!node_set_value(to.shadow != NODE_NONE ? to.shadow : to.base, value,
                        bytes)) {
        if (first != NODE_NONE) {
            make_undo(first);
        }
        return XS_ENOSPC;
    }
    if (to.shadow != NODE_NONE) {
        node[to.shadow].flags |= SHADOW_VALUE;
    } else {
        node[to.base].writer = (u16)v->domid;
        client[v->domid].is_changed = true;
    }
    changed(&to, p);
    return XS_OK;
}

enum xs_error store_mkdir(const struct view *v, const struct path *p)
{
    struct place to;
    u32 first;
    enum xs_error e = place_find(v, p, &to);
    if (e != XS_OK) {
        return e;
    }
    if (to.is_there) {
        return node_allows(place_perms(&to), v->domid, ACCESS_WRITE)
                   ? XS_OK
                   : XS_EACCES;
    }
    e = make_path(v, p, &to, &first);
    if (e == XS_OK) {
        changed(&to, p);
    }
    return e;
}

/* ---- permissions and removal ----------------------------------------------
 */

enum xs_error store_set_perms(const struct view *v, const struct path *p,
                              const struct perm *perm, u32 count)
{
    struct place to;
    const enum xs_error e = find_allowed(v, p, ACCESS_WRITE, &to);
    if (e != XS_OK) {
        return e;
    }
    const u32 owner = node[place_perms(&to)].perm[0].domid;
    if (v->domid != 0 && v->domid != owner) {
        return XS_EACCES; /* to write is not to own */
    }
    if (v->domid != 0 && perm[0].domid != owner) {
        return XS_EPERM; /* a node cannot be given away */
    }
    const u32 n = to.shadow != NODE_NONE ? to.shadow : to.base;
    node[n].perm_count = (u8)count;
    for (u32 i = 0; i < count; i++) {
        node[n].perm[i] = perm[i];
    }
    node_touch(n);
    if (to.shadow != NODE_NONE) {
        node[n].flags |= SHADOW_PERMS;
    }
    changed(&to, p);
    return XS_OK;
}

enum xs_error store_remove(const struct view *v, const struct path *p)
{
    struct place to;
    enum xs_error e = place_find(v, p, &to);
    if (e != XS_OK) {
        return e;
    }
    if (p->bytes == 1) {
        return XS_EINVAL; /* the root stays */
    }
    if (!to.is_there) {
        /* No error when only the last component is missing. */
        u32 at = to.at;
        const u8 *name;
        (void)path_next(p, &at, &name);
        if (!node_allows(place_perms(&to), v->domid, ACCESS_WRITE)) {
            return XS_EACCES;
        }
        return at == p->bytes ? XS_OK : XS_ENOENT;
    }
    if (!node_allows(place_perms(&to), v->domid, ACCESS_WRITE)) {
        return XS_EACCES;
    }
    if (to.shadow == NODE_NONE) {
        watch_fire_removed(to.base);
        node_drop(to.base, false);
        client[v->domid].is_changed = true;
        return XS_OK;
    }
    while (node[to.shadow].first != NODE_NONE) {
        node_drop(node[to.shadow].first, true);
    }
    node[to.shadow].flags &= (u8) ~(SHADOW_MADE | SHADOW_VALUE | SHADOW_PERMS);
    node[to.shadow].flags |=
        SHADOW_GONE | SHADOW_CUT | SHADOW_CHECK | SHADOW_FIRE;
    return XS_OK;
}
