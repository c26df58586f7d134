/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of `firewall`: a macro, a table, an option, or a rule. The grammar is
 * at the end of ringfence-firewall(5). A line has at most one finding, since
 * what follows the first mistake cannot be known.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/pf.h"

/* Words of pf.conf(5) that are not in the subset. */
static const struct {
    const char *word;
    const char *why;
} foreign[] = {
    { "match", "has no such rules: write pass or block" },
    { "nat", "translates no addresses" },
    { "rdr", "translates no addresses" },
    { "binat", "translates no addresses" },
    { "nat-to", "translates no addresses" },
    { "rdr-to", "translates no addresses" },
    { "binat-to", "translates no addresses" },
    { "route-to", "does not route" },
    { "reply-to", "does not route" },
    { "dup-to", "does not route" },
    { "fastroute", "does not route" },
    { "divert-to", "does not route" },
    { "rtable", "does not route" },
    { "scrub", "always normalises, and has no switch for it" },
    { "no-df", "always normalises, and has no switch for it" },
    { "anchor", "has no anchors: a tenant's rules are one list" },
    { "load", "has no anchors: a tenant's rules are one list" },
    { "include", "has no includes: a tenant's rules are one list" },
    { "altq", "limits rates in 'vif' and 'rate'" },
    { "queue", "limits rates in 'vif' and 'rate'" },
    { "return", "answers no blocked packet" },
    { "return-rst", "answers no blocked packet" },
    { "return-icmp", "answers no blocked packet" },
    { "return-icmp6", "answers no blocked packet" },
    { "modulate", "changes no packet" },
    { "synproxy", "changes no packet" },
    { "user", "knows no users" },
    { "group", "knows no users" },
    { "os", "guesses no operating systems" },
    { "tos", "looks at no type of service" },
    { "prio", "looks at no type of service" },
    { "probability", "decides the same every time" },
    { "tag", "has no tags" },
    { "tagged", "has no tags" },
    { "allow-opts", "passes what options it passes without asking" },
    { "fragment", "judges fragments with their first one" },
    { "received-on", "knows the sender by its address" },
    { "urpf-failed", "binds every interface to its addresses" },
    { "no-route", "binds every interface to its addresses" },
    { "overload", "has fixed tables" },
    { "once", "has no rules that end" },
    { "timeout", "has fixed timeouts" },
    { "limit", "has fixed limits" },
    { "skip", "skips no interface" },
};

static bool is_foreign(struct pf *pf)
{
    for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
        if (pf_is(pf, foreign[i].word)) {
            pf_fail(pf, pf_place(pf), "'%s' is valid pf.conf but Ringfence %s",
                    foreign[i].word, foreign[i].why);
            return true;
        }
    }
    return false;
}

/* ---- macros, options ---- */

static void macro_free(struct pf_macro *macro)
{
    for (size_t i = 0; i < macro->words.count; i++) {
        free(macro->words.item[i].text);
    }
    free(macro->words.item);
    free(macro->name);
}

static void read_macro(struct pf *pf)
{
    const struct pf_token *const name = pf_now(pf);
    struct pf_macro macro = { .name =
                                  text_copy(name->text, strlen(name->text)) };

    pf->next += 2;
    /* In pf.conf the value is a text in quotes: its words count. */
    struct pf inner = *pf;
    if (pf_now(pf)->is_string && pf->next + 2 == pf->words.count) {
        const struct scalar line = { .at = pf_place(pf),
                                     .text = pf_now(pf)->text };
        inner.words = (struct pf_words){ NULL, 0 };
        if (!pf_lex(&inner, &line)) {
            pf->is_bad = true;
        }
    }
    for (size_t i = inner.next; i + 1 < inner.words.count; i++) {
        const struct pf_token *const word = &inner.words.item[i];
        macro.words.item = mem_grow(macro.words.item, macro.words.count + 1,
                                    sizeof(*macro.words.item));
        macro.words.item[macro.words.count++] = (struct pf_token){
            word->at, text_copy(word->text, strlen(word->text)), word->is_string
        };
    }
    if (inner.words.item != pf->words.item) {
        for (size_t i = 0; i < inner.words.count; i++) {
            free(inner.words.item[i].text);
        }
        free(inner.words.item);
    }
    if (macro.words.count == 0) {
        pf_fail(pf, name->at, "a macro without words");
    }
    if (pf->macro_count == PF_MACROS_MAX) {
        pf_fail(pf, name->at, "more than %u macros", PF_MACROS_MAX);
        macro_free(&macro);
        return;
    }
    pf->macro = mem_grow(pf->macro, pf->macro_count + 1, sizeof(*pf->macro));
    pf->macro[pf->macro_count++] = macro;
    pf->next = pf->words.count - 1;
}

