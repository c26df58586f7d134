/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console rings, the back end's side: order, limits, rings that lie, a server
 * that comes after another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guests/domain0/pvcon.h"

#define S 1000000000ull

static struct console_ring ring;
static struct pvcon con;

static int setup(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    pvcon_open(&con, &ring, 0, S);
    return 0;
}

static void print(u8 first, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        ring.out[ring.out_prod++ % 2048] = (u8)(first + i);
    }
}

static void test_output_in_order(void **state)
{
    u8 piece[256];
    u8 next = 0;
    (void)state;
    ring.out_cons = ring.out_prod = 0xfffffe00; /* wraps */
    print(0, 2000);
    for (u32 done = 0; done < 2000;) {
        const u32 n = pvcon_look(&con, S, piece, sizeof(piece));
        assert_int_not_equal(n, 0);
        const u32 taken = n > 100 ? 100 : n; /* the line takes a part */
        for (u32 i = 0; i < taken; i++) {
            assert_int_equal(piece[i], next++);
        }
        pvcon_sent(&con, taken);
        done += taken;
    }
    assert_int_equal(pvcon_look(&con, S, piece, sizeof(piece)), 0);
    assert_int_equal(ring.out_cons, ring.out_prod);
}

static void test_output_is_limited(void **state)
{
    u8 piece[256];
    u32 sent = 0;
    (void)state;
    for (u32 ms = 0; ms < 1000; ms++) {
        u32 n;
        do {
            print(0, 2048 - (ring.out_prod - ring.out_cons));
            n = pvcon_look(&con, S + ms * 1000000ull, piece, sizeof(piece));
            pvcon_sent(&con, n);
            sent += n;
        } while (n != 0);
        assert_in_range(pvcon_due_ns(&con), S + ms * 1000000ull,
                        S + ms * 1000000ull + 2000000);
    }
    assert_in_range(sent, PVCON_RATE - 2000, PVCON_RATE + PVCON_BURST);
}

static void test_each_has_its_rate(void **state)
{
    u8 piece[256];
    u32 sent = 0;
    (void)state;
    pvcon_open(&con, &ring, 1000, S);
    for (u32 ms = 0; ms < 10000; ms += 10) {
        print(0, 2048 - (ring.out_prod - ring.out_cons));
        const u32 n = pvcon_look(&con, S + ms * 1000000ull, piece, 256);
        pvcon_sent(&con, n);
        sent += n;
    }
    assert_in_range(sent, 10000 + PVCON_BURST - 300, 10000 + PVCON_BURST);
}

static void test_typed_waits_for_room(void **state)
{
    u8 keys[1500];
    (void)state;
    for (u32 i = 0; i < sizeof(keys); i++) {
        keys[i] = (u8)i;
    }
    ring.in_prod = ring.in_cons = 1000;
    pvcon_type(&con, keys, 600);
    assert_true(pvcon_flush(&con));
    assert_int_equal(ring.in_prod, 1600);
    pvcon_type(&con, keys + 600, 900); /* 424 fit into the ring */
    assert_true(pvcon_flush(&con));
    assert_int_equal(ring.in_prod - ring.in_cons, 1024);
    assert_false(pvcon_flush(&con));
    pvcon_type(&con, keys, 1000); /* 476 wait, 548 find room here */
    assert_int_equal(con.lost_bytes, 1000 - 548);
    for (u32 i = 0; i < 1500; i++) {
        if (ring.in_cons == ring.in_prod) {
            assert_true(pvcon_flush(&con));
        }
        assert_int_equal(ring.in[ring.in_cons++ % 1024], keys[i]);
    }
}

static void test_rings_that_lie(void **state)
{
    u8 piece[256];
    (void)state;
    ring.out_prod = 2049;
    assert_int_equal(pvcon_look(&con, S, piece, sizeof(piece)), 0);
    assert_int_equal(con.state, PVCON_BROKEN);
    ring.out_prod = 1;
    assert_int_equal(pvcon_look(&con, S, piece, sizeof(piece)), 0);
    pvcon_type(&con, piece, 5);
    assert_false(pvcon_flush(&con));
    setup(NULL);
    ring.in_cons = 1;
    pvcon_type(&con, piece, 5);
    assert_false(pvcon_flush(&con));
    assert_int_equal(con.state, PVCON_BROKEN);
    assert_int_equal(ring.in_prod, 0);
}

/* Both indices are the ring's: another server goes on. */
static void test_server_that_ends(void **state)
{
    u8 piece[256];
    (void)state;
    print(7, 100);
    pvcon_sent(&con, pvcon_look(&con, S, piece, 60));
    pvcon_open(&con, &ring, 0, S);
    assert_int_equal(pvcon_look(&con, S, piece, sizeof(piece)), 40);
    assert_int_equal(piece[0], 67);
    pvcon_close(&con);
    assert_int_equal(pvcon_look(&con, S, piece, sizeof(piece)), 0);
    assert_int_equal(pvcon_due_ns(&con), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output_in_order, setup),
        cmocka_unit_test_setup(test_output_is_limited, setup),
        cmocka_unit_test_setup(test_each_has_its_rate, setup),
        cmocka_unit_test_setup(test_typed_waits_for_room, setup),
        cmocka_unit_test_setup(test_rings_that_lie, setup),
        cmocka_unit_test_setup(test_server_that_ends, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
