/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules tell packets of a pair apart by protocol, ports and ICMP types, at the
 * values that they name. Between two such values all packets fare alike, so
 * one packet for each stretch says it all.
 */
#include "rf/reach.h"

#include <stdlib.h>
#include <string.h>

/* ---- where stretches begin ---- */

struct cuts {
    u8 at[65537]; /* a stretch begins at this number */
};

static void cut_span(struct cuts *cuts, const struct rules *r,
                     struct rules_span span)
{
    for (u32 i = 0; i < span.count; i++) {
        const struct rules_ports *const p = &r->ports[span.first + i];
        cuts->at[p->low] = 1;
        cuts->at[p->high + 1u] = 1;
    }
}

/* What the two lists of a pair name. */
struct named {
    struct cuts from;
    struct cuts to;
    bool proto[256];
    bool type[2][256]; /* of ICMP, ICMPv6 */
    bool code[2][256];
};

static void name_rule(struct named *n, const struct rules *r,
                      const struct rules_rule *u)
{
    cut_span(&n->from, r, u->from_port);
    cut_span(&n->to, r, u->to_port);
    if ((u->flags & RULE_PROTO) != 0) {
        n->proto[u->proto] = true;
    }
    if ((u->flags & RULE_TYPE) != 0) {
        n->type[u->proto == IP_ICMP6][u->icmp_type] = true;
    }
    if ((u->flags & RULE_CODE) != 0) {
        n->code[u->proto == IP_ICMP6][u->icmp_code] = true;
    }
}

static void name_pair(struct named *n, const struct reach_pair *pair)
{
    const struct rules *const r = pair->rules;

    if (pair->from == RULES_NO_VIF || pair->to == RULES_NO_VIF) {
        return;
    }
    const struct rules_vif *const from = &r->vif[pair->from];
    const struct rules_vif *const to = &r->vif[pair->to];
    for (u32 i = 0; i < from->out_count; i++) {
        name_rule(n, r, &r->rule[from->out_first + i]);
    }
    for (u32 i = 0; i < to->in_count; i++) {
        name_rule(n, r, &r->rule[to->in_first + i]);
    }
}

/* ---- asking ---- */

bool reach_pass(const struct rules *rules, u32 from, u32 to,
                const struct packet *p, u16 rule[2])
{
    rule[0] = filter_decide_slowly(rules, from, true, p);
    rule[1] = filter_decide_slowly(rules, to, false, p);
    return rule[0] != FILTER_NO_RULE && rule[1] != FILTER_NO_RULE &&
           (rules->rule[rule[0]].flags & RULE_PASS) != 0 &&
           (rules->rule[rule[1]].flags & RULE_PASS) != 0;
}

static struct addr address_of(const struct rules_vif *v, bool is_ip6, u32 i)
{
    struct addr a = { 0, 0 };

    if (!is_ip6) {
        a.low = v->ip4[i];
        return a;
    }
    for (u32 k = 0; k < 16; k++) {
        u64 *const half = k < 8 ? &a.high : &a.low;
        *half = *half << 8 | v->ip6[i][k];
    }
    return a;
}

/* Does some address of one reach some address of the other? */
static bool pair_passes(const struct reach_pair *pair, struct packet *p)
{
    if (pair->from == RULES_NO_VIF || pair->to == RULES_NO_VIF) {
        return false;
    }
    const bool is_ip6 = p->flow.is_ip6;
    const struct rules_vif *const from = &pair->rules->vif[pair->from];
    const struct rules_vif *const to = &pair->rules->vif[pair->to];
    const u32 from_count = is_ip6 ? from->ip6_count : from->ip4_count;
    const u32 to_count = is_ip6 ? to->ip6_count : to->ip4_count;
    u16 rule[2];

    if (memcmp(from->bridge, to->bridge, sizeof(from->bridge)) != 0) {
        return false;
    }
    for (u32 i = 0; i < from_count; i++) {
        for (u32 k = 0; k < to_count; k++) {
            p->flow.from = address_of(from, is_ip6, i);
            p->flow.to = address_of(to, is_ip6, k);
            if (reach_pass(pair->rules, pair->from, pair->to, p, rule)) {
                return true;
            }
        }
    }
    return false;
}

