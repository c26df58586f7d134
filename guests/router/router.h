/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router: interfaces of tenants, and frames that go between them.
 *
 * An interface is there because the rules blob binds it, by domain and handle.
 * What its front-end writes to the store and to its rings is a tenant's word:
 * it decides about that tenant's own traffic and nothing else.
 *
 *   OFF        no device of that name in the store
 *   WAITING    offered to the front-end
 *   CONNECTED  rings mapped, frames go
 *   CLOSED     the front-end went away, or its ring lied; until it begins anew
 *
 * backend.c moves interfaces between these, by what the store says, every
 * second and when a watch fires: nothing depends on an event that might be
 * missed. switch.c moves frames of CONNECTED ones, and only marks a ring that
 * lies. ruleset.c brings the rules. One vCPU, no locks.
 */
#ifndef GUESTS_ROUTER_ROUTER_H
#define GUESTS_ROUTER_ROUTER_H

#include "guests/router/bucket.h"
#include "guests/router/filter.h"
#include "guests/router/machine.h"
#include "guests/router/netring.h"
#include "guests/router/share.h"
#include "guests/router/xsclient.h"

#define VIFS_MAX (MACHINE_WINDOWS / 2)
_Static_assert(VIFS_MAX <= SHARE_SENDERS, "senders have numbers below");
#define NO_VIF 0xffffu

enum vif_state {
    VIF_UNUSED,
    VIF_OFF,
    VIF_WAITING,
    VIF_CONNECTED,
    VIF_CLOSED,
    VIF_LEAVING /* the rules bind it no more: the front-end is to be told */
};

struct vif {
    enum vif_state state;
    u16 domid;
    u16 handle;
    u16 index;      /* of its binding in the filter's rules */
    bool published; /* the store has our features */
    bool is_known;  /* the store was asked about the front-end */
    u8 told;        /* the state that we wrote last */
    u32 number;     /* of this record: its windows and its states */
    /* of a CONNECTED one */
    u32 tx_ref;
    u32 rx_ref;
    u32 port;
    struct netring tx;
    struct netring rx;
    struct ring_share share; /* of rx */
    bool gso4;               /* takes large packets of TCP */
    bool gso6;
    bool csum4_full; /* wants checksums in full, IPv4 */
    bool csum6_full;
    struct bucket bytes;
    struct bucket packets;
    /* for good */
    u64 tx_packets, tx_bytes, rx_packets, rx_bytes;
    u64 tx_errors;  /* packets that no front-end should send */
    u64 no_room;    /* for it, but its ring was full */
    u64 denied;     /* of it, by the filter */
    u64 unreported; /* of these, since the last report */
    struct bucket reports;
};

struct router {
    struct filter *filter; /* NULL: no rules yet, nothing passes */
    u64 rules_generation;
    u16 vif_of[RULES_VIFS_MAX];    /* by binding: struct vif, or NO_VIF */
    u16 bridge_of[RULES_VIFS_MAX]; /* equal: the same bridge */
    struct vif vif[VIFS_MAX];
    struct xs xs;
    bool watched; /* the store knows what we want to hear of */
    u32 turn;     /* who is served first */
};

/* switch.c: serve each interface once. True: somebody has more to send. *wake
 * is lowered to when a limit lets somebody go on. */
bool switch_turn(struct router *r, u64 *wake_ns);

/* backend.c: bring all interfaces to what the store says. False: the store is
 * silent. */
bool backend_look(struct router *r);
/* Disconnect those whose domain has ended. True: there were some. */
bool backend_reap(struct router *r);
/* Give back all that an interface holds of its domain. */
void vif_disconnect(struct vif *v);

/* ruleset.c: filter by that blob from now on. Returns what is wrong with it, or
 * NULL; then everything is as before. */
const char *ruleset_take(struct router *r, const void *blob, u32 bytes,
                         u64 generation);

/* counters.c: let domain 0 read them, once; bring them up to date. */
void counters_offer(void);
void counters_take(const struct router *r, u64 now_ns);

/* checksum.c: fill in the checksum that a frame's sender left blank (TCP or UDP
 * in IPv4 or IPv6 without extensions). False: there is none to be filled. */
bool checksum_fill(u8 *frame, u32 bytes);
/* That of an IPv4 header, whose length is right. */
void checksum_ip4(u8 *ip);

/* segment.c: a large packet as frames of segment_bytes of payload each, their
 * checksums filled in. False: it is no TCP packet, or its segments would not
 * fit. */
#define SEGMENT_BYTES PAGE_BYTES
struct segments {
    const u8 *frame;
    u32 tcp_at, headers, payload, step;
    u32 done, count;
    bool is_ip6;
};
bool segment_begin(struct segments *s, const u8 *frame, u32 bytes,
                   u32 segment_bytes);
/* The next one into out; its bytes, 0 after the last. */
u32 segment_next(struct segments *s, u8 out[SEGMENT_BYTES]);

#endif
