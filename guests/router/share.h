/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a receiver's buffers: no sender may fill the ring of another.
 *
 * A sender holds a slot from when it was taken for it until the receiver has
 * offered a new buffer in its place, which front-ends do in order. Of the slots
 * all but a quarter are shared out evenly among those that hold some; the
 * quarter is for whoever comes next. So small frames in any number leave room
 * for large packets of others.
 */
#ifndef GUESTS_ROUTER_SHARE_H
#define GUESTS_ROUTER_SHARE_H

#include "guests/router/netring.h"

#define SHARE_SLOTS (NETRING_SLOTS - NETRING_SLOTS / 4)
#define SHARE_SENDERS 32u

struct ring_share {
    u32 settled;             /* slots before this one are nobody's */
    u32 senders;             /* that hold some */
    u16 held[SHARE_SENDERS]; /* slots, by sender */
    u8 owner[NETRING_SLOTS]; /* of those from `settled` to the last taken */
};

/* The ring is attached, and nobody holds anything of it. */
static inline void share_begin(struct ring_share *m, const struct netring *rx)
{
    *m = (struct ring_share){ .settled = rx->req_cons };
}

/* `waiting` requests are in the ring: what was offered anew is held no more. */
static inline void share_settle(struct ring_share *m, const struct netring *rx,
                                u32 waiting)
{
    const u32 oldest = rx->req_cons + waiting - NETRING_SLOTS;
    while (m->settled != rx->req_cons && (s32)(m->settled - oldest) < 0) {
        const u32 who = m->owner[m->settled % NETRING_SLOTS];
        m->held[who]--;
        m->senders -= m->held[who] == 0;
        m->settled++;
    }
}

/* May the sender have `slots` of the `waiting`? Asked after share_settle. */
static inline bool share_open(const struct ring_share *m, u32 who, u32 slots,
                              u32 waiting)
{
    const u32 sharers = m->senders + (m->held[who] == 0);
    return slots <= waiting &&
           (m->held[who] == 0 || m->held[who] + slots <= SHARE_SLOTS / sharers);
}

/* The sender takes the slot of that index. */
static inline void share_take(struct ring_share *m, u32 who, u32 index)
{
    m->senders += m->held[who] == 0;
    m->held[who]++;
    m->owner[index % NETRING_SLOTS] = (u8)who;
}

#endif
