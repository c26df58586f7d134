/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the router counts, for whoever operates it: pages that it offers to
 * domain 0, read-only, by the references COUNTERS_REF and following ones of its
 * grant table. Nothing of them is a tenant's word, and nothing depends on them.
 *
 * They are written anew each second. `sequence` is odd meanwhile: who has read
 * all pages and finds the number even, and the same as before, has numbers of
 * one moment. Each life of the router counts from zero, rules from when they
 * came into force.
 */
#ifndef GUESTS_ROUTER_COUNTERS_H
#define GUESTS_ROUTER_COUNTERS_H

#include "guests/router/packet.h"
#include "guests/router/rules.h"

#define COUNTERS_REF 8u /* first that is nobody's [XEN grant_table.h] */
#define COUNTERS_MAGIC 0x31544e554f434652ull /* "RFCOUNT1" */
#define COUNTERS_VERSION 1u
#define COUNTERS_VIFS 32u

struct counters_header {
    u64 magic;
    u32 version;
    u32 sequence;
    u64 taken_ns;
    u64 generation; /* of the rules, as the hypervisor counts */
    u32 vif_count;
    u32 rule_count;
    u32 drop_count; /* words of drops.def that both sides know */
    u32 flows_max;  /* of an interface */
};

struct counters_vif {
    u16 domid;
    u16 handle;
    u32 state; /* enum vif_state */
    u32 flows;
    u32 zero;
    u64 sent_packets; /* by the tenant, taken off its ring */
    u64 sent_bytes;
    u64 received_packets;
    u64 received_bytes;
    u64 errors;  /* packets that no front-end should send */
    u64 no_room; /* for it, but its ring was full */
    u64 refused; /* of its own, by the filter */
    u64 drops[DROP_COUNT];
};

/* Of the rule of that number in the blob. */
struct counters_rule {
    u64 packets;
    u64 bytes;
    u32 flows;
    u32 zero;
};

struct counters {
    struct counters_header header;
    struct counters_vif vif[COUNTERS_VIFS];
    struct counters_rule rule[RULES_MAX];
};

#define COUNTERS_PAGES                                                         \
    ((u32)((sizeof(struct counters) + PAGE_BYTES - 1) / PAGE_BYTES))

#endif
