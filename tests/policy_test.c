/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision against its specification, for every mask, right and object;
 * and every row of the hypercall table against the role that must carry it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/manifest.h"
#include "policy/policy.h"
#include "rf/policytext.h"

/* Written from policy.h's text, not from policy.c. */
static bool expected(u64 rights, u32 right, u32 object)
{
    if (right >= RIGHT_COUNT || (rights & 1ull << right) == 0) {
        return false;
    }
    return object == (right == RIGHT_CONNECT ? POLICY_PEER : POLICY_SELF);
}

static void test_every_question_has_the_specified_answer(void **state)
{
    (void)state;
    for (u64 rights = 0; rights <= RIGHTS_ALL; rights++) {
        for (u32 right = 0; right < 70; right++) {
            for (u32 object = 0; object < 6; object++) {
                const enum policy_verdict v = policy_decide(
                    rights, (enum right)right, (enum policy_object)object);

                assert_int_equal(v == POLICY_ALLOW,
                                 expected(rights, right, object));
                assert_true((u32)v < POLICY_VERDICT_COUNT);
            }
        }
    }
}

static void test_bits_without_a_name_give_nothing(void **state)
{
    (void)state;
    const u64 nameless = ~RIGHTS_ALL;

    for (u32 right = 0; right < 200; right++) {
        for (u32 object = 0; object < 3; object++) {
            assert_int_not_equal(policy_decide(nameless, (enum right)right,
                                               (enum policy_object)object),
                                 POLICY_ALLOW);
        }
    }
    assert_int_equal(
        policy_decide(U64_MAX, (enum right)0x7fffffff, POLICY_SELF),
        POLICY_DENY_NO_SUCH_RIGHT);
}

static void test_nobody_holds_a_right_over_the_host(void **state)
{
    (void)state;
    for (u32 right = 0; right < RIGHT_COUNT; right++) {
        assert_int_equal(policy_decide(U64_MAX, (enum right)right, POLICY_HOST),
                         POLICY_DENY_NOT_ON_HOST);
    }
}

static void test_reasons_are_precise(void **state)
{
    (void)state;
    assert_int_equal(policy_decide(0, RIGHT_MEMORY, POLICY_SELF),
                     POLICY_DENY_RIGHT_NOT_HELD);
    assert_int_equal(policy_decide(U64_MAX, RIGHT_MEMORY, POLICY_PEER),
                     POLICY_DENY_NOT_ON_PEER);
    assert_int_equal(policy_decide(U64_MAX, RIGHT_CONNECT, POLICY_SELF),
                     POLICY_DENY_NOT_ON_SELF);
    for (int v = 0; v < POLICY_VERDICT_COUNT; v++) {
        assert_true(strlen(policy_reason((enum policy_verdict)v)) > 4);
        for (int w = 0; w < v; w++) {
            assert_string_not_equal(policy_reason((enum policy_verdict)v),
                                    policy_reason((enum policy_verdict)w));
        }
    }
    assert_non_null(policy_reason((enum policy_verdict)99));
}

#define ROLE(number, name, given, allowed, doc)                                \
    _Static_assert((number) == MF_ROLE_##name, "role numbers agree");          \
    _Static_assert(((given) & ~(allowed)) == 0, "given within allowed");       \
    _Static_assert(((allowed) & ~RIGHTS_ALL) == 0, "allowed are rights");
#include "policy/roles.def"
#undef ROLE

static void test_roles(void **state)
{
    (void)state;
    const u64 given = policy_role_given(MF_ROLE_TENANT);
    const u64 allowed = policy_role_allowed(MF_ROLE_TENANT);

    assert_true(given == (RIGHTS_ALL & ~RIGHT_MASK(CONNECT)));
    assert_true(allowed == RIGHTS_ALL);
    assert_true(policy_role_given(MF_ROLE_COUNT) == 0);
    assert_true(policy_role_allowed(U32_MAX) == 0);
}

static void test_every_row_is_within_reach_of_a_role(void **state)
{
    (void)state;
    const u64 allowed = policy_role_allowed(MF_ROLE_TENANT);
    const u64 given = policy_role_given(MF_ROLE_TENANT);
    u32 rows = 0;

#define ROW(r, o)                                                              \
    rows++;                                                                    \
    assert_int_equal(policy_decide(allowed, RIGHT_##r, POLICY_##o),            \
                     POLICY_ALLOW);                                            \
    assert_int_equal(policy_decide(given, RIGHT_##r, POLICY_##o),              \
                     RIGHT_##r == RIGHT_CONNECT ? POLICY_DENY_RIGHT_NOT_HELD   \
                                                : POLICY_ALLOW);
#define HC_R(n, s, w, name, r, o, g, d) ROW(r, o)
#define HC_S(n, s, w, name, p, a, r, o, g, d) ROW(r, o)
#define HC_B(n, s, w, name, a, r, o, g, d) ROW(r, o)
#include "core/hypercalls.def"
#undef HC_R
#undef HC_S
#undef HC_B
    assert_true(rows > 50);
}

static void test_names_of_rights(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < RIGHT_COUNT; bit++) {
        assert_non_null(policy_right_name(bit));
    }
    assert_string_equal(policy_right_name(RIGHT_CONNECT), "CONNECT");
    assert_null(policy_right_name(RIGHT_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_question_has_the_specified_answer),
        cmocka_unit_test(test_bits_without_a_name_give_nothing),
        cmocka_unit_test(test_nobody_holds_a_right_over_the_host),
        cmocka_unit_test(test_reasons_are_precise),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_every_row_is_within_reach_of_a_role),
        cmocka_unit_test(test_names_of_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
