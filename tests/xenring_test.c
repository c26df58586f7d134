/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store rings of all minds: messages in pieces and at any place, clients that
 * do not read, indices that lie, messages that are too long, servers that end.
 */
#include "tests/xenstore_fixture.h"

static void test_any_place_and_any_piece(void **state)
{
    u8 payload[PAYLOAD_MAX];
    (void)state;
    const u32 bytes = payload_make("a/path|and a value", payload);
    for (u32 offset = 0; offset < 1024; offset += 7) {
        ring_connect(1);
        ring[1].req_cons = ring[1].req_prod = offset - 512;
        ring[1].rsp_cons = ring[1].rsp_prod = 0u - offset;
        const u32 header[4] = { WRITE, offset, 0, bytes };
        for (u32 i = 0; i < sizeof(header); i++) {
            (void)ring_put(1, (const u8 *)header + i, 1);
            ring_turn(1);
        }
        for (u32 i = 0; i < bytes; i++) {
            assert_int_equal(ring[1].rsp_prod, ring[1].rsp_cons);
            (void)ring_put(1, payload + i, 1);
            ring_turn(1);
        }
        assert_true(message_get(1));
        assert_int_equal(got.req_id, offset);
        assert_string_equal(payload_text(&got), "OK|");
        assert_int_equal(ring[1].req_cons, ring[1].req_prod);
    }
}

/* Longer than the ring, both ways. */
static void test_long_messages(void **state)
{
    static u8 payload[PAYLOAD_MAX];
    (void)state;
    memset(payload, 'x', sizeof(payload));
    memcpy(payload, "a", 2);
    request(1, WRITE, 0, payload, 2 + VALUE_MAX);
    assert_string_equal(payload_text(&got), "OK|");
    ask(1, MKDIR, 0, "small|", "OK|");
    request(1, READ, 0, "a", 2);
    assert_int_equal(got.bytes, VALUE_MAX);
    assert_memory_equal(got.payload, payload + 2, VALUE_MAX);
    request(1, READ, 0, payload, PAYLOAD_MAX); /* the longest there is */
    assert_int_equal(got.bytes, VALUE_MAX);
}

/* A client that does not read is not served, and costs nothing. */
static void test_client_that_does_not_read(void **state)
{
    (void)state;
    u8 payload[32];
    const u32 bytes = payload_make("none|", payload);
    u32 sent = 0;
    for (u32 i = 0; i < 200; i++) {
        const u32 header[4] = { READ, i, 0, bytes };
        const u32 n = ring_put(1, header, sizeof(header));
        if (n < sizeof(header) || ring_put(1, payload, bytes) < bytes) {
            break;
        }
        sent++;
    }
    assert_in_range(sent, 60, 120);
    ask(2, WRITE, 0, "x|y", "OK|");
    for (u32 i = 0; i < sent; i++) { /* now it reads: all are there */
        assert_true(message_get(1));
        assert_int_equal(got.req_id, i);
        assert_string_equal(payload_text(&got), "ENOENT|");
    }
    assert_int_equal(wire[1].state, WIRE_OPEN);
}

static void expect_broken(u32 d, u32 error)
{
    ring_turn(d);
    assert_int_equal(wire[d].state, WIRE_BROKEN);
    assert_int_equal(ring[d].error, error);
    assert_int_equal(client[d].watches, 0);
    const struct store_ring before = ring[d];
    ring_turn(d);
    assert_memory_equal(&before, &ring[d], sizeof(before));
    ask(2, READ, 0, "none|", "ENOENT|"); /* others go on */
}

static void test_rings_that_lie(void **state)
{
    static const struct {
        u32 req_cons, req_prod, rsp_cons, rsp_prod;
    } lies[] = {
        { 0, 1025, 0, 0 },       { 1, 0, 0, 0 },
        { 0, 0, 0, 1025 },       { 0, 0, 1, 0 },
        { 0, 0x80000000, 0, 0 }, { 0, 0xffffffff, 0, 0xffffffff },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
        (void)store_setup(NULL);
        ask(1, WATCH, 0, "a|t|", "OK|");
        assert_true(message_get(1));
        ring[1].req_cons = lies[i].req_cons;
        ring[1].req_prod = lies[i].req_prod;
        ring[1].rsp_cons = lies[i].rsp_cons;
        ring[1].rsp_prod = lies[i].rsp_prod;
        expect_broken(1, 2);
    }
    /* an index that goes back behind what was read */
    (void)store_setup(NULL);
    (void)ring_put(1, "half a header", 13);
    ring_turn(1);
    ring[1].req_prod -= 5;
    expect_broken(1, 2);
}

