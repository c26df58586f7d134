/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a set of tenants: parsed when all files are read, released with
 * the set.
 */
#include <stdlib.h>

#include "rf/pf.h"

static void words_free(struct pf_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->item[i].text);
    }
    free(words->item);
}

static void host_free(struct pf_host *host)
{
    free(host->ip4.item);
    free(host->ip6.item);
    free(host->port);
}

void pf_free(struct pf *pf)
{
    for (size_t i = 0; i < pf->rule_count; i++) {
        host_free(&pf->rule[i].from);
        host_free(&pf->rule[i].to);
        free(pf->rule[i].label);
    }
    for (size_t i = 0; i < pf->table_count; i++) {
        free(pf->table[i].name);
        free(pf->table[i].ip4.item);
        free(pf->table[i].ip6.item);
    }
    for (size_t i = 0; i < pf->macro_count; i++) {
        free(pf->macro[i].name);
        words_free(&pf->macro[i].words);
    }
    words_free(&pf->words);
    free(pf->rule);
    free(pf->table);
    free(pf->macro);
    free(pf);
}

void pf_parse_set(struct tenant_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct tenant *const tenant = &set->tenant[i];
        struct pf *const pf = mem_alloc(sizeof(*pf));
        *pf = (struct pf){
            .set = set,
            .tenant = tenant,
            .diags = &set->diags,
        };
        tenant->pf = pf;
        for (size_t k = 0; k < tenant->firewall_count; k++) {
            pf_parse_line(pf, &tenant->firewall[k]);
        }
    }
}
