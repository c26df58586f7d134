/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of a router before this one: which go on, on whose word, how long, and
 * what a tenant cannot make of that.
 */
#include "tests/verdict_fixture.h"

#define OUT "'pass out proto tcp to port 80'"
#define IN "'pass in proto tcp to port 80'"

/* A router begins; these interfaces were connected to the last one. */
static void restart(u32 mask)
{
    for (u32 i = 0; i < 3; i++) {
        states_init(net.states[i], i);
        filter_attach(net.f, i, net.states[i]);
        if ((mask >> i & 1) != 0) {
            filter_resume(net.f, i, now);
        }
    }
}

static enum drop ack(u32 from, u32 to, u32 from_port, u32 to_port)
{
    return tcp(from, to, from_port, to_port,
               (struct segment){ TCP_ACK, 5000, 9000, 10, 0 });
}

static void test_packets_of_who_began(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT); /* no router before */
    restart(7);
    assert_int_equal(ack(AB), DROP_NONE);
    assert_true(answer.is_picked && answer.is_log && !answer.is_state);
    assert_int_equal(answer.rule, net.f->rules.vif[0].out_first);
    assert_int_equal(ack(AB), DROP_NONE);
    assert_true(answer.is_state && !answer.is_log); /* told of once */
    assert_int_equal(tcp(BA, (struct segment){ TCP_ACK, 9000, 5010, 99, 0 }),
                     DROP_NONE);
    /* It lives as long as any other. */
    now += 3600 * SECOND;
    assert_int_equal(ack(AB), DROP_NONE);
    assert_int_equal(net.states[0]->unasked + net.states[1]->unasked, 0);
    assert_int_equal(net.states[0]->peer_count[2], 0);
    assert_int_equal(net.states[1]->peer_count[1], 1);
    fix_end(&net);
}

static void test_the_time_is_over(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    now += 60 * SECOND;
    assert_int_equal(ack(BA), DROP_RULE_DEFAULT);
    now += 539 * SECOND;
    assert_int_equal(ack(0, 1, 40001, 80), DROP_NONE);
    now += SECOND;
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    fix_end(&net);
}

/* Each side by its own evidence, and both have to pass it. */
static void test_one_side_is_not_enough(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    for (u32 mask = 0; mask < 4; mask++) {
        restart(mask);
        assert_int_equal(ack(AB) == DROP_NONE, mask == 3);
        restart(mask);
        assert_int_equal(ack(BA) == DROP_NONE, mask == 3);
    }
    fix_end(&net);
    /* Who keeps no flows needs no evidence. */
    begin(OUT, "'pass proto tcp no state'", "'pass'");
    restart(1);
    assert_int_equal(ack(AB), DROP_NONE);
    assert_int_equal(net.states[0]->count, 1);
    assert_int_equal(net.states[1]->count, 0);
    assert_int_equal(ack(BA), DROP_NONE);
    assert_true(answer.is_state || net.states[0]->count == 1);
    fix_end(&net);
}

/* A side that knows the flow says who began it. */
static void test_both_name_the_same_beginning(void **state)
{
    (void)state;
    begin("'pass proto tcp'", "'pass proto tcp'", "'pass'");
    handshake(); /* begun by 0 */
    states_init(net.states[0], 5);
    filter_attach(net.f, 0, net.states[0]);
    filter_resume(net.f, 0, now);
    assert_int_equal(tcp(BA, (struct segment){ TCP_ACK, 901, 101, 5, 0 }),
                     DROP_NONE);
    assert_true(answer.is_picked);
    assert_true(net.states[0]->state[0].is_out);
    assert_int_equal(net.states[0]->unasked, 1);
    fix_end(&net);
}

