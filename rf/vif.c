/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys vif and rate: xl's syntax, read strictly. An interface has a MAC
 * and addresses that it is bound to; a MAC that is not given follows from the
 * tenant's name, so that the same files always make the same module.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "audit/sha256.h"
#include "rf/pf.h"

/* xl-network-configuration(5) has these, and Ringfence lacks what they want. */
static const struct {
    const char *name;
    const char *lack;
} xl_words[] = {
    { "accel", "has no such switch" },
    { "backend", "has one router for all interfaces" },
    { "backendtype", "has one router for all interfaces" },
    { "colo_checkpoint_host", "has no COLO" },
    { "devid", "numbers interfaces in their order" },
    { "forwarddev", "has no COLO" },
    { "gatewaydev", "runs no scripts" },
    { "model", "has no emulated cards" },
    { "mtu", "has one MTU, 1500" },
    { "netdev", "runs no scripts" },
    { "script", "runs no scripts" },
    { "trusted", "trusts no tenant" },
    { "type", "has no emulated cards" },
    { "vifname", "has no interfaces on the host" },
};

struct word {
    const struct scalar *item;
    size_t start; /* of the value in the item */
    char *key;
    char *value;
    struct place key_at;
    struct place value_at;
};

static bool fail(struct diags *diags, struct place at, const char *text,
                 const char *help)
{
    diag_add(diags, at, "%s", text);
    if (help != NULL) {
        diag_help(diags, "%s", help);
    }
    return false;
}

/* ---- values ---- */

static bool read_mac(struct vif *vif, const struct word *w, struct diags *diags)
{
    unsigned b[6];
    int used = 0;

    if (sscanf(w->value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2],
               &b[3], &b[4], &b[5], &used) != 6 ||
        used != 17 || w->value[17] != '\0') {
        return fail(diags, w->value_at, "this is not a MAC address",
                    "write it like 00:16:3e:00:00:02");
    }
    unsigned all = 0;
    for (unsigned i = 0; i < 6; i++) {
        vif->mac[i] = (u8)b[i];
        all |= b[i];
    }
    if ((b[0] & 1) != 0 || all == 0) {
        return fail(diags, w->value_at, "an interface cannot have this MAC",
                    "it is a group's, or zero");
    }
    vif->has_mac = true;
    return true;
}

static bool add_address(struct vif *vif, const char *text, struct place at,
                        struct diags *diags)
{
    struct addr a;
    bool is_ip6;

    if (!pf_address(text, &a, &is_ip6)) {
        return fail(diags, at, "this is not an IP address",
                    "write it without a netmask, like 10.0.0.2");
    }
    const u64 top = a.low >> 24;
    const bool is_host4 = !is_ip6 && top != 0 && top != 127 && top < 224;
    const bool is_host6 =
        is_ip6 && a.high >> 56 != 0xff && (a.high != 0 || a.low > 0xffff);
    if (!is_host4 && !is_host6) {
        return fail(diags, at, "no host can have this address", NULL);
    }
    if ((is_ip6 ? vif->ip6_count : vif->ip4_count) == RULES_ADDRESSES) {
        return fail(diags, at, "more than 4 addresses of one family", NULL);
    }
    if (is_ip6) {
        for (unsigned i = 0; i < 16; i++) {
            vif->ip6[vif->ip6_count][i] =
                (u8)((i < 8 ? a.high : a.low) >> (56 - 8 * (i % 8)));
        }
        vif->ip6_count++;
    } else {
        vif->ip4[vif->ip4_count++] = (u32)a.low;
    }
    return true;
}

static bool read_ip(struct vif *vif, const struct word *w, struct diags *diags)
{
    size_t at = 0;
    bool good = true;

    while (good) {
        at += strspn(w->value + at, " \t");
        const size_t bytes = strcspn(w->value + at, " \t");
        if (bytes == 0) {
            break;
        }
        char *const text = text_copy(w->value + at, bytes);
        good = add_address(vif, text,
                           value_place(w->item, w->start + at, bytes), diags);
        free(text);
        at += bytes;
    }
    return good;
}

static bool read_bridge(struct vif *vif, const struct word *w,
                        struct diags *diags)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    if (w->value[0] == '\0' || strlen(w->value) >= VIF_NAME_BYTES ||
        strspn(w->value, allowed) != strlen(w->value)) {
        return fail(diags, w->value_at, "this cannot be a bridge's name",
                    "1-11 letters, digits, '-', '_' and '.'");
    }
    memcpy(vif->bridge, w->value, strlen(w->value) + 1);
    return true;
}

/* "100Mb/s", "10MB/s@50ms" as in xl; "100Mbit", "2000pps". The interval says
 * how often xl refills; our buckets always run. */
