/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that may pass, on their way to receivers' frames.
 *
 * What the filter has judged is a copy in memory of ours, and it is that copy
 * which is delivered. Of a packet of up to a page all is copied first. Of a
 * larger one the head is, PACKET_HEADER_MAX bytes, which is all that the filter
 * ever sees; the rest goes from the sender's frames to the receiver's by one
 * copy, fragment by fragment. No byte of the sender's is read twice.
 *
 * Copies are collected, and made by deliver_all: before that, nothing of the
 * senders' may be answered.
 */
#ifndef GUESTS_ROUTER_DELIVER_H
#define GUESTS_ROUTER_DELIVER_H

#include "guests/router/router.h"

#define PACKET_PAGES 16u /* 65,535 bytes */
/* Copies that bring a whole packet into memory of ours, at most. */
#define GATHER_COPIES (2 * NETRING_FRAGMENTS_MAX + PACKET_PAGES)

struct parcel {
    struct vif *from;
    const struct netpacket *packet;
    u8 *own;   /* PACKET_PAGES pages */
    u32 have;  /* bytes in own: the head, or all */
    u16 flags; /* of the rx ring, without MORE and EXTRA */
};

/* How much of a packet is to be in memory of ours before it is judged. */
u32 deliver_head(const struct netpacket *p);
/* Copies that bring the packet's bytes from..end, its fragments one behind the
 * other, to own + from; how many. */
u32 deliver_gather(const struct vif *from_vif, const struct netpacket *p,
                   u8 *own, u32 from, u32 end, struct machine_copy *list);
/* Hand the packet over as the receiver takes it; who has no room loses it. A
 * checksum that one receiver wants in full is filled in for all that come after
 * it. */
void deliver_to(struct vif *to, struct parcel *p, const struct packet *h);
/* Make the copies, and tell the receivers. A sender that has taken back a frame
 * of a packet that was under way has lied about its ring. */
void deliver_all(void);

#endif
