/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of a network interface: each rule of netring.h, against a
 * front-end that keeps to [XEN io/netif.h] and against one that does not. The
 * page is laid out by the public header, not by ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xen/xen.h>

#include <xen/io/netif.h>

#include "guests/router/netring.h"

static union {
    struct netif_tx_sring tx;
    struct netif_rx_sring rx;
    u32 word[NETRING_WORDS];
} page __attribute__((aligned(4096)));
static struct netring ring;
static struct netpacket packet;

/* The header declares one slot of many. */
static union netif_tx_sring_entry *tx_slot(u32 index)
{
    union netif_tx_sring_entry *const first = page.tx.ring;

    return first + index % 256;
}

static union netif_rx_sring_entry *rx_slot(u32 index)
{
    union netif_rx_sring_entry *const first = page.rx.ring;

    return first + index % 256;
}

static void fresh(u32 start)
{
    memset(&page, 0, sizeof(page));
    page.tx.req_prod = page.tx.rsp_prod = start;
    page.tx.req_event = page.tx.rsp_event = start + 1;
    assert_true(netring_attach(&ring, page.word));
}

/* The front-end writes a request. */
static void put(u16 id, u16 offset, u16 size, u16 flags)
{
    tx_slot(page.tx.req_prod)->req =
        (struct netif_tx_request){ .gref = 1000u + id,
                                   .offset = offset,
                                   .flags = flags,
                                   .id = id,
                                   .size = size };
    page.tx.req_prod++;
}

static void put_extra(u8 type, u8 flags, u16 size, u8 gso)
{
    struct netif_extra_info e = { .type = type, .flags = flags };

    e.u.gso.size = size;
    e.u.gso.type = gso;
    memcpy(tx_slot(page.tx.req_prod), &e, sizeof(e));
    page.tx.req_prod++;
}

static const netif_tx_response_t *answer(u32 index)
{
    return &tx_slot(index)->rsp;
}

static void expect_packet(enum netring_error error, u32 slots)
{
    assert_int_equal(nettx_take(&ring, 1u << NETRING_GSO_TCP4, &packet),
                     NETTX_PACKET);
    assert_int_equal(packet.error, error);
    assert_int_equal(packet.slots, slots);
}

static void expect_closed(enum netring_error lie)
{
    const u32 cons = ring.req_cons;

    assert_int_equal(nettx_take(&ring, 1u << NETRING_GSO_TCP4, &packet),
                     NETTX_CLOSED);
    assert_int_equal(ring.lie, lie);
    assert_int_equal(ring.req_cons, cons);
    /* For good. */
    page.tx.req_prod = cons;
    assert_int_equal(netring_waiting(&ring), 0);
    assert_false(netring_arm(&ring));
    assert_false(netring_push(&ring));
    assert_int_equal(nettx_take(&ring, 0, &packet), NETTX_CLOSED);
}

static void test_one_slot(void **state)
{
    (void)state;
    fresh(0);
    assert_int_equal(nettx_take(&ring, 0, &packet), NETTX_NONE);
    put(7, 100, 60, NETTXF_csum_blank | NETTXF_data_validated);
    expect_packet(NETRING_OK, 1);
    assert_int_equal(packet.frags, 1);
    assert_int_equal(packet.bytes, 60);
    assert_int_equal(packet.flags, NETTX_CSUM_BLANK | NETTX_VALIDATED);
    assert_int_equal(packet.frag[0].ref, 1007);
    assert_int_equal(packet.frag[0].offset, 100);
    assert_int_equal(packet.frag[0].bytes, 60);
    nettx_answer(&ring, &packet, NET_OKAY);
    assert_int_equal(answer(0)->id, 7);
    assert_int_equal(answer(0)->status, NETIF_RSP_OKAY);
    assert_int_equal(nettx_take(&ring, 0, &packet), NETTX_NONE);
}

