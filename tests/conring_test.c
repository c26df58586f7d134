/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring: bytes arrive whole and in order, a tenant that is too fast
 * waits, a ring that lies is closed and nothing else happens, the emergency
 * call is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/abi.h"
#include "core/conring.h"
#include "core/evtchn.h"
#include "core/xen.h"
#include "tests/host_arch.h"

#define RING_PFN 5u
#define MS 1000000ull

static struct domain *d;
static struct console_ring *ring;

static int setup(void **state)
{
    (void)state;
    host_reset();
    d = host_domain(1, 256, 1);
    d->console_mfn = host_mfn(d, RING_PFN);
    ring = host_frame(d->console_mfn);
    assert_int_equal(console_service_open(d), RC_OK);
    d->console_port = evtchn_open_service(d, SERVICE_CONSOLE);
    assert_int_not_equal(d->console_port, 0);
    host_run(&d->vcpu[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    return 0;
}

/* As a front end: put what fits. */
static u32 put(const u8 *bytes, u32 count)
{
    const u32 room = 2048 - (ring->out_prod - ring->out_cons);
    const u32 n = count < room ? count : room;
    for (u32 i = 0; i < n; i++) {
        ring->out[(ring->out_prod + i) % 2048] = bytes[i];
    }
    ring->out_prod += n;
    return n;
}

static s64 send(void)
{
    struct hc_call c = host_call(&d->vcpu[0], 4, 0, 0);
    struct arg_evtchn_port arg = { .port = d->console_port };
    return hc_evtchn_send(&c, &arg);
}

static bool told(void)
{
    const bool pending = evtchn_is_pending(d, d->console_port);
    evtchn_clear_pending(d, d->console_port);
    return pending;
}

static void test_output(void **state)
{
    (void)state;
    (void)put((const u8 *)"hello", 5);
    assert_int_equal(host.console[1].count, 0);
    assert_int_equal(send(), 0);
    assert_int_equal(host.console[1].count, 5);
    assert_memory_equal(host.console[1].bytes, "hello", 5);
    assert_int_equal(ring->out_cons, 5);
    assert_true(told());
    assert_int_equal(send(), 0);
    assert_int_equal(host.console[1].count, 5);
    assert_false(told());
}

static void test_wraps_of_ring_and_of_index(void **state)
{
    (void)state;
    u8 text[1500];
    for (u32 i = 0; i < sizeof(text); i++) {
        text[i] = (u8)(i * 7);
    }
    ring->out_cons = 0xfffffc00u;
    ring->out_prod = 0xfffffc00u;
    for (u32 n = 0; n < 4; n++) {
        assert_int_equal(put(text, sizeof(text)), sizeof(text));
        host.now += 1000 * MS;
        assert_int_equal(send(), 0);
        (void)console_service_poll(host.now);
        (void)console_service_poll(host.now);
        assert_memory_equal(host.console[1].bytes + (n * sizeof(text)), text,
                            sizeof(text));
    }
    assert_int_equal(ring->out_cons, ring->out_prod);
    assert_int_equal(ring->out_cons, 0xfffffc00u + 6000u);
}

static void test_rate_is_kept_and_nothing_is_lost(void **state)
{
    (void)state;
    u8 text[20000];
    for (u32 i = 0; i < sizeof(text); i++) {
        text[i] = (u8)(i ^ (i >> 8));
    }
    d->console_rate = 10000;
    u32 done = 0;
    for (u32 ms = 0; ms < 4000; ms++) {
        host.now += MS;
        done += put(text + done, (u32)sizeof(text) - done);
        assert_int_equal(send(), 0);
        console_service_poll(host.now);
        /* burst + rate * time */
        assert_true(host.console[1].count <= 4096 + (ms + 1) * 10);
        if (done == sizeof(text) && ring->out_cons == ring->out_prod) {
            break;
        }
    }
    assert_int_equal(host.console[1].count, sizeof(text));
    assert_memory_equal(host.console[1].bytes, text, sizeof(text));
    /* 16 KB beyond the burst at 10 KB/s: not much later than 1.6 s either. */
    assert_true(host.now < 1000 * MS + 1700 * MS);
    assert_false(console_service_poll(host.now));
}

static void test_poll_finishes_what_waited(void **state)
{
    (void)state;
    u8 text[2048];
    memset(text, 'x', sizeof(text));
    d->console_rate = 1000;
    for (u32 i = 0; i < 3; i++) {
        (void)put(text, sizeof(text));
        for (u32 k = 0; k < 4; k++) { /* in pieces of 512 bytes */
            (void)send();
        }
    }
    assert_int_equal(host.console[1].count, 4096);
    assert_true(console_service_poll(host.now));
    assert_int_equal(ring->out_prod - ring->out_cons, 2048);
    (void)told();
    console_service_poll(host.now);
    assert_int_equal(host.console[1].count, 4096);
    assert_false(told());
    console_service_poll(host.now + 100 * MS);
    assert_int_equal(host.console[1].count, 4196);
    assert_true(told());
    for (u32 k = 0; k < 4; k++) {
        console_service_poll(host.now + 100000 * MS);
    }
    assert_int_equal(host.console[1].count, 4096 + 2048);
    assert_false(console_service_poll(host.now));
}

static void test_ring_that_lies_is_closed(void **state)
{
    (void)state;
    const u32 lies[][4] = {
        { 0, 0, 0, 2049 }, { 0, 0, 1, 0 }, { 0, 0, 0, 0x80000000 },
        { 0, 1025, 0, 5 }, { 1, 0, 0, 5 }, { 0, 0, 0xffffffff, 2048 },
    };
    for (u32 i = 0; i < ARRAY_COUNT(lies); i++) {
        (void)setup(NULL);
        ring->in_cons = lies[i][0];
        ring->in_prod = lies[i][1];
        ring->out_cons = lies[i][2];
        ring->out_prod = lies[i][3];
        assert_int_equal(send(), 0);
        assert_int_equal(host.console[1].count, 0);
        assert_int_equal(d->con.state, CONRING_BROKEN);
        assert_int_equal(d->con.broken_count, 1);
        assert_int_equal(host.log_lines, 1);
        /* It stays closed, silently, and its frame stays held. */
        memset(ring, 0, sizeof(*ring));
        (void)put((const u8 *)"x", 1);
        assert_int_equal(send(), 0);
        assert_int_equal(console_service_input(d, (const u8 *)"y", 1), 0);
        assert_int_equal(host.console[1].count, 0);
        assert_int_equal(host.log_lines, 1);
        assert_int_equal(frame_at(d->console_mfn)->types, 1);
        console_service_close(d);
        assert_int_equal(frame_at(d->console_mfn)->refs, 0);
    }
}

static void test_frame_is_held_while_open(void **state)
{
    (void)state;
    struct frame *f = frame_at(d->console_mfn);
    assert_int_equal(f->type, FRAME_WRITABLE);
    assert_int_equal(f->types, 1);
    assert_int_equal(frame_begin_table(f, 1), RC_EBUSY);
    console_service_close(d);
    assert_int_equal(f->type, FRAME_PLAIN);
    assert_int_equal(f->refs, 0);
    (void)put((const u8 *)"x", 1);
    assert_int_equal(send(), 0);
    assert_int_equal(host.console[1].count, 0);
    console_service_close(d);
    assert_int_equal(f->refs, 0);

    assert_int_equal(frame_begin_table(f, 1), RC_OK);
    assert_int_equal(console_service_open(d), RC_EBUSY);
    d->console_mfn = mfn(1);
    assert_int_equal(console_service_open(d), RC_EINVAL);
}

static void test_input(void **state)
{
    (void)state;
    u8 text[2000];
    for (u32 i = 0; i < sizeof(text); i++) {
        text[i] = (u8)(i * 3);
    }
    ring->in_cons = 1000;
    ring->in_prod = 1000;
    assert_int_equal(console_service_input(d, text, 100), 100);
    assert_true(told());
    assert_int_equal(ring->in_prod, 1100);
    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(ring->in[(1000 + i) % 1024], text[i]);
    }
    assert_int_equal(console_service_input(d, text, 2000), 924);
    assert_int_equal(console_service_input(d, text, 1), 0);
    ring->in_cons += 10;
    assert_int_equal(console_service_input(d, text, 2000), 10);
    assert_int_equal(console_service_input(d, text, 0), 0);
}

static s64 emergency(u64 count, u64 at)
{
    struct hc_call c = host_call(&d->vcpu[0], 0, count, at);
    return hc_console_write(&c);
}

static void test_emergency_output(void **state)
{
    (void)state;
    memset(host_guest(0), 'e', 8192);
    assert_int_equal(emergency(10, HOST_GUEST_BASE), 0);
    assert_int_equal(host.console[1].count, 10);
    assert_int_equal(emergency(0, 0), 0);
    assert_int_equal(emergency(4097, HOST_GUEST_BASE), RC_E2BIG);
    assert_int_equal(emergency(0x80000000ull, HOST_GUEST_BASE), RC_EINVAL);
    assert_int_equal(emergency(U64_MAX, HOST_GUEST_BASE), RC_EINVAL);
    assert_int_equal(emergency(10, 0x1000), RC_EFAULT);
    assert_int_equal(emergency(10, U64_MAX - 3), RC_EFAULT);
    assert_int_equal(host.console[1].count, 10);
    /* Beyond the burst bytes are dropped and counted. */
    assert_int_equal(emergency(4096, HOST_GUEST_BASE), 0);
    assert_int_equal(emergency(4096, HOST_GUEST_BASE), 0);
    assert_int_equal(host.console[1].count, 4096);
    assert_int_equal(d->con.dropped, 10 + 4096);
}

/* Another CPU of the guest changes the indices at every read. */
static void liar(void)
{
    ring->out_prod += 1999;
    ring->out_cons ^= 0x5555;
    ring->in_prod -= 77;
}

static void test_ring_changes_while_read(void **state)
{
    (void)state;
    for (u32 n = 0; n < 1000; n++) {
        (void)setup(NULL);
        host.on_guest_read = liar;
        ring->out_prod = n * 3;
        host.now += 1000 * MS;
        (void)send();
        (void)console_service_input(d, (const u8 *)"abc", 3);
        assert_true(host.console[1].count <= 4096);
        host.on_guest_read = NULL;
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_output),
        TEST(test_wraps_of_ring_and_of_index),
        TEST(test_rate_is_kept_and_nothing_is_lost),
        TEST(test_poll_finishes_what_waited),
        TEST(test_ring_that_lies_is_closed),
        TEST(test_frame_is_held_while_open),
        TEST(test_input),
        TEST(test_emergency_output),
        TEST(test_ring_changes_while_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
