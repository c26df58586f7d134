/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules to the blob of guests/router/rules.h. Each rule becomes one record for
 * each of its protocols and ICMP types. pf decides by the first quick rule that
 * matches, and else by the last; put in order, quick ones first and the others
 * backwards, the first that matches decides.
 *
 * Equal spans of ranges, and equal strings, are stored once.
 */
#include <stdlib.h>
#include <string.h>

#include "guests/router/filter.h"
#include "guests/router/services.h"
#include "rf/pf.h"

#define POOL_MAX 16384u

struct builder {
    const struct tenant_set *set;
    struct rules_header header;
    struct rules_vif vif[RULES_VIFS_MAX];
    struct rules_rule rule[RULES_MAX];
    struct rules_range4 range4[POOL_MAX];
    struct rules_range6 range6[POOL_MAX];
    struct rules_ports ports[POOL_MAX];
    char text[RULES_TEXT_MAX];
    const char *lack; /* what there is no room for, or NULL */
    const struct tenant *whose;
};

static void lacks(struct builder *b, const char *what)
{
    if (b->lack == NULL) {
        b->lack = what;
    }
}

static u16 put_text(struct builder *b, const char *text)
{
    const size_t bytes = strlen(text) + 1;

    for (u32 at = 0; at < b->header.text_bytes;
         at += (u32)strlen(b->text + at) + 1) {
        if (strcmp(b->text + at, text) == 0) {
            return (u16)at;
        }
    }
    if (bytes > RULES_TEXT_MAX - b->header.text_bytes) {
        lacks(b, "names and labels");
        return 0;
    }
    const u16 at = b->header.text_bytes;
    for (size_t i = 0; i + 1 < bytes; i++) {
        const char c = text[i];
        b->text[at + i] = c < 0x20 || c > 0x7e ? '?' : c;
    }
    b->text[at + bytes - 1] = '\0';
    b->header.text_bytes = (u16)(at + bytes);
    return at;
}

/* `items` of `bytes` bytes each as a span of a pool that holds *count. */
static struct rules_span put_span(struct builder *b, void *pool, u16 *count,
                                  const void *items, size_t n, size_t bytes)
{
    struct rules_span span = { 0, (u16)n };

    if (n == 0) {
        return span;
    }
    for (size_t at = 0; at + n <= *count; at++) {
        if (memcmp((u8 *)pool + at * bytes, items, n * bytes) == 0) {
            span.first = (u16)at;
            return span;
        }
    }
    if (n > POOL_MAX - *count) {
        lacks(b, "addresses");
        return (struct rules_span){ 0, 0 };
    }
    memcpy((u8 *)pool + *count * bytes, items, n * bytes);
    span.first = *count;
    *count = (u16)(*count + n);
    return span;
}

static struct rules_span put_set4(struct builder *b, const struct pf_set *set)
{
    struct rules_range4 *const items = mem_alloc(set->count * sizeof(*items));

    for (size_t i = 0; i < set->count; i++) {
        items[i].low = (u32)set->item[i].low.low;
        items[i].high = (u32)set->item[i].high.low;
    }
    const struct rules_span span =
        put_span(b, b->range4, &b->header.range4_count, items, set->count,
                 sizeof(*items));
    free(items);
    return span;
}

static struct rules_span put_set6(struct builder *b, const struct pf_set *set)
{
    struct rules_range6 *const items = mem_alloc(set->count * sizeof(*items));

    for (size_t i = 0; i < set->count; i++) {
        items[i].low[0] = set->item[i].low.high;
        items[i].low[1] = set->item[i].low.low;
        items[i].high[0] = set->item[i].high.high;
        items[i].high[1] = set->item[i].high.low;
    }
    const struct rules_span span =
        put_span(b, b->range6, &b->header.range6_count, items, set->count,
                 sizeof(*items));
    free(items);
    return span;
}

static void put_host(struct builder *b, const struct pf_host *host, u8 flags,
                     struct rules_span *ip4, struct rules_span *ip6,
                     struct rules_span *port)
{
    const struct rules_span any = { 0, 0 };

    *ip4 =
        host->is_any || (flags & RULE_IP4) == 0 ? any : put_set4(b, &host->ip4);
    *ip6 =
        host->is_any || (flags & RULE_IP6) == 0 ? any : put_set6(b, &host->ip6);
    *port = put_span(b, b->ports, &b->header.ports_count, host->port,
                     host->port_count, sizeof(*host->port));
}

