/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: order of rules, both ends, who a frame is for, change of rules.
 */
#include "tests/verdict_fixture.h"

/* ---- rules ---- */

static void test_last_match_wins(void **state)
{
    (void)state;
    begin("'pass proto udp', 'block proto udp to port 53',"
          "'pass proto udp to db port { 53 54 } label \"x\"',"
          "'block quick proto udp to port 99', 'pass proto udp to port 99'",
          "'pass'", "'pass'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(udp(0, 2, 1000, 53), DROP_RULE);
    assert_int_equal(net.f->rules.rule[answer.rule].order, 2);
    assert_false(answer.is_log || answer.is_receiver);
    assert_int_equal(udp(0, 1, 1000, 99), DROP_RULE);
    assert_int_equal(udp(0, 1, 1000, 77), DROP_NONE);
    /* UDP's rules say nothing of TCP: blocked and logged. */
    assert_int_equal(tcp(0, 1, 5, 6, (struct segment){ .flags = TCP_SYN }),
                     DROP_RULE_DEFAULT);
    assert_true(answer.is_log);
    fix_end(&net);
}

static void test_both_ends_decide(void **state)
{
    (void)state;
    begin("'pass out proto udp'",
          "'pass in proto udp from web to port 53',"
          "'block in log proto udp to port 54'",
          "'pass'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(udp(0, 1, 1000, 54), DROP_RULE);
    assert_true(answer.is_receiver && answer.is_log);
    char text[80];
    struct packet p = { .type = ETH_IP4,
                        .flow = { .from = { 0, IP(0) },
                                  .to = { 0, IP(1) },
                                  .from_port = 1000,
                                  .to_port = 54,
                                  .proto = IP_UDP } };
    filter_text(net.f, &p, &answer, text, sizeof(text));
    assert_string_equal(text, "udp 10.0.0.2:1000 -> 10.0.0.3:54 db.cfg:6");
    assert_int_equal(udp(2, 1, 1000, 53), DROP_RULE_DEFAULT);
    assert_true(answer.is_receiver);
    assert_int_equal(udp(1, 0, 1000, 53), DROP_RULE_DEFAULT);
    assert_false(answer.is_receiver);
    /* What was refused by the receiver keeps no flow at the sender. */
    assert_int_equal(net.states[0]->count, 1);
    assert_int_equal(net.states[2]->count, 0);
    fix_end(&net);
}

/* Who reads the log is told where it is written, whatever the reason: in the
 * fixture's files interfaces are in line 5, rules in line 6. */
static void test_place_of_each_reason(void **state)
{
    (void)state;
    begin("'pass out proto udp'", "'block in proto udp from web'", "'pass'");
    const struct {
        struct filter_answer a;
        const char *text;
    } rows[] = {
        { { .drop = DROP_BIND_IP4, .rule = FILTER_NO_RULE, .vif = 0 },
          " spoofed-ipv4 web.cfg:5" },
        { { .drop = DROP_BIND_MAC, .rule = FILTER_NO_RULE, .vif = 1 },
          " spoofed-mac db.cfg:5" },
        { { .drop = DROP_TCP_XMAS, .rule = FILTER_NO_RULE, .vif = 2 },
          " tcp-fin-without-ack other.cfg:5" },
        { { .drop = DROP_RULE_DEFAULT, .rule = FILTER_NO_RULE, .vif = 1 },
          " no-rule db.cfg:6" },
        { { .drop = DROP_ISOLATED, .rule = FILTER_NO_RULE, .vif = 0 },
          " isolated web.cfg:6" },
        { { .drop = DROP_TCP_WINDOW, .rule = 0, .vif = 0 },
          " tcp-outside-window web.cfg:6" },
        { { .drop = DROP_NONE, .rule = FILTER_NO_RULE, .vif = 0 }, "" },
    };
    struct packet p = { .type = ETH_IP6,
                        .flow = { .from = { ~0ull, ~0ull },
                                  .to = { ~0ull, ~0ull },
                                  .from_port = 65535,
                                  .to_port = 65535,
                                  .proto = IP_TCP,
                                  .is_ip6 = true } };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (u32 room = 32; room < 200; room++) {
            char text[200];
            const u32 bytes = filter_text(net.f, &p, &rows[i].a, text, room);
            const u32 end = (u32)strlen(rows[i].text);
            assert_int_equal(bytes, strlen(text));
            assert_true(bytes < room && (bytes + 1 < room || end + 2 > room));
            assert_true(end + 2 > room ||
                        strcmp(text + bytes - end, rows[i].text) == 0);
        }
    }
    /* What was asked of the verdict itself. */
    assert_int_equal(tcp(0, 1, 5, 6, (struct segment){ .flags = TCP_SYN }),
                     DROP_RULE_DEFAULT);
    assert_int_equal(answer.vif, 0);
    assert_int_equal(tcp(2, 1, 5, 6, (struct segment){ .flags = TCP_SYN }),
                     DROP_RULE_DEFAULT);
    assert_int_equal(answer.vif, 1);
    fix_end(&net);
}

static void test_log_of_what_passes(void **state)
{
    (void)state;
    begin("'pass out log proto udp'", "'pass in proto udp'",
          "'pass in log proto udp', 'pass out proto udp'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_true(answer.is_log && !answer.is_receiver);
    assert_int_equal(answer.rule, net.f->rules.vif[0].out_first);
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE); /* a known flow */
    assert_false(answer.is_log);
    assert_int_equal(udp(0, 2, 1000, 53), DROP_NONE);
    assert_true(answer.is_log && answer.is_receiver);
    assert_int_equal(udp(2, 1, 1000, 53), DROP_NONE);
    assert_false(answer.is_log);
    fix_end(&net);
}

/* What each Linux says to the link is counted by its own name and not told of,
 * unless a rule is about it; the same to a host, or a query, is. */
static void test_group_membership(void **state)
{
    static const struct {
        u8 proto;
        u8 type;
        struct addr to;
        enum drop drop;
    } rows[] = {
        { IP_ICMP6, 143, { 0xff02ull << 48, 0x16 }, DROP_GROUP },
        { IP_ICMP6, 131, { 0xff02ull << 48, 0xfb }, DROP_GROUP },
        { IP_ICMP6, 133, { 0xff02ull << 48, 2 }, DROP_GROUP },
        { IP_ICMP6, 130, { 0xff02ull << 48, 1 }, DROP_RULE_DEFAULT },
        { IP_ICMP6, 128, { 0xff02ull << 48, 1 }, DROP_RULE_DEFAULT },
        { IP_ICMP6, 143, { 0xff05ull << 48, 1 }, DROP_RULE_DEFAULT },
        { IP_ICMP6, 143, { 0x20010db8ull << 32, 3 }, DROP_RULE_DEFAULT },
        { IP_IGMP, 0, { 0, 0xe0000016 }, DROP_GROUP },
        { IP_IGMP, 0, { 0, IP(1) }, DROP_RULE_DEFAULT },
        { IP_UDP, 0, { 0, 0xe00000fb }, DROP_RULE_DEFAULT },
    };

    (void)state;
    begin("'pass out proto tcp', 'block out log proto igmp to 224.0.0.22'",
          "'pass'", "");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct packet p = { .type = ETH_IP4,
                            .flow = { .to = rows[i].to,
                                      .from = { 0, IP(2) },
                                      .proto = rows[i].proto,
                                      .is_ip6 = rows[i].to.high != 0 },
                            .icmp_type = rows[i].type };
        const u64 before = net.f->drops[2][rows[i].drop];
        p.type = p.flow.is_ip6 ? ETH_IP6 : ETH_IP4;
        assert_false(filter_pass(net.f, 2, 1, &p, now, &answer));
        assert_int_equal(answer.drop, rows[i].drop);
        assert_int_equal(answer.is_log, rows[i].drop != DROP_GROUP);
        assert_int_equal(net.f->drops[2][rows[i].drop], before + 1);
        assert_false(filter_pass(net.f, 0, 1, &p, now, &answer));
        assert_int_equal(answer.drop, rows[i].to.low == 0xe0000016
                                          ? DROP_RULE
                                          : rows[i].drop);
    }
    fix_end(&net);
}

