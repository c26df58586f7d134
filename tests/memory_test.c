/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The balloon and the memory map, through dispatch: what goes, what comes
 * back zeroed, limits, long lists cut short, frames that cannot go.
 */
#include "tests/call_fixture.h"

#define DECREASE 1u
#define POPULATE 6u
#define MAP 9u
#define ARGS_AT 0x8000u

static s64 reserve_from(u32 op, u32 done_before, u64 count, u64 domid)
{
    const struct arg_memory_reservation r = { .extent_start = GUEST(LIST_AT),
                                              .nr_extents = count,
                                              .domid = (u16)domid };
    memcpy(host_guest(ARGS_AT), &r, sizeof(r));
    const s64 rc =
        call(NR_MEMORY, op | (u64)done_before << 6, GUEST(ARGS_AT), 0, 0);
    host_recount(d);
    return rc;
}

static s64 reserve(u32 op, u64 count)
{
    return reserve_from(op, 0, count, DOMID_SELF);
}

static u64 *list(void)
{
    return host_guest(LIST_AT);
}

static void list_frames(u64 first, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        list()[i] = host_mfn(d, first + i).v;
    }
}

static void test_down_and_up(void **state)
{
    (void)state;
    memset(host_frame(host_mfn(d, 20)), 0xaa, 3 * PAGE_BYTES);
    list_frames(20, 3);
    assert_int_equal(reserve(DECREASE, 3), 3);
    assert_int_equal(d->frames, FRAMES - 3);
    assert_int_equal(frame_n(20)->type, FRAME_FREE);
    assert_int_equal(d->m2p[20], PFN_INVALID);
    /* Gone means gone. */
    assert_int_equal(put(L1_PFN, 5, entry(20, RO)), RC_EBUSY);
    list_frames(20, 1);
    assert_int_equal(reserve(DECREASE, 1), 0);

    list()[0] = 700; /* pseudo-physical numbers in, frames out */
    list()[1] = 701;
    assert_int_equal(reserve(POPULATE, 2), 2);
    for (u32 i = 0; i < 2; i++) {
        const mfn_t m = mfn(list()[i]);
        assert_true(frame_is_owned(d, m));
        assert_int_equal(frame_at(m)->pfn, 700 + i);
        assert_int_equal(d->m2p[m.v - host_mfn(d, 0).v], 700 + i);
        const u64 *words = host_frame(m);
        for (u32 k = 0; k < TABLE_ENTRIES; k++) {
            assert_int_equal(words[k], 0);
        }
    }
    assert_int_equal(d->frames, FRAMES - 1);
}

static void test_limits(void **state)
{
    (void)state;
    list()[0] = 5;
    assert_int_equal(reserve(POPULATE, 1), 0); /* at its limit */
    list_frames(20, 2);
    assert_int_equal(reserve(DECREASE, 2), 2);
    list()[0] = FRAMES;
    assert_int_equal(reserve(POPULATE, 1), 0); /* no such number */
    list()[0] = U64_MAX;
    assert_int_equal(reserve(POPULATE, 1), 0);
    for (u32 i = 0; i < 5; i++) {
        list()[i] = 20 + i;
    }
    assert_int_equal(reserve(POPULATE, 5), 2); /* two, then the limit */
    assert_int_equal(d->frames, FRAMES);
    list_frames(30, 2);
    assert_int_equal(reserve(DECREASE, 2), 2);
    d->frames_max = FRAMES - 1; /* frames there are, but not for it */
    list()[0] = 30;
    list()[1] = 31;
    assert_int_equal(reserve(POPULATE, 2), 1);
    d->frames_max = FRAMES;
    list()[0] = 31;
    assert_int_equal(reserve(POPULATE, 1), 1);
    assert_int_equal(reserve_from(DECREASE, 0, 1, 2), 0); /* not another's */
    assert_int_equal(reserve_from(POPULATE, 0, 1, 2), 0);
    assert_int_equal(reserve(DECREASE, 0), 0);
    assert_int_equal(reserve(DECREASE, 0x80000000), RC_EINVAL);
}

