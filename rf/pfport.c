/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports, protocols and ICMP types in rules, by number and by name. Names are a
 * list of our own: what a rule means does not depend on files of the host.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/pf.h"

struct named {
    const char *name;
    u32 number;
};

static const struct named port_names[] = {
    { "ftp", 21 },      { "ssh", 22 },     { "telnet", 23 },
    { "smtp", 25 },     { "domain", 53 },  { "http", 80 },
    { "kerberos", 88 }, { "pop3", 110 },   { "ntp", 123 },
    { "imap", 143 },    { "snmp", 161 },   { "ldap", 389 },
    { "https", 443 },   { "syslog", 514 }, { "submission", 587 },
    { "ldaps", 636 },   { "imaps", 993 },  { "pop3s", 995 },
    { "nfs", 2049 },    { "mysql", 3306 }, { "postgresql", 5432 },
    { "redis", 6379 },  { "git", 9418 },
};

static const struct named proto_names[] = {
    { "icmp", 1 },  { "igmp", 2 },   { "tcp", 6 },    { "udp", 17 },
    { "gre", 47 },  { "esp", 50 },   { "ah", 51 },    { "icmp6", 58 },
    { "ospf", 89 }, { "vrrp", 112 }, { "sctp", 132 }, { "udplite", 136 },
};

static const struct named icmp_names[] = {
    { "echorep", 0 },  { "unreach", 3 },  { "squench", 4 },
    { "echoreq", 8 },  { "timex", 11 },   { "paramprob", 12 },
    { "timereq", 13 }, { "timerep", 14 }, { "inforeq", 15 },
    { "inforep", 16 }, { "maskreq", 17 }, { "maskrep", 18 },
};

static const struct named icmp6_names[] = {
    { "unreach", 1 },    { "toobig", 2 },     { "timex", 3 },
    { "paramprob", 4 },  { "echoreq", 128 },  { "echorep", 129 },
    { "groupqry", 130 }, { "grouprep", 131 }, { "groupterm", 132 },
};

static bool by_name(const struct named *list, size_t count, const char *text,
                    u64 *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, text) == 0) {
            *out = list[i].number;
            return true;
        }
    }
    return false;
}

bool pf_number(const char *text, u64 high, u64 *out)
{
    const size_t bytes = strlen(text);

    if (bytes == 0 || bytes > 18 || strspn(text, "0123456789") != bytes) {
        return false;
    }
    *out = strtoull(text, NULL, 10);
    return *out <= high;
}

bool pf_port(const char *text, u64 *out)
{
    return by_name(port_names, ARRAY_COUNT(port_names), text, out) ||
           (pf_number(text, 65535, out) && *out != 0);
}

bool pf_proto(const char *text, u8 *out)
{
    u64 number;

    if (strcmp(text, "ipv6-icmp") == 0) {
        text = "icmp6";
    }
    if (!by_name(proto_names, ARRAY_COUNT(proto_names), text, &number) &&
        !pf_number(text, 255, &number)) {
        return false;
    }
    *out = (u8)number;
    return true;
}

bool pf_type(const char *text, bool is_ip6, u8 *out)
{
    u64 number;

    if (!(is_ip6
              ? by_name(icmp6_names, ARRAY_COUNT(icmp6_names), text, &number)
              : by_name(icmp_names, ARRAY_COUNT(icmp_names), text, &number)) &&
        !pf_number(text, 255, &number)) {
        return false;
    }
    *out = (u8)number;
    return true;
}

const char *pf_proto_name(u8 proto)
{
    for (size_t i = 0; i < ARRAY_COUNT(proto_names); i++) {
        if (proto_names[i].number == proto) {
            return proto_names[i].name;
        }
    }
    return NULL;
}

/* ---- ports ---- */

