/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: see watch.h. Records beyond `used` were never taken; free ones are
 * linked by next.
 */
#include "guests/domain0/watch.h"
#include "guests/domain0/bytes.h"

struct watch {
    u32 next;
    u32 path, token; /* chains; the path is absolute or special */
    u16 path_bytes, token_bytes;
    u16 cut; /* bytes that a relative path lacks in front */
    u16 domid;
    bool is_late;
};

struct event {
    u32 next, watch, path;
    u16 path_bytes;
};

static struct watch watch[WATCHES]; /* 0 is not used */
static struct event event[EVENTS];
static u32 watch_used, watch_free, event_used, event_free;

void watch_reset(void)
{
    watch_used = 1;
    watch_free = 0;
    event_used = 1;
    event_free = 0;
}

/* ---- events ---------------------------------------------------------------
 */

static u32 event_take(void)
{
    const u32 e = event_free;
    if (e != 0) {
        event_free = event[e].next;
        return e;
    }
    return event_used < EVENTS ? event_used++ : 0;
}

static void event_give(u32 domid, u32 e)
{
    bytes_drop(domid, event[e].path);
    event[e].next = event_free;
    event_free = e;
    client[domid].events--;
}

static void event_add(u32 w, const u8 *path, u32 bytes)
{
    const u32 domid = watch[w].domid;
    struct client *const c = &client[domid];
    u32 chain;
    if (watch[w].is_late) {
        return; /* it will hear of everything */
    }
    const u32 e = c->events < quota.events || domid == 0 ? event_take() : 0;
    if (e == 0) {
        watch[w].is_late = true;
        return;
    }
    c->events++;
    if (!bytes_new(domid, path, bytes, &chain)) {
        event[e].path = 0;
        event_give(domid, e);
        watch[w].is_late = true;
        return;
    }
    event[e] = (struct event){ 0, w, chain, (u16)bytes };
    if (c->event_last != 0) {
        event[c->event_last].next = e;
    } else {
        c->event_first = e;
    }
    c->event_last = e;
}

static u32 put(u8 *to, u32 at, u32 chain, u32 bytes)
{
    bytes_copy(chain, bytes, to + at);
    to[at + bytes] = '\0';
    return at + bytes + 1;
}

static u32 take_late(u32 domid, u8 to[WATCH_PAYLOAD_MAX])
{
    for (u32 w = client[domid].watch_first; w != 0; w = watch[w].next) {
        if (watch[w].is_late) {
            watch[w].is_late = false;
            return watch_text(w, to);
        }
    }
    return 0;
}

/* Leave the first bytes out. */
static void shift(u8 *at, u32 bytes, u32 out)
{
    for (u32 i = out; i < bytes; i++) {
        at[i - out] = at[i];
    }
}

u32 watch_take(u32 domid, u8 to[WATCH_PAYLOAD_MAX])
{
    struct client *const c = &client[domid];
    const u32 e = c->event_first;
    if (e == 0) {
        return take_late(domid, to);
    }
    const struct watch *const w = &watch[event[e].watch];
    c->event_first = event[e].next;
    if (c->event_first == 0) {
        c->event_last = 0;
    }
    u32 bytes = put(to, 0, event[e].path, event[e].path_bytes);
    event_give(domid, e);
    shift(to, bytes, w->cut);
    bytes -= w->cut;
    return put(to, bytes, w->token, w->token_bytes);
}

/* The events of a watch that goes. */
static void forget_events(u32 domid, u32 w)
{
    struct client *const c = &client[domid];
    u32 kept = 0;
    for (u32 e = c->event_first; e != 0;) { /* the queue ends */
        const u32 next = event[e].next;
        if (event[e].watch != w) {
            kept = e;
        } else {
            if (kept != 0) {
                event[kept].next = next;
            } else {
                c->event_first = next;
            }
            event_give(domid, e);
        }
        e = next;
    }
    c->event_last = kept;
}

/* ---- watches --------------------------------------------------------------
 */

/* The watch of the same path and token, 0 for none; *before is the one in
 * front of it. */
static u32 find(u32 domid, const struct path *p, struct text token, u32 *before)
{
    *before = 0;
    for (u32 w = client[domid].watch_first; w != 0; w = watch[w].next) {
        if (watch[w].path_bytes == p->bytes &&
            watch[w].token_bytes == token.bytes &&
            bytes_equal(watch[w].path, p->text, p->bytes) &&
            bytes_equal(watch[w].token, token.at, token.bytes)) {
            return w;
        }
        *before = w;
    }
    return 0;
}

static u32 watch_new(u32 domid)
{
    const u32 w = watch_free;
    if (client[domid].watches >= quota.watches && domid != 0) {
        return 0;
    }
    if (w != 0) {
        watch_free = watch[w].next;
        return w;
    }
    return watch_used < WATCHES ? watch_used++ : 0;
}

static void watch_give(u32 domid, u32 w)
{
    bytes_drop(domid, watch[w].path);
    bytes_drop(domid, watch[w].token);
    watch[w].next = watch_free;
    watch_free = w;
}