static const char *base_name(const char *path)
{
    const char *const slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* One record of a rule; proto and type NULL: any. */
static void put_record(struct builder *b, const struct pf_rule *rule,
                       const u8 *proto, const struct pf_type *type, u32 order)
{
    if (b->header.rule_count == RULES_MAX) {
        lacks(b, "rules");
        return;
    }
    struct rules_rule *const u = &b->rule[b->header.rule_count];
    u32 flags = rule->families;

    /* ICMP is of one family, whatever the addresses are. */
    if (proto != NULL && *proto == IP_ICMP) {
        flags &= (u32)~RULE_IP6;
    } else if (proto != NULL && *proto == IP_ICMP6) {
        flags &= (u32)~RULE_IP4;
    }
    if ((flags & (RULE_IP4 | RULE_IP6)) == 0) {
        return;
    }
    flags |= (rule->is_pass ? RULE_PASS : 0u) | (rule->is_log ? RULE_LOG : 0u) |
             (rule->is_state ? RULE_STATE : 0u) |
             (proto != NULL ? RULE_PROTO : 0u) |
             (type != NULL ? RULE_TYPE : 0u) |
             (type != NULL && type->has_code ? RULE_CODE : 0u);
    *u = (struct rules_rule){
        .flags = (u8)flags,
        .proto = proto != NULL ? *proto : 0,
        .tcp_flags = rule->tcp_flags,
        .tcp_mask = rule->tcp_mask,
        .icmp_type = type != NULL ? type->type : 0,
        .icmp_code = type != NULL && type->has_code ? type->code : 0,
        .label = rule->label != NULL ? put_text(b, rule->label) : 0,
        .max = (u16)rule->max,
        .options = rule->is_no_sync ? RULE_NO_SYNC : 0,
        .file = put_text(b, base_name(b->whose->source->path)),
        .line = (u16)rule->at.line,
        .column = (u16)rule->at.column,
        .order = (u16)order,
    };
    put_host(b, &rule->from, u->flags, &u->from4, &u->from6, &u->from_port);
    put_host(b, &rule->to, u->flags, &u->to4, &u->to6, &u->to_port);
    b->header.rule_count++;
}

static void put_rule(struct builder *b, const struct pf_rule *rule, u32 order)
{
    if (rule->proto_count == 0) {
        put_record(b, rule, NULL, NULL, order);
    }
    for (u32 i = 0; i < rule->proto_count; i++) {
        if (rule->type_count == 0) {
            put_record(b, rule, &rule->proto[i], NULL, order);
        }
        for (u32 k = 0; k < rule->type_count; k++) {
            put_record(b, rule, &rule->proto[i], &rule->type[k], order);
        }
    }
}

/* The list of one interface and one way; answers how many records it has. */
static u16 put_list(struct builder *b, const struct pf *pf, u32 handle,
                    enum pf_way way)
{
    const u16 first = b->header.rule_count;
    const size_t n = pf->rule_count;

    for (size_t i = 0; i < 2 * n; i++) {
        const bool is_quick = i < n;
        const size_t k = is_quick ? i : 2 * n - 1 - i;
        const struct pf_rule *const rule = &pf->rule[k];
        if (rule->is_quick == is_quick && (rule->ways & way) != 0 &&
            (rule->vifs >> handle & 1) != 0) {
            put_rule(b, rule, (u32)k + 1);
        }
    }
    const u16 count = (u16)(b->header.rule_count - first);
    if (count > RULES_LIST_MAX) {
        lacks(b, "rules of one interface");
    }
    return count;
}

static void put_vif(struct builder *b, const struct tenant *tenant, u32 handle,
                    u16 domid)
{
    if (b->header.vif_count == RULES_VIFS_MAX) {
        lacks(b, "interfaces");
        return;
    }
    const struct vif *const from = &tenant->vif[handle];
    struct rules_vif *const to = &b->vif[b->header.vif_count++];
    to->domid = domid;
    to->handle = (u16)handle;
    memcpy(to->mac, from->mac, sizeof(to->mac));
    to->ip4_count = (u8)from->ip4_count;
    to->ip6_count = (u8)from->ip6_count;
    memcpy(to->ip4, from->ip4, sizeof(to->ip4));
    memcpy(to->ip6, from->ip6, sizeof(to->ip6));
    to->rate_bytes = from->rate_bytes;
    to->rate_packets = from->rate_packets;
    to->name = put_text(b, tenant->name);
    to->file = put_text(b, base_name(tenant->source->path));
    to->line = (u16)from->at.line;
    to->list_line = tenant->firewall_at.line != 0
                        ? (u16)tenant->firewall_at.line
                        : to->line;
    memcpy(to->bridge, from->bridge, sizeof(from->bridge));
    to->out_first = b->header.rule_count;
    to->out_count = put_list(b, tenant->pf, handle, PF_OUT);
    to->in_first = b->header.rule_count;
    to->in_count = put_list(b, tenant->pf, handle, PF_IN);
}

static void append(struct blob *out, const void *data, size_t bytes)
{
    memcpy(out->data + out->bytes, data, bytes);
    out->bytes += bytes;
}

static bool assemble(struct builder *b, struct blob *out, struct fault *fault)
{
    struct rules_header *const h = &b->header;
    const size_t bytes = sizeof(*h) + h->vif_count * sizeof(*b->vif) +
                         h->range6_count * sizeof(*b->range6) +
                         h->rule_count * sizeof(*b->rule) +
                         h->range4_count * sizeof(*b->range4) +
                         h->ports_count * sizeof(*b->ports) + h->text_bytes;

    if (bytes > RULES_BYTES_MAX) {
        lacks(b, "rules: in all they are larger than 64 KiB");
    }
    if (b->lack != NULL) {
        return fault_set(fault, "the firewall has no room for more %s",
                         b->lack);
    }
    memcpy(h->magic, RULES_MAGIC, sizeof(h->magic));
    h->version = RULES_VERSION;
    h->bytes = (u32)bytes;
    *out = (struct blob){ mem_alloc(bytes), 0 };
    append(out, h, sizeof(*h));
    append(out, b->vif, h->vif_count * sizeof(*b->vif));
    append(out, b->range6, h->range6_count * sizeof(*b->range6));
    append(out, b->rule, h->rule_count * sizeof(*b->rule));
    append(out, b->range4, h->range4_count * sizeof(*b->range4));
    append(out, b->ports, h->ports_count * sizeof(*b->ports));
    append(out, b->text, h->text_bytes);
    return true;
}

/* The router's own check and tables: what it would refuse is refused here. */
static bool try_load(const struct blob *blob, struct fault *fault)
{
    struct filter *const filter = mem_alloc(sizeof(*filter));
    const char *const wrong = filter_load(filter, blob->data, (u32)blob->bytes);

    free(filter);
    return wrong == NULL || fault_set(fault, "the router refuses: %s", wrong);
}

bool pf_blob(const struct tenant_set *set, const u16 *domid, struct blob *out,
             struct fault *fault)
{
    struct builder *const b = mem_alloc(sizeof(*b));

    b->set = set;
    b->header.text_bytes = 1; /* the empty string */
    *out = (struct blob){ NULL, 0 };
    for (u32 number = 0; number < 0x7ff0; number++) {
        for (size_t i = 0; i < set->count; i++) {
            const struct tenant *const tenant = &set->tenant[i];
            b->whose = tenant;
            for (u32 k = 0; domid[i] == number && k < tenant->vif_count; k++) {
                put_vif(b, tenant, k, domid[i]);
            }
        }
    }
    bool good = assemble(b, out, fault);
    free(b);
    if (good && !try_load(out, fault)) {
        free(out->data);
        *out = (struct blob){ NULL, 0 };
        good = false;
    }
    return good;
}

u16 *pf_domids(const struct tenant_set *set)
{
    u16 *const domid = mem_alloc(set->count * sizeof(*domid));
    u32 first = tenant_set_first(set);
    bool has_vif = false;
    bool has_router = false;

    for (size_t i = 0; i < set->count; i++) {
        has_vif = has_vif || set->tenant[i].vif_count != 0;
        has_router = has_router || set->tenant[i].role == MF_ROLE_ROUTER;
    }
    /* Without the services: as they are numbered when these are added. */
    if (first != 0 && has_vif && !has_router) {
        first++;
    }
    for (size_t i = 0; i < set->count; i++) {
        domid[i] = (u16)(i + first);
    }
    return domid;
}
