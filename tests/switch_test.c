/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between simulated front-ends: what arrives is what was sent, whoever
 * is not to have it does not, limits hold.
 */
#include "tests/router_standin.h"

/* ---- frames ----------------------------------------------------------------
 */

static void test_one_frame(void **state)
{
    (void)state;
    begin_connected(3);
    u8 *f = frame_between(1, 2);

    for (u32 i = 12; i < 1514; i++) {
        f[i] = (u8)(i * 7);
    }
    send_frame(1, 2, 1514, NETTX_CSUM_BLANK);
    turn();
    assert_int_equal(tx_status(1, 0), NET_OKAY);
    assert_int_equal(rx_status(2, 0), 1514);
    assert_int_equal(rx_flags_at(2, 0), NETRX_CSUM_BLANK | NETRX_VALIDATED);
    assert_memory_equal(fake.page[2][RX_BUFFER], f, 1514);
    assert_int_equal(rx_word(3)[2], 0);
    assert_int_equal(fake.notified[1], 1);
    assert_int_equal(fake.notified[2], 1);
}

/* A large packet of three fragments, the first of so many bytes. */
static void send_large(u32 from, u32 to, u32 first)
{
    (void)frame_between(from, to);
    for (u32 i = 14; i < PAGE_BYTES; i++) {
        fake.page[from][TX_BUFFER][i] = (u8)(i * 3);
        fake.page[from][TX_BUFFER + 1][i] = (u8)(i * 5);
        fake.page[from][TX_BUFFER + 2][i] = (u8)(i * 7);
    }
    tx_put(from, TX_BUFFER, (NETTX_MORE | NETTX_EXTRA | NETTX_CSUM_BLANK) << 16,
           1 | (first + 5096) << 16);
    tx_put(from, 1 | 1448u << 16, NETRING_GSO_TCP4, 0);
    tx_put(from, TX_BUFFER + 1, NETTX_MORE << 16, 2 | 4096u << 16);
    tx_put(from, TX_BUFFER + 2, 0, 3 | 1000u << 16);
}

/* Wherever the head of 512 bytes ends: in the first fragment, or in the second;
 * each fragment gets a page. */
static void large_packet(u32 first)
{
    begin_connected(2);
    send_large(1, 2, first);
    turn();
    assert_int_equal(tx_status(1, 0), NET_OKAY);
    assert_int_equal(tx_status(1, 1), NET_NULL);
    assert_int_equal(tx_status(1, 3), NET_OKAY);
    /* First page, extra info, two more pages. */
    assert_int_equal(rx_word(2)[2], 4);
    assert_int_equal(rx_status(2, 0), first);
    assert_int_equal(rx_flags_at(2, 0) & (NETRX_MORE | NETRX_EXTRA),
                     NETRX_MORE | NETRX_EXTRA);
    assert_int_equal(rx_word(2)[16 + 2], 1 | 1448u << 16);
    assert_int_equal(rx_status(2, 2), 4096);
    assert_int_equal(rx_status(2, 3), 1000);
    assert_int_equal(rx_flags_at(2, 3), 0);
    assert_memory_equal(fake.page[2][RX_BUFFER], fake.page[1][TX_BUFFER],
                        first);
    assert_memory_equal(fake.page[2][RX_BUFFER + 2],
                        fake.page[1][TX_BUFFER + 1], 4096);
    assert_memory_equal(fake.page[2][RX_BUFFER + 3],
                        fake.page[1][TX_BUFFER + 2], 1000);
    assert_int_equal(router.vif[1].rx_bytes, first + 5096);
}

static void test_fragments_and_segments(void **state)
{
    (void)state;
    large_packet(3904);
    large_packet(66);
    large_packet(512);
}

/* What was judged is what arrives, though the sender writes meanwhile. */
static void test_the_head_is_read_once(void **state)
{
    (void)state;
    begin_connected(2);
    send_large(1, 2, 66);
    fake.scribble = 1;
    turn();
    assert_int_equal(tx_status(1, 0), NET_OKAY);
    for (u32 i = 14; i < 66; i++) {
        assert_int_equal(fake.page[2][RX_BUFFER][i], (u8)(i * 3));
    }
    for (u32 i = 14; i < PACKET_HEADER_MAX - 66; i++) {
        assert_int_equal(fake.page[2][RX_BUFFER + 2][i], (u8)(i * 5));
    }
    assert_int_equal(fake.page[2][RX_BUFFER + 2][PACKET_HEADER_MAX], 0xee);
}

/* A fragment that is not granted behind a good head closes its sender; one of
 * the receiver's does not. */
