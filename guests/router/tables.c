/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision tables: see filter.h. An axis is one field of one list. Its keys
 * are the sorted starts of the intervals in which the same rules match; the
 * row of interval k has bit n set when rule n of the list matches there. The
 * first interval starts at 0, so every value is in one.
 *
 * Keys of IPv6 take two words: `count` upper halves, then as many lower ones.
 */
#include "guests/router/tables.h"

/* ---- building ---- */

static bool take_words(struct filter *f, u32 words, u32 *at)
{
    if (words > FILTER_WORDS - f->used_words) {
        return false;
    }
    *at = f->used_words;
    f->used_words += words;
    return true;
}

/* Keys while they are collected: a pair each, in free words of the filter. */
struct keys {
    u64 *pair;
    u32 count;
    u32 room;
};

static bool key_less(const u64 *a, const u64 *b)
{
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

static bool keys_add(struct keys *keys, u64 high, u64 low)
{
    if (keys->count == keys->room) {
        return false;
    }
    keys->pair[2 * keys->count] = high;
    keys->pair[2 * keys->count + 1] = low;
    keys->count++;
    return true;
}

static void keys_swap(u64 *pair, u32 a, u32 b)
{
    for (u32 i = 0; i < 2; i++) {
        const u64 kept = pair[2 * a + i];
        pair[2 * a + i] = pair[2 * b + i];
        pair[2 * b + i] = kept;
    }
}

/* Let the key at `at` sink in a heap of `count`. */
static void keys_sink(u64 *pair, u32 at, u32 count)
{
    while (2 * at + 1 < count) {
        u32 child = 2 * at + 1;
        if (child + 1 < count &&
            key_less(&pair[2 * child], &pair[2 * (child + 1)])) {
            child++;
        }
        if (!key_less(&pair[2 * at], &pair[2 * child])) {
            return;
        }
        keys_swap(pair, at, child);
        at = child;
    }
}

static void keys_sort(struct keys *keys)
{
    for (u32 i = keys->count / 2; i > 0; i--) {
        keys_sink(keys->pair, i - 1, keys->count);
    }
    for (u32 end = keys->count; end > 1; end--) {
        keys_swap(keys->pair, 0, end - 1);
        keys_sink(keys->pair, 0, end - 1);
    }
    u32 used = 0;
    for (u32 i = 0; i < keys->count; i++) {
        if (i == 0 ||
            key_less(&keys->pair[2 * (used - 1)], &keys->pair[2 * i])) {
            keys->pair[2 * used] = keys->pair[2 * i];
            keys->pair[2 * used + 1] = keys->pair[2 * i + 1];
            used++;
        }
    }
    keys->count = used;
}

/* Which values a rule takes of a field: `any`, none at all, or a span. */
struct choice {
    struct rules_span span; /* of the field's pool */
    bool is_any;
    bool is_none;
};

static struct choice choose(const struct rules_rule *u, enum filter_field field)
{
    struct choice c = { { 0, 0 }, false, false };

    switch (field) {
    case FIELD_FROM4:
        c.span = u->from4;
        c.is_none = (u->flags & RULE_IP4) == 0;
        break;
    case FIELD_TO4:
        c.span = u->to4;
        c.is_none = (u->flags & RULE_IP4) == 0;
        break;
    case FIELD_FROM6:
        c.span = u->from6;
        c.is_none = (u->flags & RULE_IP6) == 0;
        break;
    case FIELD_TO6:
        c.span = u->to6;
        c.is_none = (u->flags & RULE_IP6) == 0;
        break;
    case FIELD_FROM_PORT:
        c.span = u->from_port;
        break;
    case FIELD_TO_PORT:
        c.span = u->to_port;
        break;
    default:
        c.span.first = u->proto;
        c.span.count = (u->flags & RULE_PROTO) != 0 ? 1 : 0;
        break;
    }
    c.is_any = c.span.count == 0 && !c.is_none;
    return c;
}

/* Range `idx` of the pool of a field, ends as pairs. */
static void range_of(const struct rules *r, enum filter_field field, u32 idx,
                     u64 *low, u64 *high)
{
    low[0] = 0;
    high[0] = 0;
    if (field == FIELD_FROM4 || field == FIELD_TO4) {
        low[1] = r->range4[idx].low;
        high[1] = r->range4[idx].high;
    } else if (field == FIELD_FROM6 || field == FIELD_TO6) {
        low[0] = r->range6[idx].low[0];
        low[1] = r->range6[idx].low[1];
        high[0] = r->range6[idx].high[0];
        high[1] = r->range6[idx].high[1];
    } else if (field == FIELD_PROTO) {
        low[1] = idx;
        high[1] = idx;
    } else {
        low[1] = r->ports[idx].low;
        high[1] = r->ports[idx].high;
    }
}

/* Starts of intervals of a range: its first value, and the first beyond. */
static bool keys_add_range(struct keys *keys, const u64 *low, const u64 *high)
{
    const u64 carry = high[1] == U64_MAX ? 1 : 0;

    return keys_add(keys, low[0], low[1]) &&
           ((carry == 1 && high[0] == U64_MAX) ||
            keys_add(keys, high[0] + carry, high[1] + 1));
}

/* Each range of the pool once, however many rules share it. */
#define POOL_WORDS (RULES_BYTES_MAX / sizeof(struct rules_ports) / 64)

static bool keys_collect(const struct filter *f, const struct filter_list *list,
                         enum filter_field field, struct keys *keys)
{
    u64 seen[POOL_WORDS] = { 0 };
    bool good = keys_add(keys, 0, 0);

    for (u32 i = 0; good && i < list->count; i++) {
        const struct choice c = choose(&f->rules.rule[list->first + i], field);
        for (u32 k = 0; good && k < c.span.count; k++) {
            const u32 idx = (u32)c.span.first + k;
            const u64 bit = 1ull << idx % 64;
            u64 low[2];
            u64 high[2];
            if ((seen[idx / 64] & bit) != 0) {
                continue;
            }
            seen[idx / 64] |= bit;
            range_of(&f->rules, field, idx, low, high);
            good = keys_add_range(keys, low, high);
        }
    }
    keys_sort(keys);
    return good;
}

static bool is_wide(enum filter_field field)
{
    return field == FIELD_FROM6 || field == FIELD_TO6;
}

/* Largest k with key k <= (high, low). Key 0 is 0. Without branches that
 * depend on the keys: nobody can predict them. */
static u32 find_narrow(const u64 *key, u32 count, u64 low)
{
    u32 at = 0;

    while (count > 1) {
        const u32 half = count / 2;
        at += key[at + half] <= low ? half : 0;
        count -= half;
    }
    return at;
}

static u32 find_wide(const u64 *key, u32 count, struct addr a)
{
    const u64 *const lower = key + count;
    u32 at = 0;

    while (count > 1) {
        const u32 half = count / 2;
        const bool is_above =
            key[at + half] < a.high ||
            (key[at + half] == a.high && lower[at + half] <= a.low);
        at += is_above ? half : 0;
        count -= half;
    }
    return at;
}

static void rows_fill(struct filter *f, const struct filter_list *list,
                      enum filter_field field, u32 bit)
{
    const struct filter_axis *const axis = &list->axis[field];
    const u64 *const key = &f->word[axis->keys];
    const struct choice c = choose(&f->rules.rule[list->first + bit], field);
    u64 *const column = &f->word[axis->rows + bit / 64];
    const u32 spans = c.is_any ? 1 : c.span.count;

    if (c.is_none) {
        return;
    }
    for (u32 i = 0; i < spans; i++) {
        u64 low[2] = { 0, 0 };
        u64 high[2] = { U64_MAX, U64_MAX };
        if (!c.is_any) {
            range_of(&f->rules, field, (u32)c.span.first + i, low, high);
        }
        const struct addr l = { low[0], low[1] };
        const struct addr h = { high[0], high[1] };
        const u32 from = is_wide(field) ? find_wide(key, axis->count, l)
                                        : find_narrow(key, axis->count, low[1]);
        const u32 to = is_wide(field) ? find_wide(key, axis->count, h)
                                      : find_narrow(key, axis->count, high[1]);
        for (u32 k = from; k <= to; k++) {
            column[k * list->row_words] |= 1ull << bit % 64;
        }
    }
}

static bool axis_build(struct filter *f, struct filter_list *list,
                       enum filter_field field)
{
    struct filter_axis *const axis = &list->axis[field];
    struct keys keys = { &f->word[f->used_words], 0,
                         (FILTER_WORDS - f->used_words) / 2 };

    if (!keys_collect(f, list, field, &keys)) {
        return false;
    }
    /* The pairs become the stored form in place: halves apart. The first
     * words of the pairs are overwritten only after they were read: the lower
     * halves of IPv6 keys go through the words behind. */
    const u32 count = keys.count;
    const u32 width = is_wide(field) ? 2 : 1;
    u32 spare;
    axis->count = count;
    if (!take_words(f, 2 * count, &spare) ||
        !take_words(f, width * count, &axis->keys)) {
        return false;
    }
    u64 *const key = &f->word[axis->keys];
    for (u32 i = 0; i < count; i++) {
        key[i] = width == 2 ? keys.pair[2 * i] : keys.pair[2 * i + 1];
        if (width == 2) {
            key[count + i] = keys.pair[2 * i + 1];
        }
    }
    for (u32 i = 0; i < width * count; i++) {
        f->word[spare + i] = key[i];
    }
    axis->keys = spare;
    f->used_words = spare + width * count;
    if (!take_words(f, count * list->row_words, &axis->rows)) {
        return false;
    }
    for (u32 i = 0; i < count * list->row_words; i++) {
        f->word[axis->rows + i] = 0;
    }
    for (u32 i = 0; i < list->count; i++) {
        rows_fill(f, list, field, i);
    }
    return true;
}

bool tables_build(struct filter *f, struct filter_list *list, u32 first,
                  u32 count)
{
    list->first = first;
    list->count = count;
    list->row_words = (count + 63) / 64;
    for (u32 i = 0; i < FIELD_COUNT; i++) {
        if (!axis_build(f, list, (enum filter_field)i)) {
            return false;
        }
    }
    return true;
}

/* ---- deciding ---- */

bool tables_rest_ok(const struct rules_rule *u, const struct packet *p)
{
    if ((u->flags & RULE_STATE) != 0 && p->flow.proto == IP_TCP &&
        (p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
        return false;
    }
    if ((p->tcp_flags & u->tcp_mask) != u->tcp_flags) {
        return false;
    }
    if ((u->flags & RULE_TYPE) == 0) {
        return true;
    }
    return p->icmp_type == u->icmp_type &&
           ((u->flags & RULE_CODE) == 0 || p->icmp_code == u->icmp_code);
}

static const u64 *row_narrow(const struct filter *f,
                             const struct filter_list *list,
                             enum filter_field field, u64 value)
{
    const struct filter_axis *const axis = &list->axis[field];
    const u32 k = find_narrow(&f->word[axis->keys], axis->count, value);

    return &f->word[axis->rows + k * list->row_words];
}

static const u64 *row_address(const struct filter *f,
                              const struct filter_list *list,
                              enum filter_field narrow, enum filter_field wide,
                              const struct packet *p, struct addr a)
{
    if (!p->flow.is_ip6) {
        return row_narrow(f, list, narrow, a.low);
    }
    const struct filter_axis *const axis = &list->axis[wide];
    const u32 k = find_wide(&f->word[axis->keys], axis->count, a);
    return &f->word[axis->rows + k * list->row_words];
}

u16 tables_decide(const struct filter *f, const struct filter_list *list,
                  const struct packet *p)
{
    const u64 *const proto = row_narrow(f, list, FIELD_PROTO, p->flow.proto);
    const u64 *const from =
        row_address(f, list, FIELD_FROM4, FIELD_FROM6, p, p->flow.from);
    const u64 *const to =
        row_address(f, list, FIELD_TO4, FIELD_TO6, p, p->flow.to);
    const u64 *const from_port =
        row_narrow(f, list, FIELD_FROM_PORT, p->flow.from_port);
    const u64 *const to_port =
        row_narrow(f, list, FIELD_TO_PORT, p->flow.to_port);

    for (u32 w = 0; w < list->row_words; w++) {
        u64 bits = proto[w] & from[w] & to[w] & from_port[w] & to_port[w];
        while (bits != 0) {
            const u32 idx = list->first + w * 64 + (u32)__builtin_ctzll(bits);
            if (tables_rest_ok(&f->rules.rule[idx], p)) {
                return (u16)idx;
            }
            bits &= bits - 1;
        }
    }
    return FILTER_NO_RULE;
}
