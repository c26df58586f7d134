/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules as nftables, for those who know these better, and so that nft can
 * be asked whether it decides the same. A chain for each interface and way; in
 * a chain the first rule that matches decides, as in the blob. Of what a rule
 * keeps state for, the rest of the flow passes by conntrack. Bindings are not
 * there: nothing of nft's says the same.
 */
#include <string.h>

#include "guests/router/text.h"
#include "rf/pf.h"

static void print_address(FILE *out, struct addr a, bool is_ip6)
{
    char buffer[64];
    struct text t;

    text_begin(&t, buffer, sizeof(buffer));
    text_address(&t, a, is_ip6);
    fputs(buffer, out);
}

static void print_span4(FILE *out, const struct rules *r, const char *word,
                        struct rules_span span)
{
    if (span.count == 0) {
        return;
    }
    fprintf(out, "ip %s { ", word);
    for (u32 i = 0; i < span.count; i++) {
        const struct rules_range4 *const range = &r->range4[span.first + i];
        fputs(i == 0 ? "" : ", ", out);
        print_address(out, (struct addr){ 0, range->low }, false);
        if (range->low != range->high) {
            putc('-', out);
            print_address(out, (struct addr){ 0, range->high }, false);
        }
    }
    fputs(" } ", out);
}

static void print_span6(FILE *out, const struct rules *r, const char *word,
                        struct rules_span span)
{
    if (span.count == 0) {
        return;
    }
    fprintf(out, "ip6 %s { ", word);
    for (u32 i = 0; i < span.count; i++) {
        const struct rules_range6 *const range = &r->range6[span.first + i];
        const struct addr low = { range->low[0], range->low[1] };
        const struct addr high = { range->high[0], range->high[1] };
        fputs(i == 0 ? "" : ", ", out);
        print_address(out, low, true);
        if (!addr_equal(low, high)) {
            putc('-', out);
            print_address(out, high, true);
        }
    }
    fputs(" } ", out);
}

static void print_ports(FILE *out, const struct rules *r, const char *word,
                        struct rules_span span)
{
    if (span.count == 0) {
        return;
    }
    fprintf(out, "th %s { ", word);
    for (u32 i = 0; i < span.count; i++) {
        const struct rules_ports *const p = &r->ports[span.first + i];
        fprintf(out, p->low == p->high ? "%s%u" : "%s%u-%u", i == 0 ? "" : ", ",
                p->low, p->high);
    }
    fputs(" } ", out);
}

static void print_match(FILE *out, const struct rules *r,
                        const struct rules_rule *u, bool is_ip6)
{
    fprintf(out, "meta nfproto %s ", is_ip6 ? "ipv6" : "ipv4");
    if ((u->flags & RULE_PROTO) != 0) {
        fprintf(out, "meta l4proto %u ", u->proto);
    }
    if (is_ip6) {
        print_span6(out, r, "saddr", u->from6);
        print_span6(out, r, "daddr", u->to6);
    } else {
        print_span4(out, r, "saddr", u->from4);
        print_span4(out, r, "daddr", u->to4);
    }
    print_ports(out, r, "sport", u->from_port);
    print_ports(out, r, "dport", u->to_port);
    if (u->tcp_mask != 0) {
        fprintf(out, "tcp flags & 0x%02x == 0x%02x ", u->tcp_mask,
                u->tcp_flags);
    }
    if ((u->flags & RULE_TYPE) != 0) {
        fprintf(out, "%s type %u ", is_ip6 ? "icmpv6" : "icmp", u->icmp_type);
    }
    if ((u->flags & RULE_CODE) != 0) {
        fprintf(out, "%s code %u ", is_ip6 ? "icmpv6" : "icmp", u->icmp_code);
    }
}

/* With state, a rule for TCP concerns SYN alone; a rule for all protocols is
 * then two. */
static void print_rule(FILE *out, const struct rules *r,
                       const struct rules_rule *u, bool is_ip6)
{
    const bool has_state = (u->flags & RULE_STATE) != 0;
    const bool is_tcp = (u->flags & RULE_PROTO) != 0 && u->proto == IP_TCP;
    const bool is_any = (u->flags & RULE_PROTO) == 0;

    for (u32 part = 0; part < (has_state && is_any ? 2u : 1u); part++) {
        fputs("        ", out);
        print_match(out, r, u, is_ip6);
        if (has_state && (is_tcp || (is_any && part == 0))) {
            fputs("tcp flags & (syn | ack) == syn ", out);
        } else if (has_state && is_any) {
            fputs("meta l4proto != tcp ", out);
        }
        fprintf(out, "%scounter %s comment \"%s:%u\"\n",
                (u->flags & RULE_LOG) != 0 ? "log " : "",
                (u->flags & RULE_PASS) != 0 ? "accept" : "drop",
                &r->text[u->file], u->line);
    }
}

static void print_chain(FILE *out, const struct rules *r, u32 vif, bool is_out)
{
    const struct rules_vif *const v = &r->vif[vif];
    const u32 first = is_out ? v->out_first : v->in_first;
    const u32 count = is_out ? v->out_count : v->in_count;
    bool has_state = false;

    fprintf(out, "    chain %s_vif%u_%s {\n", &r->text[v->name], v->handle,
            is_out ? "out" : "in");
    for (u32 i = first; i < first + count; i++) {
        has_state = has_state || (r->rule[i].flags & RULE_STATE) != 0;
    }
    if (has_state) {
        fputs("        ct state established,related accept\n", out);
    }
    for (u32 i = first; i < first + count; i++) {
        const struct rules_rule *const u = &r->rule[i];
        if ((u->flags & RULE_IP4) != 0) {
            print_rule(out, r, u, false);
        }
        if ((u->flags & RULE_IP6) != 0) {
            print_rule(out, r, u, true);
        }
    }
    fputs("        log counter drop\n    }\n", out);
}

void pf_print_nft(FILE *out, const struct tenant_set *set,
                  const struct rules *rules)
{
    (void)set;
    fputs("table inet ringfence {\n", out);
    for (u32 i = 0; i < rules->header->vif_count; i++) {
        print_chain(out, rules, i, true);
        print_chain(out, rules, i, false);
    }
    fputs("}\n", out);
}