static void test_chain(void **state)
{
    (void)state;
    fresh(U32_MAX - 1); /* indices wrap inside the packet */
    put(1, 0, 5000, NETTXF_more_data | NETTXF_csum_blank);
    put(2, 0, 4096, NETTXF_more_data);
    put(3, 4000, 96, 0);
    put(4, 0, 60, 0);
    expect_packet(NETRING_OK, 3);
    assert_int_equal(packet.frags, 3);
    assert_int_equal(packet.bytes, 5000);
    assert_int_equal(packet.frag[0].bytes, 5000 - 4096 - 96);
    assert_int_equal(packet.frag[1].bytes, 4096);
    assert_int_equal(packet.frag[2].bytes, 96);
    nettx_answer(&ring, &packet, NET_ERROR);
    for (u32 i = 0; i < 3; i++) {
        assert_int_equal(answer(U32_MAX - 1 + i)->id, i + 1);
        assert_int_equal(answer(U32_MAX - 1 + i)->status, NETIF_RSP_ERROR);
    }
    expect_packet(NETRING_OK, 1);
}

static void test_large_packet(void **state)
{
    (void)state;
    fresh(10);
    put(1, 0, 5000, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV4);
    put(2, 0, 4096, 0);
    expect_packet(NETRING_OK, 3);
    assert_int_equal(packet.frags, 2);
    assert_int_equal(packet.gso_bytes, 1448);
    assert_int_equal(packet.gso_type, NETRING_GSO_TCP4);
    nettx_answer(&ring, &packet, NET_OKAY);
    assert_int_equal(answer(10)->id, 1);
    assert_int_equal(answer(11)->status, NETIF_RSP_NULL);
    assert_int_equal(answer(12)->id, 2);
    assert_int_equal(answer(12)->status, NETIF_RSP_OKAY);
    assert_int_equal(ring.rsp_pvt, ring.req_cons);
}

static void test_page_limits(void **state)
{
    (void)state;
    fresh(0);
    put(1, 0, 4096, 0);
    expect_packet(NETRING_OK, 1);
    put(1, 4096 - 14, 14, 0);
    expect_packet(NETRING_OK, 1);
    put(1, 4096 - 14, 15, 0);
    expect_closed(NETRING_PAGE);
    fresh(0);
    put(1, 0, 200, NETTXF_more_data);
    put(2, 4000, 97, 0);
    expect_closed(NETRING_PAGE);
    fresh(0); /* 65,535 and 65,535 must not wrap to something small */
    put(1, 0xffff, 0xffff, 0);
    expect_closed(NETRING_PAGE);
    fresh(0); /* the first is too large once the others are taken off */
    put(1, 0, 5000, NETTXF_more_data);
    put(2, 0, 100, 0);
    expect_closed(NETRING_PAGE);
}

static void test_fragment_counts(void **state)
{
    static const struct {
        u32 frags;
        enum netring_error error;
    } cases[] = { { 18, NETRING_OK },
                  { 19, NETRING_FRAGMENTS },
                  { 20, NETRING_FRAGMENTS },
                  { 21, NETRING_FRAGMENTS_FAR } };

    (void)state;
    for (u32 c = 0; c < ARRAY_COUNT(cases); c++) {
        fresh(c * 100);
        const u32 n = cases[c].frags;
        for (u32 i = 0; i < n; i++) {
            put((u16)i, 0, i == 0 ? (u16)(n * 10 + 50) : 10,
                i + 1 < n ? NETTXF_more_data : 0);
        }
        if (cases[c].error == NETRING_FRAGMENTS_FAR) {
            expect_closed(cases[c].error);
            continue;
        }
        expect_packet(cases[c].error, n);
        nettx_answer(&ring, &packet, NET_ERROR);
        assert_int_equal(answer(c * 100 + n - 1)->id, n - 1);
        assert_int_equal(ring.rsp_pvt, ring.req_cons);
    }
}