static bool port_bad(struct pf *pf, const char *word, size_t bytes)
{
    const struct place at = pf_place(pf);

    if (bytes > 0 && strspn(word, "0123456789") >= bytes) {
        return pf_fail(pf, at, "port %.*s is out of range (1-65535)",
                       (int)bytes, word);
    }
    const char *near = NULL;
    unsigned distance = 0;
    for (size_t i = 0; i < ARRAY_COUNT(port_names); i++) {
        near_offer(word, port_names[i].name, &near, &distance);
    }
    if (bytes == 0) {
        return pf_fail(pf, at, "a port is expected here");
    }
    pf_fail(pf, at, "no port is named '%.*s'", (int)bytes, word);
    if (near != NULL) {
        diag_help(pf->diags, "did you mean '%s'?", near);
    } else {
        diag_help(pf->diags, "write its number; known names are listed in "
                             "ringfence-firewall(5)");
    }
    return false;
}

/* The whole word, or its part up to ':', is a port. */
static bool one_port(struct pf *pf, const char *word, size_t bytes, u64 *out)
{
    char *const text = text_copy(word, bytes);
    const bool good = pf_port(text, out);

    free(text);
    return good || port_bad(pf, word, bytes);
}

/* Ports as a set of numbers, then as ranges. */
struct ports {
    u8 is_in[65536];
};

static void put_ports(struct ports *ports, u64 low, u64 high)
{
    for (u64 port = low; port <= high && port < 65536; port++) {
        ports->is_in[port] = 1;
    }
}

enum port_op { OP_IS, OP_NOT, OP_LESS, OP_MOST, OP_MORE, OP_LEAST, OP_NONE };

static const char *const port_ops[OP_NONE] = {
    "=", "!=", "<", "<=", ">", ">="
};

static void put_op(struct ports *ports, enum port_op op, u64 port)
{
    if (op == OP_NOT || op == OP_LESS) {
        put_ports(ports, 0, port - 1);
    }
    if (op == OP_NOT || op == OP_MORE) {
        put_ports(ports, port + 1, 65535);
    }
    if (op == OP_IS || op == OP_MOST) {
        put_ports(ports, op == OP_IS ? port : 0, port);
    }
    if (op == OP_LEAST) {
        put_ports(ports, port, 65535);
    }
}

/* Behind a port: `><` PORT is between, `<>` PORT is outside. */
static bool port_between(struct pf *pf, struct ports *ports, u64 low)
{
    const bool is_outside = pf_take(pf, "<>");
    u64 high;

    pf->next += is_outside ? 0 : 1;
    if (!one_port(pf, pf_now(pf)->text, strlen(pf_now(pf)->text), &high)) {
        return false;
    }
    pf->next++;
    if (is_outside) {
        put_ports(ports, 0, low - 1);
        put_ports(ports, high + 1, 65535);
    } else {
        put_ports(ports, low + 1, high - 1);
    }
    return true;
}

/* `op` PORT, or PORT, PORT:PORT, PORT >< PORT, PORT <> PORT. */
static bool port_element(struct pf *pf, struct ports *ports)
{
    enum port_op op = OP_IS;
    u64 low;
    u64 high;

    while (op < OP_NONE && !pf_take(pf, port_ops[op])) {
        op++;
    }
    const char *const word = pf_now(pf)->text;
    const size_t bytes = strcspn(word, ":");
    const bool is_range = word[bytes] == ':';
    if (!one_port(pf, word, bytes, &low)) {
        return false;
    }
    high = low;
    if (is_range &&
        !one_port(pf, word + bytes + 1, strlen(word + bytes + 1), &high)) {
        return false;
    }
    if (op < OP_NONE && is_range) {
        return pf_fail(pf, pf_place(pf), "a range behind '%s'", port_ops[op]);
    }
    if (high < low) {
        return pf_fail(pf, pf_place(pf), "a range that ends before it begins");
    }
    pf->next++;
    if (op < OP_NONE) {
        put_op(ports, op, low);
    } else if (pf_is(pf, "><") || pf_is(pf, "<>")) {
        return port_between(pf, ports, low);
    } else {
        put_ports(ports, low, high);
    }
    return true;
}

