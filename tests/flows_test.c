/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows: their beginnings, ends and tables; windows and resets of TCP; ICMP
 * errors, fragments.
 */
#include "tests/verdict_fixture.h"

/* ---- flows ---- */

static void test_udp_expires(void **state)
{
    (void)state;
    begin("'pass out proto udp'", "'pass in proto udp'", "'pass'");
    assert_int_equal(udp(1, 0, 53, 1000), DROP_RULE_DEFAULT);
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(udp(1, 0, 53, 1000), DROP_NONE);
    assert_true(answer.is_state);
    assert_int_equal(udp(1, 0, 53, 1001), DROP_RULE_DEFAULT);
    now += 59 * SECOND;
    assert_int_equal(udp(1, 0, 53, 1000), DROP_NONE);
    now += 60 * SECOND;
    assert_int_equal(udp(1, 0, 53, 1000), DROP_RULE_DEFAULT);
    assert_int_equal(net.states[1]->count, 0);
    fix_end(&net);
}

static void test_ping(void **state)
{
    (void)state;
    begin("'pass out inet proto icmp icmp-type echoreq'",
          "'pass in inet proto icmp icmp-type echoreq'", "'pass'");
    assert_int_equal(ping(1, 0, 0, 7), DROP_RULE_DEFAULT);
    assert_int_equal(ping(0, 1, 8, 7), DROP_NONE);
    assert_int_equal(ping(1, 0, 0, 7), DROP_NONE);
    assert_int_equal(ping(1, 0, 0, 8), DROP_RULE_DEFAULT);
    assert_int_equal(ping(1, 0, 8, 7), DROP_RULE_DEFAULT);
    assert_int_equal(ping(0, 1, 13, 7), DROP_RULE_DEFAULT);
    now += 10 * SECOND;
    assert_int_equal(ping(1, 0, 0, 7), DROP_RULE_DEFAULT);
    fix_end(&net);
}

static void test_tcp_life(void **state)
{
    (void)state;
    begin("'pass out proto tcp'", "'pass in proto tcp to port 80'", "'pass'");
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 100, 5, 0, 0 }),
                     DROP_RULE_DEFAULT);
    handshake();
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101, 901, 500, 0 }),
                     DROP_NONE);
    assert_int_equal(tcp(BA, (struct segment){ TCP_ACK, 901, 601, 900, 0 }),
                     DROP_NONE);
    now += 3600 * SECOND;
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_FIN | TCP_ACK, 601, 1801, 0, 0 }),
        DROP_NONE);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_FIN | TCP_ACK, 1801, 602, 0, 0 }),
        DROP_NONE);
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 602, 1802, 0, 0 }),
                     DROP_NONE);
    /* The ports at once again, from another number. */
    assert_int_equal(tcp(AB, (struct segment){ TCP_SYN, 7000, 0, 0, 0 }),
                     DROP_NONE);
    now += 61 * SECOND;
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_SYN | TCP_ACK, 900, 7001, 0, 0 }),
        DROP_RULE_DEFAULT);
    fix_end(&net);
}