static void test_a_rest_that_is_not_granted(void **state)
{
    (void)state;
    begin_connected(2);
    fake.granted[2][RX_BUFFER + 3] = false;
    send_large(1, 2, 66);
    turn();
    assert_int_equal(rx_status(2, 0), NET_ERROR);
    assert_int_equal(router.vif[0].tx.lie, NETRING_OK);
    fake.granted[2][RX_BUFFER + 3] = true;
    fake.granted[1][TX_BUFFER + 2] = false;
    send_large(1, 2, 66);
    turn();
    assert_int_equal(rx_status(2, 4), NET_ERROR);
    assert_int_equal(router.vif[0].tx.lie, NETRING_GRANT);
}

/* Who takes no large packets asks for all of the bytes. */
static void test_a_rest_for_segments(void **state)
{
    (void)state;
    begin_connected(2);
    router.vif[1].gso4 = false;
    fake.granted[1][TX_BUFFER + 2] = false;
    send_large(1, 2, 66);
    turn();
    assert_int_equal(rx_word(2)[2], 0);
    assert_int_equal(router.vif[0].tx.lie, NETRING_GRANT);
}

static void test_broadcast_and_blocking(void **state)
{
    (void)state;
    begin_connected(3);
    send_frame(1, DOMS, 60, 0);
    turn();
    assert_int_equal(rx_status(2, 0), 60);
    assert_int_equal(rx_status(3, 0), 60);
    assert_int_equal(rx_word(1)[2], 0);
    blocked[2] = true;
    is_logged = true;
    send_frame(1, DOMS, 61, 0);
    turn();
    assert_int_equal(rx_word(2)[2], 1);
    assert_int_equal(rx_status(3, 1), 61);
    send_frame(1, 2, 62, 0);
    turn();
    assert_int_equal(tx_status(1, 2), NET_DROPPED);
    assert_int_equal(rx_word(2)[2], 1);
    assert_string_equal(fake.last_report, "denied by 3");
    /* Another bridge. */
    blocked[2] = false;
    binding[1].bridge[0] = 'x';
    assert_null(ruleset_take(&router, NULL, 0, 2));
    send_frame(1, 2, 63, 0);
    turn();
    assert_int_equal(rx_word(2)[2], 1);
    /* Somebody else's address. */
    frame_between(1, 3)[11] = 3;
    tx_put(1, TX_BUFFER, 0, 60u << 16);
    turn();
    assert_int_equal(rx_word(3)[2], 2);
}

static void test_reports_are_few_and_exact(void **state)
{
    (void)state;
    begin_connected(2);
    blocked[2] = true;
    is_logged = true;
    for (u32 i = 0; i < 100; i++) {
        send_frame(1, 2, 60, 0);
        turn();
        if (i == 50) {
            assert_int_equal(fake.reports, 4);
        }
    }
    fake.now += 2000000000;
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(fake.reports, 101);
}

static void test_who_is_told_of(void **state)
{
    (void)state;
    begin_connected(2);
    blocked[2] = true; /* by a rule without `log` */
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(tx_status(1, 0), NET_DROPPED);
    assert_int_equal(router.vif[0].denied, 1);
    assert_int_equal(fake.reports, 0);
    blocked[2] = false;
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(fake.reports, 0);
    is_logged = true;
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(rx_status(2, 1), 60);
    assert_int_equal(router.vif[0].denied, 1);
    assert_int_equal(fake.reports, 1);
    assert_string_equal(fake.last_report, "passed said by 3");
}

static void test_drops_are_counted_by_name(void **state)
{
    (void)state;
    begin_connected(2);
    send_frame(1, 3, 60, 0); /* nobody has this address */
    turn();
    assert_int_equal(tx_status(1, 0), NET_DROPPED);
    assert_int_equal(dropped[0][DROP_BIND_DEST], 1);
    malformed = DROP_ETH_VLAN;
    send_frame(2, 1, 60, 0);
    turn();
    assert_int_equal(tx_status(2, 0), NET_DROPPED);
    assert_int_equal(dropped[1][DROP_ETH_VLAN], 1);
    assert_int_equal(dropped[1][DROP_BIND_DEST], 0);
    assert_int_equal(fake.reports, 1);
    /* A group that nobody is in, and a frame that is taken, are no drops. */
    malformed = DROP_NONE;
    fake.alive[2] = false;
    assert_true(backend_reap(&router));
    send_frame(1, DOMS, 60, 0);
    turn();
    assert_int_equal(dropped[0][DROP_BIND_DEST], 1);
}

