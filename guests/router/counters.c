/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters, written to the pages that domain 0 may read: see counters.h.
 */
#include "guests/router/counters.h"

#include "core/atomic.h"
#include "guests/router/router.h"

static union {
    struct counters all;
    u8 page[COUNTERS_PAGES][PAGE_BYTES];
} counters __attribute__((aligned(4096)));

_Static_assert(COUNTERS_VIFS == VIFS_MAX, "each interface has its record");

static void put_vif(struct counters_vif *to, const struct vif *v,
                    const struct filter *f)
{
    const struct states *const states = f->states[v->index];

    *to = (struct counters_vif){
        .domid = v->domid,
        .handle = v->handle,
        .state = v->state,
        .flows = states != NULL ? states->count : 0,
        .sent_packets = v->tx_packets,
        .sent_bytes = v->tx_bytes,
        .received_packets = v->rx_packets,
        .received_bytes = v->rx_bytes,
        .errors = v->tx_errors,
        .no_room = v->no_room,
        .refused = v->denied,
    };
    for (u32 i = 0; i < DROP_COUNT; i++) {
        to->drops[i] = f->drops[v->index][i];
    }
}

/* Of the lists of one interface, which stand one after the other. */
static void put_rules(struct counters_rule *to, const struct filter *f, u32 vif)
{
    const struct rules_vif *const b = &f->rules.vif[vif];
    const struct states *const states = f->states[vif];
    const u32 end = (u32)b->in_first + b->in_count;

    for (u32 i = b->out_first; i < end; i++) {
        to[i] = (struct counters_rule){
            .packets = f->rule_packets[i],
            .bytes = f->rule_bytes[i],
            .flows = states != NULL ? states->rule_count[i] : 0,
        };
    }
}

void counters_offer(void)
{
    for (u32 i = 0; i < COUNTERS_PAGES; i++) {
        machine_offer(COUNTERS_REF + i, counters.page[i]);
    }
}

void counters_take(const struct router *r, u64 now_ns)
{
    struct counters *const c = &counters.all;
    const u32 sequence = c->header.sequence;
    u32 count = 0;

    atomic_store32(&c->header.sequence, sequence + 1);
    for (u32 i = 0; r->filter != NULL && i < VIFS_MAX; i++) {
        const struct vif *const v = &r->vif[i];
        if (v->state != VIF_UNUSED && v->state != VIF_LEAVING) {
            put_vif(&c->vif[count++], v, r->filter);
        }
    }
    c->header.rule_count = 0;
    if (r->filter != NULL) {
        const struct rules_header *const h = r->filter->rules.header;
        for (u32 i = 0; i < h->vif_count; i++) {
            put_rules(c->rule, r->filter, i);
        }
        c->header.rule_count = h->rule_count;
    }
    c->header.magic = COUNTERS_MAGIC;
    c->header.version = COUNTERS_VERSION;
    c->header.taken_ns = now_ns;
    c->header.generation = r->rules_generation;
    c->header.vif_count = count;
    c->header.drop_count = DROP_COUNT;
    c->header.flows_max = STATES_MAX;
    atomic_store32(&c->header.sequence, sequence + 2);
}