static void test_no_state(void **state)
{
    (void)state;
    begin("'pass out proto udp no state'", "'pass in proto udp no state'",
          "'pass'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(udp(1, 0, 53, 1000), DROP_RULE_DEFAULT);
    assert_int_equal(net.states[0]->count + net.states[1]->count, 0);
    fix_end(&net);
}

/* ---- who a frame is for ---- */

static enum drop arp(u32 from, u32 to, u32 ask, bool is_all)
{
    static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct frame f;

    frame_eth(&f, is_all ? all : mac[to], mac[from], ETH_ARP);
    u8 *const a = f.b + 14;
    put16(a, 1);
    put16(a + 2, ETH_IP4);
    put16(a + 4, 0x0604);
    put16(a + 6, is_all ? 1 : 2);
    memcpy(a + 8, mac[from], 6);
    put32(a + 14, IP(from));
    put32(a + 24, ask);
    f.bytes = 42;
    return send(&f, from, to);
}

static void test_who_is_asked(void **state)
{
    (void)state;
    begin("'pass'", "'pass'", "'pass'");
    assert_int_equal(arp(0, 1, IP(1), true), DROP_NONE);
    assert_int_equal(arp(0, 2, IP(1), true), DROP_BIND_DEST);
    assert_int_equal(arp(1, 0, IP(0), false), DROP_NONE);
    /* Announcing oneself concerns nobody. */
    assert_int_equal(arp(0, 1, IP(0), true), DROP_BIND_DEST);
    fix_end(&net);
}

/* Questions pass between those who may begin something with each other, in
 * either direction, and between nobody else. */
static void test_isolated_pairs(void **state)
{
    (void)state;
    begin("'pass out proto tcp to db'", "'pass in proto tcp from web'",
          "'pass out', 'block in'");
    assert_int_equal(arp(0, 1, IP(1), true), DROP_NONE);
    assert_int_equal(arp(1, 0, IP(0), false), DROP_NONE);
    assert_int_equal(arp(1, 0, IP(0), true), DROP_NONE);
    assert_int_equal(arp(2, 1, IP(1), true), DROP_ISOLATED);
    assert_int_equal(arp(0, 2, IP(2), true), DROP_ISOLATED);
    fix_end(&net);
    /* A gateway: for addresses that nobody here has. */
    begin("'pass out proto tcp to 192.0.2.0/24'", "'pass in from web'",
          "'pass in from 10.0.0.9'");
    assert_int_equal(arp(0, 1, IP(1), true), DROP_NONE);
    assert_int_equal(arp(0, 2, IP(2), true), DROP_ISOLATED);
    fix_end(&net);
    begin("", "", "");
    assert_int_equal(arp(0, 1, IP(1), true), DROP_ISOLATED);
    fix_end(&net);
}

/* ---- change ---- */

static void change(const char *web, const char *db)
{
    struct fixture next = { .f = NULL };
    struct filter *const old = net.f;

    fix_tenant(&next, "web", "bridge=b,mac=00:16:3e:00:00:02,ip=10.0.0.2", web);
    fix_tenant(&next, "db", "bridge=b,mac=00:16:3e:00:00:03,ip=10.0.0.3", db);
    net.f = fix_load(&next);
    filter_take_over(net.f, old);
    free(old);
    fix_free_set(&next);
}

static void test_change_of_rules(void **state)
{
    (void)state;
    begin("'pass out proto udp'", "'pass in proto udp'", "'pass'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_NONE);
    assert_int_equal(udp(0, 1, 1000, 54), DROP_NONE);
    const u64 drops = net.f->drops[0][DROP_RULE_DEFAULT];
    change("'pass out proto udp'", "'pass in proto udp to port 53'");
    assert_int_equal(net.f->drops[0][DROP_RULE_DEFAULT], drops);
    /* The answer comes first: it is of a flow that may still be. */
    assert_int_equal(udp(1, 0, 53, 1000), DROP_NONE);
    assert_true(answer.is_state);
    assert_int_equal(udp(1, 0, 54, 1000), DROP_RULE_DEFAULT);
    assert_int_equal(udp(0, 1, 1000, 54), DROP_RULE_DEFAULT);
    assert_int_equal(net.states[1]->count, 1);
    change("'block'", "'pass'");
    assert_int_equal(udp(0, 1, 1000, 53), DROP_RULE);
    fix_end(&net);
}

static void test_forget(void **state)
{
    (void)state;
    begin("'pass'", "'pass in'", "'pass in'");
    handshake();
    assert_int_equal(udp(0, 2, 1, 2), DROP_NONE);
    filter_forget(net.f, 2); /* db begins anew */
    assert_int_equal(net.states[0]->count, 1);
    assert_int_equal(net.states[1]->count, 0);
    handshake();
    fix_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_match_wins),
        cmocka_unit_test(test_both_ends_decide),
        cmocka_unit_test(test_place_of_each_reason),
        cmocka_unit_test(test_log_of_what_passes),
        cmocka_unit_test(test_group_membership),
        cmocka_unit_test(test_no_state),
        cmocka_unit_test(test_who_is_asked),
        cmocka_unit_test(test_isolated_pairs),
        cmocka_unit_test(test_change_of_rules),
        cmocka_unit_test(test_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
