/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf explain: which rule decides on a packet, and why the others did not. The
 * rules are asked as the router asks them, by the router's own code.
 *
 * A packet is written `tcp web:40000 -> db:5432`; or it comes from a capture.
 */
#include "rf/explain.h"

#include <stdlib.h>
#include <string.h>

#include "guests/router/text.h"
#include "rf/reach.h"
#include "rf/verbs.h"

static const struct pf_rule *source_of(const struct question *q, u32 vif,
                                       u16 rule, const struct tenant **whose)
{
    const struct rules_vif *const v = &q->rules.vif[vif];

    *whose = &q->set->tenant[q->tenant_of[v->domid]];
    return rule == FILTER_NO_RULE
               ? NULL
               : &(*whose)->pf->rule[q->rules.rule[rule].order - 1];
}

/* ---- why a rule of the file does not decide ---- */

static const char *miss_text(enum rule_miss miss)
{
    static const char *const texts[] = {
        "matches",
        "is for the other family of addresses",
        "is for another protocol",
        "is from other addresses",
        "is from other ports",
        "is to other addresses",
        "is to other ports",
        "wants other TCP flags",
        "is for another ICMP type",
    };

    return texts[miss];
}

/* The nearest of the records that a rule of the file has become. */
static const char *why_not(const struct question *q, u32 vif, bool is_out,
                           u32 order, const struct packet *p)
{
    const struct rules_vif *const v = &q->rules.vif[vif];
    const u32 first = is_out ? v->out_first : v->in_first;
    const u32 count = is_out ? v->out_count : v->in_count;
    u32 nearest = 0;
    bool is_there = false;

    for (u32 i = first; i < first + count; i++) {
        const struct rules_rule *const u = &q->rules.rule[i];
        if (u->order != order) {
            continue;
        }
        const enum rule_miss miss = rule_compare(&q->rules, u, p);
        if (miss == MISS_NONE) {
            return NULL;
        }
        is_there = true;
        nearest = (u32)miss > nearest ? (u32)miss : nearest;
    }
    return is_there ? miss_text((enum rule_miss)nearest)
                    : (is_out ? "is for what comes in, or another interface"
                              : "is for what goes out, or another interface");
}

static const char *why_over(const struct pf_rule *rule,
                            const struct pf_rule *decides)
{
    if (decides->is_quick) {
        return rule < decides ? "matches, but a quick rule matches, too"
                              : "would match, but a quick rule is before it";
    }
    return "matches, but a later rule matches, too";
}

/* What stands there in quotes. */
static void print_place_text(FILE *out, struct place at)
{
    const char *line = at.source->text;

    for (unsigned n = 1; n < at.line; n++) {
        line = strchr(line, '\n') + 1;
    }
    if (at.length > 2) {
        fprintf(out, "%.*s", (int)at.length - 2, line + at.column);
    }
}

static void print_rule_text(FILE *out, const struct pf_rule *rule)
{
    print_place_text(out, rule->at);
}

/* ---- the binding ---- */

/* Would the router take the packet from that interface? Its own answer. */
static enum drop binding_of(const struct question *q, const struct packet *p)
{
    struct filter *const f = mem_alloc(sizeof(*f));
    enum drop drop = DROP_NONE;

    if (filter_load(f, q->blob.data, (u32)q->blob.bytes) == NULL) {
        drop = filter_source(f, q->from, p);
    }
    free(f);
    return drop;
}

/* Where its addresses are written down. */
static const struct tenant *binding_at(const struct question *q,
                                       struct place *at)
{
    const struct rules_vif *const v = &q->rules.vif[q->from];
    const struct tenant *const tenant = &q->set->tenant[q->tenant_of[v->domid]];

    *at = tenant->vif[v->handle].at;
    return tenant;
}

/* ---- for people ---- */

