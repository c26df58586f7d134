/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a receiver's buffers: no sender may keep the ring of another full.
 *
 * Each slot of the ring is known by whom it was taken for last. A sender that
 * had less than its part of them, all senders alike, may take what there is.
 * Any other leaves a quarter of the buffers that the receiver has at its best,
 * for whoever comes next. So small frames in any number leave room for large
 * packets of others.
 */
#ifndef GUESTS_ROUTER_SHARE_H
#define GUESTS_ROUTER_SHARE_H

#include "guests/router/netring.h"

#define SHARE_SENDERS 32u
#define SHARE_LEFT 4u /* one part of so many */

struct ring_share {
    u32 settled;             /* slots before this one count no more */
    u32 most;                /* buffers that the receiver offered at once */
    u32 senders;             /* that had some slots */
    u16 had[SHARE_SENDERS];  /* slots, by sender */
    u8 taker[NETRING_SLOTS]; /* of those from `settled` to the last taken */
};

/* The ring is attached; nobody had anything of it. */
static inline void share_begin(struct ring_share *m, const struct netring *rx)
{
    *m = (struct ring_share){ .settled = rx->req_cons };
}

/* `waiting` buffers are in the ring: the slots that they stand in count for
 * nobody. */
static inline void share_settle(struct ring_share *m, const struct netring *rx,
                                u32 waiting)
{
    const u32 oldest = rx->req_cons + waiting - NETRING_SLOTS;
    while (m->settled != rx->req_cons && (s32)(m->settled - oldest) < 0) {
        const u32 who = m->taker[m->settled % NETRING_SLOTS];
        m->had[who]--;
        m->senders -= m->had[who] == 0;
        m->settled++;
    }
    m->most = waiting > m->most ? waiting : m->most;
}

/* May the sender have `slots` of the `waiting`? Asked after share_settle. */
static inline bool share_open(const struct ring_share *m, u32 who, u32 slots,
                              u32 waiting)
{
    const u32 senders = m->senders + (m->had[who] == 0);
    const u32 all = NETRING_SLOTS - waiting;
    if (slots > waiting || waiting == m->most ||
        (m->had[who] + slots) * senders <= all) {
        return slots <= waiting;
    }
    return waiting - slots >= m->most / SHARE_LEFT;
}

/* The sender takes the slot of that index. */
static inline void share_take(struct ring_share *m, u32 who, u32 index)
{
    m->senders += m->had[who] == 0;
    m->had[who]++;
    m->taker[index % NETRING_SLOTS] = (u8)who;
}

#endif