static void read_option(struct pf *pf)
{
    if (is_foreign(pf)) {
        return;
    }
    if (!pf_take(pf, "block-policy")) {
        pf_fail(pf, pf_place(pf), "the only option is: set block-policy drop");
    } else if (!pf_take(pf, "drop")) {
        pf_fail(pf, pf_place(pf), "blocked packets are dropped, nothing else");
    }
}

/* Implied, so it adds nothing; the words are checked all the same. */
static void read_antispoof(struct pf *pf)
{
    (void)pf_take(pf, "log");
    (void)pf_take(pf, "quick");
    if (!pf_take(pf, "for")) {
        pf_fail(pf, pf_place(pf), "'for' is expected here");
        return;
    }
    u64 number;
    const char *const word = pf_now(pf)->text;
    if (strncmp(word, "vif", 3) != 0 || !pf_number(word + 3, 999, &number) ||
        number >= pf->tenant->vif_count) {
        pf_fail(pf, pf_place(pf), "this tenant has no interface '%s'", word);
        return;
    }
    pf->next++;
}

/* ---- rules ---- */

static bool read_on(struct pf *pf, struct pf_rule *rule)
{
    u64 number;

    rule->vifs = (1u << TENANT_VIFS) - 1;
    if (!pf_take(pf, "on") || pf_take(pf, "any")) {
        return true;
    }
    const char *const word = pf_now(pf)->text;
    if (strncmp(word, "vif", 3) != 0 || !pf_number(word + 3, 999, &number) ||
        number >= pf->tenant->vif_count) {
        pf_fail(pf, pf_place(pf), "this tenant has no interface '%s'", word);
        diag_help(pf->diags, "its interfaces are vif0, vif1, ... in the order "
                             "of 'vif'");
        return false;
    }
    rule->vifs = 1u << number;
    pf->next++;
    return true;
}

static bool read_hosts(struct pf *pf, struct pf_rule *rule)
{
    const struct place at = pf_place(pf);
    u32 from = RULE_IP4 | RULE_IP6;
    u32 to = RULE_IP4 | RULE_IP6;

    rule->from.is_any = true;
    rule->to.is_any = true;
    if (pf_take(pf, "all")) {
        return true;
    }
    if (pf_take(pf, "from") && !pf_read_host(pf, &rule->from, &from)) {
        return false;
    }
    if (pf_take(pf, "port") && !pf_read_ports(pf, &rule->from)) {
        return false;
    }
    if (pf_take(pf, "to") && !pf_read_host(pf, &rule->to, &to)) {
        return false;
    }
    if (pf_take(pf, "port") && !pf_read_ports(pf, &rule->to)) {
        return false;
    }
    if ((rule->families & from & to) == 0) {
        return pf_fail(pf, at,
                       "this matches nothing: one end is IPv4, the other "
                       "IPv6, or 'inet' and 'inet6' contradict");
    }
    rule->families &= from & to;
    return true;
}

/* `S/SA`: these flags of those. */
static bool read_flags(struct pf *pf, struct pf_rule *rule)
{
    static const char letters[] = "FSRPAUEW";
    u8 flags[2] = { 0, 0 };
    unsigned part = 0;

    rule->tcp_flags = 0;
    rule->tcp_mask = 0;
    if (pf_take(pf, "any")) {
        return true;
    }
    for (const char *c = pf_now(pf)->text; *c != '\0'; c++) {
        const char *const letter = strchr(letters, *c);
        if (*c == '/' && part == 0) {
            part = 1;
        } else if (letter != NULL) {
            flags[part] |= (u8)(1u << (letter - letters));
        } else {
            part = 2;
            break;
        }
    }
    if (part != 1 || (flags[0] & ~flags[1]) != 0 || flags[1] == 0) {
        pf_fail(pf, pf_place(pf), "these are no TCP flags");
        diag_help(pf->diags, "like S/SA: of SYN and ACK, SYN alone; letters "
                             "are FSRPAUEW; or any");
        return false;
    }
    rule->tcp_flags = flags[0];
    rule->tcp_mask = flags[1];
    pf->next++;
    return true;
}