static void test_bad_packets_are_dropped(void **state)
{
    (void)state;
    fresh(0);
    put(1, 0, 13, 0);
    expect_packet(NETRING_SHORT, 1);
    put(1, 0, 0, 0);
    expect_packet(NETRING_SHORT, 1);
    put(1, 0, 60, 16);
    expect_packet(NETRING_FLAGS, 1);
    put(1, 0, 60, NETTXF_more_data);
    put(2, 0, 61, 0);
    expect_packet(NETRING_FRAGMENT_BYTES, 2);
    put(1, 0, 60, NETTXF_more_data);
    put(2, 0, 60, 0); /* nothing left for the first: allowed */
    expect_packet(NETRING_OK, 2);
    assert_int_equal(packet.frag[0].bytes, 0);
    put(1, 0, 60, NETTXF_extra_info | NETTXF_csum_blank);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV6);
    expect_packet(NETRING_GSO_UNASKED, 2);
    put(1, 0, 60, NETTXF_extra_info);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV4);
    expect_packet(NETRING_GSO_BLANK, 2);
    for (u8 type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
         type <= XEN_NETIF_EXTRA_TYPE_HASH; type++) {
        put(1, 0, 60, NETTXF_extra_info);
        put_extra(type, 0, 0, 0);
        expect_packet(NETRING_EXTRA_UNASKED, 2);
    }
    assert_int_equal(ring.lie, NETRING_OK);
}

static void test_lies_about_extras(void **state)
{
    (void)state;
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info);
    expect_closed(NETRING_EXTRA_MISSING);
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    expect_closed(NETRING_EXTRA_MISSING);
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info);
    put_extra(XEN_NETIF_EXTRA_TYPE_NONE, 0, 0, 0);
    expect_closed(NETRING_EXTRA_TYPE);
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info);
    put_extra(XEN_NETIF_EXTRA_TYPE_MAX, 0, 0, 0);
    expect_closed(NETRING_EXTRA_TYPE);
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, 0, 0, 0);
    expect_closed(NETRING_EXTRA_TWICE);
    fresh(0);
    put(1, 0, 60, NETTXF_extra_info | NETTXF_csum_blank);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4);
    expect_closed(NETRING_GSO_SIZE);
    for (u32 type = 0; type < 256; type++) {
        if (type == 1 || type == 2) {
            continue;
        }
        fresh(0);
        put(1, 0, 60, NETTXF_extra_info | NETTXF_csum_blank);
        put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, (u8)type);
        expect_closed(NETRING_GSO_TYPE);
    }
}

static void test_lies_about_indices(void **state)
{
    (void)state;
    fresh(5);
    page.tx.req_prod = 5 + 257;
    expect_closed(NETRING_REQUESTS);
    fresh(5);
    page.tx.req_prod = 4;
    expect_closed(NETRING_REQUESTS);
    fresh(5);
    page.tx.req_prod = 5 + 256;
    assert_int_equal(netring_waiting(&ring), 256);
    fresh(5);
    put(1, 0, 60, 0);
    put(2, 0, 60, 0);
    expect_packet(NETRING_OK, 1);
    page.tx.req_prod = 5 + 256;
    assert_int_equal(netring_waiting(&ring), 255);
    page.tx.req_prod = 5 + 257; /* one is taken and not answered */
    expect_closed(NETRING_REQUESTS);
    fresh(5);
    put(1, 0, 60, NETTXF_more_data);
    expect_closed(NETRING_MORE_MISSING);
    memset(&page, 0, sizeof(page));
    page.tx.req_prod = 300;
    assert_false(netring_attach(&ring, page.word));
    assert_int_equal(ring.lie, NETRING_REQUESTS);
}

static void test_attach_again(void **state)
{
    (void)state;
    fresh(0);
    for (u16 i = 0; i < 10; i++) {
        put(i, 0, 60, 0);
    }
    expect_packet(NETRING_OK, 1);
    nettx_answer(&ring, &packet, NET_OKAY);
    (void)netring_push(&ring);
    expect_packet(NETRING_OK, 1); /* taken, and then the back-end dies */
    assert_true(netring_attach(&ring, page.word));
    expect_packet(NETRING_OK, 1);
    assert_int_equal(packet.frag[0].id, 1);
    assert_int_equal(netring_waiting(&ring), 8);
}

