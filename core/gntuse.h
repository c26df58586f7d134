/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to gnttab.c, gntmap.c and gntcopy.c: the use of one grant.
 */
#ifndef CORE_GNTUSE_H
#define CORE_GNTUSE_H

#include "core/domain.h"
#include "core/gnttab.h"

/* Take a reference on a frame of d, a writable one if asked, after the flush
 * that its last use may call for. False: not d's memory, or in other use.
 * Lock: mm of d. */
bool gntuse_take_frame(struct domain *d, mfn_t m, bool writable) MUST_CHECK;
void gntuse_drop_frame(mfn_t m, bool writable);

/* user begins to use the entry ref of granter: checks the entry, marks it,
 * takes the frame. *frame is set on GRANT_OKAY; nothing is changed otherwise.
 * Lock: mm of granter. */
enum grant_status gntuse_begin(struct domain *granter, domid_t user, u32 ref,
                               bool writable, mfn_t *frame) MUST_CHECK;
/* One such use ends. Lock: mm of granter. */
void gntuse_end(struct domain *granter, u32 ref, bool writable);

#endif