static bool read_max(struct pf *pf, struct pf_rule *rule)
{
    u64 max;

    if (!pf_take(pf, "max")) {
        return is_foreign(pf) ? false
                              : pf_fail(pf, pf_place(pf),
                                        "states have 'max' and 'no-sync'");
    }
    if (!pf_number(pf_now(pf)->text, STATE_TABLE_MAX, &max) || max == 0) {
        return pf_fail(pf, pf_place(pf), "max is a number, 1-%u",
                       STATE_TABLE_MAX);
    }
    rule->max = (u32)max;
    pf->next++;
    return true;
}

static bool read_state(struct pf *pf, struct pf_rule *rule)
{
    if (!pf_take(pf, "state")) {
        return pf_fail(pf, pf_place(pf), "'state' is expected here");
    }
    if (!pf_take(pf, "(")) {
        return true;
    }
    do {
        const bool is_no_sync = pf_take(pf, "no-sync");
        rule->is_no_sync = rule->is_no_sync || is_no_sync;
        if (!is_no_sync && !read_max(pf, rule)) {
            return false;
        }
    } while (pf_take(pf, ","));
    return pf_take(pf, ")") ||
           pf_fail(pf, pf_place(pf), "')' is expected here");
}

/* What options of a rule have been given. */
struct given {
    struct place flags;
    struct place type;
    struct place state;
    bool has_flags;
    bool has_type;
    bool is_type6;
    bool has_keep;
    bool has_no;
};

static bool read_one(struct pf *pf, struct pf_rule *rule, struct given *given)
{
    const struct place at = pf_place(pf);

    if (!given->has_flags && pf_take(pf, "flags")) {
        given->has_flags = true;
        given->flags = at;
        return read_flags(pf, rule);
    }
    if (!given->has_type &&
        (pf_is(pf, "icmp-type") || pf_is(pf, "icmp6-type"))) {
        given->has_type = true;
        given->is_type6 = pf_is(pf, "icmp6-type");
        given->type = at;
        pf->next++;
        return pf_read_types(pf, rule, given->is_type6);
    }
    if (!given->has_keep && !given->has_no &&
        (pf_is(pf, "keep") || pf_is(pf, "no"))) {
        given->has_keep = pf_is(pf, "keep");
        given->has_no = !given->has_keep;
        given->state = at;
        pf->next++;
        return read_state(pf, rule);
    }
    if (rule->label == NULL && pf_take(pf, "label")) {
        const struct pf_token *const word = pf_now(pf);
        if (word->text[0] == '\0' || strlen(word->text) > 63) {
            return pf_fail(pf, word->at, "a label has 1-63 characters");
        }
        rule->label = text_copy(word->text, strlen(word->text));
        pf->next++;
        return true;
    }
    return is_foreign(pf)
               ? false
               : pf_fail(pf, at, "'%s' is not expected here", pf_now(pf)->text);
}

static bool has_proto(const struct pf_rule *rule, u8 proto)
{
    return rule->proto_count == 1 && rule->proto[0] == proto;
}

/* Of tcp and udp alone? */
static bool has_ports(const struct pf_rule *rule)
{
    for (u32 i = 0; i < rule->proto_count; i++) {
        if (rule->proto[i] != IP_TCP && rule->proto[i] != IP_UDP) {
            return false;
        }
    }
    return rule->proto_count != 0;
}

/* Do the parts of the rule go together? What is passed keeps state, unless it
 * says otherwise. */
static bool finish(struct pf *pf, struct pf_rule *rule,
                   const struct given *given)
{
    const u8 opening = TCP_SYN | TCP_ACK | TCP_RST;

    if (given->has_flags && !has_proto(rule, IP_TCP)) {
        return pf_fail(pf, given->flags, "'flags' wants 'proto tcp'");
    }
    if (given->has_type &&
        !has_proto(rule, given->is_type6 ? IP_ICMP6 : IP_ICMP)) {
        return pf_fail(pf, given->type, "'%s' wants 'proto %s'",
                       given->is_type6 ? "icmp6-type" : "icmp-type",
                       given->is_type6 ? "icmp6" : "icmp");
    }
    if ((rule->from.port_count != 0 || rule->to.port_count != 0) &&
        !has_ports(rule)) {
        pf_fail(pf, rule->at, "'port' wants 'proto tcp', 'udp' or both");
        diag_help(pf->diags, "write 'proto { tcp udp }' before the addresses");
        return false;
    }
    if ((has_proto(rule, IP_ICMP) && (rule->families & RULE_IP4) == 0) ||
        (has_proto(rule, IP_ICMP6) && (rule->families & RULE_IP6) == 0)) {
        return pf_fail(pf, rule->at,
                       "ICMP of the other family: this matches "
                       "nothing");
    }
    if (!rule->is_pass && (given->has_keep || given->has_no)) {
        return pf_fail(pf, given->state, "a blocked packet has no state");
    }
    if (given->has_no && (rule->max != 0 || rule->is_no_sync)) {
        return pf_fail(pf, given->state, "'no state' has no options");
    }
    rule->is_state = rule->is_pass && !given->has_no;
    if (rule->is_state && given->has_flags &&
        (rule->tcp_flags & opening) != TCP_SYN) {
        pf_fail(pf, given->flags, "a state begins with SYN and no other");
        diag_help(pf->diags, "write 'flags S/SA', or 'no state'");
        return false;
    }
    return true;
}

