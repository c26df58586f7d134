/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that one interface has been allowed: a table of fixed size for each
 * interface, so that no tenant takes room from another. A flow between two
 * tenants is in both tables, each kept by the rules of its own side.
 *
 * When a table is full new flows are refused. Of the flows that others begin
 * towards an interface, one other tenant may have half a table.
 */
#ifndef GUESTS_ROUTER_STATE_H
#define GUESTS_ROUTER_STATE_H

#include "guests/router/packet.h"

#define STATES_MAX 4096u /* flows of one interface */
#define STATE_PEERS 256u
#define STATE_NONE 0xffffu

enum state_phase {
    PHASE_OPENING,     /* TCP: no answer yet; else: one direction seen */
    PHASE_ESTABLISHED, /* both directions */
    PHASE_CLOSING,     /* TCP: a FIN */
    PHASE_CLOSED       /* TCP: both FINs, or a reset */
};

/* One direction of a TCP flow, in the order of sequence numbers. */
struct state_side {
    u32 end;      /* highest sequence number sent, plus one */
    u32 limit;    /* highest that the other side has room for */
    u32 window;   /* largest window it has offered, scaled */
    u8 scale;     /* of its windows, or TCP_NO_SCALE */
    u8 seen;      /* has sent something */
    u8 fin;       /* has sent FIN */
    u8 fin_acked; /* ... which the other side has acknowledged */
};

/* `mine` is the side of the interface. */
struct state {
    struct addr mine;
    struct addr other;
    u64 expires_ns;
    u16 my_port;
    u16 other_port;
    u16 next; /* in its chain, or of the free ones */
    u16 rule; /* that let it in; of the generation below */
    u32 generation;
    u16 peer; /* domid of the other end */
    u8 proto;
    u8 phase;
    bool is_ip6;
    bool is_out; /* begun by the interface's tenant */
    bool is_used;
    u8 icmp_type; /* of its beginning */
    u8 icmp_code;
    u8 tcp_flags;
    struct state_side side[2]; /* 0: mine, 1: the other's */
};

struct states {
    u64 secret; /* of the hash */
    u32 count;
    u16 free;                    /* list, STATE_NONE: empty */
    u16 hand;                    /* where the sweep goes on */
    u16 peer_count[STATE_PEERS]; /* begun from outside, by domid % 256 */
    u16 head[STATES_MAX];
    struct state state[STATES_MAX];
};

/* An empty table; the secret is unknown to tenants. */
void states_init(struct states *states, u64 secret);

#endif
