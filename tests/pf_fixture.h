/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants by the text of their files, and the filter that their rules make.
 */
#ifndef TESTS_PF_FIXTURE_H
#define TESTS_PF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guests/router/filter.h"
#include "rf/pf.h"

#define FIX_TENANTS 8u

struct fixture {
    struct tenant_set set;
    struct tenant tenant[FIX_TENANTS];
    struct source source[FIX_TENANTS];
    struct filter *f;
    struct states *states[RULES_VIFS_MAX];
};

/* A tenant; `lines` is the inside of its firewall = [ ... ]. */
static inline void fix_tenant(struct fixture *x, const char *name,
                              const char *vif, const char *lines)
{
    struct tenant *const t = &x->tenant[x->set.count];
    struct settings settings;

    x->set.tenant = x->tenant;
    t->source = &x->source[x->set.count++];
    t->source->path = text_format("%s.cfg", name);
    t->source->text =
        text_format("name=\"%s\"\ntype=\"pv\"\nkernel=\"k\"\nmemory=64\n"
                    "vif=[\"%s\"]\nfirewall=[%s]\n",
                    name, vif, lines);
    t->source->bytes = strlen(t->source->text);
    cfg_parse(t->source, &settings, &x->set.diags);
    cfg_apply(&settings, t, &x->set.diags);
    cfg_settings_free(&settings);
}

static inline void fix_free_set(struct fixture *x)
{
    for (size_t i = 0; i < x->set.count; i++) {
        struct tenant *const t = &x->tenant[i];
        for (size_t k = 0; k < t->firewall_count; k++) {
            free(t->firewall[k].text);
        }
        if (t->pf != NULL) {
            pf_free(t->pf);
        }
        free(t->firewall);
        free(t->vif);
        free(t->source->path);
        free(t->source->text);
        free(t->kernel_path);
    }
    diag_free(&x->set.diags);
    x->set = (struct tenant_set){ .count = 0 };
    memset(x->tenant, 0, sizeof(x->tenant));
}

/* Compile the set and load it; domain 1 is the first tenant. */
static inline struct filter *fix_load(struct fixture *x)
{
    struct filter *const f = calloc(1, sizeof(*f));
    struct blob blob;
    struct fault fault;
    u16 domid[FIX_TENANTS];

    for (u16 i = 0; i < FIX_TENANTS; i++) {
        domid[i] = (u16)(i + 1);
    }
    pf_parse_set(&x->set);
    if (x->set.diags.count != 0) {
        diag_print(&x->set.diags, stderr);
        fail();
    }
    if (!pf_blob(&x->set, domid, &blob, &fault)) {
        fail_msg("%s", fault.text);
    }
    const char *const wrong = filter_load(f, blob.data, (u32)blob.bytes);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    free(blob.data);
    return f;
}

static inline void fix_begin(struct fixture *x)
{
    x->f = fix_load(x);
    for (u32 i = 0; i < x->f->rules.header->vif_count; i++) {
        x->states[i] = malloc(sizeof(struct states));
        states_init(x->states[i], 0x123456789abcdefull + i);
        filter_attach(x->f, i, x->states[i]);
    }
}

static inline void fix_end(struct fixture *x)
{
    for (u32 i = 0; i < RULES_VIFS_MAX; i++) {
        free(x->states[i]);
        x->states[i] = NULL;
    }
    free(x->f);
    fix_free_set(x);
}

#endif
