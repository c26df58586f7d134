/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that never decide: see shadow.h. The compiled lists are looked at, in
 * which the first match decides: quick rules in their order, then the others
 * backwards.
 */
#include "rf/shadow.h"

#include "rf/explain.h"

#define NOBODY 0u /* no order: these begin with 1 */

static bool addr_not_after(const u64 *a, const u64 *b)
{
    return a[0] < b[0] || (a[0] == b[0] && a[1] <= b[1]);
}

/* Is each range of b within one of a? Count 0 is anything. Ranges of a span are
 * disjoint and do not touch, so one of a has to hold it. */
static bool covers4(const struct rules *r, struct rules_span a,
                    struct rules_span b)
{
    for (u32 k = 0; a.count != 0 && k < b.count; k++) {
        const struct rules_range4 *const inner = &r->range4[b.first + k];
        bool is_in = false;
        for (u32 i = 0; i < a.count; i++) {
            const struct rules_range4 *const outer = &r->range4[a.first + i];
            is_in = is_in ||
                    (outer->low <= inner->low && outer->high >= inner->high);
        }
        if (!is_in) {
            return false;
        }
    }
    return a.count == 0 || b.count != 0;
}

static bool covers6(const struct rules *r, struct rules_span a,
                    struct rules_span b)
{
    for (u32 k = 0; a.count != 0 && k < b.count; k++) {
        const struct rules_range6 *const inner = &r->range6[b.first + k];
        bool is_in = false;
        for (u32 i = 0; i < a.count; i++) {
            const struct rules_range6 *const outer = &r->range6[a.first + i];
            is_in = is_in || (addr_not_after(outer->low, inner->low) &&
                              addr_not_after(inner->high, outer->high));
        }
        if (!is_in) {
            return false;
        }
    }
    return a.count == 0 || b.count != 0;
}

static bool covers_ports(const struct rules *r, struct rules_span a,
                         struct rules_span b)
{
    for (u32 k = 0; a.count != 0 && k < b.count; k++) {
        const struct rules_ports *const inner = &r->ports[b.first + k];
        bool is_in = false;
        for (u32 i = 0; i < a.count; i++) {
            const struct rules_ports *const outer = &r->ports[a.first + i];
            is_in = is_in ||
                    (outer->low <= inner->low && outer->high >= inner->high);
        }
        if (!is_in) {
            return false;
        }
    }
    return a.count == 0 || b.count != 0;
}

/* TCP flags that a packet has to have, and not to have, to be matched: a rule
 * that keeps state matches beginnings alone. */
struct asked {
    u8 mask;
    u8 flags;
};

static struct asked asked_of(const struct rules_rule *u)
{
    struct asked asked = { u->tcp_mask, u->tcp_flags };

    if ((u->flags & RULE_STATE) != 0) {
        asked.mask |= TCP_SYN | TCP_ACK;
        asked.flags |= TCP_SYN;
    }
    return asked;
}

static bool covers_flags(const struct rules_rule *a, const struct rules_rule *b)
{
    const struct asked outer = asked_of(a);
    const struct asked inner = asked_of(b);
    const bool is_tcp = (b->flags & RULE_PROTO) == 0 || b->proto == IP_TCP;

    return !is_tcp || ((outer.mask & ~inner.mask) == 0 &&
                       (inner.flags & outer.mask) == outer.flags);
}

/* Does a match every packet that b matches? */
static bool covers(const struct rules *r, const struct rules_rule *a,
                   const struct rules_rule *b)
{
    const u32 families = RULE_IP4 | RULE_IP6;

    if ((b->flags & families & ~a->flags) != 0 ||
        ((a->flags & RULE_PROTO) != 0 &&
         ((b->flags & RULE_PROTO) == 0 || a->proto != b->proto))) {
        return false;
    }
    if ((a->flags & RULE_TYPE) != 0 &&
        ((b->flags & RULE_TYPE) == 0 || a->icmp_type != b->icmp_type ||
         ((a->flags & RULE_CODE) != 0 &&
          ((b->flags & RULE_CODE) == 0 || a->icmp_code != b->icmp_code)))) {
        return false;
    }
    return ((b->flags & RULE_IP4) == 0 ||
            (covers4(r, a->from4, b->from4) && covers4(r, a->to4, b->to4))) &&
           ((b->flags & RULE_IP6) == 0 ||
            (covers6(r, a->from6, b->from6) && covers6(r, a->to6, b->to6))) &&
           covers_ports(r, a->from_port, b->from_port) &&
           covers_ports(r, a->to_port, b->to_port) && covers_flags(a, b);
}

