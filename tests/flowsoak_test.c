/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many packets through the filter, by flows that begin, end, stall and are
 * forgotten: when their time has passed, each table of flows is as it was made.
 * PACKETS=N in the environment sends more than usual.
 */
#include "tests/verdict_fixture.h"

#define PACKETS 300000ul
#define DAY (86400ull * SECOND)
#define STEP_NS 20000000u /* at most, between two packets */

static u32 passed, refused;

static u32 any(u32 n)
{
    return (u32)random() % n;
}

static void count(enum drop drop)
{
    if (drop == DROP_NONE) {
        passed++;
    } else {
        refused++;
    }
}

/* From its first packet to its last, or as far as it gets. */
static void tcp_life(u32 from, u32 to, u32 port)
{
    const u32 parts = 1 + any(6);
    const struct {
        bool is_back;
        struct segment s;
    } life[6] = { { false, { TCP_SYN, 100, 0, 0, 0 } },
                  { true, { TCP_SYN | TCP_ACK, 900, 101, 0, 0 } },
                  { false, { TCP_ACK, 101, 901, 40, 0 } },
                  { true, { TCP_ACK | TCP_FIN, 901, 141, 0, 0 } },
                  { false, { TCP_ACK | TCP_FIN, 141, 902, 0, 0 } },
                  { true, { any(2) ? TCP_ACK : TCP_RST, 902, 142, 0, 0 } } };
    for (u32 i = 0; i < parts; i++) {
        count(life[i].is_back ? tcp(to, from, 80, port, life[i].s)
                              : tcp(from, to, port, 80, life[i].s));
    }
}

static void some_packets(void)
{
    const u32 from = any(3);
    const u32 to = (from + 1 + any(2)) % 3;
    const u32 port = 1024 + any(60000);
    const u32 kind = any(100);
    if (kind < 45) {
        tcp_life(from, to, port);
    } else if (kind < 85) {
        count(udp(from, to, port, 53));
        count(udp(to, from, 53, port));
    } else if (kind < 99) {
        count(ping(from, to, 8, port));
        count(ping(to, from, 0, port));
    } else if (any(50) == 0) {
        filter_forget(net.f, net.f->rules.vif[from].domid);
    }
    now += any(STEP_NS);
}

/* Nothing is kept, and each entry is free once. */
static void is_new(const struct states *s)
{
    static bool seen[STATES_MAX];
    u32 free_count = 0;
    memset(seen, 0, sizeof(seen));
    assert_int_equal(s->count, 0);
    for (u16 i = s->free; i != STATE_NONE; i = s->state[i].next) {
        assert_true(i < STATES_MAX && !seen[i] && !s->state[i].is_used);
        seen[i] = true;
        free_count++;
    }
    assert_int_equal(free_count, STATES_MAX);
    for (u32 i = 0; i < STATES_MAX; i++) {
        assert_int_equal(s->head[i], STATE_NONE);
    }
    for (u32 i = 0; i < STATE_PEERS; i++) {
        assert_int_equal(s->peer_count[i], 0);
    }
    for (u32 i = 0; i < RULES_MAX; i++) {
        assert_int_equal(s->rule_count[i], 0);
    }
}

static void test_tables_are_as_new_after_all_flows(void **state)
{
    const char *const wanted = getenv("PACKETS");
    const u64 packets = wanted != NULL ? strtoull(wanted, NULL, 10) : PACKETS;
    u32 most = 0;

    (void)state;
    srandom(7);
    begin(
        "\"pass keep state\"", "\"pass keep state\"",
        "\"pass in proto tcp from any to any keep state (max 100)\","
        "\"pass out proto udp keep state\", \"pass in proto udp keep state\"");
    while ((u64)passed + refused < packets) {
        some_packets();
        most = net.f->states[0]->count > most ? net.f->states[0]->count : most;
    }
    print_message("%u passed, %u refused, at most %u flows\n", passed, refused,
                  most);
    assert_true(most > 1000 && passed > packets / 3);
    now += DAY * 30;
    for (u32 i = 0; i < 3; i++) {
        states_sweep(net.f->states[i], now);
        is_new(net.f->states[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_as_new_after_all_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
