/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet in words:
 *
 *   packet := proto end '->' end { 'type' T | 'code' N | 'flags' LETTERS |
 *                                  'by' tenant }
 *   end    := tenant | address | '[' IPv6 ']', then ':' port for tcp and udp
 *
 * What is not said: TCP begins (SYN), the sender's port is 40000, ICMP asks
 * for an echo, who has the address sends.
 */
#include <stdlib.h>
#include <string.h>

#include "guests/router/bytes.h"
#include "rf/explain.h"

bool question_begin(struct question *q, struct fault *fault)
{
    const char *wrong;
    u16 *const domid = pf_domids(q->set);

    q->tenant_of = mem_alloc(0x8000 * sizeof(*q->tenant_of));
    for (size_t i = 0; i < q->set->count; i++) {
        q->tenant_of[domid[i]] = (u32)i;
    }
    const bool good = pf_blob(q->set, domid, &q->blob, fault);
    free(domid);
    if (!good) {
        free(q->tenant_of);
        q->tenant_of = NULL;
        return false;
    }
    wrong = rules_check(q->blob.data, (u32)q->blob.bytes, &q->rules);
    return wrong == NULL || fault_set(fault, "%s", wrong);
}

void question_end(struct question *q)
{
    free(q->blob.data);
    free(q->tenant_of);
}

/* One end as it was written. */
struct end {
    char name[128];
    u16 port;
    bool has_port;
    bool is_address;
    bool is_ip6;
    struct addr address;
};

static bool parse_end(const char *text, struct end *end, struct fault *fault)
{
    const char *const bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = bracket != NULL ? bracket + 1 : strrchr(text, ':');
    u64 port;

    *end = (struct end){ .has_port = false };
    /* 2001:db8::2 has colons and no port. */
    if (bracket == NULL && colon != NULL && strchr(text, ':') != colon) {
        colon = NULL;
    }
    const char *const from = bracket != NULL ? text + 1 : text;
    const size_t bytes = bracket != NULL ? (size_t)(bracket - from)
                         : colon != NULL ? (size_t)(colon - from)
                                         : strlen(from);
    if (bytes == 0 || bytes >= sizeof(end->name)) {
        return fault_set(fault, "'%s' is no end of a packet", text);
    }
    memcpy(end->name, from, bytes);
    if (colon != NULL && *colon == ':') {
        if (!pf_port(colon + 1, &port)) {
            return fault_set(fault, "port %s is out of range (1-65535)",
                             colon + 1);
        }
        end->port = (u16)port;
        end->has_port = true;
    }
    end->is_address = pf_address(end->name, &end->address, &end->is_ip6);
    return true;
}

/* ---- which interface is meant ---- */

static bool vif_address(const struct rules_vif *v, bool is_ip6, u32 i,
                        struct addr *a)
{
    if (i >= (is_ip6 ? v->ip6_count : v->ip4_count)) {
        return false;
    }
    *a = is_ip6 ? (struct addr){ be64(v->ip6[i]), be64(v->ip6[i] + 8) }
                : (struct addr){ 0, v->ip4[i] };
    return true;
}

/* The first interface that is named so, or has the address. */
static u32 find_vif(const struct question *q, const struct end *end,
                    bool is_ip6, struct addr *a)
{
    for (u32 i = 0; i < q->rules.header->vif_count; i++) {
        const struct rules_vif *const v = &q->rules.vif[i];
        if (!end->is_address &&
            strcmp(&q->rules.text[v->name], end->name) != 0) {
            continue;
        }
        for (u32 k = 0; vif_address(v, is_ip6, k, a); k++) {
            if (!end->is_address || addr_equal(*a, end->address)) {
                return i;
            }
        }
    }
    return RULES_NO_VIF;
}

static bool no_vif(const struct question *q, const struct end *end,
                   struct fault *fault)
{
    const char *near = NULL;
    unsigned distance = 0;

    if (end->is_address) {
        fault_set(fault, "no interface has the address %s", end->name);
        return fault_help(fault, "to it a packet finds nobody; of one from it "
                                 "say who sends it: ... by web");
    }
    for (size_t i = 0; i < q->set->count; i++) {
        if (strcmp(q->set->tenant[i].name, end->name) == 0) {
            return fault_set(fault,
                             "tenant '%s' has no interface with an address of "
                             "that family",
                             end->name);
        }
        near_offer(end->name, q->set->tenant[i].name, &near, &distance);
    }
    fault_set(fault, "no tenant is named '%s'", end->name);
    return near != NULL ? fault_help(fault, "did you mean '%s'?", near) : false;
}

/* by: who sends it, whatever its address is; or an empty name. */
static bool find_ends(struct question *q, const struct end *from,
                      const struct end *to, const struct end *by,
                      struct packet *p, struct fault *fault)
{
    bool is_ip6 = p->flow.proto == IP_ICMP6 ||
                  (from->is_address && from->is_ip6) ||
                  (to->is_address && to->is_ip6);