/* The rule of the file that leaves record `at` of a list nothing; NOBODY. */
static u32 who_covers(const struct rules *r, u32 first, u32 at)
{
    for (u32 i = first; i < at; i++) {
        if (r->rule[i].order != r->rule[at].order &&
            covers(r, &r->rule[i], &r->rule[at])) {
            return r->rule[i].order;
        }
    }
    return NOBODY;
}

/* Who leaves a rule of a file nothing. */
struct shadow {
    u32 first; /* orders; NOBODY: it decides now and then */
    u32 other;
    bool has_more;
};

static void shadow_add(struct shadow *s, u32 by)
{
    if (s->first == NOBODY) {
        s->first = by;
    } else if (by != s->first && s->other == NOBODY) {
        s->other = by;
    } else if (by != s->first && by != s->other) {
        s->has_more = true;
    }
}

/* All records of the rule, in all lists of its tenant. */
static struct shadow shadow_of(const struct rules *r, u16 domid, u32 order)
{
    struct shadow s = { NOBODY, NOBODY, false };

    for (u32 i = 0; i < r->header->vif_count; i++) {
        const struct rules_vif *const v = &r->vif[i];
        const u32 end = (u32)v->in_first + v->in_count;
        for (u32 k = v->out_first; v->domid == domid && k < end; k++) {
            const u32 first = k < v->in_first ? v->out_first : v->in_first;
            if (r->rule[k].order != order) {
                continue;
            }
            const u32 by = who_covers(r, first, k);
            if (by == NOBODY) {
                return (struct shadow){ NOBODY, NOBODY, false };
            }
            shadow_add(&s, by);
        }
    }
    return s;
}

static void tell(const struct pf *pf, size_t rule, struct shadow s,
                 struct diags *warnings)
{
    const struct pf_rule *const by = &pf->rule[s.first - 1];

    if (s.other == NOBODY) {
        diag_add(warnings, pf->rule[rule].at,
                 "this rule never decides: line %u decides all that it matches",
                 by->at.line);
    } else {
        diag_add(warnings, pf->rule[rule].at,
                 "this rule never decides: lines %u%s %u%s decide all that it "
                 "matches",
                 by->at.line, s.has_more ? "," : " and",
                 pf->rule[s.other - 1].at.line, s.has_more ? " and more" : "");
    }
    diag_help(warnings, by->is_quick
                            ? "a quick rule is final: move that one behind, or "
                              "remove this one"
                            : "the last rule that matches decides: move this "
                              "one behind, or remove it");
}

static void look_at(const struct question *q, u16 domid, struct diags *warnings)
{
    const struct pf *const pf = q->set->tenant[q->tenant_of[domid]].pf;

    for (size_t i = 0; i < pf->rule_count; i++) {
        const struct shadow s = shadow_of(&q->rules, domid, (u32)i + 1);
        if (s.first != NOBODY) {
            tell(pf, i, s, warnings);
        }
    }
}

void shadow_find(const struct tenant_set *set, struct diags *warnings)
{
    struct question q = { .set = set };
    struct fault fault;
    u32 last = U32_MAX;

    if (!question_begin(&q, &fault)) {
        return; /* tenant_set_load has compiled the same rules before */
    }
    for (u32 i = 0; i < q.rules.header->vif_count; i++) {
        const u16 domid = q.rules.vif[i].domid;
        if (domid != last) {
            look_at(&q, domid, warnings);
        }
        last = domid;
    }
    question_end(&q);
}
