/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches, and the events that wait to be told.
 *
 * A watch hears of its path and of what is below, as long as its client may
 * read the node that changed. Events wait in a queue of the client. When the
 * queue is full, or the event cannot be stored within the client's quota, the
 * watch is marked late instead: once the queue is empty it hears of its own
 * path, which says that anything below may have changed. So a client that
 * does not read costs no more than its quota, and one that reads slowly misses
 * nothing.
 */
#ifndef GUESTS_DOMAIN0_WATCH_H
#define GUESTS_DOMAIN0_WATCH_H

#include "guests/domain0/tree.h"

#define WATCH_PAYLOAD_MAX (PATH_MAX_ABS + 1 + TOKEN_MAX + 1)

struct text {
    const u8 *at;
    u32 bytes;
};

void watch_reset(void);
/* Add a watch; it hears at once. path is as the client wrote it, checked as
 * path_make does. EEXIST: the same path and token are there. */
enum xs_error watch_add(u32 domid, struct text path, struct text token);
enum xs_error watch_remove(u32 domid, struct text path, struct text token);
void watch_drop_all(u32 domid);

/* The node at the path has changed; exact: only who watches this very path
 * hears of it. */
void watch_fire(const struct path *p, u32 n, bool exact);
/* The node and all below will be removed. */
void watch_fire_removed(u32 n);
/* A special path: only clients that may see all domains hear of it. */
void watch_fire_special(const char *name);

/* Take the client's next event: path, NUL, token, NUL; bytes, or 0. */
u32 watch_take(u32 domid, u8 to[WATCH_PAYLOAD_MAX]);

/* The watches of a client, one after the other, as they were written; begin
 * with 0. Returns the next, 0 at the end. */
u32 watch_next(u32 domid, u32 after);
u32 watch_text(u32 w, u8 to[WATCH_PAYLOAD_MAX]);

#endif
