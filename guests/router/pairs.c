/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interfaces may know of each other at all. Questions for addresses (ARP,
 * neighbour discovery) are no matter of rules, but two tenants whose rules
 * would not pass a single packet between them get none of these either.
 *
 * A pair is open when the first has a rule that passes something out to an
 * address of the second, or to one that no interface has, for which the second
 * may be the gateway; and the second has a rule that passes something in from
 * an address of the first.
 */
#include "guests/router/pairs.h"

#include "guests/router/bytes.h"

/* Is the address in one of the ranges? They are sorted: by bisection. */
static bool in_span4(const struct rules *r, struct rules_span s, u32 ip)
{
    u32 at = s.first;
    u32 count = s.count;

    while (count > 1) {
        const u32 half = count / 2;
        at += r->range4[at + half].low <= ip ? half : 0;
        count -= half;
    }
    return count != 0 && r->range4[at].low <= ip && r->range4[at].high >= ip;
}

static bool not_above(const u64 *pair, u64 high, u64 low)
{
    return pair[0] < high || (pair[0] == high && pair[1] <= low);
}

static bool in_span6(const struct rules *r, struct rules_span s, const u8 *ip)
{
    const u64 high = be64(ip);
    const u64 low = be64(ip + 8);
    u32 at = s.first;
    u32 count = s.count;

    while (count > 1) {
        const u32 half = count / 2;
        at += not_above(r->range6[at + half].low, high, low) ? half : 0;
        count -= half;
    }
    if (count == 0 || !not_above(r->range6[at].low, high, low)) {
        return false;
    }
    const u64 *const end = r->range6[at].high;
    return end[0] > high || (end[0] == high && end[1] >= low);
}

/* How many of an interface's addresses are in the spans; 1 when the rule does
 * not ask. */
static u64 count_own(const struct rules *r, const struct rules_rule *u,
                     struct rules_span ip4, struct rules_span ip6,
                     const struct rules_vif *v)
{
    u64 count = ((u->flags & RULE_IP4) != 0 && ip4.count == 0) ||
                        ((u->flags & RULE_IP6) != 0 && ip6.count == 0)
                    ? 1
                    : 0;

    for (u32 k = 0; k < v->ip4_count; k++) {
        count += in_span4(r, ip4, v->ip4[k]) ? 1 : 0;
    }
    for (u32 k = 0; k < v->ip6_count; k++) {
        count += in_span6(r, ip6, v->ip6[k]) ? 1 : 0;
    }
    return count;
}

/* Does the rule speak of an address that no interface has? IPv6 ranges of more
 * than one address are taken to. */
static bool is_beyond(const struct rules *r, const struct rules_rule *u)
{
    u64 size = 0;
    u64 own = 0;

    for (u32 i = 0; i < u->to4.count; i++) {
        const struct rules_range4 *const g = &r->range4[u->to4.first + i];
        size += (u64)g->high - g->low + 1;
    }
    for (u32 i = 0; i < u->to6.count; i++) {
        const struct rules_range6 *const g = &r->range6[u->to6.first + i];
        if (g->low[0] != g->high[0] || g->low[1] != g->high[1]) {
            return true;
        }
        size++;
    }
    for (u32 i = 0; i < r->header->vif_count; i++) {
        own += count_own(r, u, u->to4, u->to6, &r->vif[i]);
    }
    return own < size;
}

static bool sends_to(const struct rules *r, const struct rules_vif *from,
                     const struct rules_vif *to, const u64 *beyond)
{
    for (u32 i = from->out_first; i < (u32)from->out_first + from->out_count;
         i++) {
        const struct rules_rule *const u = &r->rule[i];
        if ((u->flags & RULE_PASS) != 0 &&
            ((beyond[i / 64] >> i % 64 & 1) != 0 ||
             count_own(r, u, u->to4, u->to6, to) != 0)) {
            return true;
        }
    }
    return false;
}

static bool takes_from(const struct rules *r, const struct rules_vif *to,
                       const struct rules_vif *from)
{
    for (u32 i = to->in_first; i < (u32)to->in_first + to->in_count; i++) {
        const struct rules_rule *const u = &r->rule[i];
        if ((u->flags & RULE_PASS) != 0 &&
            count_own(r, u, u->from4, u->from6, from) != 0) {
            return true;
        }
    }
    return false;
}

void pairs_build(const struct rules *r, struct filter_pairs *pairs)
{
    const u32 count = r->header->vif_count;
    u64 beyond[RULES_MAX / 64 + 1] = { 0 };

    for (u32 i = 0; i < r->header->rule_count; i++) {
        if (is_beyond(r, &r->rule[i])) {
            beyond[i / 64] |= 1ull << i % 64;
        }
    }
    for (u32 i = 0; i < count; i++) {
        for (u32 k = 0; k < RULES_VIFS_MAX / 64; k++) {
            pairs->open[i][k] = 0;
        }
    }
    for (u32 a = 0; a < count; a++) {
        for (u32 b = 0; b < count; b++) {
            if (a != b && sends_to(r, &r->vif[a], &r->vif[b], beyond) &&
                takes_from(r, &r->vif[b], &r->vif[a])) {
                pairs->open[a][b / 64] |= 1ull << b % 64;
                pairs->open[b][a / 64] |= 1ull << a % 64;
            }
        }
    }
}
