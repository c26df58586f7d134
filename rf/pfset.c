/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of addresses: sorted, disjoint ranges of one family.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/pf.h"

static bool less(struct addr a, struct addr b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

struct addr addr_next(struct addr a)
{
    a.low++;
    a.high += a.low == 0 ? 1 : 0;
    return a;
}

static struct addr addr_before(struct addr a)
{
    a.high -= a.low == 0 ? 1 : 0;
    a.low--;
    return a;
}

static void put(struct pf_set *set, struct addr low, struct addr high)
{
    set->item = mem_grow(set->item, set->count + 1, sizeof(*set->item));
    set->item[set->count++] = (struct pf_range){ low, high };
}

/* Ranges that touch become one. */
void pf_set_add(struct pf_set *set, struct addr low, struct addr high)
{
    struct pf_set out = { NULL, 0 };
    bool is_in = false;

    for (size_t i = 0; i < set->count; i++) {
        const struct pf_range r = set->item[i];
        const bool is_before =
            less(r.high, low) && !addr_equal(addr_next(r.high), low);
        const bool is_after =
            less(high, r.low) && !addr_equal(addr_next(high), r.low);
        if (is_before) {
            put(&out, r.low, r.high);
        } else if (is_after) {
            if (!is_in) {
                put(&out, low, high);
                is_in = true;
            }
            put(&out, r.low, r.high);
        } else {
            low = less(r.low, low) ? r.low : low;
            high = less(high, r.high) ? r.high : high;
        }
    }
    if (!is_in) {
        put(&out, low, high);
    }
    free(set->item);
    *set = out;
}

void pf_set_remove(struct pf_set *set, struct addr low, struct addr high)
{
    struct pf_set out = { NULL, 0 };

    for (size_t i = 0; i < set->count; i++) {
        const struct pf_range r = set->item[i];
        if (less(r.high, low) || less(high, r.low)) {
            put(&out, r.low, r.high);
            continue;
        }
        if (less(r.low, low)) {
            put(&out, r.low, addr_before(low));
        }
        if (less(high, r.high)) {
            put(&out, addr_next(high), r.high);
        }
    }
    free(set->item);
    *set = out;
}

void pf_set_invert(struct pf_set *set, bool is_ip6)
{
    const struct addr zero = { 0, 0 };
    const struct addr last = { is_ip6 ? U64_MAX : 0,
                               is_ip6 ? U64_MAX : U32_MAX };
    struct pf_set out = { NULL, 0 };

    put(&out, zero, last);
    for (size_t i = 0; i < set->count; i++) {
        pf_set_remove(&out, set->item[i].low, set->item[i].high);
    }
    free(set->item);
    *set = out;
}
