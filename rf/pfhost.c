/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in rules: numbers, prefixes, ranges, tables, tenants by name.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "guests/router/bytes.h"
#include "rf/pf.h"

static struct addr addr6(const u8 *bytes)
{
    const struct addr a = { be64(bytes), be64(bytes + 8) };

    return a;
}

bool pf_address(const char *text, struct addr *a, bool *is_ip6)
{
    u8 bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        *a = (struct addr){ 0, be32(bytes) };
        *is_ip6 = false;
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        *a = addr6(bytes);
        *is_ip6 = true;
        return true;
    }
    return false;
}

/* First and last address of a prefix; the bits behind it must be zero. */
static bool prefix_range(struct addr a, bool is_ip6, u64 bits,
                         struct pf_range *out)
{
    const u64 width = is_ip6 ? 128 : 32;
    const u64 low_bits = width - bits < 64 ? width - bits : 64;
    const u64 high_bits = width - bits - low_bits;
    const u64 low = low_bits == 64 ? U64_MAX : (1ull << low_bits) - 1;
    const u64 high = high_bits == 64 ? U64_MAX : (1ull << high_bits) - 1;

    out->low = a;
    out->high = (struct addr){ a.high | high, a.low | low };
    return (a.high & high) == 0 && (a.low & low) == 0;
}

/* What one element of a list comes to. */
struct element {
    struct pf_set ip4;
    struct pf_set ip6;
};

static void put(struct element *e, bool is_ip6, struct pf_range r)
{
    pf_set_add(is_ip6 ? &e->ip6 : &e->ip4, r.low, r.high);
}

static bool read_number(struct pf *pf, struct element *e)
{
    const struct pf_token *const word = pf_now(pf);
    char *const text = text_copy(word->text, strlen(word->text));
    char *const slash = strchr(text, '/');
    struct pf_range range = { { 0, 0 }, { 0, 0 } };
    bool is_ip6 = false;
    bool good = true;
    u64 bits;

    if (slash != NULL) {
        *slash = '\0';
    }
    if (!pf_address(text, &range.low, &is_ip6)) {
        good = pf_fail(pf, word->at, "this is not an address");
    } else if (slash == NULL) {
        range.high = range.low;
    } else if (!pf_number(slash + 1, is_ip6 ? 128 : 32, &bits)) {
        good = pf_fail(pf, word->at, "a prefix has 0 to %d bits",
                       is_ip6 ? 128 : 32);
    } else if (!prefix_range(range.low, is_ip6, bits, &range)) {
        good = pf_fail(pf, word->at, "bits of this address lie behind /%s",
                       slash + 1);
        diag_help(pf->diags, "write the first address of the network");
    }
    free(text);
    pf->next++;
    if (good && slash == NULL && pf_take(pf, "-")) {
        bool is_ip6_too = false;
        if (!pf_address(pf_now(pf)->text, &range.high, &is_ip6_too) ||
            is_ip6 != is_ip6_too) {
            return pf_fail(pf, pf_place(pf), "a range ends with an address");
        }
        if (range.high.high < range.low.high ||
            (range.high.high == range.low.high &&
             range.high.low < range.low.low)) {
            return pf_fail(pf, word->at, "a range that ends before it begins");
        }
        pf->next++;
    }
    if (good) {
        put(e, is_ip6, range);
    }
    return good;
}

static void put_tenant(struct element *e, const struct tenant *tenant,
                       u32 first, u32 end)
{
    for (u32 i = first; i < end; i++) {
        const struct vif *const vif = &tenant->vif[i];
        for (u32 k = 0; k < vif->ip4_count; k++) {
            const struct addr a = { 0, vif->ip4[k] };
            put(e, false, (struct pf_range){ a, a });
        }
        for (u32 k = 0; k < vif->ip6_count; k++) {
            const struct addr a = addr6(vif->ip6[k]);
            put(e, true, (struct pf_range){ a, a });
        }
    }
}

static bool read_name(struct pf *pf, struct element *e)
{
    const struct pf_token *const word = pf_now(pf);
    const char *near = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < pf->set->count; i++) {
        const struct tenant *const tenant = &pf->set->tenant[i];
        if (strcmp(word->text, tenant->name) != 0) {
            near_offer(word->text, tenant->name, &near, &distance);
            continue;
        }
        if (tenant->vif_count == 0) {
            return pf_fail(pf, word->at, "tenant '%s' has no interface",
                           word->text);
        }
        put_tenant(e, tenant, 0, tenant->vif_count);
        pf->next++;
        return true;
    }
    pf_fail(pf, word->at, "no tenant is named '%s'", word->text);
    if (near != NULL) {
        diag_help(pf->diags, "did you mean '%s'?", near);
    } else {
        diag_help(pf->diags, "name the files of all tenants that rules speak "
                             "of; or write an address");
    }
    return false;
}

