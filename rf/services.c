/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that serve the others: what they are made of unless a tenant file
 * with their role says otherwise, and Domain0's
 * ramdisk: who is there, and the rules to load at boot [guests/router/
 * services.h].
 */
#include "guests/router/services.h"

#include <stdlib.h>
#include <string.h>

#include "rf/pf.h"

const char services_domain0_text[] = "name = \"domain0\"\n"
                                     "type = \"pv\"\n"
                                     "role = \"domain0\"\n"
                                     "kernel = \"build/guests/domain0.elf\"\n"
                                     "memory = 32\n";
const char services_router_text[] = "name = \"router\"\n"
                                    "type = \"pv\"\n"
                                    "role = \"router\"\n"
                                    "kernel = \"build/guests/router.elf\"\n"
                                    "memory = 64\n";

u32 tenant_set_first(const struct tenant_set *set)
{
    return set->count != 0 && set->tenant[0].role == MF_ROLE_DOMAIN0 ? 0 : 1;
}

void roles_compare(struct tenant_set *set)
{
    const struct tenant *holder[MF_ROLE_COUNT] = { NULL };

    for (size_t i = 0; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        if (tenant->role == MF_ROLE_TENANT) {
            continue;
        }
        if (holder[tenant->role] != NULL) {
            diag_add(&set->diags, tenant->name_at, "a second %s",
                     role_name(tenant->role));
            diag_help(&set->diags, "the first is in %s",
                      holder[tenant->role]->source->path);
        }
        holder[tenant->role] = tenant;
    }
}

/* ---- what Domain0 is told --------------------------------------------------
 */

static void fill_vif(struct services_vif *to, const struct vif *from,
                     u16 router_vif)
{
    memcpy(to->mac, from->mac, sizeof(to->mac));
    to->router_vif = router_vif;
    to->ip4 = from->ip4_count != 0 ? from->ip4[0] : 0;
    if (from->ip6_count != 0) {
        memcpy(to->ip6, from->ip6[0], sizeof(to->ip6));
    }
    to->rate_bytes = from->rate_bytes;
    to->rate_packets = from->rate_packets;
    memcpy(to->bridge, from->bridge, sizeof(to->bridge));
}

bool pf_services(const struct tenant_set *set, const u16 *domid,
                 struct blob *out, struct fault *fault)
{
    struct blob rules;
    struct rules open;

    if (!pf_blob(set, domid, &rules, fault)) {
        return false;
    }
    const size_t head = sizeof(struct services_header) +
                        set->count * sizeof(struct services_domain);
    out->bytes = head + sizeof(struct services_rules) + rules.bytes;
    out->data = mem_alloc(out->bytes);
    struct services_header *const h =
        (struct services_header *)(void *)out->data;
    struct services_domain *const domain =
        (struct services_domain *)(void *)(h + 1);
    struct services_rules *const tail =
        (struct services_rules *)(void *)(out->data + head);
    memcpy(h->magic, SERVICES_MAGIC, sizeof(h->magic));
    h->version = SERVICES_VERSION;
    h->domains = (u32)set->count;
    bool good = rules_check(rules.data, (u32)rules.bytes, &open) == NULL;
    for (size_t i = 0; good && i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        domain[i].domid = domid[i];
        domain[i].role = (u16)tenant->role;
        domain[i].vifs = (u16)tenant->vif_count;
        domain[i].console_rate = tenant->console_rate;
        memcpy(domain[i].name, tenant->name, sizeof(domain[i].name));
        for (u32 k = 0; k < tenant->vif_count; k++) {
            fill_vif(&domain[i].vif[k], &tenant->vif[k],
                     (u16)rules_find(&open, domid[i], k));
        }
    }
    tail->bytes = (u32)rules.bytes;
    memcpy(tail + 1, rules.data, rules.bytes);
    free(rules.data);
    return good;
}
