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
static bool expected(u64 rights, u32 right, u32 object, u64 permits)
{
    if (right >= RIGHT_COUNT || (rights & 1ull << right) == 0) {
        return false;
    }
    switch (object) {
    case POLICY_SELF:
        return right <= RIGHT_CONSOLE || right == RIGHT_OBSERVE ||
               right == RIGHT_DROP;
    case POLICY_PEER:
        return right == RIGHT_CONNECT;
    case POLICY_DOMAIN:
        return (right == RIGHT_OBSERVE || right == RIGHT_PAUSE ||
                right == RIGHT_DESTROY || right == RIGHT_START) &&
               (permits & 1ull << right) != 0;
    case POLICY_HOST:
        return right == RIGHT_CONSOLES || right == RIGHT_RULES_LOAD ||
               right == RIGHT_RULES_READ || right == RIGHT_COLLECT;
    default:
        return false;
    }
}

static enum policy_verdict ask(u64 rights, u32 right, u32 object, u64 permits)
{
    return policy_decide(rights, (enum right)right, (enum policy_object)object,
                         permits);
}

/* All masks of rights, and for one that holds all, all masks of permits. */
static void test_every_question_has_the_specified_answer(void **state)
{
    (void)state;
    for (u64 rights = 0; rights <= RIGHTS_ALL; rights++) {
        for (u32 right = 0; right < RIGHT_COUNT + 2; right++) {
            for (u32 object = 0; object < 6; object++) {
                const u64 permits = rights % 2 == 0 ? U64_MAX : 0;
                const enum policy_verdict v =
                    ask(rights, right, object, permits);

                assert_int_equal(v == POLICY_ALLOW,
                                 expected(rights, right, object, permits));
                assert_true((u32)v < POLICY_VERDICT_COUNT);
            }
        }
    }
    for (u64 permits = 0; permits <= RIGHTS_ALL; permits++) {
        for (u32 right = 0; right < 70; right++) {
            assert_int_equal(
                ask(RIGHTS_ALL, right, POLICY_DOMAIN, permits) == POLICY_ALLOW,
                expected(RIGHTS_ALL, right, POLICY_DOMAIN, permits));
        }
    }
}

static void test_bits_without_a_name_give_nothing(void **state)
{
    (void)state;
    const u64 nameless = ~RIGHTS_ALL;

    for (u32 right = 0; right < 200; right++) {
        for (u32 object = 0; object < 4; object++) {
            assert_int_not_equal(ask(nameless, right, object, U64_MAX),
                                 POLICY_ALLOW);
            assert_int_not_equal(
                ask(RIGHTS_ALL, right, POLICY_DOMAIN, nameless), POLICY_ALLOW);
        }
    }
    assert_int_equal(ask(U64_MAX, 0x7fffffff, POLICY_SELF, U64_MAX),
                     POLICY_DENY_NO_SUCH_RIGHT);
}

/* Only these four rows of the policy reach the machine. */
static void test_what_reaches_the_host(void **state)
{
    (void)state;
    for (u32 right = 0; right < RIGHT_COUNT; right++) {
        const bool may =
            (right >= RIGHT_CONSOLES && right <= RIGHT_RULES_READ) ||
            right == RIGHT_COLLECT;

        assert_int_equal(ask(U64_MAX, right, POLICY_HOST, 0),
                         may ? POLICY_ALLOW : POLICY_DENY_NOT_ON_HOST);
    }
}

static void test_reasons_are_precise(void **state)
{
    (void)state;
    assert_int_equal(ask(0, RIGHT_MEMORY, POLICY_SELF, 0),
                     POLICY_DENY_RIGHT_NOT_HELD);
    assert_int_equal(ask(U64_MAX, RIGHT_MEMORY, POLICY_PEER, 0),
                     POLICY_DENY_NOT_ON_PEER);
    assert_int_equal(ask(U64_MAX, RIGHT_CONNECT, POLICY_SELF, 0),
                     POLICY_DENY_NOT_ON_SELF);
    assert_int_equal(ask(U64_MAX, RIGHT_DESTROY, POLICY_SELF, U64_MAX),
                     POLICY_DENY_NOT_ON_SELF);
    assert_int_equal(ask(U64_MAX, RIGHT_MEMORY, POLICY_DOMAIN, U64_MAX),
                     POLICY_DENY_NOT_ON_DOMAIN);
    assert_int_equal(
        ask(U64_MAX, RIGHT_PAUSE, POLICY_DOMAIN, ~RIGHT_MASK(PAUSE)),
        POLICY_DENY_NOT_PERMITTED);
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
    const u64 router = policy_role_allowed(MF_ROLE_ROUTER);

    assert_true(given == POLICY_TENANT_GIVEN);
    assert_true(policy_role_allowed(MF_ROLE_TENANT) ==
                (given | RIGHT_MASK(CONNECT)));
    assert_true(policy_role_given(MF_ROLE_DOMAIN0) == RIGHTS_ALL);
    assert_true(policy_role_given(MF_ROLE_ROUTER) == router);
    assert_true(
        (router & ~given) ==
        (RIGHT_MASK(CONNECT) | RIGHT_MASK(RULES_READ) | RIGHT_MASK(DROP)));
    assert_true(policy_role_given(MF_ROLE_COUNT) == 0);
    assert_true(policy_role_allowed(MF_ROLE_COUNT) == 0);
    assert_true(policy_role_allowed(U32_MAX) == 0);
}

/* A tenant's rows are all but those of 55, and CONNECT if its file says so. */
static void test_every_row_is_within_reach_of_a_role(void **state)
{
    (void)state;
    const u64 allowed = policy_role_allowed(MF_ROLE_TENANT);
    const u64 given = policy_role_given(MF_ROLE_TENANT);
    u32 tenants = 0;
    u32 services = 0;

#define ROW(n, r, o)                                                           \
    tenants += (n) != 55 ? 1 : 0;                                              \
    services += (n) == 55 ? 1 : 0;                                             \
    assert_int_equal(ask(RIGHTS_ALL, RIGHT_##r, POLICY_##o, U64_MAX),          \
                     POLICY_ALLOW);                                            \
    assert_int_equal(ask(allowed, RIGHT_##r, POLICY_##o, U64_MAX),             \
                     (n) == 55 ? POLICY_DENY_RIGHT_NOT_HELD : POLICY_ALLOW);   \
    assert_int_equal(ask(given, RIGHT_##r, POLICY_##o, U64_MAX),               \
                     (n) == 55 || RIGHT_##r == RIGHT_CONNECT                   \
                         ? POLICY_DENY_RIGHT_NOT_HELD                          \
                         : POLICY_ALLOW);
#define HC_R(n, s, w, name, r, o, g, d) ROW(n, r, o)
#define HC_S(n, s, w, name, p, a, r, o, g, d) ROW(n, r, o)
#define HC_B(n, s, w, name, a, r, o, g, d) ROW(n, r, o)
#include "core/hypercalls.def"
    assert_true(tenants > 50);
    assert_int_equal(services, 14);
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
        cmocka_unit_test(test_what_reaches_the_host),
        cmocka_unit_test(test_reasons_are_precise),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_every_row_is_within_reach_of_a_role),
        cmocka_unit_test(test_names_of_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
