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
#include "guests/router/rules.h"

#define STATES_MAX 4096u /* flows of one interface */
#define STATE_PEERS 256u
#define STATE_NONE 0xffffu
#define STATES_UNASKED 64u /* picked up, and who began them is silent */
#define PICKUP_PACKETS_NS (600 * 1000000000ull)
#define PICKUP_ANSWERS_NS (60 * 1000000000ull)

enum state_phase {
    PHASE_OPENING,     /* TCP: no answer yet; else: one direction seen */
    PHASE_ESTABLISHED, /* both directions */
    PHASE_CLOSING,     /* TCP: one side has sent FIN */
    PHASE_CLOSED       /* TCP: both have, or a reset was sent */
};

/* One direction of a TCP flow, in the order of sequence numbers. */
struct state_side {
    u32 end;    /* highest sequence number sent, plus one */
    u32 limit;  /* highest that the other side has had room for, plus one */
    u32 acked;  /* of its numbers, by the other side */
    u32 window; /* largest that it has offered, scaled */
    u8 scale;   /* of its windows, or TCP_NO_SCALE */
    bool is_seen;
    bool has_fin;
};

/* `mine` is the end of the interface. */
struct state {
    struct addr mine;
    struct addr other;
    u64 expires_ns;
    u16 my_port;
    u16 other_port;
    u16 next; /* in its chain, or of the free ones */
    u16 rule; /* that let it in, in the rules of the generation below */
    u32 generation;
    u16 peer; /* domid of the other end */
    u8 proto;
    u8 phase;
    bool is_ip6;
    bool is_out; /* begun by the interface's tenant */
    bool is_used;
    bool is_loose;   /* TCP: picked up under way, windows are not known */
    bool is_unasked; /* and who has begun it has not spoken yet */
    u8 icmp_type;    /* of its beginning */
    u8 icmp_code;
    struct state_side side[2]; /* 0: mine, 1: the other's */
};

struct states {
    u64 secret;     /* of the hash */
    u32 generation; /* of the rules */
    u32 count;
    u16 free;                    /* list, STATE_NONE: empty */
    u16 hand;                    /* where the sweep goes on */
    u64 sweep_ns;                /* when all may be swept again */
    u64 packets_until_ns;        /* until then, flows under way are */
    u64 answers_until_ns;        /* ... picked up, by either side */
    u32 unasked;                 /* how many flows are */
    u16 peer_count[STATE_PEERS]; /* begun from outside, by domid % 256 */
    u16 rule_count[RULES_MAX];   /* by rule, of this generation */
    u16 head[STATES_MAX];
    struct state state[STATES_MAX];
};

/* An empty table; the secret is unknown to tenants. */
void states_init(struct states *states, u64 secret);

/* Rules have changed: flows are asked again when they are met. */
void states_renew(struct states *states, u32 generation);

/* The tenant behind `peer` has begun anew: flows with it are gone. */
void states_forget(struct states *states, u16 peer);

/* The flow that a packet is of, or NULL. is_out: sent by the interface. */
struct state *states_find(struct states *states, const struct packet *p,
                          bool is_out, u64 now_ns);

/* The flow that an ICMP error complains about; is_out: the interface's tenant
 * has sent the packet that is quoted. */
struct state *states_find_inner(struct states *states, const struct packet *p,
                                bool is_out, u64 now_ns);

/* Is the packet in place in its flow? */
enum drop state_check(const struct state *st, const struct packet *p,
                      bool is_out) MUST_CHECK;

/* The packet has passed, after state_check. */
void state_update(struct state *st, const struct packet *p, bool is_out,
                  u64 now_ns);

/* Remove all that have expired, or are closed. */
void states_sweep(struct states *states, u64 now_ns);

/* Would a new flow find room? max: of its rule, 0 none. */
enum drop states_room(struct states *states, const struct packet *p,
                      bool is_out, u16 peer, u16 rule, u32 max,
                      u64 now_ns) MUST_CHECK;

/* Keep a new flow, after states_room has said DROP_NONE; NULL: no room. */
struct state *states_add(struct states *states, const struct packet *p,
                         bool is_out, u16 peer, u16 rule, u64 now_ns);

/* The interface had flows before this router began: for a time those of TCP may
 * be met in the middle (pickup.c). states_init ends that. */
void states_resume(struct states *states, u64 now_ns);

/* The flow is by the rules of now, let in by this one. */
void states_bind(struct states *states, struct state *st, u16 rule);
void states_remove(struct states *states, struct state *st);

#endif