static void test_tcp_window(void **state)
{
    (void)state;
    begin("'pass out proto tcp'", "'pass in proto tcp to port 80'", "'pass'");
    assert_int_equal(tcp(AB, (struct segment){ TCP_SYN, 100, 0, 0, 0 }),
                     DROP_NONE);
    /* An answer to something else. */
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_SYN | TCP_ACK, 900, 102, 0, 0 }),
        DROP_TCP_WINDOW);
    assert_int_equal(tcp(BA, (struct segment){ TCP_ACK, 900, 101, 0, 0 }),
                     DROP_TCP_WINDOW);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_SYN | TCP_ACK, 900, 101, 0, 0 }),
        DROP_NONE);
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101, 901, 0, 0 }),
                     DROP_NONE);
    /* Up to the window of 8192, and not beyond. */
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_ACK, 101 + 8192, 901, 1, 0 }),
        DROP_TCP_WINDOW);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_ACK, 101 + 8191, 901, 1, 0 }), DROP_NONE);
    /* Acknowledged before it was sent; far behind; a SYN in the middle. */
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101, 902, 0, 0 }),
                     DROP_TCP_WINDOW);
    assert_int_equal(
        tcp(AB, (struct segment){ TCP_ACK, 101u - 8194, 901, 1, 0 }),
        DROP_TCP_WINDOW);
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101,
                                               901u - 67001 - 2 * 8192, 0, 0 }),
                     DROP_TCP_WINDOW);
    assert_int_equal(tcp(AB, (struct segment){ TCP_SYN, 5000, 0, 0, 0 }),
                     DROP_TCP_WINDOW);
    assert_int_equal(tcp(AB, (struct segment){ TCP_PUSH | TCP_FIN | TCP_ACK,
                                               101, 901, 0, 0 }),
                     DROP_NONE);
    fix_end(&net);
}

static void test_tcp_reset(void **state)
{
    (void)state;
    begin("'pass out proto tcp'", "'pass in proto tcp to port 80'", "'pass'");
    assert_int_equal(tcp(AB, (struct segment){ TCP_SYN, 100, 0, 0, 0 }),
                     DROP_NONE);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_RST | TCP_ACK, 0, 77, 0, 0 }),
        DROP_TCP_RESET);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_RST | TCP_ACK, 0, 101, 0, 0 }),
        DROP_NONE);
    handshake();
    assert_int_equal(tcp(BA, (struct segment){ TCP_RST, 5000, 0, 0, 0 }),
                     DROP_TCP_RESET);
    assert_int_equal(tcp(BA, (struct segment){ TCP_RST, 901, 0, 0, 0 }),
                     DROP_NONE);
    now += 11 * SECOND;
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101, 901, 0, 0 }),
                     DROP_RULE_DEFAULT);
    fix_end(&net);
}

/* Sequence numbers that wrap around, and windows that are scaled. */
static void test_tcp_scaled(void **state)
{
    struct packet p = { .type = ETH_IP4,
                        .flow = { .from = { 0, IP(0) },
                                  .to = { 0, IP(1) },
                                  .from_port = 1,
                                  .to_port = 2,
                                  .proto = IP_TCP },
                        .tcp_flags = TCP_SYN,
                        .tcp_scale = 7,
                        .tcp_window = 1000,
                        .tcp_seq = 0xffffff00 };
    struct packet q = p;

    (void)state;
    begin("'pass'", "'pass'", "'pass'");
    q.flow.from = p.flow.to;
    q.flow.to = p.flow.from;
    q.flow.from_port = 2;
    q.flow.to_port = 1;
    q.tcp_flags = TCP_SYN | TCP_ACK;
    q.tcp_ack = 0xffffff01;
    q.tcp_scale = 3;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    assert_true(filter_pass(net.f, 1, 0, &q, now, &answer));
    p.tcp_flags = TCP_ACK;
    p.tcp_seq = 0xffffff01;
    p.tcp_ack = q.tcp_seq + 1;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    /* The other's 1000 were not scaled: in a SYN they never are. */
    p.tcp_bytes = 1001;
    assert_false(filter_pass(net.f, 0, 1, &p, now, &answer));
    q.tcp_flags = TCP_ACK;
    q.tcp_seq = 0xffffff01;
    assert_true(filter_pass(net.f, 1, 0, &q, now, &answer));
    p.tcp_bytes = 8000;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    p.tcp_bytes = 8001;
    assert_false(filter_pass(net.f, 0, 1, &p, now, &answer));
    q.tcp_bytes = 128001;
    assert_false(filter_pass(net.f, 1, 0, &q, now, &answer));
    q.tcp_bytes = 128000;
    assert_true(filter_pass(net.f, 1, 0, &q, now, &answer));
    fix_end(&net);
}