static void test_A11_frames_that_are_needed_stay(void **state)
{
    (void)state;
    assert_int_equal(pin(PIN_L1, 30), 0);
    assert_int_equal(put(L1_PFN, 5, entry(31, RW)), 0);
    assert_int_equal(put(L1_PFN, 6, entry(32, RO)), 0);
    const u64 needed[] = {
        host_mfn(d, 30).v,     /* pinned */
        host_mfn(d, 31).v,     /* mapped writable */
        host_mfn(d, 32).v,     /* mapped */
        host_mfn(d, L4_PFN).v, /* the root */
        host_mfn(d, L1_PFN).v,
        d->shared_mfn.v,
        d->grants.shared_mfn[0].v,
        host_mfn(d, FRAMES).v, /* not its memory */
        3,
        U64_MAX,
    };
    for (u32 i = 0; i < ARRAY_COUNT(needed); i++) {
        list()[0] = needed[i];
        assert_int_equal(reserve(DECREASE, 1), 0);
    }
    assert_int_equal(d->frames, FRAMES);
    /* The rest of a list goes no further than the first of them. */
    list_frames(40, 4);
    list()[2] = host_mfn(d, 30).v;
    assert_int_equal(reserve(DECREASE, 4), 2);
    assert_int_equal(frame_n(43)->type, FRAME_PLAIN);
}

static void test_long_lists_are_cut(void **state)
{
    (void)state;
    list_frames(400, 300);
    assert_int_equal(reserve(DECREASE, 300), 300);
    assert_true(cuts >= 300 / 32);
    for (u32 i = 0; i < 300; i++) {
        list()[i] = 400 + i;
    }
    assert_int_equal(reserve(POPULATE, 300), 300);
    assert_true(cuts >= 300 / 32);
    assert_int_equal(d->frames, FRAMES);
}

static void test_the_cursor_is_the_guests(void **state)
{
    (void)state;
    list_frames(40, 4);
    assert_int_equal(reserve_from(DECREASE, 5, 4, DOMID_SELF), RC_EINVAL);
    assert_int_equal(reserve_from(DECREASE, 4, 4, DOMID_SELF), 4);
    assert_int_equal(d->frames, FRAMES);
    assert_int_equal(reserve_from(DECREASE, 3, 4, DOMID_SELF), 4);
    assert_int_equal(d->frames, FRAMES - 1);
    assert_int_equal(frame_n(40)->type, FRAME_PLAIN);
    assert_int_equal(frame_n(43)->type, FRAME_FREE);
}

static void test_copies_that_fail(void **state)
{
    (void)state;
    list_frames(40, 4);
    host.fetch_fails_at = 4; /* the structure, two words, then not */
    assert_int_equal(reserve(DECREASE, 4), 2);
    list()[0] = 40;
    host.fetch_fails_at = 3; /* the result cannot be stored */
    assert_int_equal(reserve(POPULATE, 1), 0);
    assert_int_equal(d->frames, FRAMES - 2);
    assert_int_equal(list()[0], 40);
    assert_int_equal(reserve(POPULATE, 1), 1);
}

static void test_memory_map(void **state)
{
    (void)state;
    struct arg_memory_map *a = host_guest(ARGS_AT);
    *a = (struct arg_memory_map){ .nr_entries = 0, .buffer = GUEST(LIST_AT) };
    assert_int_equal(call(NR_MEMORY, MAP, GUEST(ARGS_AT), 0, 0), RC_EINVAL);
    a->nr_entries = 128;
    assert_int_equal(call(NR_MEMORY, MAP, GUEST(ARGS_AT), 0, 0), 0);
    assert_int_equal(a->nr_entries, 1);
    assert_int_equal(list()[0], 0);
    assert_int_equal(list()[1], FRAMES << PAGE_BITS);
    a->buffer = 8;
    assert_int_equal(call(NR_MEMORY, MAP, GUEST(ARGS_AT), 0, 0), RC_EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_down_and_up),
        TEST(test_limits),
        TEST(test_A11_frames_that_are_needed_stay),
        TEST(test_long_lists_are_cut),
        TEST(test_the_cursor_is_the_guests),
        TEST(test_copies_that_fail),
        TEST(test_memory_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
