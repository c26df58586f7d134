/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments: see fragment.h.
 */
#include "guests/router/fragment.h"

#define FRAGMENT_NS 30000000000ull

static bool fragment_is(const struct filter_fragment *g, const struct packet *p,
                        u32 to)
{
    return g->is_used && g->id == p->fragment_id && g->receiver == to &&
           addr_equal(g->from, p->flow.from) && addr_equal(g->to, p->flow.to) &&
           (p->flow.is_ip6 || g->proto == p->flow.proto);
}

enum drop fragment_begin(struct filter *f, u32 from, u32 to,
                         const struct packet *p, u64 now_ns)
{
    struct filter_fragment *oldest = &f->fragment[from][0];

    for (u32 i = 0; i < FILTER_FRAGMENTS; i++) {
        struct filter_fragment *const g = &f->fragment[from][i];
        if (fragment_is(g, p, to) && g->expires_ns > now_ns) {
            g->is_used = false;
            return DROP_FRAG_ORDER;
        }
        if (oldest->is_used &&
            (!g->is_used || g->expires_ns < oldest->expires_ns)) {
            oldest = g;
        }
    }
    *oldest = (struct filter_fragment){
        .from = p->flow.from,
        .to = p->flow.to,
        .expires_ns = now_ns + FRAGMENT_NS,
        .id = p->fragment_id,
        .next_offset = p->fragment_bytes,
        .receiver = (u16)to,
        .proto = p->flow.proto,
        .is_used = true,
    };
    return DROP_NONE;
}

enum drop fragment_next(struct filter *f, u32 from, u32 to,
                        const struct packet *p, u64 now_ns)
{
    for (u32 i = 0; i < FILTER_FRAGMENTS; i++) {
        struct filter_fragment *const g = &f->fragment[from][i];
        if (!fragment_is(g, p, to) || g->expires_ns <= now_ns) {
            continue;
        }
        if (g->next_offset != p->fragment_offset) {
            g->is_used = false;
            return DROP_FRAG_ORDER;
        }
        g->next_offset += p->fragment_bytes;
        g->is_used = !p->is_last_fragment;
        return DROP_NONE;
    }
    return DROP_FRAG_UNKNOWN;
}