static void test_receiver_has_no_room(void **state)
{
    (void)state;
    begin_connected(2);
    for (u32 i = 0; i < 40; i++) {
        send_frame(1, 2, 60, 0);
        turn();
    }
    assert_int_equal(rx_word(2)[2], 32);
    assert_int_equal(tx_word(1)[2], 40);
    assert_int_equal(router.vif[1].no_room, 8);
    rx_offer(2, 1);
    send_frame(1, 2, 61, 0);
    turn();
    assert_int_equal(rx_status(2, 32), 61);
}

/* Small frames of one leave room for a large packet of another, however many
 * they are; and who had little may have what is left. */
static void test_small_frames_leave_room(void **state)
{
    (void)state;
    begin_connected(3);
    rx_offer(3, 256 - 32);
    for (u32 i = 0; i < 256; i++) {
        send_frame(1, 3, 60, 0);
    }
    for (u32 i = 0; i < 8; i++) {
        turn();
    }
    assert_int_equal(tx_word(1)[2], 256);
    assert_int_equal(rx_word(3)[2], 256 - 64);
    assert_int_equal(router.vif[2].no_room, 64);
    for (u32 i = 0; i < 16; i++) {
        send_large(2, 3, 66);
        turn();
    }
    assert_int_equal(rx_word(3)[2], 256);
    assert_int_equal(router.vif[2].no_room, 64);
    /* Those buffers come back: the first ones were the small frames'. */
    rx_offer(3, 80);
    send_large(2, 3, 66);
    send_frame(1, 3, 60, 0);
    turn();
    assert_int_equal(router.vif[2].no_room, 64);
}

/* A packet that needs all the buffers there ever are gets them. */
static void test_a_packet_for_all_buffers(void **state)
{
    (void)state;
    begin(2);
    for (u32 dom = 1; dom <= 2; dom++) {
        front_ready(dom);
        rx_word(dom)[0] = NETRING_FRAGMENTS_MAX;
        front_set(dom, "state", "4");
    }
    look();
    for (u32 i = 0; i < 40; i++) {
        (void)frame_between(1, 2);
        tx_put(1, TX_BUFFER, NETTX_MORE << 16, (66 + 17 * 1000) << 16);
        for (u32 k = 1; k < NETRING_FRAGMENTS_MAX; k++) {
            tx_put(1, TX_BUFFER + k,
                   k + 1 < NETRING_FRAGMENTS_MAX ? NETTX_MORE << 16 : 0,
                   1000 << 16);
        }
        turn();
        assert_int_equal(rx_word(2)[2], NETRING_FRAGMENTS_MAX * (i + 1));
        rx_offer(2, NETRING_FRAGMENTS_MAX);
    }
}

/* A receiver with few buffers gets all, as long as it offers them anew. */
static void test_few_buffers_go_round(void **state)
{
    (void)state;
    begin_connected(2);
    for (u32 i = 0; i < 40; i++) {
        for (u32 k = 0; k < 24; k++) {
            send_frame(1, 2, 60, 0);
        }
        turn();
        assert_int_equal(rx_word(2)[2], 24 * (i + 1));
        rx_offer(2, 24);
    }
    for (u32 i = 0; i < 10; i++) {
        send_large(1, 2, 66);
        turn();
        rx_offer(2, 4);
    }
    assert_int_equal(router.vif[1].no_room, 0);
}

static void test_frames_that_are_not_granted(void **state)
{
    (void)state;
    begin_connected(2);
    fake.granted[1][TX_BUFFER] = false;
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(tx_status(1, 0), NET_ERROR);
    assert_int_equal(rx_word(2)[2], 0);
    fake.granted[1][TX_BUFFER] = true;
    fake.granted[2][RX_BUFFER] = false;
    send_frame(1, 2, 60, 0);
    send_frame(1, 2, 60, 0);
    turn();
    assert_int_equal(rx_status(2, 0), NET_ERROR);
    assert_int_equal(rx_status(2, 1), 60);
}

static void test_limits(void **state)
{
    (void)state;
    begin_connected(2);
    binding[0].rate_packets = 1000;
    assert_null(ruleset_take(&router, NULL, 0, 2));
    for (u32 i = 0; i < 200; i++) {
        send_frame(1, 2, 60, 0);
    }
    for (u32 i = 0; i < 10; i++) {
        turn();
    }
    assert_int_equal(tx_word(1)[2], 100); /* a tenth of a second's */
    assert_true(wake > fake.now && wake <= fake.now + 2000000);
    fake.now += 50000000;
    for (u32 i = 0; i < 10; i++) {
        turn();
    }
    assert_int_equal(tx_word(1)[2], 150);
}

