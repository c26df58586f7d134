/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that serve the others: what they are made of unless a tenant file
 * with their role says otherwise, and what Domain0 is told at its start.
 */
#include <string.h>

#include "guests/router/services.h"
#include "rf/rf.h"

const char services_domain0_text[] = "name = \"domain0\"\n"
                                     "type = \"pv\"\n"
                                     "role = \"domain0\"\n"
                                     "kernel = \"build/guests/domain0.elf\"\n"
                                     "memory = 32\n";

struct blob services_blob(const struct tenant_set *set)
{
    const size_t bytes = sizeof(struct services_header) +
                         set->count * sizeof(struct services_domain) +
                         sizeof(struct services_rules);
    const struct blob blob = { mem_alloc(bytes), bytes };
    struct services_header *const head = (void *)blob.data;
    struct services_domain *const domain = (void *)(head + 1);

    memcpy(head->magic, SERVICES_MAGIC, sizeof(head->magic));
    head->version = SERVICES_VERSION;
    head->domains = (u32)set->count;
    for (size_t i = 0; i < set->count; i++) {
        domain[i].domid = (u16)(tenant_set_first(set) + i);
        domain[i].role = (u16)set->tenant[i].role;
        memcpy(domain[i].name, set->tenant[i].name, sizeof(domain[i].name));
    }
    return blob;
}