static void test_only_what_rules_would_let_begin(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    assert_int_equal(ack(0, 1, 40000, 81), DROP_RULE_DEFAULT);
    assert_int_equal(ack(0, 1, 80, 40000), DROP_RULE_DEFAULT);
    assert_int_equal(ack(1, 0, 81, 40000), DROP_RULE_DEFAULT);
    fix_end(&net);
    /* Each would have let the other begin: nobody has begun it. */
    begin("'pass in proto tcp'", "'pass in proto tcp'", "'pass'");
    restart(7);
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    assert_int_equal(ack(BA), DROP_RULE_DEFAULT);
    fix_end(&net);
    begin("'pass out proto tcp'", "'pass out proto tcp'", "'pass'");
    restart(7);
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    fix_end(&net);
}

static void test_no_sync(void **state)
{
    (void)state;
    begin("'pass out proto tcp keep state (no-sync)'", IN, "'pass'");
    restart(7);
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    assert_int_equal(ack(BA), DROP_RULE_DEFAULT);
    handshake();
    fix_end(&net);
    begin(OUT, "'pass in proto tcp keep state (max 5, no-sync)'", "'pass'");
    restart(7);
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    fix_end(&net);
}

/* Beginnings, resets and other protocols are judged as ever. */
static void test_tcp_in_the_middle_only(void **state)
{
    static const u8 flags[] = { TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK };

    (void)state;
    begin("'pass out'", "'pass in'", "'pass'");
    restart(7);
    for (u32 i = 0; i < ARRAY_COUNT(flags); i++) {
        const struct segment s = { flags[i], 1, 1, 0, 0 };
        assert_int_equal(tcp(AB, s), DROP_RULE_DEFAULT);
        assert_int_equal(tcp(BA, s), DROP_RULE_DEFAULT);
    }
    assert_int_equal(udp(1, 0, 53, 1000), DROP_RULE_DEFAULT);
    assert_int_equal(ping(1, 0, 0, 7), DROP_RULE_DEFAULT);
    assert_int_equal(net.states[0]->count, 0);
    fix_end(&net);
}

/* ---- answers that nobody has asked this router for ---- */

static void test_answer_is_confirmed(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    assert_int_equal(ack(BA), DROP_NONE);
    assert_true(answer.is_picked);
    assert_int_equal(net.states[0]->unasked, 1);
    assert_true(net.states[0]->state[0].is_out);
    assert_false(net.states[1]->state[0].is_out);
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 9000, 5010, 0, 0 }),
                     DROP_NONE);
    assert_int_equal(net.states[0]->unasked + net.states[1]->unasked, 0);
    now += 3600 * SECOND;
    assert_int_equal(ack(BA), DROP_NONE);
    fix_end(&net);
}

static void test_answer_is_not_confirmed(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    for (u32 i = 0; i < 10; i++) {
        assert_int_equal(ack(BA), DROP_NONE);
        assert_int_equal(answer.is_state, i != 0);
        now += SECOND;
    }
    /* Its own packets do not keep it: it is picked up anew, once more told of,
     * and ends with the minute. */
    assert_int_equal(ack(BA), DROP_NONE);
    assert_true(answer.is_picked);
    assert_int_equal(net.states[0]->unasked, 1);
    now += 50 * SECOND;
    assert_int_equal(ack(BA), DROP_RULE_DEFAULT);
    states_sweep(net.states[0], now);
    assert_int_equal(net.states[0]->unasked + net.states[1]->unasked, 0);
    assert_int_equal(net.states[0]->count + net.states[1]->count, 0);
    fix_end(&net);
}

/* The tenant knows nothing of it, and says so. */
static void test_answer_is_refused(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    assert_int_equal(ack(BA), DROP_NONE);
    assert_int_equal(tcp(AB, (struct segment){ TCP_RST, 9000, 0, 0, 0 }),
                     DROP_NONE);
    assert_int_equal(net.states[0]->state[0].phase, PHASE_CLOSED);
    assert_int_equal(net.states[0]->unasked, 0);
    now += 11 * SECOND;
    assert_int_equal(tcp(AB, (struct segment){ TCP_RST, 9000, 0, 0, 0 }),
                     DROP_RULE_DEFAULT);
    fix_end(&net);
}