static const struct pf_table *find_table(const struct pf *pf, const char *name)
{
    for (size_t i = 0; i < pf->table_count; i++) {
        if (strcmp(pf->table[i].name, name) == 0) {
            return &pf->table[i];
        }
    }
    return NULL;
}

static bool read_table_name(struct pf *pf, struct element *e)
{
    pf->next++;
    const struct pf_table *const table = find_table(pf, pf_now(pf)->text);
    if (table == NULL) {
        return pf_fail(pf, pf_place(pf), "no table '%s' before this line",
                       pf_now(pf)->text);
    }
    pf->next++;
    if (!pf_take(pf, ">")) {
        return pf_fail(pf, pf_place(pf), "'>' is expected here");
    }
    for (size_t i = 0; i < table->ip4.count; i++) {
        put(e, false, table->ip4.item[i]);
    }
    for (size_t i = 0; i < table->ip6.count; i++) {
        put(e, true, table->ip6.item[i]);
    }
    return true;
}

/* (vif0), self */
static bool read_own(struct pf *pf, struct element *e)
{
    const struct tenant *const tenant = pf->tenant;
    u64 number;

    if (pf_take(pf, "self")) {
        put_tenant(e, tenant, 0, tenant->vif_count);
        return true;
    }
    pf->next++;
    const char *const word = pf_now(pf)->text;
    if (strncmp(word, "vif", 3) != 0 || !pf_number(word + 3, 999, &number) ||
        number >= tenant->vif_count) {
        pf_fail(pf, pf_place(pf), "this tenant has no interface '%s'", word);
        diag_help(pf->diags, "it has vif0 to vif%u",
                  tenant->vif_count > 0 ? tenant->vif_count - 1 : 0);
        return false;
    }
    pf->next++;
    put_tenant(e, tenant, (u32)number, (u32)number + 1);
    return pf_take(pf, ")") ||
           pf_fail(pf, pf_place(pf), "')' is expected here");
}

static bool read_element(struct pf *pf, struct element *e)
{
    const struct pf_token *const word = pf_now(pf);
    struct addr a;
    bool is_ip6;
    const size_t bytes = strcspn(word->text, "/");

    if (pf_is(pf, "<")) {
        return read_table_name(pf, e);
    }
    if (pf_is(pf, "(") || pf_is(pf, "self")) {
        return read_own(pf, e);
    }
    if (word->text[0] == '\0' || word->is_string ||
        strchr("{}(),!=<>", word->text[0]) != NULL) {
        return pf_fail(pf, word->at, "an address is expected here");
    }
    char *const text = text_copy(word->text, bytes);
    const bool is_number = pf_address(text, &a, &is_ip6) ||
                           strspn(text, "0123456789.") == bytes ||
                           strchr(text, ':') != NULL;
    free(text);
    return is_number ? read_number(pf, e) : read_name(pf, e);
}

static void join(struct pf_set *into, struct pf_set *from)
{
    for (size_t i = 0; i < from->count; i++) {
        pf_set_add(into, from->item[i].low, from->item[i].high);
    }
    free(from->item);
    *from = (struct pf_set){ NULL, 0 };
}

static bool too_many(struct pf *pf)
{
    return pf_fail(pf, pf_place(pf), "more than %u addresses in one list",
                   PF_ADDRESSES_MAX);
}

static bool read_list(struct pf *pf, struct element *all)
{
    for (u32 count = 0; !pf_take(pf, "}"); count++) {
        if (count == PF_ADDRESSES_MAX) {
            return too_many(pf);
        }
        if (pf_is(pf, "!")) {
            pf_fail(pf, pf_place(pf),
                    "'!' in a list: as pf reads it, this matches everything");
            diag_help(pf->diags, "make it a table: table <name> { ... }");
            return false;
        }
        if (!read_element(pf, all)) {
            return false;
        }
        (void)pf_take(pf, ",");
    }
    return true;
}

/* What is left out of what an address was: of its families, or of both for a
 * table, which may hold either. */
static void invert(struct element *e, bool is_both)
{
    const bool has4 = e->ip4.count != 0;
    const bool has6 = e->ip6.count != 0;

    if (has4 || is_both) {
        pf_set_invert(&e->ip4, false);
    }
    if (has6 || is_both) {
        pf_set_invert(&e->ip6, true);
    }
}

