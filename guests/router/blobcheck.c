/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a rules blob good? See rules.h. Nothing is believed: counts first, then
 * where sections end, then each record, then what indices point at.
 */
#include "guests/router/rules.h"

#include "guests/router/bytes.h"
#include "guests/router/packet.h"

#define DOMID_MAX 0x7fefu

static bool is_zero(const u8 *at, u32 bytes)
{
    u8 all = 0;

    for (u32 i = 0; i < bytes; i++) {
        all |= at[i];
    }
    return all == 0;
}

/* ---- header and sections ---- */

static const char *check_header(const struct rules_header *h, u32 bytes)
{
    static const char magic[] = RULES_MAGIC;

    for (u32 i = 0; i < sizeof(h->magic); i++) {
        if (h->magic[i] != magic[i]) {
            return "this is no rules blob";
        }
    }
    if (h->version != RULES_VERSION) {
        return "a rules blob of another version";
    }
    if (h->vif_count > RULES_VIFS_MAX || h->rule_count > RULES_MAX ||
        h->text_bytes > RULES_TEXT_MAX || h->text_bytes == 0) {
        return "more interfaces, rules or text than there can be";
    }
    if (!is_zero(h->zero, sizeof(h->zero))) {
        return "a reserved byte of the header is not zero";
    }
    const u32 sum =
        (u32)sizeof(*h) + h->vif_count * (u32)sizeof(struct rules_vif) +
        h->range6_count * (u32)sizeof(struct rules_range6) +
        h->rule_count * (u32)sizeof(struct rules_rule) +
        h->range4_count * (u32)sizeof(struct rules_range4) +
        h->ports_count * (u32)sizeof(struct rules_ports) + h->text_bytes;
    return sum == bytes && h->bytes == bytes
               ? NULL
               : "the sections do not add up to the blob";
}

static void open_sections(struct rules *r, const struct rules_header *h)
{
    r->header = h;
    r->vif = (const struct rules_vif *)(const void *)(h + 1);
    r->range6 =
        (const struct rules_range6 *)(const void *)(r->vif + h->vif_count);
    r->rule =
        (const struct rules_rule *)(const void *)(r->range6 + h->range6_count);
    r->range4 =
        (const struct rules_range4 *)(const void *)(r->rule + h->rule_count);
    r->ports =
        (const struct rules_ports *)(const void *)(r->range4 + h->range4_count);
    r->text = (const char *)(const void *)(r->ports + h->ports_count);
}

/* Offset 0 is the empty string; every string ends within the text. */
static bool text_ok(const struct rules *r)
{
    const u32 bytes = r->header->text_bytes;

    for (u32 i = 0; i < bytes; i++) {
        const char c = r->text[i];
        if (c != 0 && (c < 0x20 || c > 0x7e)) {
            return false;
        }
    }
    return r->text[0] == 0 && r->text[bytes - 1] == 0;
}

static bool ranges_ok(const struct rules *r)
{
    for (u32 i = 0; i < r->header->range4_count; i++) {
        if (r->range4[i].low > r->range4[i].high) {
            return false;
        }
    }
    for (u32 i = 0; i < r->header->range6_count; i++) {
        const struct rules_range6 *const range = &r->range6[i];
        if (range->low[0] > range->high[0] ||
            (range->low[0] == range->high[0] &&
             range->low[1] > range->high[1])) {
            return false;
        }
    }
    for (u32 i = 0; i < r->header->ports_count; i++) {
        if (r->ports[i].low > r->ports[i].high) {
            return false;
        }
    }
    return true;
}

/* ---- interfaces ---- */

static bool vif_addresses_ok(const struct rules_vif *v)
{
    if (v->ip4_count > RULES_ADDRESSES || v->ip6_count > RULES_ADDRESSES) {
        return false;
    }
    for (u32 i = 0; i < RULES_ADDRESSES; i++) {
        const u32 top = v->ip4[i] >> 24;
        const bool is_host = top != 0 && top != 127 && top < 224;
        if (i < v->ip4_count ? !is_host : v->ip4[i] != 0) {
            return false;
        }
        const bool is_host6 = !is_zero(v->ip6[i], 15) && v->ip6[i][0] != 0xff;
        if (i < v->ip6_count ? !is_host6 : !is_zero(v->ip6[i], 16)) {
            return false;
        }
    }
    return true;
}