/* ---- checksums -------------------------------------------------------------
 */

static void test_checksums(void **state)
{
    /* UDP 10.0.0.1:1000 -> 10.0.0.2:2000, "hello", blank. */
    u8 f[14 + 20 + 8 + 5] = {
        [12] = 8,    [14] = 0x45, [17] = 33,   [22] = 64, [23] = 17,
        [26] = 10,   [29] = 1,    [30] = 10,   [33] = 2,  [34] = 3,
        [35] = 0xe8, [36] = 7,    [37] = 0xd0, [39] = 13
    };
    u32 sum = 17 + 13 + 0x0a00 + 1 + 0x0a00 + 2;

    (void)state;
    memcpy(f + 42, "hello", 5);
    assert_true(checksum_fill(f, sizeof(f)));
    for (u32 i = 34; i < sizeof(f); i++) {
        sum += i % 2 == 0 ? (u32)f[i] << 8 : f[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    assert_int_equal(sum, 0xffff);
    f[17] = 200; /* longer than the frame */
    assert_false(checksum_fill(f, sizeof(f)));
    f[17] = 33;
    f[23] = 1;
    assert_false(checksum_fill(f, sizeof(f)));
    assert_false(checksum_fill(f, 20));
}

/* A receiver that takes no large packets gets frames, which put together are
 * what was sent. */
static void test_segments(void **state)
{
    u8 *f;

    (void)state;
    begin(2);
    for (u32 dom = 1; dom <= 2; dom++) {
        front_ready(dom);
        front_set(dom, "feature-gso-tcpv4", "0");
        front_set(dom, "state", "4");
    }
    look();
    f = frame_between(1, 2);
    memset(f + 12, 0, 42);
    f[12] = 8;
    f[14] = 0x45;
    f[16] = (u8)((3000 - 14) >> 8);
    f[17] = (u8)(3000 - 14);
    f[23] = 6;
    f[37] = 7;
    f[41] = 100; /* sequence number */
    f[46] = 0x50;
    f[47] = TCP_FIN | TCP_PUSH | TCP_ACK | TCP_CWR;
    for (u32 i = 54; i < 3000; i++) {
        f[i] = (u8)(i * 5);
    }
    tx_put(1, TX_BUFFER, (NETTX_EXTRA | NETTX_CSUM_BLANK) << 16, 3000u << 16);
    tx_put(1, 1 | 1200u << 16, NETRING_GSO_TCP4, 0);
    turn();
    assert_int_equal(tx_status(1, 0), NET_OKAY);
    assert_int_equal(rx_word(2)[2], 3);
    for (u32 i = 0; i < 3; i++) {
        const u8 *s = fake.page[2][RX_BUFFER + i];
        const u32 bytes = i < 2 ? 1200 : 2946 - 2400;

        assert_int_equal(rx_status(2, i), 54 + bytes);
        assert_int_equal(rx_flags_at(2, i), NETRX_VALIDATED);
        assert_memory_equal(s + 54, f + 54 + i * 1200, bytes);
        assert_int_equal(s[17] | s[16] << 8, 40 + bytes);
        assert_int_equal(s[19], i);
        assert_int_equal((u32)s[41] | (u32)s[40] << 8, 100 + i * 1200);
        assert_int_equal(s[47], TCP_ACK | (i == 0 ? TCP_CWR : 0) |
                                    (i == 2 ? TCP_FIN | TCP_PUSH : 0));
        u32 sum = 6 + 20 + bytes;
        for (u32 at = 26; at < 54 + bytes; at++) {
            sum += at % 2 == 0 ? (u32)s[at] << 8 : s[at];
        }
        assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_frame),
        cmocka_unit_test(test_fragments_and_segments),
        cmocka_unit_test(test_the_head_is_read_once),
        cmocka_unit_test(test_a_rest_that_is_not_granted),
        cmocka_unit_test(test_a_rest_for_segments),
        cmocka_unit_test(test_broadcast_and_blocking),
        cmocka_unit_test(test_reports_are_few_and_exact),
        cmocka_unit_test(test_who_is_told_of),
        cmocka_unit_test(test_drops_are_counted_by_name),
        cmocka_unit_test(test_receiver_has_no_room),
        cmocka_unit_test(test_small_frames_leave_room),
        cmocka_unit_test(test_a_packet_for_all_buffers),
        cmocka_unit_test(test_few_buffers_go_round),
        cmocka_unit_test(test_frames_that_are_not_granted),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