static void test_answers_are_few(void **state)
{
    u32 passed = 0;

    (void)state;
    begin("'pass out proto tcp'", "'pass in proto tcp'",
          "'pass in proto tcp', 'pass out'");
    restart(7);
    for (u32 port = 1; port <= 5000; port++) {
        passed += ack(1, 0, 80, port) == DROP_NONE ? 1 : 0;
    }
    assert_int_equal(passed, STATES_UNASKED);
    /* Who has begun something himself is not kept from it by that. */
    assert_int_equal(ack(AB), DROP_NONE);
    handshake();
    now += 10 * SECOND;
    assert_int_equal(ack(1, 0, 80, 6000), DROP_NONE);
    fix_end(&net);
}

/* ---- the numbers of such a flow ---- */

static void test_numbers_are_near(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    assert_int_equal(ack(AB), DROP_NONE);
    /* What was sent before, and is acknowledged now. */
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_ACK, 9000, 5010 + 3000000, 1400, 0 }),
        DROP_NONE);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_ACK, 5010 + 3000000, 10400, 1400, 0 }),
        DROP_NONE);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_ACK, 5000 + (3u << 29), 10400, 0, 0 }),
        DROP_TCP_WINDOW);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_ACK, 10400, 5000u - (3u << 29), 0, 0 }),
        DROP_TCP_WINDOW);
    assert_int_equal(tcp(BA, (struct segment){ TCP_SYN, 10400, 0, 0, 0 }),
                     DROP_TCP_WINDOW);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_RST, 5000 + (3u << 29), 0, 0, 0 }),
        DROP_TCP_RESET);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_FIN | TCP_ACK, 3006410, 10400, 0, 0 }),
        DROP_NONE);
    assert_int_equal(net.states[0]->state[0].phase, PHASE_CLOSING);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_FIN | TCP_ACK, 10400, 3006411, 0, 0 }),
        DROP_NONE);
    assert_int_equal(net.states[1]->state[0].phase, PHASE_CLOSED);
    /* Who began it may begin anew; its end may have been missed. */
    assert_int_equal(ack(0, 1, 40001, 80), DROP_NONE);
    assert_int_equal(
        tcp(0, 1, 40001, 80, (struct segment){ TCP_SYN, 7, 0, 0, 0 }),
        DROP_NONE);
    assert_false(answer.is_state || answer.is_picked);
    assert_int_equal(ack(0, 1, 40001, 80), DROP_TCP_WINDOW);
    fix_end(&net);
}

/* A tenant that begins anew has no old flows; nor have others with it. */
static void test_forgotten(void **state)
{
    (void)state;
    begin(OUT, IN, "'pass'");
    restart(7);
    assert_int_equal(ack(BA), DROP_NONE);
    filter_forget(net.f, 1);
    assert_int_equal(net.states[0]->unasked + net.states[1]->unasked, 0);
    assert_int_equal(ack(BA), DROP_RULE_DEFAULT);
    assert_int_equal(ack(AB), DROP_RULE_DEFAULT);
    handshake();
    fix_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_of_who_began),
        cmocka_unit_test(test_the_time_is_over),
        cmocka_unit_test(test_one_side_is_not_enough),
        cmocka_unit_test(test_both_name_the_same_beginning),
        cmocka_unit_test(test_only_what_rules_would_let_begin),
        cmocka_unit_test(test_no_sync),
        cmocka_unit_test(test_tcp_in_the_middle_only),
        cmocka_unit_test(test_answer_is_confirmed),
        cmocka_unit_test(test_answer_is_not_confirmed),
        cmocka_unit_test(test_answer_is_refused),
        cmocka_unit_test(test_answers_are_few),
        cmocka_unit_test(test_numbers_are_near),
        cmocka_unit_test(test_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