static bool bridge_ok(const struct rules_vif *v)
{
    bool is_over = false;

    for (u32 i = 0; i < sizeof(v->bridge); i++) {
        const char c = v->bridge[i];
        if ((is_over && c != 0) || (c != 0 && (c < 0x21 || c > 0x7e))) {
            return false;
        }
        is_over = c == 0;
    }
    return is_over && v->bridge[0] != 0;
}

static bool bridge_equal(const struct rules_vif *a, const struct rules_vif *b)
{
    for (u32 i = 0; i < sizeof(a->bridge); i++) {
        if (a->bridge[i] != b->bridge[i]) {
            return false;
        }
    }
    return true;
}

/* Two interfaces of a bridge share no address. */
static bool vifs_differ(const struct rules_vif *a, const struct rules_vif *b)
{
    if (!bridge_equal(a, b)) {
        return true;
    }
    for (u32 i = 0; i < RULES_ADDRESSES && i < a->ip4_count; i++) {
        for (u32 k = 0; k < RULES_ADDRESSES && k < b->ip4_count; k++) {
            if (a->ip4[i] == b->ip4[k]) {
                return false;
            }
        }
    }
    for (u32 i = 0; i < RULES_ADDRESSES && i < a->ip6_count; i++) {
        for (u32 k = 0; k < RULES_ADDRESSES && k < b->ip6_count; k++) {
            if (be64(a->ip6[i]) == be64(b->ip6[k]) &&
                be64(a->ip6[i] + 8) == be64(b->ip6[k] + 8)) {
                return false;
            }
        }
    }
    return !mac_equal(a->mac, b->mac);
}

static const char *check_vif(const struct rules *r, u32 idx)
{
    const struct rules_vif *const v = &r->vif[idx];

    if (v->domid > DOMID_MAX || (v->mac[0] & 1) != 0 || is_zero(v->mac, 6) ||
        v->name >= r->header->text_bytes || v->file >= r->header->text_bytes ||
        !bridge_ok(v) || !vif_addresses_ok(v)) {
        return "an interface has a bad number, name or address";
    }
    for (u32 i = 0; i < idx; i++) {
        const struct rules_vif *const other = &r->vif[i];
        if (other->domid > v->domid ||
            (other->domid == v->domid && other->handle >= v->handle)) {
            return "interfaces are not in order";
        }
        if (!vifs_differ(other, v)) {
            return "two interfaces of a bridge have one address";
        }
    }
    return NULL;
}

/* The lists follow each other and take all rules. */
static bool lists_ok(const struct rules *r)
{
    u32 at = 0;

    for (u32 i = 0; i < r->header->vif_count; i++) {
        const struct rules_vif *const v = &r->vif[i];
        if (v->out_first != at || v->out_count > RULES_LIST_MAX ||
            v->in_first != at + v->out_count || v->in_count > RULES_LIST_MAX) {
            return false;
        }
        at += (u32)v->out_count + v->in_count;
    }
    return at == r->header->rule_count;
}

/* ---- rules ---- */

static bool span4_ok(const struct rules *r, struct rules_span s)
{
    const u32 end = s.first + (u32)s.count;

    if (end > r->header->range4_count) {
        return false;
    }
    for (u32 i = s.first + 1u; i < end; i++) {
        if (r->range4[i].low <= r->range4[i - 1].high) {
            return false;
        }
    }
    return s.count != 0 || s.first == 0;
}

static bool span6_ok(const struct rules *r, struct rules_span s)
{
    const u32 end = s.first + (u32)s.count;

    if (end > r->header->range6_count) {
        return false;
    }
    for (u32 i = s.first + 1u; i < end; i++) {
        const u64 *const low = r->range6[i].low;
        const u64 *const high = r->range6[i - 1].high;
        if (low[0] < high[0] || (low[0] == high[0] && low[1] <= high[1])) {
            return false;
        }
    }
    return s.count != 0 || s.first == 0;
}

