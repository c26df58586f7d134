/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The empty store: each request gets its ENOENT, whole or in pieces, at any
 * place of the ring; a ring that lies is closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/abi.h"
#include "core/evtchn.h"
#include "core/store.h"
#include "core/xen.h"
#include "tests/host_arch.h"

#define REPLY 23u

struct message {
    u32 type, req_id, tx_id, len;
};

static struct domain *d;
static struct store_ring *ring;

static int setup(void **state)
{
    (void)state;
    host_reset();
    d = host_domain(1, 256, 1);
    d->store_mfn = host_mfn(d, 7);
    ring = host_frame(d->store_mfn);
    assert_int_equal(store_service_open(d), RC_OK);
    d->store_port = evtchn_open_service(d, SERVICE_STORE);
    host_run(&d->vcpu[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    return 0;
}

static s64 send(void)
{
    struct hc_call c = host_call(&d->vcpu[0], 4, 0, 0);
    struct arg_evtchn_port arg = { .port = d->store_port };
    return hc_evtchn_send(&c, &arg);
}

/* Put what fits; how many bytes that was. */
static u32 put(const void *from, u32 count)
{
    const u8 *bytes = from;
    const u32 room = 1024 - (ring->req_prod - ring->req_cons);
    const u32 n = count < room ? count : room;
    for (u32 i = 0; i < n; i++) {
        ring->req[(ring->req_prod + i) % 1024] = bytes[i];
    }
    ring->req_prod += n;
    return n;
}

static void get(void *to, u32 count)
{
    u8 *bytes = to;
    assert_true(ring->rsp_prod - ring->rsp_cons >= count);
    for (u32 i = 0; i < count; i++) {
        bytes[i] = ring->rsp[(ring->rsp_cons + i) % 1024];
    }
    ring->rsp_cons += count;
}

static void expect_reply(u32 req_id, u32 tx_id)
{
    struct message m;
    char text[7];
    get(&m, sizeof(m));
    get(text, sizeof(text));
    assert_int_equal(m.type, 16);
    assert_int_equal(m.req_id, req_id);
    assert_int_equal(m.tx_id, tx_id);
    assert_int_equal(m.len, 7);
    assert_string_equal(text, "ENOENT");
}

static void test_one_request(void **state)
{
    (void)state;
    const struct message m = { 1, 0x11223344, 0xa1b2c3d4, 11 };
    (void)put(&m, sizeof(m));
    (void)put("device/vbd", 11);
    assert_int_equal(send(), 0);
    assert_int_equal(ring->req_cons, 27);
    assert_int_equal(ring->rsp_prod, REPLY);
    assert_true(evtchn_is_pending(d, d->store_port));
    expect_reply(0x11223344, 0xa1b2c3d4);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    const struct message m = { 2, 77, 0, 40 };
    u8 all[56] = { 0 };
    memcpy(all, &m, sizeof(m));
    for (u32 i = 0; i < sizeof(all); i++) {
        assert_int_equal(ring->rsp_prod, 0);
        (void)put(&all[i], 1);
        assert_int_equal(send(), 0);
        assert_int_equal(ring->req_cons, ring->req_prod);
    }
    expect_reply(77, 0);
}

static void test_longer_than_the_ring(void **state)
{
    (void)state;
    static const u8 payload[4096];
    ring->req_cons = 0xffffff00u;
    ring->req_prod = 0xffffff00u;
    const struct message m = { 11, 5, 0, sizeof(payload) };
    (void)put(&m, sizeof(m));
    u32 done = 0;
    while (done < sizeof(payload)) {
        done += put(payload, (u32)sizeof(payload) - done);
        assert_int_equal(send(), 0);
    }
    expect_reply(5, 0);
    assert_int_equal(d->store.requests, 1);
}

static void test_replies_wait_for_room(void **state)
{
    (void)state;
    /* 64 requests of 16 bytes: their replies do not fit in the ring. */
    for (u32 i = 0; i < 64; i++) {
        const struct message m = { 2, i, i + 1, 0 };
        assert_int_equal(put(&m, sizeof(m)), sizeof(m));
    }
    assert_int_equal(send(), 0);
    assert_int_equal(ring->rsp_prod - ring->rsp_cons, 1024);
    u32 answered = 0;
    while (answered < 64) {
        while (ring->rsp_prod - ring->rsp_cons >= REPLY) {
            expect_reply(answered, answered + 1);
            answered++;
        }
        assert_int_equal(send(), 0);
    }
    assert_int_equal(ring->req_cons, ring->req_prod);
    assert_int_equal(ring->rsp_cons, ring->rsp_prod);
}

static void test_ring_that_lies_is_closed(void **state)
{
    (void)state;
    const u32 lies[][4] = {
        { 0, 1025, 0, 0 }, { 1, 0, 0, 0 },           { 0, 16, 0, 1025 },
        { 0, 16, 1, 0 },   { 0, 0x80000000u, 0, 0 },
    };
    for (u32 i = 0; i < ARRAY_COUNT(lies); i++) {
        (void)setup(NULL);
        ring->req_cons = lies[i][0];
        ring->req_prod = lies[i][1];
        ring->rsp_cons = lies[i][2];
        ring->rsp_prod = lies[i][3];
        assert_int_equal(send(), 0);
        assert_int_equal(d->store.state, CONRING_BROKEN);
        assert_int_equal(ring->rsp_prod, lies[i][3]);
        assert_int_equal(ring->req_cons, lies[i][0]);
        assert_false(evtchn_is_pending(d, d->store_port));
        assert_int_equal(host.log_lines, 1);
        assert_int_equal(send(), 0);
        assert_int_equal(host.log_lines, 1);
    }
}

static void test_payload_beyond_the_limit(void **state)
{
    (void)state;
    const u32 bad[] = { 4097, 0x7fffffff, 0xffffffff, 0x80000000 };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        (void)setup(NULL);
        const struct message m = { 2, 1, 0, bad[i] };
        (void)put(&m, sizeof(m));
        assert_int_equal(send(), 0);
        assert_int_equal(d->store.state, CONRING_BROKEN);
        assert_int_equal(ring->rsp_prod, 0);
        store_service_close(d);
        assert_int_equal(frame_at(d->store_mfn)->refs, 0);
    }
}

static void test_reopen_starts_afresh(void **state)
{
    (void)state;
    const struct message m = { 2, 1, 0, 100 };
    (void)put(&m, sizeof(m));
    (void)send();
    store_service_close(d);
    memset(ring, 0, sizeof(*ring));
    assert_int_equal(store_service_open(d), RC_OK);
    const struct message again = { 2, 9, 0, 0 };
    (void)put(&again, sizeof(again));
    (void)send();
    expect_reply(9, 0);
}

/* Random bytes, random indices, random reading: no crash, bounds kept. */
static void test_soup(void **state)
{
    (void)state;
    u64 seed = 99;
    for (u32 n = 0; n < 20000; n++) {
        seed = (seed * 6364136223846793005ull) + 1442695040888963407ull;
        const u32 r = (u32)(seed >> 33);
        if (d->store.state != CONRING_OPEN) {
            (void)setup(NULL);
        }
        const struct message m = { r % 30, r, r >> 3,
                                   r % 50 == 0 ? r : r % 300 };
        switch (r % 5) {
        case 0:
            (void)put(&m, sizeof(m));
            break;
        case 1:
            (void)put(&seed, r % 8);
            break;
        case 2:
            ring->rsp_cons = ring->rsp_prod - (r % 512);
            break;
        case 3:
            if (r % 101 == 0) {
                ring->req_prod ^= r;
            }
            break;
        default:
            break;
        }
        (void)send();
        assert_true(d->store.left <= 4096);
        assert_true(d->store.done <= REPLY);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_request),
        TEST(test_byte_by_byte),
        TEST(test_longer_than_the_ring),
        TEST(test_replies_wait_for_room),
        TEST(test_ring_that_lies_is_closed),
        TEST(test_payload_beyond_the_limit),
        TEST(test_reopen_starts_afresh),
        TEST(test_soup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
