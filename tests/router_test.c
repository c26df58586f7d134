/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's half of the handshake: simulated front-ends and a simulated
 * store, which come, go, lie and die.
 */
#include "tests/router_standin.h"

/* ---- handshake -------------------------------------------------------------
 */

static void test_handshake(void **state)
{
    (void)state;
    begin(1);
    look();
    assert_string_equal(back_get(1, "state"), "");
    front_set(1, "state", "1");
    back_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
    assert_string_equal(back_get(1, "feature-rx-copy"), "1");
    assert_int_equal(windows_used(), 0);
    front_ready(1);
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "4");
    assert_int_equal(windows_used(), 2);
    front_set(1, "state", "5");
    look();
    assert_string_equal(back_get(1, "state"), "5");
    assert_int_equal(windows_used(), 0);
    assert_int_equal(fake.port_of[1], 0);
    front_set(1, "state", "6");
    look();
    assert_string_equal(back_get(1, "state"), "6");
    front_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
}

static void test_bad_front_ends_are_refused(void **state)
{
    static const char *const bad[][2] = {
        { "tx-ring-ref", "99" },           { "rx-ring-ref", "-1" },
        { "event-channel", "8" },          { "request-rx-copy", "0" },
        { "multi-queue-num-queues", "2" }, { "tx-ring-ref", "" },
        { "tx-ring-ref", "4294967296" },   { "rx-ring-ref", "2 " },
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        begin(1);
        front_ready(1);
        front_set(1, bad[i][0], bad[i][1]);
        front_set(1, "state", "4");
        look();
        assert_string_equal(back_get(1, "state"), "6");
        assert_int_equal(windows_used(), 0);
        assert_int_equal(fake.port_of[1], 0);
    }
    begin(1);
    front_ready(1);
    tx_word(1)[0] = 300;
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "6");
    assert_int_equal(windows_used(), 0);
}

static void test_tenant_restarts(void **state)
{
    (void)state;
    begin_connected(2);
    fake.alive[1] = false;
    assert_true(backend_reap(&router));
    assert_int_equal(windows_used(), 2);
    assert_int_equal(forgotten[1], 1); /* the next one has none of its flows */
    front_set(1, "state", "1");
    back_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
    front_ready(1);
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "4");
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(rx_status(2, 0), 60);
    /* Before it is seen to have ended. */
    front_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
    assert_int_equal(forgotten[1], 2);
    assert_int_equal(forgotten[2], 0);
}

static void test_router_restarts(void **state)
{
    (void)state;
    begin_connected(2);
    for (u32 i = 0; i < 5; i++) {
        send_frame(1, 2, 60 + i, 0);
        turn();
    }
    memset(resumed, 0, sizeof(resumed));
    begin_router();
    look();
    assert_string_equal(back_get(1, "state"), "4");
    /* Once: who connects later had nothing to go on with. */
    assert_int_equal(resumed[0], 1);
    assert_int_equal(resumed[1], 1);
    look();
    send_frame(1, 2, 100, 0);
    turn();
    assert_int_equal(rx_status(2, 4), 64);
    assert_int_equal(rx_status(2, 5), 100);
    assert_int_equal(tx_word(1)[2], 6);
    front_set(1, "state", "1");
    look();
    front_ready(1);
    front_set(1, "state", "4");
    look();
    assert_int_equal(resumed[0], 1);
}

/* Who comes when the router is there has no flows of an earlier one. */
static void test_a_late_front_end_resumes_nothing(void **state)
{
    (void)state;
    begin(1);
    look();
    front_ready(1);
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "4");
    assert_int_equal(resumed[0], 0);
}

/* A toolstack takes the device away: it says so in our own node, and waits
 * until we have let go. The front-end hears of it from us, and begins anew. */
static void test_a_device_is_detached(void **state)
{
    (void)state;
    begin_connected(2);
    back_set(1, "online", "0");
    back_set(1, "state", "5");
    look();
    assert_string_equal(back_get(1, "state"), "6");
    assert_int_equal(windows_used(), 2);
    assert_int_equal(fake.port_of[1], 0);
    assert_int_equal(forgotten[1], 1);
    look(); /* its front-end has not heard of it yet */
    assert_string_equal(back_get(1, "state"), "6");
    front_set(1, "state", "6");
    look();
    assert_string_equal(back_get(1, "state"), "6");
    /* Attached again. */
    front_set(1, "state", "1");
    back_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
    front_ready(1);
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "4");
}