static void rule_free(struct pf_rule *rule)
{
    free(rule->from.ip4.item);
    free(rule->from.ip6.item);
    free(rule->from.port);
    free(rule->to.ip4.item);
    free(rule->to.ip6.item);
    free(rule->to.port);
    free(rule->label);
}

/* Behind `pass` or `block`. */
static bool read_rule(struct pf *pf, struct pf_rule *rule)
{
    struct given given = { .has_flags = false };

    if (!rule->is_pass) {
        (void)pf_take(pf, "drop");
    }
    rule->ways = pf_take(pf, "in")    ? (u32)PF_IN
                 : pf_take(pf, "out") ? (u32)PF_OUT
                                      : (u32)PF_IN | PF_OUT;
    rule->is_log = pf_take(pf, "log");
    if (rule->is_log && pf_is(pf, "(")) {
        return pf_fail(pf, pf_place(pf), "'log' has no options here");
    }
    rule->is_quick = pf_take(pf, "quick");
    if (!read_on(pf, rule)) {
        return false;
    }
    rule->families = pf_take(pf, "inet")    ? (u32)RULE_IP4
                     : pf_take(pf, "inet6") ? (u32)RULE_IP6
                                            : (u32)RULE_IP4 | RULE_IP6;
    if ((pf_take(pf, "proto") && !pf_read_protos(pf, rule)) ||
        !read_hosts(pf, rule)) {
        return false;
    }
    while (pf->next + 1 < pf->words.count) {
        if (!read_one(pf, rule, &given)) {
            return false;
        }
    }
    return finish(pf, rule, &given);
}

static void unknown_line(struct pf *pf)
{
    static const char *const known[] = { "pass", "block", "table", "set",
                                         "antispoof" };
    const char *near = NULL;
    unsigned distance = 0;

    if (is_foreign(pf)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        near_offer(pf_now(pf)->text, known[i], &near, &distance);
    }
    pf_fail(pf, pf_place(pf), "a rule begins with 'pass' or 'block'");
    if (near != NULL) {
        diag_help(pf->diags, "did you mean '%s'?", near);
    } else {
        diag_help(pf->diags, "or a line is a macro, a table, 'set' or "
                             "'antispoof': see ringfence-firewall(5)");
    }
}

void pf_parse_line(struct pf *pf, const struct scalar *line)
{
    if (!pf_lex(pf, line) || pf->words.count == 1) {
        return;
    }
    if (pf->words.count > 2 && !pf->words.item[0].is_string &&
        strcmp(pf->words.item[1].text, "=") == 0) {
        read_macro(pf);
        return;
    }
    struct pf_rule rule = { .at = line->at, .is_pass = pf_is(pf, "pass") };
    if (pf_take(pf, "pass") || pf_take(pf, "block")) {
        if (!read_rule(pf, &rule)) {
            rule_free(&rule);
            return;
        }
        pf->rule = mem_grow(pf->rule, pf->rule_count + 1, sizeof(*pf->rule));
        pf->rule[pf->rule_count++] = rule;
        return;
    }
    if (pf_take(pf, "table")) {
        (void)!pf_read_table(pf);
    } else if (pf_take(pf, "set")) {
        read_option(pf);
    } else if (pf_take(pf, "antispoof")) {
        read_antispoof(pf);
    } else {
        unknown_line(pf);
    }
    if (!pf->is_bad && pf->next + 1 < pf->words.count) {
        pf_fail(pf, pf_place(pf), "'%s' is not expected here",
                pf_now(pf)->text);
    }
}