/* The largest window there is, twice, is no negative distance. */
static void test_tcp_largest_window(void **state)
{
    struct packet p = { .type = ETH_IP4,
                        .flow = { .from = { 0, IP(0) },
                                  .to = { 0, IP(1) },
                                  .from_port = 1,
                                  .to_port = 2,
                                  .proto = IP_TCP },
                        .tcp_flags = TCP_SYN,
                        .tcp_scale = 14,
                        .tcp_window = 65535,
                        .tcp_seq = 100 };
    struct packet q = p;

    (void)state;
    begin("'pass'", "'pass'", "'pass'");
    q.flow = (struct flow){ .from = p.flow.to,
                            .to = p.flow.from,
                            .from_port = 2,
                            .to_port = 1,
                            .proto = IP_TCP };
    q.tcp_flags = TCP_SYN | TCP_ACK;
    q.tcp_ack = 101;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    assert_true(filter_pass(net.f, 1, 0, &q, now, &answer));
    p.tcp_flags = TCP_ACK;
    p.tcp_seq = 101;
    p.tcp_ack = 101;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    p.tcp_ack = 102;
    assert_false(filter_pass(net.f, 0, 1, &p, now, &answer));
    p.tcp_ack = 101 - 0x7fff0000u;
    assert_true(filter_pass(net.f, 0, 1, &p, now, &answer));
    fix_end(&net);
}

/* ---- errors and fragments ---- */

/* db or another says that web's datagram to db did not arrive. */
static enum drop unreachable(u32 from, u32 port)
{
    struct frame f;

    frame_eth(&f, mac[0], mac[from], ETH_IP4);
    frame_ip4(&f, IP(from), IP(0), IP_ICMP, 8 + 28);
    f.b[f.l4] = 3;
    u8 *const inner = f.b + f.l4 + 8;
    inner[0] = 0x45;
    inner[9] = IP_UDP;
    put32(inner + 12, IP(0));
    put32(inner + 16, IP(1));
    put16(inner + 20, 1000);
    put16(inner + 22, port);
    return send(&f, from, 0);
}

static void test_errors(void **state)
{
    (void)state;
    begin("'pass out proto udp'", "'pass in proto udp'", "'pass'");
    assert_int_equal(unreachable(1, 53), DROP_ICMP_UNKNOWN);
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(unreachable(1, 54), DROP_ICMP_UNKNOWN);
    assert_int_equal(unreachable(1, 53), DROP_NONE);
    /* One on the way says it, and its rules let it. */
    assert_int_equal(unreachable(2, 53), DROP_NONE);
    assert_int_equal(unreachable(2, 54), DROP_ICMP_UNKNOWN);
    fix_end(&net);
}

static enum drop piece(u32 id, u32 offset, u32 bytes, bool more, u32 port)
{
    struct frame f;

    frame_eth(&f, mac[1], mac[0], ETH_IP4);
    frame_ip4(&f, IP(0), IP(1), IP_UDP, bytes);
    put16(f.b + 18, id);
    put16(f.b + 20, (more ? 0x2000u : 0) | offset / 8);
    if (offset == 0) {
        frame_udp(&f, 1000, port);
        put16(f.b + f.l4 + 4, 4000);
    }
    frame_seal(&f);
    return send(&f, 0, 1);
}

