/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may talk to whom: what a pair of interfaces may begin, found by asking
 * the rules themselves once for each case that they tell apart.
 */
#ifndef RF_REACH_H
#define RF_REACH_H

#include "guests/router/filter.h"
#include "rf/pf.h"

/* A case: a protocol, with ranges of ports or an ICMP type and code. */
struct reach_cell {
    u8 proto;
    bool is_other; /* stands for all protocols that no rule names */
    bool is_ip6;
    bool is_any_type; /* of types: all that no rule names; of codes */
    bool is_any_code;
    u8 type;
    u8 code;
    u32 from_low; /* ports, 0 to 65535; both ends for other protocols */
    u32 from_high;
    u32 to_low;
    u32 to_high;
    u32 mask; /* bit n: the n-th rules let it begin */
};

struct reach {
    struct reach_cell *cell; /* all cases of a pair, in order */
    size_t count;
};

/* One pair as one set of rules has it; RULES_NO_VIF: not there. */
struct reach_pair {
    const struct rules *rules;
    u32 from;
    u32 to;
};

/* All cases of a pair, by `count` sets of rules, 1 or 2. */
void reach_find(const struct reach_pair *pair, u32 count, struct reach *out);
/* Cases whose mask is `mask` as text: "tcp/80", "udp from 53", "icmp echoreq";
 * neighbours are one. Each is one string of *list, to be freed. */
size_t reach_words(const struct reach *reach, u32 mask, char ***list);
void reach_words_free(char **list, size_t count);

/* Two ends of a flow that has begun may be asked by rules_pass: the rule of
 * each side, and whether both pass. */
bool reach_pass(const struct rules *rules, u32 from, u32 to,
                const struct packet *p, u16 rule[2]);

#endif
