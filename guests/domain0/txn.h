/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client may do with the store, alone or in a transaction.
 *
 * A transaction is a tree of shadows over the store. A shadow stands for one
 * path: it remembers the node that was there when it was first looked at, and
 * what the transaction did to it. Reads look at the shadow first. At the end
 * each shadow that was read or changed is compared with the store: when
 * somebody has changed that very node meanwhile, nothing is done and the
 * answer is EAGAIN. What others do elsewhere does not matter, so no client can
 * keep another's transactions from ending.
 *
 * A transaction that was begun with an earlier Domain0 is unknown to this one.
 * Its number tells (the epoch is in its upper byte), and so it is given a
 * transaction that goes on as if nothing had been, and ends with EAGAIN: the
 * client does it again, as it must be ready to.
 */
#ifndef GUESTS_DOMAIN0_TXN_H
#define GUESTS_DOMAIN0_TXN_H

#include "guests/domain0/tree.h"

/* Who asks, and in which transaction: an index of txn.c, 0 for none. */
struct view {
    u32 domid;
    u32 txn;
};

struct listing {
    u32 offset; /* where to begin in the list of all names */
    u32 room;   /* bytes there are for names */
    u8 *to;
    u32 bytes, total; /* copied; of the whole list */
    u64 generation;
};

enum xs_error store_read(const struct view *v, const struct path *p,
                         u8 to[VALUE_MAX], u32 *bytes);
enum xs_error store_list(const struct view *v, const struct path *p,
                         struct listing *l);
enum xs_error store_perms(const struct view *v, const struct path *p,
                          struct perm to[PERMS_MAX], u32 *count);
enum xs_error store_write(const struct view *v, const struct path *p,
                          const u8 *value, u32 bytes);
enum xs_error store_mkdir(const struct view *v, const struct path *p);
enum xs_error store_remove(const struct view *v, const struct path *p);
enum xs_error store_set_perms(const struct view *v, const struct path *p,
                              const struct perm *perm, u32 count);

void txn_reset(void);
enum xs_error txn_start(u32 domid, u32 *id);
/* The transaction that a request names. */
enum xs_error txn_find(u32 domid, u32 id, u32 *txn);
enum xs_error txn_end(u32 txn, bool commit);
void txn_drop_all(u32 domid);

#endif