static void test_message_too_long(void **state)
{
    const u32 header[4] = { READ, 1, 0, PAYLOAD_MAX + 1 };
    (void)state;
    (void)ring_put(1, header, sizeof(header));
    expect_broken(1, 3);
}

static void test_request_that_changes_while_read(void **state)
{
    u8 payload[32];
    const u32 bytes = payload_make("a|value", payload);
    const u32 header[4] = { WRITE, 1, 0, bytes };
    (void)state;
    (void)ring_put(1, header, sizeof(header));
    (void)ring_put(1, payload, 3);
    ring_turn(1);
    /* other type, other length: the server has its own copy */
    memset(ring[1].req, 0xff, 16);
    (void)ring_put(1, payload + 3, bytes - 3);
    assert_true(message_get(1));
    assert_int_equal(got.type, WRITE);
    ask(1, READ, 0, "a|", "value");
}

static void test_reconnect(void **state)
{
    (void)state;
    ask(1, WATCH, 0, "a|t|", "OK|");
    assert_true(message_get(1));
    const u32 tx = begin(1);
    ask(1, WRITE, 0, "a|kept", "OK|");
    assert_true(message_get(1));
    (void)ring_put(1, "half a header", 13);
    ring_turn(1);
    assert_int_equal(ring[1].server_features, 3);
    ring[1].connection = 1;
    ring_turn(1);
    assert_int_equal(ring[1].connection, 0);
    assert_int_equal(ring[1].req_prod, 0);
    ask(1, READ, tx, "a|", "ENOENT|");
    assert_int_equal(client[1].nodes, 1); /* what it made is still its own */
    ask(1, WRITE, 0, "a|2", "OK|");
    assert_false(message_get(1)); /* the watch is gone */
}

/* A server that ends between any two turns, and one that comes after it. */
static void test_server_that_ends(void **state)
{
    (void)state;
    for (u32 bytes = 0; bytes <= 22; bytes++) {
        (void)store_setup(NULL);
        u8 all[32];
        const u32 header[4] = { READ, 5, 0, 6 };
        memcpy(all, header, 16);
        memcpy(all + 16, "none_", 6);
        (void)ring_put(1, all, bytes);
        ring_turn(1);
        struct store_ring page = ring[1];
        const bool is_answered = bytes == 22;
        assert_int_equal(page.rsp_prod != 0, is_answered);
        /* the new server knows nothing of the request's beginning */
        store_reset(TENANTS);
        client_open(1, false);
        wire_open(&wire[1], 1, &ring[1]);
        (void)ring_put(1, all + bytes, 22 - bytes);
        assert_true(message_get(1));
        assert_int_equal(got.req_id, 5);
        assert_int_equal(got.type, ERROR);
        assert_false(message_get(1));
    }
}

/* The answer waits for room: the request stays in the ring till then. */
static void test_answer_before_the_request_goes(void **state)
{
    u8 payload[32];
    (void)state;
    ring[1].rsp_prod = 1010; /* nobody has read these */
    request_put(1, READ, 0, payload, payload_make("none|", payload));
    ring_turn(1);
    assert_int_equal(ring[1].rsp_prod, 1010);
    assert_int_equal(ring[1].req_cons, 0);
    ring[1].rsp_cons = 1010;
    ring_turn(1);
    assert_int_equal(ring[1].rsp_prod, 1010 + 16 + 7);
    assert_int_equal(ring[1].req_cons, 16 + 5);
}

static void test_a_turn_is_short(void **state)
{
    bool again;
    (void)state;
    for (u32 i = 0; i < 40; i++) {
        const u32 header[4] = { RESET_WATCHES, i, 0, 0 };
        (void)memcpy(&ring[1].req[ring[1].req_prod], header, 16);
        ring[1].req_prod += 16;
    }
    assert_true(wire_turn(&wire[1], &again));
    assert_true(again);
    assert_int_equal(ring[1].req_cons, 8 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_any_place_and_any_piece, store_setup),
        cmocka_unit_test_setup(test_long_messages, store_setup),
        cmocka_unit_test_setup(test_client_that_does_not_read, store_setup),
        cmocka_unit_test_setup(test_rings_that_lie, store_setup),
        cmocka_unit_test_setup(test_message_too_long, store_setup),
        cmocka_unit_test_setup(test_request_that_changes_while_read,
                               store_setup),
        cmocka_unit_test_setup(test_reconnect, store_setup),
        cmocka_unit_test_setup(test_server_that_ends, store_setup),
        cmocka_unit_test_setup(test_answer_before_the_request_goes,
                               store_setup),
        cmocka_unit_test_setup(test_a_turn_is_short, store_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