static void test_fragments(void **state)
{
    (void)state;
    begin("'pass out proto udp'", "'pass in proto udp to port 53'", "'pass'");
    assert_int_equal(piece(1, 800, 800, true, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(1, 0, 800, true, 54), DROP_RULE_DEFAULT);
    assert_int_equal(piece(1, 800, 800, true, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(1, 0, 800, true, 53), DROP_NONE);
    assert_int_equal(piece(2, 800, 800, true, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(1, 800, 800, true, 53), DROP_NONE);
    assert_int_equal(piece(1, 1600, 80, false, 53), DROP_NONE);
    assert_int_equal(piece(1, 1680, 80, false, 53), DROP_FRAG_UNKNOWN);
    /* A gap or an overlap ends the packet. */
    assert_int_equal(piece(3, 0, 800, true, 53), DROP_NONE);
    assert_int_equal(piece(3, 792, 800, true, 53), DROP_FRAG_ORDER);
    assert_int_equal(piece(3, 800, 800, true, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(4, 0, 800, true, 53), DROP_NONE);
    assert_int_equal(piece(4, 0, 400, true, 53), DROP_FRAG_ORDER);
    assert_int_equal(piece(4, 400, 400, true, 53), DROP_FRAG_UNKNOWN);
    now += 31 * SECOND;
    assert_int_equal(piece(5, 0, 800, true, 53), DROP_NONE);
    for (u32 id = 6; id < 6 + FILTER_FRAGMENTS; id++) {
        now++;
        assert_int_equal(piece(id, 0, 800, true, 53), DROP_NONE);
    }
    assert_int_equal(piece(5, 800, 80, false, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(6, 800, 80, false, 53), DROP_NONE);
    /* A third one begins anew: no matter. Either end does: it is over. */
    filter_forget(net.f, net.f->rules.vif[2].domid);
    assert_int_equal(piece(7, 800, 80, true, 53), DROP_NONE);
    filter_forget(net.f, net.f->rules.vif[0].domid);
    assert_int_equal(piece(7, 880, 80, false, 53), DROP_FRAG_UNKNOWN);
    assert_int_equal(piece(5, 0, 800, true, 53), DROP_NONE);
    filter_forget(net.f, net.f->rules.vif[1].domid);
    assert_int_equal(piece(5, 800, 80, false, 53), DROP_FRAG_UNKNOWN);
    fix_end(&net);
}

/* ---- tables of flows ---- */

static void test_table_is_shared_out(void **state)
{
    (void)state;
    begin("'pass out proto udp', 'pass in proto udp'", "'pass in proto udp'",
          "'pass'");
    u32 passed = 0;
    for (u32 port = 1; port <= 3000; port++) {
        passed += udp(0, 1, port, 53) == DROP_NONE ? 1 : 0;
    }
    assert_int_equal(passed, STATES_MAX / 2);
    assert_int_equal(answer.drop, DROP_STATE_PEER);
    /* The other still finds room, and its own flows stay. */
    assert_int_equal(udp(2, 1, 1, 53), DROP_NONE);
    assert_int_equal(udp(1, 0, 53, 1), DROP_NONE);
    /* The sender's own table: all of it, and no more. */
    for (u32 port = 1; port <= 3000; port++) {
        (void)!udp(0, 2, port, 53);
    }
    assert_int_equal(net.states[0]->count, STATES_MAX);
    assert_int_equal(udp(0, 2, 60000, 53), DROP_STATE_FULL);
    now += 61 * SECOND;
    assert_int_equal(udp(0, 2, 60000, 53), DROP_NONE);
    fix_end(&net);
}

static void test_max(void **state)
{
    (void)state;
    begin("'pass out proto udp keep state (max 2)'", "'pass'", "'pass'");
    assert_int_equal(udp(0, 1, 1, 53), DROP_NONE);
    assert_int_equal(udp(0, 1, 2, 53), DROP_NONE);
    assert_int_equal(udp(0, 1, 3, 53), DROP_STATE_MAX);
    assert_int_equal(udp(0, 1, 2, 53), DROP_NONE);
    now += 61 * SECOND;
    assert_int_equal(udp(0, 1, 3, 53), DROP_NONE);
    fix_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_expires),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_tcp_life),
        cmocka_unit_test(test_tcp_window),
        cmocka_unit_test(test_tcp_reset),
        cmocka_unit_test(test_tcp_scaled),
        cmocka_unit_test(test_tcp_largest_window),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_table_is_shared_out),
        cmocka_unit_test(test_max),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
