/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path leads: see view.h and txn.h.
 */
#include "guests/domain0/view.h"

static bool has(u32 shadow, u8 flags)
{
    return shadow != NODE_NONE && (node[shadow].flags & flags) != 0;
}

u32 place_value(const struct place *to)
{
    return has(to->shadow, SHADOW_VALUE) ? to->shadow : to->base;
}

u32 place_perms(const struct place *to)
{
    return has(to->shadow, SHADOW_PERMS) ? to->shadow : to->base;
}

/* A shadow of what is in the store now, which may be nothing. */
static u32 shadow_new(const struct view *v, u32 parent, const u8 *name,
                      u32 bytes, u32 base)
{
    const u32 s = node_new(parent, name, bytes, v->domid, true);
    if (s != NODE_NONE) {
        node[s].base = base;
        node[s].seen = node[base].generation;
        node[s].flags = base == NODE_NONE ? SHADOW_GONE : 0;
    }
    return s;
}

/* One component further. False: no shadow is left. */
static bool place_step(const struct view *v, struct place *to, const u8 *name,
                       u32 bytes)
{
    const struct place from = *to;
    const bool is_cut = has(from.shadow, SHADOW_CUT);
    to->base = from.base != NODE_NONE && !is_cut
                   ? node_child(from.base, name, bytes)
                   : NODE_NONE;
    if (v->txn == 0) {
        to->is_there = to->base != NODE_NONE;
        return true;
    }
    to->shadow = node_child(from.shadow, name, bytes);
    if (to->shadow == NODE_NONE) {
        to->shadow = shadow_new(v, from.shadow, name, bytes, to->base);
    }
    to->is_there = !has(to->shadow, SHADOW_GONE);
    return to->shadow != NODE_NONE;
}

enum xs_error place_find(const struct view *v, const struct path *p,
                         struct place *to)
{
    *to = (struct place){ NODE_ROOT, txn_root(v->txn), 0, true };
    u32 at = 0;
    while (at < p->bytes) {
        const u32 start = at;
        const u8 *name;
        const u32 bytes = path_next(p, &at, &name);
        if (bytes == 0) {
            break; /* the root */
        }
        struct place next = *to;
        if (!place_step(v, &next, name, bytes)) {
            return XS_ENOSPC;
        }
        if (!next.is_there) {
            if (next.shadow != NODE_NONE) {
                node[next.shadow].flags |= SHADOW_CHECK;
            }
            to->at = start;
            to->is_there = false;
            return XS_OK;
        }
        *to = next;
    }
    to->at = p->bytes;
    if (to->shadow != NODE_NONE) {
        node[to->shadow].flags |= SHADOW_CHECK;
    }
    return XS_OK;
}