    if (from->is_address && to->is_address && from->is_ip6 != to->is_ip6) {
        return fault_set(fault, "one end is IPv4, the other IPv6");
    }
    q->from = find_vif(q, from, is_ip6, &p->flow.from);
    q->to = find_vif(q, to, is_ip6, &p->flow.to);
    if (!is_ip6 && (q->from == RULES_NO_VIF || q->to == RULES_NO_VIF) &&
        !from->is_address && !to->is_address) {
        is_ip6 = true;
        q->from = find_vif(q, from, is_ip6, &p->flow.from);
        q->to = find_vif(q, to, is_ip6, &p->flow.to);
    }
    if (by->name[0] != '\0') {
        struct addr first;
        q->from = find_vif(q, by, is_ip6, &first);
        p->flow.from = from->is_address ? from->address : p->flow.from;
    }
    if (q->from == RULES_NO_VIF) {
        return no_vif(q, by->name[0] != '\0' ? by : from, fault);
    }
    if (q->to == RULES_NO_VIF) {
        return no_vif(q, to, fault);
    }
    const struct rules_vif *const v = &q->rules.vif[q->from];
    const struct rules_vif *const w = &q->rules.vif[q->to];
    if (q->from == q->to) {
        return fault_set(fault, "both ends are one interface");
    }
    if (memcmp(v->bridge, w->bridge, sizeof(v->bridge)) != 0) {
        return fault_set(fault, "these are on different bridges: %s and %s",
                         v->bridge, w->bridge);
    }
    p->flow.is_ip6 = is_ip6;
    p->type = is_ip6 ? ETH_IP6 : ETH_IP4;
    mac_copy(p->from_mac, v->mac);
    return true;
}

/* ---- the words ---- */

static bool parse_flags(const char *text, struct packet *p, struct fault *fault)
{
    static const char letters[] = "FSRPAUEW";

    p->tcp_flags = 0;
    for (; *text != '\0'; text++) {
        const char *const letter = strchr(letters, *text);
        if (letter == NULL) {
            return fault_set(fault, "TCP flags are letters of %s", letters);
        }
        p->tcp_flags |= (u8)(1u << (letter - letters));
    }
    return true;
}

static bool parse_rest(char **word, size_t count, struct packet *p,
                       struct fault *fault)
{
    const bool is_icmp = p->flow.proto == IP_ICMP || p->flow.proto == IP_ICMP6;
    u64 code;

    for (size_t i = 0; i < count; i += 2) {
        if (i + 1 == count) {
            return fault_set(fault, "'%s' wants a value", word[i]);
        }
        if (strcmp(word[i], "flags") == 0 && p->flow.proto == IP_TCP) {
            if (!parse_flags(word[i + 1], p, fault)) {
                return false;
            }
        } else if (strcmp(word[i], "by") == 0) {
            /* parse_words has read it */
        } else if (strcmp(word[i], "type") == 0 && is_icmp) {
            if (!pf_type(word[i + 1], p->flow.proto == IP_ICMP6,
                         &p->icmp_type)) {
                return fault_set(fault, "no ICMP type is named '%s'",
                                 word[i + 1]);
            }
        } else if (strcmp(word[i], "code") == 0 && is_icmp &&
                   pf_number(word[i + 1], 255, &code)) {
            p->icmp_code = (u8)code;
        } else {
            return fault_set(fault, "'%s %s' is not understood", word[i],
                             word[i + 1]);
        }
    }
    return true;
}

#define WORDS_MAX 16u

static bool parse_words(struct question *q, char **word, size_t count,
                        struct packet *p, struct fault *fault)
{
    struct end from;
    struct end to;
    struct end by = { .has_port = false };

    *p = (struct packet){ .tcp_flags = 0 };
    if (count < 4 || strcmp(word[2], "->") != 0) {
        fault_set(fault, "this is no packet");
        return fault_help(fault, "write it like 'tcp web:40000 -> db:5432' or "
                                 "'icmp web -> db'");
    }
    if (!pf_proto(word[0], &p->flow.proto)) {
        return fault_set(fault, "no protocol is named '%s'", word[0]);
    }
    for (size_t i = 4; i + 1 < count; i += 2) {
        if (strcmp(word[i], "by") == 0 && !parse_end(word[i + 1], &by, fault)) {
            return false;
        }
    }
    if (!parse_end(word[1], &from, fault) || !parse_end(word[3], &to, fault) ||
        !find_ends(q, &from, &to, &by, p, fault)) {
        return false;
    }
    const bool has_ports = p->flow.proto == IP_TCP || p->flow.proto == IP_UDP;
    if (has_ports && !to.has_port) {
        fault_set(fault, "to which port of %s?", to.name);
        return fault_help(fault, "write %s:80", to.name);
    }
    if (!has_ports && (from.has_port || to.has_port)) {
        return fault_set(fault, "%s has no ports", word[0]);
    }
    if (has_ports) {
        p->flow.from_port = from.has_port ? from.port : 40000;
        p->flow.to_port = to.port;
    }
    p->tcp_flags = p->flow.proto == IP_TCP ? TCP_SYN : 0;
    p->icmp_type = p->flow.proto == IP_ICMP    ? 8
                   : p->flow.proto == IP_ICMP6 ? 128
                                               : 0;
    return parse_rest(word + 4, count - 4, p, fault);
}

bool question_parse(struct question *q, const char *text, struct packet *p,
                    struct fault *fault)
{
    char *const copy = text_copy(text, strlen(text));
    char *word[WORDS_MAX];
    size_t count = 0;
    char *rest = NULL;

    for (char *w = strtok_r(copy, " \t", &rest); w != NULL && count < WORDS_MAX;
         w = strtok_r(NULL, " \t", &rest)) {
        word[count++] = w;
    }
    const bool good = parse_words(q, word, count, p, fault);
    free(copy);
    return good;
}
