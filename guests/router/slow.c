/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule and a packet, compared field by field: what the tables of filter.c
 * must answer, too. The tests hold them against this, and rf explains by it.
 */
#include "guests/router/filter.h"
#include "guests/router/tables.h"

static bool in_span4(const struct rules *r, struct rules_span s, struct addr a)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_range4 *const range = &r->range4[s.first + i];
        if (a.low >= range->low && a.low <= range->high) {
            return true;
        }
    }
    return s.count == 0;
}

static bool not_above(const u64 *pair, struct addr a)
{
    return pair[0] < a.high || (pair[0] == a.high && pair[1] <= a.low);
}

static bool in_span6(const struct rules *r, struct rules_span s, struct addr a)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_range6 *const range = &r->range6[s.first + i];
        const struct addr high = { range->high[0], range->high[1] };
        if (not_above(range->low, a) &&
            (addr_equal(high, a) || !not_above(range->high, a))) {
            return true;
        }
    }
    return s.count == 0;
}

static bool in_ports(const struct rules *r, struct rules_span s, u16 port)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_ports *const range = &r->ports[s.first + i];
        if (port >= range->low && port <= range->high) {
            return true;
        }
    }
    return s.count == 0;
}

enum rule_miss rule_compare(const struct rules *r, const struct rules_rule *u,
                            const struct packet *p)
{
    const bool is_ip6 = p->flow.is_ip6;

    if ((u->flags & (is_ip6 ? RULE_IP6 : RULE_IP4)) == 0) {
        return MISS_FAMILY;
    }
    if ((u->flags & RULE_PROTO) != 0 && u->proto != p->flow.proto) {
        return MISS_PROTO;
    }
    if (is_ip6 ? !in_span6(r, u->from6, p->flow.from)
               : !in_span4(r, u->from4, p->flow.from)) {
        return MISS_FROM;
    }
    if (!in_ports(r, u->from_port, p->flow.from_port)) {
        return MISS_FROM_PORT;
    }
    if (is_ip6 ? !in_span6(r, u->to6, p->flow.to)
               : !in_span4(r, u->to4, p->flow.to)) {
        return MISS_TO;
    }
    if (!in_ports(r, u->to_port, p->flow.to_port)) {
        return MISS_TO_PORT;
    }
    if (tables_rest_ok(u, p)) {
        return MISS_NONE;
    }
    return p->flow.proto == IP_TCP ? MISS_FLAGS : MISS_TYPE;
}

u16 filter_decide_slowly(const struct rules *rules, u32 vif, bool is_out,
                         const struct packet *p)
{
    const struct rules_vif *const v = &rules->vif[vif];
    const u32 first = is_out ? v->out_first : v->in_first;
    const u32 count = is_out ? v->out_count : v->in_count;

    for (u32 i = first; i < first + count; i++) {
        if (rule_compare(rules, &rules->rule[i], p) == MISS_NONE) {
            return (u16)i;
        }
    }
    return FILTER_NO_RULE;
}