bool pf_read_host(struct pf *pf, struct pf_host *host, u32 *families)
{
    struct element all = { { NULL, 0 }, { NULL, 0 } };
    const struct place at = pf_place(pf);
    bool good;

    *families = RULE_IP4 | RULE_IP6;
    host->is_any = pf_take(pf, "any") || pf_is(pf, "port");
    if (host->is_any) {
        return true;
    }
    const bool is_not = pf_take(pf, "!");
    const bool is_table = pf_is(pf, "<");
    if (!is_not && pf_take(pf, "{")) {
        good = read_list(pf, &all);
    } else {
        good = read_element(pf, &all);
        if (is_not) {
            invert(&all, is_table);
        }
    }
    host->ip4 = all.ip4;
    host->ip6 = all.ip6;
    *families = (all.ip4.count != 0 ? RULE_IP4 : 0u) |
                (all.ip6.count != 0 ? RULE_IP6 : 0u);
    return good &&
           (*families != 0 || pf_fail(pf, at, "no address is left of this"));
}

/* ---- tables ---- */

struct entry {
    struct element element;
    u32 size; /* of its largest range, as a number of bits */
    bool is_not;
};

static u32 bits_of(u64 v)
{
    return v == 0 ? 0 : 64u - (u32)__builtin_clzll(v);
}

static u32 element_size(const struct element *e)
{
    u32 most = 0;

    for (size_t i = 0; i < e->ip4.count + e->ip6.count; i++) {
        const struct pf_range *const r =
            i < e->ip4.count ? &e->ip4.item[i] : &e->ip6.item[i - e->ip4.count];
        const u64 high = r->high.high ^ r->low.high;
        const u32 bits =
            high != 0 ? 64 + bits_of(high) : bits_of(r->high.low ^ r->low.low);
        most = bits > most ? bits : most;
    }
    return most;
}

/* As pf has it, the closest entry decides: large ones first, small ones over
 * them. */
static void table_fill(struct pf_table *table, struct entry *entry,
                       size_t count)
{
    for (u32 size = 129; size > 0; size--) {
        for (size_t i = 0; i < count; i++) {
            struct element *const e = &entry[i].element;
            if (entry[i].size != size - 1) {
                continue;
            }
            for (size_t k = 0; entry[i].is_not && k < e->ip4.count; k++) {
                pf_set_remove(&table->ip4, e->ip4.item[k].low,
                              e->ip4.item[k].high);
            }
            for (size_t k = 0; entry[i].is_not && k < e->ip6.count; k++) {
                pf_set_remove(&table->ip6, e->ip6.item[k].low,
                              e->ip6.item[k].high);
            }
            if (!entry[i].is_not) {
                join(&table->ip4, &e->ip4);
                join(&table->ip6, &e->ip6);
            }
        }
    }
}

static bool read_entries(struct pf *pf, struct pf_table *table)
{
    struct entry *entry = NULL;
    size_t count = 0;
    bool good = true;

    while (good && !pf_take(pf, "}")) {
        if (count == PF_ADDRESSES_MAX) {
            good = too_many(pf);
            break;
        }
        entry = mem_grow(entry, count + 1, sizeof(*entry));
        struct entry *const e = &entry[count++];
        *e = (struct entry){ .is_not = pf_take(pf, "!") };
        good = read_element(pf, &e->element);
        e->size = element_size(&e->element);
        (void)pf_take(pf, ",");
    }
    if (good) {
        table_fill(table, entry, count);
    }
    for (size_t i = 0; i < count; i++) {
        free(entry[i].element.ip4.item);
        free(entry[i].element.ip6.item);
    }
    free(entry);
    return good;
}

/* table <name> [const] { ... }, `table` is taken. */
bool pf_read_table(struct pf *pf)
{
    if (!pf_take(pf, "<")) {
        return pf_fail(pf, pf_place(pf), "a table's name is <name>");
    }
    const struct pf_token *const name = pf_now(pf);
    if (name->text[0] == '\0' || strchr("{}(),!=<>", name->text[0]) != NULL) {
        return pf_fail(pf, name->at, "a table's name is <name>");
    }
    if (find_table(pf, name->text) != NULL) {
        return pf_fail(pf, name->at, "a second table '%s'", name->text);
    }
    pf->next++;
    if (!pf_take(pf, ">")) {
        return pf_fail(pf, pf_place(pf), "'>' is expected here");
    }
    (void)pf_take(pf, "const");
    if (!pf_take(pf, "{")) {
        pf_fail(pf, pf_place(pf), "'{' is expected here");
        diag_help(pf->diags, "a table is: table <name> { 10.0.0.2, db }");
        return false;
    }
    struct pf_table table = { .name =
                                  text_copy(name->text, strlen(name->text)) };
    if (!read_entries(pf, &table)) {
        free(table.name);
        free(table.ip4.item);
        free(table.ip6.item);
        return false;
    }
    pf->table = mem_grow(pf->table, pf->table_count + 1, sizeof(*pf->table));
    pf->table[pf->table_count++] = table;
    return true;
}