static bool span_ports_ok(const struct rules *r, struct rules_span s)
{
    const u32 end = s.first + (u32)s.count;

    if (end > r->header->ports_count) {
        return false;
    }
    for (u32 i = s.first + 1u; i < end; i++) {
        if (r->ports[i].low <= r->ports[i - 1].high) {
            return false;
        }
    }
    return s.count != 0 || s.first == 0;
}

/* What is asked of a rule's protocol fits that protocol. */
static bool proto_ok(const struct rules_rule *u)
{
    const bool is_tcp = (u->flags & RULE_PROTO) != 0 && u->proto == IP_TCP;
    const bool is_udp = (u->flags & RULE_PROTO) != 0 && u->proto == IP_UDP;
    const bool is_icmp = (u->flags & RULE_PROTO) != 0 && u->proto == IP_ICMP;
    const bool is_icmp6 = (u->flags & RULE_PROTO) != 0 && u->proto == IP_ICMP6;

    if (((u->flags & RULE_PROTO) == 0 && u->proto != 0) ||
        (is_icmp && (u->flags & RULE_IP6) != 0) ||
        (is_icmp6 && (u->flags & RULE_IP4) != 0)) {
        return false;
    }
    if ((u->from_port.count != 0 || u->to_port.count != 0) && !is_tcp &&
        !is_udp) {
        return false;
    }
    if ((u->tcp_mask != 0 && !is_tcp) || (u->tcp_flags & ~u->tcp_mask) != 0) {
        return false;
    }
    if ((u->flags & RULE_TYPE) == 0) {
        return (u->flags & RULE_CODE) == 0 && u->icmp_type == 0 &&
               u->icmp_code == 0;
    }
    return (is_icmp || is_icmp6) &&
           ((u->flags & RULE_CODE) != 0 || u->icmp_code == 0);
}

static bool rule_ok(const struct rules *r, const struct rules_rule *u)
{
    if ((u->flags & (RULE_IP4 | RULE_IP6)) == 0 ||
        (u->flags & (RULE_PASS | RULE_STATE)) == RULE_STATE ||
        ((u->max != 0 || u->options != 0) && (u->flags & RULE_STATE) == 0) ||
        u->options > RULE_OPTIONS) {
        return false;
    }
    if ((u->flags & RULE_IP4) == 0 &&
        (u->from4.count != 0 || u->to4.count != 0)) {
        return false;
    }
    if ((u->flags & RULE_IP6) == 0 &&
        (u->from6.count != 0 || u->to6.count != 0)) {
        return false;
    }
    return proto_ok(u) && u->label < r->header->text_bytes &&
           u->file < r->header->text_bytes && span4_ok(r, u->from4) &&
           span4_ok(r, u->to4) && span6_ok(r, u->from6) &&
           span6_ok(r, u->to6) && span_ports_ok(r, u->from_port) &&
           span_ports_ok(r, u->to_port);
}

const char *rules_check(const void *blob, u32 bytes, struct rules *out)
{
    const struct rules_header *const h = blob;
    struct rules r;

    if (bytes < sizeof(*h) || bytes > RULES_BYTES_MAX) {
        return "a rules blob of an impossible size";
    }
    const char *wrong = check_header(h, bytes);
    if (wrong != NULL) {
        return wrong;
    }
    open_sections(&r, h);
    if (!text_ok(&r)) {
        return "the text is not text";
    }
    if (!ranges_ok(&r)) {
        return "a range ends before it begins";
    }
    for (u32 i = 0; i < h->vif_count; i++) {
        wrong = check_vif(&r, i);
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (!lists_ok(&r)) {
        return "lists of rules overlap or leave a gap";
    }
    for (u32 i = 0; i < h->rule_count; i++) {
        if (!rule_ok(&r, &r.rule[i])) {
            return "a rule contradicts itself or points outside";
        }
    }
    *out = r;
    return NULL;
}

u32 rules_find(const struct rules *rules, u32 domid, u32 handle)
{
    for (u32 i = 0; i < rules->header->vif_count; i++) {
        if (rules->vif[i].domid == domid && rules->vif[i].handle == handle) {
            return i;
        }
    }
    return RULES_NO_VIF;
}