static void test_notifications(void **state)
{
    (void)state;
    fresh(0xfffffffe);
    for (u32 i = 0; i < 8; i++) {
        put((u16)i, 0, 60, 0);
    }
    page.tx.rsp_event = page.tx.rsp_prod + 3;
    for (u32 i = 1; i <= 8; i++) {
        expect_packet(NETRING_OK, 1);
        nettx_answer(&ring, &packet, NET_OKAY);
        assert_int_equal(page.tx.rsp_prod, 0xfffffffe + i - 1);
        assert_int_equal(netring_push(&ring), i == 3);
        assert_int_equal(page.tx.rsp_prod, 0xfffffffe + i);
    }
    assert_false(netring_push(&ring)); /* nothing new */
    assert_false(netring_arm(&ring));
    assert_int_equal(page.tx.req_event, ring.req_cons + 1);
    put(1, 0, 60, 0);
    assert_true(netring_arm(&ring));
    /* Several answers in one push that pass the threshold. */
    page.tx.rsp_event = page.tx.rsp_prod + 2;
    put(2, 0, 60, 0);
    put(3, 0, 60, 0);
    for (u32 i = 0; i < 3; i++) {
        expect_packet(NETRING_OK, 1);
        nettx_answer(&ring, &packet, NET_OKAY);
    }
    assert_true(netring_push(&ring));
}

static void test_receive(void **state)
{
    (void)state;
    fresh(254);
    for (u16 i = 0; i < 4; i++) {
        rx_slot(254u + i)->req =
            (struct netif_rx_request){ .id = (u16)(i + 3), .gref = 500u + i };
    }
    page.rx.req_prod = 258;
    assert_int_equal(netring_waiting(&ring), 4);
    for (u32 i = 0; i < 3; i++) {
        const struct netrx_slot s = netrx_take(&ring);

        assert_int_equal(s.id, i + 3);
        assert_int_equal(s.ref, 500 + i);
    }
    netrx_answer(&ring, 3, NETRX_MORE | NETRX_EXTRA | NETRX_CSUM_BLANK, 4096);
    netrx_answer_gso(&ring, NETRING_GSO_TCP4, 1448);
    netrx_answer(&ring, 5, 0, NET_ERROR);
    assert_true(netring_push(&ring));
    assert_int_equal(page.rx.rsp_prod, 257);
    const netif_rx_response_t *a = &rx_slot(254)->rsp;
    assert_int_equal(a->id, 3);
    assert_int_equal(a->offset, 0);
    assert_int_equal(a->status, 4096);
    assert_int_equal(a->flags,
                     NETRXF_more_data | NETRXF_extra_info | NETRXF_csum_blank);
    struct netif_extra_info e;
    memcpy(&e, rx_slot(255), sizeof(e));
    assert_int_equal(e.type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(e.flags, 0);
    assert_int_equal(e.u.gso.size, 1448);
    assert_int_equal(e.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
    assert_int_equal(rx_slot(256)->rsp.id, 5);
    assert_int_equal(rx_slot(256)->rsp.status, NETIF_RSP_ERROR);
}

static void test_names_follow_the_header(void **state)
{
    (void)state;
    assert_int_equal(NETTX_CSUM_BLANK, NETTXF_csum_blank);
    assert_int_equal(NETTX_VALIDATED, NETTXF_data_validated);
    assert_int_equal(NETTX_MORE, NETTXF_more_data);
    assert_int_equal(NETTX_EXTRA, NETTXF_extra_info);
    assert_int_equal(NETRX_VALIDATED, NETRXF_data_validated);
    assert_int_equal(NETRX_CSUM_BLANK, NETRXF_csum_blank);
    assert_int_equal(NETRX_MORE, NETRXF_more_data);
    assert_int_equal(NETRX_EXTRA, NETRXF_extra_info);
    assert_int_equal(NET_DROPPED, NETIF_RSP_DROPPED);
    assert_int_equal(NETRING_FRAGMENTS_MAX, XEN_NETIF_NR_SLOTS_MIN);
    assert_int_equal(offsetof(struct netif_tx_sring, ring), 64);
    assert_int_equal(sizeof(page.tx.ring[0]), 12);
    assert_int_equal(sizeof(page.rx.ring[0]), 8);
    for (u32 e = 0; e < NETRING_ERRORS; e++) {
        assert_non_null(netring_text((enum netring_error)e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_slot),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_large_packet),
        cmocka_unit_test(test_page_limits),
        cmocka_unit_test(test_fragment_counts),
        cmocka_unit_test(test_bad_packets_are_dropped),
        cmocka_unit_test(test_lies_about_extras),
        cmocka_unit_test(test_lies_about_indices),
        cmocka_unit_test(test_attach_again),
        cmocka_unit_test(test_notifications),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_names_follow_the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