static void print_side(const struct question *q, u32 vif, bool is_out,
                       const struct packet *p, u16 rule)
{
    const struct tenant *tenant;
    const struct pf_rule *const decides = source_of(q, vif, rule, &tenant);
    const struct pf *const pf = tenant->pf;

    printf("  %s, %s: ", tenant->name, is_out ? "out" : "in");
    if (decides == NULL) {
        printf("no rule matches: block\n");
    } else {
        printf("%s:%u:%u ", tenant->source->path, decides->at.line,
               decides->at.column);
        print_rule_text(stdout, decides);
        putchar('\n');
    }
    for (size_t i = 0; i < pf->rule_count; i++) {
        const struct pf_rule *const other = &pf->rule[i];
        if (other == decides) {
            continue;
        }
        const char *const why = why_not(q, vif, is_out, (u32)i + 1, p);
        printf("    not %s:%u: ", tenant->source->path, other->at.line);
        print_rule_text(stdout, other);
        printf("\n        it %s\n",
               why != NULL || decides == NULL ? why : why_over(other, decides));
    }
}

static void print_text(const struct question *q, const struct packet *p,
                       const u16 rule[2], bool is_pass)
{
    char text[160];

    packet_text(p, text, sizeof(text));
    printf("%s: %s\n", text, is_pass ? "passes" : "is blocked");
    print_side(q, q->from, true, p, rule[0]);
    if (rule[0] != FILTER_NO_RULE &&
        (q->rules.rule[rule[0]].flags & RULE_PASS) != 0) {
        print_side(q, q->to, false, p, rule[1]);
    }
}

static void print_spoofed(const struct question *q, const struct packet *p,
                          enum drop drop)
{
    struct place at;
    const struct tenant *const tenant = binding_at(q, &at);
    char text[160];

    packet_text(p, text, sizeof(text));
    printf("%s: is blocked\n  %s, binding: %s:%u:%u ", text, tenant->name,
           tenant->source->path, at.line, at.column);
    print_place_text(stdout, at);
    printf("\n    %s: no rule is asked\n", drop_word(drop));
}

/* ---- for programs ---- */

static void json_place(const struct tenant *tenant, struct place at)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *const out = open_memstream(&text, &bytes);

    print_place_text(out, at);
    fclose(out);
    printf("\"file\":");
    json_string(stdout, tenant->source->path);
    printf(",\"line\":%u,\"column\":%u,\"text\":", at.line, at.column);
    json_string(stdout, text);
    free(text);
}

static void json_rule(const struct tenant *tenant, const struct pf_rule *rule)
{
    json_place(tenant, rule->at);
}

static void json_spoofed(const struct question *q, const struct packet *p,
                         enum drop drop)
{
    struct place at;
    const struct tenant *const tenant = binding_at(q, &at);
    char text[160];

    packet_text(p, text, sizeof(text));
    printf("{\"schema\":\"ringfence.explain.1\",\"packet\":");
    json_string(stdout, text);
    printf(",\"passes\":false,\"reason\":\"%s\",\"binding\":{",
           drop_word(drop));
    json_place(tenant, at);
    printf("},\"sides\":[]}\n");
}

static void json_side(const struct question *q, u32 vif, bool is_out,
                      const struct packet *p, u16 rule)
{
    const struct tenant *tenant;
    const struct pf_rule *const decides = source_of(q, vif, rule, &tenant);
    const char *before = "";

    printf("{\"tenant\":");
    json_string(stdout, tenant->name);
    printf(",\"way\":\"%s\",\"action\":\"%s\",\"rule\":", is_out ? "out" : "in",
           decides != NULL && decides->is_pass ? "pass" : "block");
    if (decides == NULL) {
        printf("null");
    } else {
        putchar('{');
        json_rule(tenant, decides);
        putchar('}');
    }
    printf(",\"others\":[");
    for (size_t i = 0; i < tenant->pf->rule_count; i++) {
        const struct pf_rule *const other = &tenant->pf->rule[i];
        if (other == decides) {
            continue;
        }
        const char *const why = why_not(q, vif, is_out, (u32)i + 1, p);
        printf("%s{", before);
        json_rule(tenant, other);
        printf(",\"why\":");
        json_string(stdout, why != NULL || decides == NULL
                                ? why
                                : why_over(other, decides));
        putchar('}');
        before = ",";
    }
    printf("]}");
}