static bool read_rate(struct vif *vif, const char *text)
{
    static const struct {
        const char *unit;
        u64 bits;
    } units[] = {
        { "b/s", 1 },           { "Kb/s", 1000 },       { "Mb/s", 1000000 },
        { "Gb/s", 1000000000 }, { "B/s", 8 },           { "KB/s", 8000 },
        { "MB/s", 8000000 },    { "GB/s", 8000000000 }, { "bit", 1 },
        { "kbit", 1000 },       { "Mbit", 1000000 },    { "Gbit", 1000000000 },
    };
    const size_t digits = strspn(text, "0123456789");
    const char *const unit = text + digits;
    const size_t bytes = strcspn(unit, "@");
    const u64 number = digits > 0 && digits < 10 ? strtoull(text, NULL, 10) : 0;

    if (number == 0) {
        return false;
    }
    if (strcmp(unit, "pps") == 0) {
        vif->rate_packets = (u32)number;
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strlen(units[i].unit) == bytes &&
            strncmp(units[i].unit, unit, bytes) == 0) {
            const u64 rate = (number * units[i].bits + 7) / 8;
            vif->rate_bytes = (u32)rate;
            return rate <= U32_MAX &&
                   (unit[bytes] == '\0' ||
                    strspn(unit + bytes + 1, "0123456789mus") ==
                        strlen(unit + bytes + 1));
        }
    }
    return false;
}

static bool read_word(struct vif *vif, const struct word *w,
                      struct diags *diags)
{
    static const char *const known[] = { "mac", "ip", "bridge", "rate" };
    const char *near = NULL;
    unsigned distance = 0;

    if (strcmp(w->key, "mac") == 0) {
        return read_mac(vif, w, diags);
    }
    if (strcmp(w->key, "ip") == 0) {
        return read_ip(vif, w, diags);
    }
    if (strcmp(w->key, "bridge") == 0) {
        return read_bridge(vif, w, diags);
    }
    if (strcmp(w->key, "rate") == 0) {
        return read_rate(vif, w->value) ||
               fail(diags, w->value_at, "this is not a rate",
                    "write it like 100Mb/s or 10MB/s");
    }
    for (size_t i = 0; i < ARRAY_COUNT(xl_words); i++) {
        if (strcmp(w->key, xl_words[i].name) == 0) {
            diag_add(diags, w->key_at,
                     "'%s' is valid for xl but Ringfence %s: remove it", w->key,
                     xl_words[i].lack);
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        near_offer(w->key, known[i], &near, &distance);
    }
    diag_add(diags, w->key_at, "an interface has no '%s'", w->key);
    if (near != NULL) {
        diag_help(diags, "did you mean '%s'?", near);
    } else {
        diag_help(diags, "it has mac, ip, bridge and rate");
    }
    return false;
}

/* ---- the key vif ---- */

/* One `key=value` of an interface. */
static bool split_word(struct vif *vif, const struct scalar *item, size_t start,
                       size_t bytes, struct diags *diags)
{
    const char *const text = item->text + start;
    const char *const equals = memchr(text, '=', bytes);

    if (equals == NULL) {
        return fail(diags, value_place(item, start, bytes),
                    "an interface is described by key=value, and commas",
                    "like: \"bridge=lan0,ip=10.0.0.2\"");
    }
    const size_t key = (size_t)(equals - text);
    struct word w = {
        .item = item,
        .start = start + key + 1,
        .key = text_copy(text, key),
        .value = text_copy(equals + 1, bytes - key - 1),
        .key_at = value_place(item, start, key),
        .value_at = value_place(item, start + key + 1, bytes - key - 1),
    };
    const bool good = read_word(vif, &w, diags);
    free(w.key);
    free(w.value);
    return good;
}

static void read_vif(struct tenant *tenant, const struct scalar *item,
                     struct diags *diags)
{
    struct vif *const vif = &tenant->vif[tenant->vif_count];
    bool good = true;

