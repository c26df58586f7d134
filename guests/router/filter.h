/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on a packet: bindings, flows that are known, then the rules of
 * the sender (out) and of the receiver (in).
 *
 * Order of calls for a frame that an interface sends:
 *
 *   packet_parse(&p, copy, have, frame_bytes)   malformed? never passes?
 *   filter_source(f, from, &p)                  spoofed?
 *   for each interface `to` of the same bridge, other than `from`:
 *       filter_accepts(f, to, &p)               is the frame for it?
 *       filter_pass(f, from, to, &p, now, &a)   both ends' flows and rules
 *
 * An accepted blob is turned into tables by filter_load: for each list and each
 * field (protocol, addresses, ports) sorted intervals, and for each interval a
 * bit for each rule that matches it. A packet's intervals are found by
 * bisection, their bits are and-ed, the first bit left decides. The time is
 * the same for ten rules and nearly the same for a thousand, and so is the
 * memory: it is all in struct filter.
 *
 * Change of rules: load the new blob into a second struct filter while the
 * first goes on filtering, then filter_take_over, which cannot fail; from then
 * on the second one filters. Known flows are asked again, with the packet that
 * began them, when their next packet comes; those that the new rules do not
 * pass are gone.
 *
 * No locks: one thread.
 */
#ifndef GUESTS_ROUTER_FILTER_H
#define GUESTS_ROUTER_FILTER_H

#include "guests/router/packet.h"
#include "guests/router/rules.h"
#include "guests/router/state.h"

enum filter_field {
    FIELD_PROTO,
    FIELD_FROM4,
    FIELD_TO4,
    FIELD_FROM6,
    FIELD_TO6,
    FIELD_FROM_PORT,
    FIELD_TO_PORT,
    FIELD_COUNT
};

/* Words of all bit rows and keys of all lists. */
#define FILTER_WORDS 393216u /* 3 MiB */
#define FILTER_FRAGMENTS 16u /* fragmented packets under way, an interface */

/* Sorted starts of intervals, and a row of bits for each. */
struct filter_axis {
    u32 keys;  /* where the starts are, in words; IPv6 takes two each */
    u32 rows;  /* where the rows are */
    u32 count; /* of intervals, 1 or more */
};

struct filter_list {
    u32 first; /* of its rules */
    u32 count;
    u32 row_words;
    struct filter_axis axis[FIELD_COUNT];
};

struct filter_fragment {
    struct addr from;
    struct addr to;
    u64 expires_ns;
    u32 id;
    u32 next_offset;
    u16 receiver; /* interface */
    u8 proto;
    bool is_used;
};

/* Bit b of open[a]: either may begin something with the other. */
struct filter_pairs {
    u64 open[RULES_VIFS_MAX][RULES_VIFS_MAX / 64];
};

struct filter {
    struct rules rules; /* into blob */
    u32 generation;     /* grows with each change of rules */
    struct filter_list out[RULES_VIFS_MAX];
    struct filter_list in[RULES_VIFS_MAX];
    struct filter_pairs pairs;
    struct states *states[RULES_VIFS_MAX]; /* or NULL: keeps no flows */
    struct filter_fragment fragment[RULES_VIFS_MAX][FILTER_FRAGMENTS];
    u64 rule_packets[RULES_MAX]; /* decided by this rule */
    u64 rule_bytes[RULES_MAX];
    u64 drops[RULES_VIFS_MAX][DROP_COUNT]; /* by the sender */
    u32 used_words;
    u64 word[FILTER_WORDS];
    u64 blob[RULES_BYTES_MAX / 8];
};

#define FILTER_NO_RULE 0xffffu

/* Why a packet passes or not. */
struct filter_answer {
    enum drop drop;   /* DROP_NONE: passes */
    u16 rule;         /* that decided, index; FILTER_NO_RULE: none matched, a
                         state decided, or the reason is none of rules */
    u16 vif;          /* whose rules or binding decided */
    bool is_log;      /* to be reported: a rule with `log`, or no rule */
    bool is_state;    /* a known flow */
    bool is_receiver; /* the receiver's side decided */
    bool is_picked;   /* of a flow that an earlier router has let begin */
};

/*
 * Check a blob, copy it, and build its tables. NULL: good. Else what is wrong,
 * and the filter is not to be used. Nothing of `blob` is needed afterwards, and
 * it may change while it is read (a private copy is checked). No states are
 * attached.
 */
const char *filter_load(struct filter *f, const void *blob,
                        u32 bytes) MUST_CHECK;

/* Give an interface its table of flows. */
void filter_attach(struct filter *f, u32 vif, struct states *states);

/* `f`, loaded, follows `old`: tables of flows of interfaces that are in both
 * go over with their flows, and counters of drops. Tables of interfaces that
 * are gone are given back by the caller (old->states of those that
 * rules_find does not find in the new). */
void filter_take_over(struct filter *f, const struct filter *old);

/* A tenant has begun anew, or is gone: its flows, and its packets of which
 * fragments are under way, are gone on both sides. */
void filter_forget(struct filter *f, u16 domid);

/* The interface was connected to a router before this one: its flows of then
 * may go on for a time, as far as the rules would let them begin (pickup.c). */
void filter_resume(struct filter *f, u32 vif, u64 now_ns);

/* Count a drop that was not found here: by packet_parse, or by the caller. */
void filter_count(struct filter *f, u32 from, enum drop drop);

/* May this interface send this frame? DROP_NONE, or why not; counted. */
enum drop filter_source(struct filter *f, u32 from,
                        const struct packet *p) MUST_CHECK;

/* Is this frame for this interface: its MAC, broadcast, or a group that its
 * addresses are in? Same bridge is for the caller to see. Questions for an
 * address (ARP, neighbour discovery) are only for the interface that has it;
 * unasked answers to a group, and calls for routers, are for nobody. */
bool filter_accepts(const struct filter *f, u32 to,
                    const struct packet *p) MUST_CHECK;

/*
 * Do both ends pass the packet? True: deliver it. Flows and counters of both
 * ends are updated, only when both pass. now_ns never goes back. Sender and
 * receiver are different interfaces, filter_source was asked.
 */
bool filter_pass(struct filter *f, u32 from, u32 to, const struct packet *p,
                 u64 now_ns, struct filter_answer *a) MUST_CHECK;

/* One side's rules alone, without flows: index into rules.rule, or
 * FILTER_NO_RULE. */
u16 filter_decide(const struct filter *f, u32 vif, bool is_out,
                  const struct packet *p);

/* Why a rule does not match a packet: the first field that differs. */
enum rule_miss {
    MISS_NONE,
    MISS_FAMILY,
    MISS_PROTO,
    MISS_FROM,
    MISS_FROM_PORT,
    MISS_TO,
    MISS_TO_PORT,
    MISS_FLAGS,
    MISS_TYPE
};

enum rule_miss rule_compare(const struct rules *r, const struct rules_rule *u,
                            const struct packet *p);

/* The same by reading the rules one after the other: the oracle of the tests,
 * and how rf explains. */
u16 filter_decide_slowly(const struct rules *rules, u32 vif, bool is_out,
                         const struct packet *p);

/* "tcp 10.0.0.2:40112 -> 10.0.0.3:22 web.cfg:14", the drop's word before the
 * place when it is none of a rule, "picked-up" when is_picked. The place is the
 * rule's; without one, where the list of rules begins that has none, or where
 * the interface is bound. NUL-terminated, at most `room`, 32 or more; returns
 * the length. When all does not fit, the packet is cut and the place is not. */
u32 filter_text(const struct filter *f, const struct packet *p,
                const struct filter_answer *a, char *text, u32 room);

#endif
