/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that never decide: of random rule sets no packet is decided by a rule
 * that is said to, by the code that the router decides with.
 */
#include "rf/shadow.h"
#include "tests/pf_fixture.h"
#include "tests/pfgen.h"

#define SETS 400u
#define RULES 12u
#define PACKETS 3000u

/* Bit i: rule i of the first tenant is said never to decide. */
static u32 shadowed(struct fixture *x)
{
    const struct pf *const pf = x->tenant[0].pf;
    struct diags warnings = { NULL, 0 };
    u32 mask = 0;

    shadow_find(&x->set, &warnings);
    for (size_t i = 0; i < warnings.count; i++) {
        for (size_t k = 0; k < pf->rule_count; k++) {
            if (pf->rule[k].at.column == warnings.item[i].at.column) {
                mask |= 1u << k;
            }
        }
    }
    diag_free(&warnings);
    return mask;
}

static void begin_set(struct fixture *x, struct pfgen *g)
{
    char all[RULES * 512];
    size_t used = 0;

    for (u32 i = 0; i < RULES; i++) {
        struct pftext t = { .used = 0 };
        gen_rule(g, &t);
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s'%s'",
                                 i == 0 ? "" : ",", t.text);
    }
    fix_tenant(x, "web", "bridge=b,ip=10.0.0.2 2001:db8::2", all);
    fix_tenant(x, "db", "bridge=b,ip=10.0.0.3 2001:db8::3", "");
    x->f = fix_load(x);
}

static void test_what_never_decides(void **state)
{
    struct pfgen g = { 77 };
    u32 found = 0;
    u32 deciding = 0;

    (void)state;
    for (u32 i = 0; i < SETS; i++) {
        struct fixture x = { .f = NULL };
        u32 decided = 0;
        begin_set(&x, &g);
        const u32 mask = shadowed(&x);
        for (u32 k = 0; k < PACKETS; k++) {
            struct packet p;
            gen_packet(&g, &p);
            const u16 rule = filter_decide(x.f, 0, k % 2 == 0, &p);
            if (rule != FILTER_NO_RULE) {
                decided |= 1u << (x.f->rules.rule[rule].order - 1);
            }
        }
        if ((mask & decided) != 0) {
            fail_msg("set %u: rules %x of %x decide\n%s", i, mask & decided,
                     mask, x.source[0].text);
        }
        found += (u32)__builtin_popcount(mask);
        deciding += (u32)__builtin_popcount(decided);
        fix_end(&x);
    }
    print_message("%u of %u rules never decide, %u were seen to\n", found,
                  SETS * RULES, deciding);
    assert_true(found > SETS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_never_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