static void put_cell(struct reach *out, const struct reach_pair *pair,
                     u32 count, struct reach_cell cell)
{
    struct packet p = {
        .type = cell.is_ip6 ? ETH_IP6 : ETH_IP4,
        .flow = { .from_port = (u16)cell.from_low,
                  .to_port = (u16)cell.to_low,
                  .proto = cell.proto,
                  .is_ip6 = cell.is_ip6 },
        .tcp_flags = cell.proto == IP_TCP ? TCP_SYN : 0,
        .icmp_type = cell.type,
        .icmp_code = cell.code,
    };

    for (u32 i = 0; i < count; i++) {
        cell.mask |= pair_passes(&pair[i], &p) ? 1u << i : 0;
    }
    out->cell = mem_grow(out->cell, out->count + 1, sizeof(*out->cell));
    out->cell[out->count++] = cell;
}

static u32 stretch_end(const struct cuts *cuts, u32 low)
{
    u32 high = low;

    while (high < 65535 && cuts->at[high + 1] == 0) {
        high++;
    }
    return high;
}

static void put_ports(struct reach *out, const struct reach_pair *pair,
                      u32 count, const struct named *n, struct reach_cell cell)
{
    for (u32 from = 0; from < 65536; from = cell.from_high + 1) {
        cell.from_low = from;
        cell.from_high = stretch_end(&n->from, from);
        for (u32 to = 0; to < 65536; to = cell.to_high + 1) {
            cell.to_low = to;
            cell.to_high = stretch_end(&n->to, to);
            put_cell(out, pair, count, cell);
        }
    }
}

static u32 first_free(const bool *named, u32 from)
{
    while (from < 255 && named[from]) {
        from++;
    }
    return from;
}

/* Errors come with their flow, whatever rules say; they are no types here. */
static void put_types(struct reach *out, const struct reach_pair *pair,
                      u32 count, const struct named *n, struct reach_cell cell)
{
    const bool *const type = n->type[cell.is_ip6];
    const bool *const code = n->code[cell.is_ip6];
    const u32 free_type = first_free(type, 140);
    const u32 free_code = first_free(code, 0);

    cell.from_high = 65535;
    cell.to_high = 65535;
    for (u32 t = 0; t < 256; t++) {
        if (!type[t] && t != free_type) {
            continue;
        }
        cell.type = (u8)t;
        cell.is_any_type = t == free_type;
        for (u32 c = 0; c < 256; c++) {
            if (code[c] || c == free_code) {
                cell.code = (u8)c;
                cell.is_any_code = c == free_code;
                put_cell(out, pair, count, cell);
            }
        }
    }
}

static void put_family(struct reach *out, const struct reach_pair *pair,
                       u32 count, const struct named *n, bool is_ip6)
{
    const u32 other = first_free(n->proto, 200);

    for (u32 proto = 0; proto < 256; proto++) {
        struct reach_cell cell = { .proto = (u8)proto, .is_ip6 = is_ip6 };
        const u32 icmp = is_ip6 ? IP_ICMP6 : IP_ICMP;
        const u32 foreign = is_ip6 ? IP_ICMP : IP_ICMP6;
        if (proto == IP_TCP || proto == IP_UDP) {
            put_ports(out, pair, count, n, cell);
        } else if (proto == icmp) {
            put_types(out, pair, count, n, cell);
        } else if (proto != foreign && (n->proto[proto] || proto == other)) {
            cell.is_other = proto == other;
            cell.from_high = 65535;
            cell.to_high = 65535;
            put_cell(out, pair, count, cell);
        }
    }
}

void reach_find(const struct reach_pair *pair, u32 count, struct reach *out)
{
    struct named *const n = mem_alloc(sizeof(*n));

    *out = (struct reach){ NULL, 0 };
    for (u32 i = 0; i < count; i++) {
        name_pair(n, &pair[i]);
    }
    put_family(out, pair, count, n, false);
    put_family(out, pair, count, n, true);
    free(n);
}

/* ---- words ---- */

static void put_word(char ***list, size_t *count, char *word)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i], word) == 0) {
            free(word);
            return;
        }
    }
    *list = mem_grow(*list, *count + 1, sizeof(**list));
    (*list)[(*count)++] = word;
}