static void ports_to_ranges(const struct ports *ports, struct pf_host *host)
{
    for (u32 port = 0; port < 65536; port++) {
        if (ports->is_in[port] == 0) {
            continue;
        }
        u32 last = port;
        while (last < 65535 && ports->is_in[last + 1] != 0) {
            last++;
        }
        host->port =
            mem_grow(host->port, host->port_count + 1, sizeof(*host->port));
        host->port[host->port_count++] =
            (struct rules_ports){ (u16)port, (u16)last };
        port = last;
    }
}

/* Behind `port`. */
bool pf_read_ports(struct pf *pf, struct pf_host *host)
{
    struct ports *const ports = mem_alloc(sizeof(*ports));
    const struct place at = pf_place(pf);
    bool good = true;

    if (pf_take(pf, "{")) {
        while (good && !pf_take(pf, "}")) {
            good = port_element(pf, ports);
            (void)pf_take(pf, ",");
        }
    } else {
        good = port_element(pf, ports);
    }
    if (good) {
        ports_to_ranges(ports, host);
        good =
            host->port_count != 0 || pf_fail(pf, at, "no port is among these");
    }
    free(ports);
    return good;
}

/* ---- protocols and types ---- */

static bool proto_element(struct pf *pf, struct pf_rule *rule)
{
    const struct pf_token *const word = pf_now(pf);
    const char *near = NULL;
    unsigned distance = 0;
    u8 proto;

    if (pf_proto(word->text, &proto)) {
        for (u32 i = 0; i < rule->proto_count; i++) {
            if (rule->proto[i] == proto) {
                pf->next++;
                return true;
            }
        }
        if (rule->proto_count == PF_LIST_MAX) {
            return pf_fail(pf, word->at, "more than %u protocols", PF_LIST_MAX);
        }
        rule->proto[rule->proto_count++] = proto;
        pf->next++;
        return true;
    }
    if (strspn(word->text, "{}(),!=<>") == strlen(word->text)) {
        return pf_fail(pf, word->at, "a protocol is expected here");
    }
    for (size_t i = 0; i < ARRAY_COUNT(proto_names); i++) {
        near_offer(word->text, proto_names[i].name, &near, &distance);
    }
    pf_fail(pf, word->at, "no protocol is named '%s'", word->text);
    if (near != NULL) {
        diag_help(pf->diags, "did you mean '%s'?", near);
    } else {
        diag_help(pf->diags, "write tcp, udp, icmp, icmp6 or a number");
    }
    return false;
}

/* Behind `proto`. */
bool pf_read_protos(struct pf *pf, struct pf_rule *rule)
{
    bool good = true;

    if (!pf_take(pf, "{")) {
        return proto_element(pf, rule);
    }
    do {
        good = proto_element(pf, rule);
        (void)pf_take(pf, ",");
    } while (good && !pf_take(pf, "}"));
    return good;
}

static bool type_element(struct pf *pf, struct pf_rule *rule, bool is_ip6)
{
    struct pf_type type = { 0, 0, false };
    u64 code;

    if (!pf_type(pf_now(pf)->text, is_ip6, &type.type)) {
        pf_fail(pf, pf_place(pf), "no %s type is named '%s'",
                is_ip6 ? "ICMPv6" : "ICMP", pf_now(pf)->text);
        diag_help(pf->diags, "like echoreq, echorep, or a number");
        return false;
    }
    pf->next++;
    if (pf_take(pf, "code")) {
        if (!pf_number(pf_now(pf)->text, 255, &code)) {
            return pf_fail(pf, pf_place(pf), "a code is a number, 0-255");
        }
        type.code = (u8)code;
        type.has_code = true;
        pf->next++;
    }
    if (rule->type_count == PF_LIST_MAX) {
        return pf_fail(pf, pf_place(pf), "more than %u types", PF_LIST_MAX);
    }
    rule->type[rule->type_count++] = type;
    return true;
}

/* Behind `icmp-type`, `icmp6-type`. */
bool pf_read_types(struct pf *pf, struct pf_rule *rule, bool is_ip6)
{
    bool good = true;

    if (!pf_take(pf, "{")) {
        return type_element(pf, rule, is_ip6);
    }
    do {
        good = type_element(pf, rule, is_ip6);
        (void)pf_take(pf, ",");
    } while (good && !pf_take(pf, "}"));
    return good;
}
