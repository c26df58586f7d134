/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: a blob is loaded into the filter that is not in use, interfaces are
 * matched by domain and handle, then the filters change places between two
 * packets. Interfaces that are in both keep their connection and their flows;
 * flows that the new rules do not pass end with their next packet.
 */
#include "guests/router/router.h"

#include "core/mem.h"

static struct filter filters[2];
static struct states states[VIFS_MAX];

static struct vif *find(struct router *r, const struct rules_vif *b)
{
    for (u32 i = 0; i < VIFS_MAX; i++) {
        struct vif *v = &r->vif[i];
        if (v->state != VIF_UNUSED && v->domid == b->domid &&
            v->handle == b->handle) {
            return v;
        }
    }
    return NULL;
}

/* A record for a new interface; NULL when there are too many. */
static struct vif *add(struct router *r, const struct rules_vif *b, u64 now)
{
    for (u32 i = 0; i < VIFS_MAX; i++) {
        struct vif *v = &r->vif[i];
        if (v->state == VIF_UNUSED) {
            *v = (struct vif){ .state = VIF_OFF,
                               .domid = b->domid,
                               .handle = b->handle,
                               .number = i };
            bucket_init(&v->reports, 4, 4, now);
            states_init(&states[i], machine_secret());
            return v;
        }
    }
    return NULL;
}

/* The first binding on the same bridge: equal numbers, equal bridges. */
static u16 bridge_number(const struct rules *rules, u32 index)
{
    for (u32 i = 0; i < index; i++) {
        if (memcmp(rules->vif[i].bridge, rules->vif[index].bridge,
                   sizeof(rules->vif[i].bridge)) == 0) {
            return (u16)i;
        }
    }
    return (u16)index;
}

static void set_limits(struct vif *v, const struct rules_vif *b, u64 now)
{
    if (v->bytes.rate != b->rate_bytes || v->bytes.burst == 0) {
        bucket_init(&v->bytes, b->rate_bytes, 65536, now);
    }
    if (v->packets.rate != b->rate_packets || v->packets.burst == 0) {
        bucket_init(&v->packets, b->rate_packets, 64, now);
    }
}

/* Those that no binding names any more. */
static void drop_unbound(struct router *r, const struct rules *rules)
{
    for (u32 i = 0; i < VIFS_MAX; i++) {
        struct vif *v = &r->vif[i];
        if (v->state != VIF_UNUSED && v->state != VIF_LEAVING &&
            rules_find(rules, v->domid, v->handle) == RULES_NO_VIF) {
            vif_disconnect(v);
            v->state = VIF_LEAVING;
        }
    }
}

static void bind_all(struct router *r, struct filter *next, u64 now)
{
    for (u32 i = 0; i < RULES_VIFS_MAX; i++) {
        r->vif_of[i] = NO_VIF;
    }
    for (u32 i = 0; i < next->rules.header->vif_count; i++) {
        const struct rules_vif *b = &next->rules.vif[i];
        struct vif *v = find(r, b);
        if (v != NULL && v->state == VIF_LEAVING) {
            v->state = VIF_OFF;
            states_init(&states[v->number], machine_secret());
        }
        if (v == NULL) {
            v = add(r, b, now);
        }
        if (v == NULL) {
            machine_say("too many interfaces: one is not served");
            continue;
        }
        v->index = (u16)i;
        r->vif_of[i] = (u16)v->number;
        r->bridge_of[i] = bridge_number(&next->rules, i);
        filter_attach(next, i, &states[v->number]);
        set_limits(v, b, now);
    }
    r->watched = false;
}

const char *ruleset_take(struct router *r, const void *blob, u32 bytes,
                         u64 generation)
{
    struct filter *next = r->filter == &filters[0] ? &filters[1] : &filters[0];
    const char *wrong = filter_load(next, blob, bytes);
    r->rules_generation = generation;
    if (wrong != NULL) {
        return wrong;
    }
    if (r->filter != NULL) {
        filter_take_over(next, r->filter);
    }
    drop_unbound(r, &next->rules);
    bind_all(r, next, machine_now());
    r->filter = next;
    return NULL;
}