    *vif = (struct vif){ .at = item->at };
    for (size_t at = 0; good && item->text[at] != '\0';) {
        size_t start = at + strspn(item->text + at, " \t");
        const size_t end = at + strcspn(item->text + at, ",");
        size_t last = end;
        while (last > start && strchr(" \t", item->text[last - 1]) != NULL) {
            last--;
        }
        good = split_word(vif, item, start, last - start, diags);
        at = end + (item->text[end] == ',' ? 1 : 0);
    }
    if (good && vif->ip4_count + vif->ip6_count == 0) {
        fail(diags, item->at, "this interface has no address",
             "it could send nothing: add ip=10.0.0.2, or what it has");
    }
    tenant->vif_count++;
}

void vif_read(struct tenant *tenant, const struct setting *setting,
              struct diags *diags)
{
    if (setting->is_bad) {
        return;
    }
    if (setting->kind != VALUE_LIST) {
        fail(diags, setting->value_at, "'vif' takes a list",
             "like: vif = [ \"bridge=lan0,ip=10.0.0.2\" ]");
        return;
    }
    if (setting->count > TENANT_VIFS) {
        fail(diags, setting->item[TENANT_VIFS].at,
             "a tenant has at most 4 interfaces", NULL);
        return;
    }
    tenant->vif = mem_alloc(TENANT_VIFS * sizeof(*tenant->vif));
    for (size_t i = 0; i < setting->count; i++) {
        if (setting->item[i].kind == VALUE_STRING) {
            read_vif(tenant, &setting->item[i], diags);
        } else {
            fail(diags, setting->item[i].at, "an interface is a string",
                 "like: \"bridge=lan0,ip=10.0.0.2\"");
        }
    }
}

void vif_read_rates(struct tenant *tenant, const struct setting *setting,
                    struct diags *diags)
{
    if (setting->is_bad) {
        return;
    }
    if (setting->kind != VALUE_LIST) {
        fail(diags, setting->value_at, "'rate' takes a list",
             "one rate for each interface: rate = [ \"100Mbit\" ]");
        return;
    }
    for (size_t i = 0; i < setting->count; i++) {
        const struct scalar *const item = &setting->item[i];
        if (i >= tenant->vif_count) {
            fail(diags, item->at, "a rate without an interface",
                 "rates are given in the order of 'vif'");
        } else if (item->kind != VALUE_STRING ||
                   !read_rate(&tenant->vif[i], item->text)) {
            fail(diags, item->at, "this is not a rate",
                 "write it like \"100Mbit\" or \"2000pps\"");
        }
    }
}

/* ---- when all is read ---- */

void vif_finish(struct tenant *tenant, struct diags *diags)
{
    for (u32 i = 0; i < tenant->vif_count; i++) {
        struct vif *const vif = &tenant->vif[i];
        if (!vif->has_mac) {
            u8 digest[32];
            char seed[MF_NAME_BYTES + 16];
            snprintf(seed, sizeof(seed), "%s.%u", tenant->name, i);
            sha256((const u8 *)seed, strlen(seed), digest);
            const u8 mac[6] = { 0x00,      0x16,
                                0x3e,      (u8)(digest[0] & 0x7f),
                                digest[1], digest[2] };
            memcpy(vif->mac, mac, sizeof(mac));
        }
        if (vif->bridge[0] == '\0') {
            memcpy(vif->bridge, "xenbr0", 7);
        }
    }
    if (tenant->firewall_count != 0 && tenant->vif_count == 0) {
        fail(diags, tenant->firewall_at,
             "rules for a tenant that has no interface",
             "add a line like: vif = [ \"bridge=lan0,ip=10.0.0.2\" ]");
    }
}

static const char *same_address(const struct vif *a, const struct vif *b)
{
    if (strcmp(a->bridge, b->bridge) != 0) {
        return NULL;
    }
    for (u32 i = 0; i < a->ip4_count; i++) {
        for (u32 k = 0; k < b->ip4_count; k++) {
            if (a->ip4[i] == b->ip4[k]) {
                return "IPv4 address";
            }
        }
    }
    for (u32 i = 0; i < a->ip6_count; i++) {
        for (u32 k = 0; k < b->ip6_count; k++) {
            if (memcmp(a->ip6[i], b->ip6[k], 16) == 0) {
                return "IPv6 address";
            }
        }
    }
    return memcmp(a->mac, b->mac, 6) == 0 ? "MAC" : NULL;
}

/* Interface n of the set, counted through; NULL: no more. */
static const struct vif *nth_vif(const struct tenant_set *set, size_t n,
                                 const struct tenant **whose)
{
    for (size_t i = 0; i < set->count; i++) {
        if (n < set->tenant[i].vif_count) {
            *whose = &set->tenant[i];
            return &set->tenant[i].vif[n];
        }
        n -= set->tenant[i].vif_count;
    }
    return NULL;
}

void vif_compare(struct tenant_set *set)
{
    const struct tenant *mine = NULL;
    const struct tenant *theirs = NULL;
    const struct vif *vif;
    const struct vif *other;

    for (size_t i = 0; (vif = nth_vif(set, i, &mine)) != NULL; i++) {
        for (size_t k = 0; k < i; k++) {
            other = nth_vif(set, k, &theirs);
            const char *const what = same_address(vif, other);
            if (what != NULL) {
                diag_add(&set->diags, vif->at,
                         "the %s of another interface on bridge %s", what,
                         vif->bridge);
                diag_help(&set->diags, "the other is in %s:%u",
                          theirs->source->path, other->at.line);
            }
        }
        if (i == RULES_VIFS_MAX) {
            diag_add(&set->diags, vif->at, "more than %u interfaces",
                     RULES_VIFS_MAX);
        }
    }
}