static bool is_all(const struct reach *reach, u32 mask, bool is_ip6, int proto)
{
    bool is_any = false;

    for (size_t i = 0; i < reach->count; i++) {
        const struct reach_cell *const c = &reach->cell[i];
        if (c->is_ip6 != is_ip6 || (proto >= 0 && c->proto != proto)) {
            continue;
        }
        is_any = true;
        if (c->mask != mask) {
            return false;
        }
    }
    return is_any;
}

static const char *type_name(bool is_ip6, u8 type)
{
    if (type == (is_ip6 ? 128 : 8)) {
        return "echoreq";
    }
    return type == (is_ip6 ? 129 : 0) ? "echorep" : NULL;
}

static char *range_text(u32 low, u32 high)
{
    if (low == high) {
        return text_format("%u", low);
    }
    return text_format("%u-%u", low > 0 ? low : 1, high);
}

static char *ports_word(const struct reach_cell *c, const char *proto)
{
    const bool is_from = c->from_low != 0 || c->from_high != 65535;
    const bool is_to = c->to_low != 0 || c->to_high != 65535;
    char *const from = range_text(c->from_low, c->from_high);
    char *const to = range_text(c->to_low, c->to_high);
    char *const word =
        text_format("%s%s%s%s%s", proto, is_to ? "/" : "", is_to ? to : "",
                    is_from ? " from " : "", is_from ? from : "");

    free(from);
    free(to);
    return word;
}

static char *type_word(const struct reach_cell *c, const char *proto)
{
    const char *const name = type_name(c->is_ip6, c->type);
    char *const number = text_format("%u", c->type);
    char *const code =
        c->is_any_code ? text_copy("", 0) : text_format(" code %u", c->code);
    char *const word = text_format("%s %s%s", proto,
                                   c->is_any_type ? "other types"
                                   : name != NULL ? name
                                                  : number,
                                   code);

    free(number);
    free(code);
    return word;
}

/* The cell with those behind it that only go on where it ends; *next: the one
 * behind all of them. */
static struct reach_cell join_cells(const struct reach *reach, size_t i,
                                    size_t *next)
{
    struct reach_cell c = reach->cell[i];

    for (*next = i + 1; *next < reach->count; (*next)++) {
        const struct reach_cell *const n = &reach->cell[*next];
        if (n->mask != c.mask || n->proto != c.proto || n->is_ip6 != c.is_ip6 ||
            n->from_low != c.from_low || n->to_low != c.to_high + 1) {
            break;
        }
        c.to_high = n->to_high;
    }
    return c;
}

static bool is_type_whole(const struct reach *reach, const struct reach_cell *c)
{
    for (size_t i = 0; i < reach->count; i++) {
        const struct reach_cell *const n = &reach->cell[i];
        if (n->proto == c->proto && n->is_ip6 == c->is_ip6 &&
            n->type == c->type && n->mask != c->mask) {
            return false;
        }
    }
    return true;
}

static void put_cell_word(const struct reach *reach, struct reach_cell c,
                          char ***list, size_t *count)
{
    const char *const name = pf_proto_name(c.proto);
    char *const number = text_format("proto %u", c.proto);
    const char *const proto = name != NULL ? name : number;

    if (is_all(reach, c.mask, c.is_ip6, c.proto) && !c.is_other) {
        put_word(list, count, text_copy(proto, strlen(proto)));
    } else if (c.is_other) {
        put_word(list, count, text_copy("other protocols", 15));
    } else if (c.proto == IP_TCP || c.proto == IP_UDP) {
        put_word(list, count, ports_word(&c, proto));
    } else {
        c.is_any_code = c.is_any_code || is_type_whole(reach, &c);
        put_word(list, count, type_word(&c, proto));
    }
    free(number);
}

size_t reach_words(const struct reach *reach, u32 mask, char ***list)
{
    size_t count = 0;

    *list = NULL;
    for (size_t i = 0, next; i < reach->count; i = next) {
        struct reach_cell c = join_cells(reach, i, &next);
        if (c.mask != mask) {
            continue;
        }
        if (is_all(reach, mask, c.is_ip6, -1)) {
            put_word(list, &count,
                     text_format("all of %s", c.is_ip6 ? "IPv6" : "IPv4"));
        } else {
            put_cell_word(reach, c, list, &count);
        }
    }
    return count;
}

void reach_words_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i]);
    }
    free(list);
}
