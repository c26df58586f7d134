/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules blob: what rf compiles tenant files to, what the hypervisor holds
 * as opaque bytes, and what the router filters by.
 *
 *   struct rules_header
 *   struct rules_vif    [vif_count]     by (domid, handle), ascending
 *   struct rules_range6 [range6_count]
 *   struct rules_rule   [rule_count]    first match wins
 *   struct rules_range4 [range4_count]
 *   struct rules_ports  [ports_count]
 *   text                [text_bytes]    strings, each with its NUL
 *
 * Sections follow each other without gaps and there is no offset in the blob:
 * where a section stands follows from the counts. Numbers are little endian,
 * IPv4 addresses and halves of IPv6 addresses are numbers too (10.0.0.2 is
 * 0x0a000002). Ranges include both ends. Reserved bytes are zero.
 *
 * A virtual interface has two lists of rules: `out` for what its tenant sends,
 * `in` for what it is sent. rf has put each list into an order in which the
 * first rule that matches decides, so that there is no `quick` any more; when
 * none matches the packet is blocked and logged. The lists stand one after the
 * other, each interface's out and in, so a rule is of one list. In a rule, a
 * span of ranges with count 0 is "any"; others are ascending and disjoint. Of
 * TCP a rule that keeps state matches the beginning only: SYN without ACK.
 *
 * rules_check() accepts a blob or says what is wrong; whoever holds an accepted
 * one may follow every index in it.
 */
#ifndef GUESTS_ROUTER_RULES_H
#define GUESTS_ROUTER_RULES_H

#include "core/base.h"

#define RULES_MAGIC "RFRULES1"
#define RULES_VERSION 1u
#define RULES_BYTES_MAX 65536u
#define RULES_VIFS_MAX 128u
#define RULES_MAX 1400u      /* all lists together */
#define RULES_LIST_MAX 1024u /* one list */
#define RULES_ADDRESSES 4u   /* of one family, of one interface */
#define RULES_TEXT_MAX 16384u

struct rules_header {
    char magic[8];
    u32 version;
    u32 bytes; /* of the whole blob */
    u16 vif_count;
    u16 rule_count;
    u16 range6_count;
    u16 range4_count;
    u16 ports_count;
    u16 text_bytes;
    u8 zero[4];
};

struct rules_vif {
    u16 domid;
    u16 handle;
    u8 mac[6]; /* unicast, not zero */
    u8 ip4_count;
    u8 ip6_count;
    u32 ip4[RULES_ADDRESSES];
    u8 ip6[RULES_ADDRESSES][16]; /* as on the wire; link-local too */
    u32 rate_bytes;              /* a second; 0: no limit */
    u32 rate_packets;            /* a second; 0: no limit */
    u16 out_first;               /* rules for what the tenant sends */
    u16 out_count;
    u16 in_first; /* rules for what it is sent */
    u16 in_count;
    u16 name;        /* of its tenant: into the text */
    u16 line;        /* of the file, where the interface is written down */
    char bridge[12]; /* NUL padded; frames pass within one bridge */
    u16 file;        /* origin: into the text; 0: not known */
    u16 list_line;   /* where its list of rules begins, or the interface */
};

enum rules_flags {
    RULE_PASS = 1,  /* else block */
    RULE_LOG = 2,   /* tell the log */
    RULE_STATE = 4, /* pass, and keep state */
    RULE_IP4 = 8,   /* concerns IPv4 */
    RULE_IP6 = 16,  /* concerns IPv6; at least one of the two */
    RULE_PROTO = 32,
    RULE_TYPE = 64, /* icmp_type is given */
    RULE_CODE = 128,
    RULE_FLAGS = 255
};

enum rules_options {
    RULE_NO_SYNC = 1, /* its flows do not outlive a router */
    RULE_OPTIONS = 1
};

struct rules_span {
    u16 first;
    u16 count; /* 0: any */
};

struct rules_rule {
    u8 flags;
    u8 proto;     /* IP protocol, or 0 */
    u8 tcp_flags; /* these of ... */
    u8 tcp_mask;  /* ... these are set; 0: not asked */
    u8 icmp_type;
    u8 icmp_code;
    u16 label; /* into the text; 0: none */
    struct rules_span from4;
    struct rules_span from6;
    struct rules_span from_port;
    struct rules_span to4;
    struct rules_span to6;
    struct rules_span to_port;
    u16 max; /* states at a time; 0: what the table holds */
    u16 options;
    u16 file; /* origin: into the text */
    u16 line;
    u16 column;
    u16 order; /* place in the tenant's list, from 1 */
};

struct rules_range4 {
    u32 low;
    u32 high;
};

struct rules_range6 {
    u64 low[2]; /* upper half, lower half */
    u64 high[2];
};

struct rules_ports {
    u16 low;
    u16 high;
};

_Static_assert(sizeof(struct rules_header) == 32, "header");
_Static_assert(sizeof(struct rules_vif) == 128, "interface");
_Static_assert(sizeof(struct rules_rule) == 44, "rule");

/* An accepted blob, opened. Pointers into it; valid as long as it is. */
struct rules {
    const struct rules_header *header;
    const struct rules_vif *vif;
    const struct rules_rule *rule;
    const struct rules_range6 *range6;
    const struct rules_range4 *range4;
    const struct rules_ports *ports;
    const char *text;
};

/*
 * Check all of a blob of `bytes` bytes, aligned to 8, and open it. NULL: good,
 * *out is filled. Else what is wrong, a sentence without a full stop; *out is
 * as it was. The blob must not change afterwards: check a private copy.
 */
const char *rules_check(const void *blob, u32 bytes,
                        struct rules *out) MUST_CHECK;

#define RULES_NO_VIF 0xffffffffu

/* Index of an interface, or RULES_NO_VIF. */
u32 rules_find(const struct rules *rules, u32 domid, u32 handle);

#endif