static void print_json(const struct question *q, const struct packet *p,
                       const u16 rule[2], bool is_pass)
{
    char text[160];

    packet_text(p, text, sizeof(text));
    printf("{\"schema\":\"ringfence.explain.1\",\"packet\":");
    json_string(stdout, text);
    printf(",\"passes\":%s,\"sides\":[", is_pass ? "true" : "false");
    json_side(q, q->from, true, p, rule[0]);
    if (rule[0] != FILTER_NO_RULE &&
        (q->rules.rule[rule[0]].flags & RULE_PASS) != 0) {
        putchar(',');
        json_side(q, q->to, false, p, rule[1]);
    }
    printf("]}\n");
}

/* ---- the verb ---- */

struct explain {
    struct common common;
    char **packet;
    size_t packet_count;
    const char *pcap;
};

enum { OPTION_PCAP = 0x200 };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct explain *const e = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &e->common;
        return 0;
    case OPTION_PCAP:
        e->pcap = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (strstr(arg, "->") == NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        e->packet =
            mem_grow(e->packet, e->packet_count + 1, sizeof(*e->packet));
        e->packet[e->packet_count++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (e->packet_count == 0 && e->pcap == NULL) {
            argp_error(state, "no packet: 'tcp web:40000 -> db:5432', or "
                              "--pcap FILE");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int explain_packet(struct question *q, const char *text, bool is_json)
{
    struct packet p;
    struct fault fault = { .help = "" };
    u16 rule[2];

    if (!question_parse(q, text, &p, &fault)) {
        fault_print(&fault);
        return EXIT_USAGE;
    }
    const enum drop spoofed = binding_of(q, &p);
    if (spoofed != DROP_NONE) {
        (is_json ? json_spoofed : print_spoofed)(q, &p, spoofed);
        return EXIT_DENIED;
    }
    const bool is_pass = reach_pass(&q->rules, q->from, q->to, &p, rule);
    if (is_json) {
        print_json(q, &p, rule, is_pass);
    } else {
        print_text(q, &p, rule, is_pass);
    }
    return is_pass ? EXIT_OK : EXIT_DENIED;
}

static int explain_all(const struct explain *e, struct tenant_set *set)
{
    struct question q = { .set = set };
    struct fault fault = { .help = "" };
    int code = EXIT_OK;

    if (!question_begin(&q, &fault)) {
        fault_print(&fault);
        return EXIT_FINDING;
    }
    for (size_t i = 0; i < e->packet_count; i++) {
        const int answer = explain_packet(&q, e->packet[i], e->common.is_json);
        code = answer > code ? answer : code;
    }
    if (e->pcap != NULL &&
        !pcap_explain(&q, e->pcap, e->common.is_json, &fault)) {
        fault_print(&fault);
        code = EXIT_ENVIRONMENT;
    }
    question_end(&q);
    return code;
}

int cmd_explain(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "pcap", OPTION_PCAP, "FILE", 0,
          "Judge each frame of a capture, in order, with flows", 0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp_child children[] = {
        { &common_argp, 0, NULL, 0 },
        { NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE... 'tcp web:40000 -> db:5432'",
        .children = children,
        .doc = "Say which rule decides on a packet, and why the others do "
               "not. Exit 0 when it passes, 4 when it is blocked.",
    };
    struct explain e = { .pcap = NULL };
    struct tenant_set set = { .is_rules_only = true };
    int code;

    argp_parse(&argp, argc, argv, 0, NULL, &e);
    set.is_quiet = e.common.is_quiet;
    if (tenant_set_load(&set, e.common.paths, e.common.count, 0)) {
        code = explain_all(&e, &set);
    } else {
        code = tenant_set_report(&set, e.common.is_json);
    }
    tenant_set_free(&set);
    free(e.common.paths);
    free(e.packet);
    return code;
}
