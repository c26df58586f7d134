/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule back to text, names resolved, defaults left out: what is printed is
 * read again as the same rule.
 */
#include <arpa/inet.h>
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

/* Bits of the prefix that a range is, or -1. */
static int prefix_bits(const struct pf_range *r, bool is_ip6)
{
    const u64 high = r->low.high ^ r->high.high;
    const u64 low = r->low.low ^ r->high.low;
    const bool is_mask = (high & (high + 1)) == 0 && (low & (low + 1)) == 0 &&
                         (high == 0 || low == U64_MAX) &&
                         (r->low.high & high) == 0 && (r->low.low & low) == 0;

    if (!is_mask) {
        return -1;
    }
    const int free_bits =
        __builtin_popcountll(high) + __builtin_popcountll(low);
    return (is_ip6 ? 128 : 32) - free_bits;
}

static void print_range(FILE *out, const struct pf_range *r, bool is_ip6)
{
    const int bits = prefix_bits(r, is_ip6);

    print_address(out, r->low, is_ip6);
    if (bits < 0) {
        fputs(" - ", out);
        print_address(out, r->high, is_ip6);
    } else if (bits < (is_ip6 ? 128 : 32)) {
        fprintf(out, "/%d", bits);
    }
}

static void print_ports(FILE *out, const struct pf_host *host)
{
    fputs(" port {", out);
    for (size_t i = 0; i < host->port_count; i++) {
        const struct rules_ports *const p = &host->port[i];
        if (p->low == 0) {
            fprintf(out, " <= %u", p->high);
        } else if (p->low == p->high) {
            fprintf(out, " %u", p->low);
        } else {
            fprintf(out, " %u:%u", p->low, p->high);
        }
    }
    fputs(" }", out);
}

static void print_host(FILE *out, const char *word, const struct pf_host *host,
                       u32 families)
{
    if (host->is_any && host->port_count == 0) {
        return;
    }
    fprintf(out, " %s", word);
    if (host->is_any) {
        fputs(" any", out);
    } else {
        fputs(" {", out);
        for (size_t i = 0; i < host->ip4.count && (families & RULE_IP4); i++) {
            putc(' ', out);
            print_range(out, &host->ip4.item[i], false);
        }
        for (size_t i = 0; i < host->ip6.count && (families & RULE_IP6); i++) {
            putc(' ', out);
            print_range(out, &host->ip6.item[i], true);
        }
        fputs(" }", out);
    }
    if (host->port_count != 0) {
        print_ports(out, host);
    }
}

static void print_protos(FILE *out, const struct pf_rule *rule)
{
    if (rule->proto_count == 0) {
        return;
    }
    fputs(rule->proto_count > 1 ? " proto {" : " proto", out);
    for (u32 i = 0; i < rule->proto_count; i++) {
        const char *const name = pf_proto_name(rule->proto[i]);
        if (name != NULL) {
            fprintf(out, " %s", name);
        } else {
            fprintf(out, " %u", rule->proto[i]);
        }
    }
    fputs(rule->proto_count > 1 ? " }" : "", out);
}

static void print_types(FILE *out, const struct pf_rule *rule)
{
    if (rule->type_count == 0) {
        return;
    }
    fprintf(out, " %s {",
            rule->proto[0] == IP_ICMP6 ? "icmp6-type" : "icmp-type");
    for (u32 i = 0; i < rule->type_count; i++) {
        fprintf(out, " %u", rule->type[i].type);
        if (rule->type[i].has_code) {
            fprintf(out, " code %u", rule->type[i].code);
        }
    }
    fputs(" }", out);
}

static void print_flags(FILE *out, const struct pf_rule *rule)
{
    static const char letters[] = "FSRPAUEW";

    if (rule->tcp_mask == 0) {
        return;
    }
    fputs(" flags ", out);
    for (unsigned part = 0; part < 2; part++) {
        for (unsigned i = 0; i < 8; i++) {
            if (((part == 0 ? rule->tcp_flags : rule->tcp_mask) >> i & 1) !=
                0) {
                putc(letters[i], out);
            }
        }
        fputs(part == 0 ? "/" : "", out);
    }
}

/* The one interface that is meant, or none of them named. */
static void print_on(FILE *out, const struct pf_rule *rule)
{
    for (u32 i = 0; i < TENANT_VIFS; i++) {
        if (rule->vifs == 1u << i) {
            fprintf(out, " on vif%u", i);
        }
    }
}

void pf_print(FILE *out, const struct pf_rule *rule)
{
    fputs(rule->is_pass ? "pass" : "block", out);
    fputs(rule->ways == PF_IN    ? " in"
          : rule->ways == PF_OUT ? " out"
                                 : "",
          out);
    fputs(rule->is_log ? " log" : "", out);
    fputs(rule->is_quick ? " quick" : "", out);
    print_on(out, rule);
    fputs(rule->families == RULE_IP4   ? " inet"
          : rule->families == RULE_IP6 ? " inet6"
                                       : "",
          out);
    print_protos(out, rule);
    print_host(out, "from", &rule->from, rule->families);
    print_host(out, "to", &rule->to, rule->families);
    print_flags(out, rule);
    print_types(out, rule);
    if (rule->is_pass && !rule->is_state) {
        fputs(" no state", out);
    } else if (rule->max != 0) {
        fprintf(out, " keep state (max %u%s)", rule->max,
                rule->is_no_sync ? ", no-sync" : "");
    } else if (rule->is_no_sync) {
        fputs(" keep state (no-sync)", out);
    }
    if (rule->label != NULL) {
        fprintf(out, " label \"%s\"", rule->label);
    }
}
