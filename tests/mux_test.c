/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer: what is encoded comes back on its channel, and no
 * stream of bytes, however damaged, selects a channel that it does not name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rf/mux.h"

static void test_round_trip(void **state)
{
    struct mux_encoder encoder = { 0 };
    struct mux_decoder decoder = { .state = MUX_DATA };

    (void)state;
    srand(1);
    for (int round = 0; round < 100000; round++) {
        const u32 channel = (u32)rand() % MUX_CHANNELS;
        const u8 byte = (u8)(rand() % 4 == 0 ? 0xff : rand());
        u8 wire[MUX_BYTES_MAX];
        u8 out = 0;
        const size_t count = mux_encode(&encoder, channel, byte, wire);
        unsigned got = 0;
        for (size_t i = 0; i < count; i++) {
            got += mux_decode(&decoder, wire[i], &out);
        }
        assert_int_equal(got, 1);
        assert_int_equal(out, byte);
        assert_int_equal(decoder.channel, channel);
    }
}

static void test_channel_is_sent_once(void **state)
{
    struct mux_encoder encoder = { 0 };
    u8 wire[MUX_BYTES_MAX];

    (void)state;
    assert_int_equal(mux_encode(&encoder, 2, 'a', wire), 4);
    assert_int_equal(mux_encode(&encoder, 2, 'b', wire), 1);
    assert_int_equal(mux_encode(&encoder, 2, 0xff, wire), 2);
    assert_int_equal(mux_encode(&encoder, 1, 0xff, wire), 5);
}

static void test_bad_framing_keeps_the_channel(void **state)
{
    static const u8 wire[] = { 0xff, 0,    3,   'a',  0xff, 0x90, 'b',  0xff,
                               0,    0x85, 'c', 0xff, 1,    0xff, 0xff, 'd' };
    struct mux_decoder decoder = { .state = MUX_DATA };
    u8 seen[8];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(wire); i++) {
        u8 byte;
        if (mux_decode(&decoder, wire[i], &byte)) {
            assert_int_equal(decoder.channel, 3);
            assert_true(count < sizeof(seen));
            seen[count++] = byte;
        }
    }
    assert_int_equal(count, 5);
    assert_memory_equal(seen,
                        "abc\xff"
                        "d",
                        5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_channel_is_sent_once),
        cmocka_unit_test(test_bad_framing_keeps_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