enum xs_error watch_add(u32 domid, struct text text, struct text token)
{
    static struct path p;
    u32 last;
    const enum xs_error e = path_make(&p, domid, text.at, text.bytes, true);
    if (e != XS_OK) {
        return e;
    }
    if (token.bytes > TOKEN_MAX) {
        return XS_EINVAL;
    }
    if (find(domid, &p, token, &last) != 0) {
        return XS_EEXIST;
    }
    const u32 w = watch_new(domid);
    if (w == 0) {
        return XS_E2BIG;
    }
    watch[w] = (struct watch){ .domid = (u16)domid,
                               .path_bytes = (u16)p.bytes,
                               .token_bytes = (u16)token.bytes,
                               .cut = (u16)(p.bytes - text.bytes) };
    if (!bytes_new(domid, p.text, p.bytes, &watch[w].path) ||
        !bytes_new(domid, token.at, token.bytes, &watch[w].token)) {
        watch_give(domid, w);
        return XS_ENOSPC;
    }
    if (last != 0) {
        watch[last].next = w;
    } else {
        client[domid].watch_first = w;
    }
    client[domid].watches++;
    client[domid].is_changed = true;
    event_add(w, p.text, p.bytes);
    return XS_OK;
}

/* Unlink, with its events. */
static void remove_at(u32 domid, u32 w, u32 before)
{
    forget_events(domid, w);
    if (before != 0) {
        watch[before].next = watch[w].next;
    } else {
        client[domid].watch_first = watch[w].next;
    }
    client[domid].watches--;
    client[domid].is_changed = true;
    watch_give(domid, w);
}

enum xs_error watch_remove(u32 domid, struct text text, struct text token)
{
    static struct path p;
    u32 before;
    const enum xs_error e = path_make(&p, domid, text.at, text.bytes, true);
    if (e != XS_OK) {
        return e;
    }
    const u32 w = find(domid, &p, token, &before);
    if (w == 0) {
        return XS_ENOENT;
    }
    remove_at(domid, w, before);
    return XS_OK;
}

void watch_drop_all(u32 domid)
{
    while (client[domid].watch_first != 0) {
        remove_at(domid, client[domid].watch_first, 0);
    }
}

u32 watch_next(u32 domid, u32 after)
{
    return after == 0 ? client[domid].watch_first : watch[after].next;
}

u32 watch_text(u32 w, u8 to[WATCH_PAYLOAD_MAX])
{
    u32 bytes = put(to, 0, watch[w].path, watch[w].path_bytes);
    shift(to, bytes, watch[w].cut);
    bytes -= watch[w].cut;
    return put(to, bytes, watch[w].token, watch[w].token_bytes);
}

/* ---- firing ---------------------------------------------------------------
 */

/* Is what w watches the path, or above it? */
static bool matches(u32 w, const struct path *p, bool exact)
{
    const u32 bytes = watch[w].path_bytes;
    if (bytes > p->bytes || (exact && bytes != p->bytes) ||
        (bytes > 1 && bytes < p->bytes && p->text[bytes] != '/')) {
        return false;
    }
    return bytes_equal(watch[w].path, p->text, bytes);
}

void watch_fire(const struct path *p, u32 n, bool exact)
{
    for (u32 d = 0; d < client_end; d++) {
        u32 w = client[d].watch_first;
        if (w == 0 || !node_allows(n, d, ACCESS_READ)) {
            continue;
        }
        for (; w != 0; w = watch[w].next) {
            if (matches(w, p, exact)) {
                event_add(w, p->text, p->bytes);
            }
        }
    }
}

/* The path of n becomes that of its child. */
static void path_down(struct path *p, u32 child)
{
    p->text[p->bytes] = '/';
    bytes_copy(node[child].name, node[child].name_bytes,
               p->text + p->bytes + 1);
    p->bytes += 1u + node[child].name_bytes;
}

static void path_up(struct path *p, u32 n)
{
    p->bytes -= 1u + node[n].name_bytes;
}

void watch_fire_removed(u32 n)
{
    static struct path p;
    node_path(n, &p); /* of n, which is not the root */
    watch_fire(&p, n, false);
    for (u32 i = n;;) { /* all below, parents first */
        u32 next = node[i].first;
        while (next == NODE_NONE && i != n) {
            path_up(&p, i);
            next = node[i].next;
            i = node[i].parent;
        }
        if (next == NODE_NONE) {
            return;
        }
        path_down(&p, next);
        watch_fire(&p, next, true);
        i = next;
    }
}

void watch_fire_special(const char *name)
{
    static struct path p;
    p.bytes = 0;
    for (; name[p.bytes] != '\0'; p.bytes++) {
        p.text[p.bytes] = (u8)name[p.bytes];
    }
    for (u32 d = 0; d < client_end; d++) {
        if (d != 0 && !client[d].sees_domains) {
            continue;
        }
        for (u32 w = client[d].watch_first; w != 0; w = watch[w].next) {
            if (matches(w, &p, true)) {
                event_add(w, p.text, p.bytes);
            }
        }
    }
}