static void test_store_restarts(void **state)
{
    (void)state;
    begin_connected(2);
    const u32 watches = fake.watches;

    fake.silent = true;
    send_frame(1, 2, 60, 0);
    assert_false(backend_look(&router));
    assert_int_equal(rx_status(2, 0), 60); /* frames went on */
    fake.silent = false;
    fake.nodes = 0; /* it has lost everything */
    store_ring.req_cons = store_ring.req_prod;
    look();
    front_set(1, "state", "4");
    look();
    assert_string_equal(back_get(1, "state"), "4");
    assert_string_equal(back_get(1, "feature-rx-copy"), "1");
    assert_true(fake.watches > watches);
    assert_int_equal(windows_used(), 4);
    send_frame(1, 2, 61, 0);
    turn();
    assert_int_equal(rx_status(2, 1), 61);
}

static void test_store_lies(void **state)
{
    (void)state;
    begin_connected(1);
    store_ring.rsp_prod += 2000;
    look();
    fake.silent = true;
    store_ring.req_cons -= 2000;
    assert_false(backend_look(&router));
    fake.silent = false;
    store_ring.req_cons = store_ring.req_prod;
    const u32 head[4] = { 2, 0, 0, 5000 };
    for (u32 i = 0; i < 16; i++) {
        store_ring.rsp[store_ring.rsp_prod++ % 1024] = ((const u8 *)head)[i];
    }
    look();
    assert_int_equal(windows_used(), 2);
}

static void test_a_liar_is_closed_alone(void **state)
{
    (void)state;
    begin_connected(3);
    tx_word(1)[0] += 1000;
    rx_word(2)[0] += 1000;
    send_frame(3, 2, 60, 0);
    turn();
    send_frame(3, 1, 60, 0);
    turn();
    look();
    assert_string_equal(back_get(1, "state"), "5");
    assert_string_equal(back_get(2, "state"), "5");
    assert_string_equal(back_get(3, "state"), "4");
    assert_int_equal(windows_used(), 2);
    front_set(1, "state", "6");
    look();
    assert_string_equal(back_get(1, "state"), "6");
    front_set(1, "state", "1");
    look();
    assert_string_equal(back_get(1, "state"), "2");
}

static void test_bindings_go_and_come(void **state)
{
    (void)state;
    begin_connected(2);
    header.vif_count = 1;
    assert_null(ruleset_take(&router, NULL, 0, 2));
    assert_int_equal(windows_used(), 2);
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(rx_word(2)[2], 0);
    look();
    assert_string_equal(back_get(2, "state"), "6");
    header.vif_count = 2;
    front_set(2, "state", "1");
    assert_null(ruleset_take(&router, NULL, 0, 3));
    look();
    assert_string_equal(back_get(2, "state"), "2");
    assert_string_equal(back_get(1, "state"), "4");
}

/* ---- frames in many slots ---------------------------------------------------
 */

/* A frame whose headers are spread over as many slots as there may be, some of
 * them empty, arrives as one piece; the filter sees it as one (XSA-423, 432,
 * 448). */
static void test_headers_in_pieces(void **state)
{
    (void)state;
    begin_connected(2);
    const u32 pieces = NETRING_FRAGMENTS_MAX;
    const u32 piece = 3; /* of the others; the first has the rest */
    const u8 *const f = frame_between(1, 2);
    u8 want[60];

    memcpy(want, f, 14);
    for (u32 i = 14; i < 60; i++) {
        want[i] = (u8)(i * 5);
    }
    /* Some of 3 bytes, some of none, from the first byte of the second slot
     * on: 60 bytes in all. */
    u32 at = 60 - (pieces - 1) / 2 * piece;
    memcpy(fake.page[1][TX_BUFFER], want, at);
    tx_put(1, TX_BUFFER, NETTX_MORE << 16, 60u << 16);
    for (u32 i = 1; i < pieces; i++) {
        const u32 bytes = i % 2 == 0 ? piece : 0;
        memcpy(fake.page[1][TX_BUFFER + i], want + at, bytes);
        at += bytes;
        tx_put(1, TX_BUFFER + i, (i + 1 < pieces ? NETTX_MORE : 0u) << 16,
               i | bytes << 16);
    }
    assert_int_equal(at, 60);
    turn();
    assert_int_equal(tx_status(1, 0), NET_OKAY);
    assert_int_equal(rx_status(2, 0), 60);
    assert_int_equal(rx_word(2)[2], 1);
    assert_memory_equal(fake.page[2][RX_BUFFER], want, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_bad_front_ends_are_refused),
        cmocka_unit_test(test_tenant_restarts),
        cmocka_unit_test(test_router_restarts),
        cmocka_unit_test(test_a_late_front_end_resumes_nothing),
        cmocka_unit_test(test_a_device_is_detached),
        cmocka_unit_test(test_store_restarts),
        cmocka_unit_test(test_store_lies),
        cmocka_unit_test(test_a_liar_is_closed_alone),
        cmocka_unit_test(test_bindings_go_and_come),
        cmocka_unit_test(test_headers_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
