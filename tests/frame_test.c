/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame machine record by record: each operation on every record that can
 * be, and on those that must stop the host. What is right is written here once
 * more, from the drawing in frame.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/frame.h"
#include "tests/host_arch.h"

#define LIMIT FRAME_COUNT_LIMIT
#define STAMP 77u

static const u32 counts[] = { 0, 1, 2, 3, LIMIT - 1, LIMIT, LIMIT + 1 };

static struct frame f, before;
static bool stopped, last;

static bool is_table(u32 type)
{
    return type >= FRAME_L1 && type <= FRAME_L4;
}

/* The next record: all of types, states, pins and counts. False: no more. */
static bool next_record(u32 *n)
{
    u32 i = (*n)++;

    memset(&f, 0, sizeof(f));
    f.type = (u8)(i % (FRAME_PRIVATE + 1));
    i /= FRAME_PRIVATE + 1;
    f.state = (u8)(i % (FRAME_RELEASING + 1));
    i /= FRAME_RELEASING + 1;
    f.pinned = (u8)(i % 2);
    i /= 2;
    f.types = counts[i % ARRAY_COUNT(counts)];
    i /= ARRAY_COUNT(counts);
    f.refs = counts[i % ARRAY_COUNT(counts)];
    i /= ARRAY_COUNT(counts);
    f.was = FRAME_L3;
    f.pfn = 5;
    f.stamp = STAMP;
    before = f;
    return i == 0;
}

static void same_record(void)
{
    assert_memory_equal(&f, &before, sizeof(f));
}

/* Run it; did it stop the host? */
#define STOPS(operation)                                                       \
    (stopped = true,                                                           \
     host_expect_panic()                                                       \
         ? ((void)(operation), host_panic_expected = false, stopped = false)   \
         : true,                                                               \
     stopped)

static void test_reference(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        const bool ok = f.refs < LIMIT;

        assert_int_equal(frame_ref(&f), ok ? RC_OK : RC_EBUSY);
        before.refs += ok;
        same_record();
    }
    for (u32 n = 0; next_record(&n);) {
        const bool wrong = f.refs <= f.types;

        assert_int_equal(STOPS(frame_unref(&f)), wrong);
        before.refs -= !wrong;
        same_record();
    }
}

static void test_writable_reference(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        const bool ok = f.refs < LIMIT &&
                        (f.type == FRAME_PLAIN || f.type == FRAME_WRITABLE);

        assert_int_equal(frame_ref_writable(&f), ok ? RC_OK : RC_EBUSY);
        if (ok) {
            before.was = f.type == before.type ? before.was : FRAME_WRITABLE;
            before.type = FRAME_WRITABLE;
            before.refs++;
            before.types++;
        }
        same_record();
    }
    for (u32 n = 0; next_record(&n);) {
        const bool wrong = f.type != FRAME_WRITABLE || f.types == 0;

        host.tlb_clock = 99;
        assert_int_equal(STOPS(frame_unref_writable(&f)), wrong);
        if (!wrong) {
            before.refs--;
            before.types--;
            if (before.types == 0) {
                before.type = FRAME_PLAIN;
                before.stamp = f.stamp;
                assert_int_not_equal(f.stamp, STAMP);
            }
        }
        same_record();
    }
}

static void test_begin_table(void **state)
{
    (void)state;
    for (u32 level = FRAME_L1; level <= FRAME_L4; level++) {
        for (u32 n = 0; next_record(&n);) {
            const bool ok = f.type == FRAME_PLAIN && f.refs < LIMIT;

            assert_int_equal(frame_begin_table(&f, level),
                             ok ? RC_OK : RC_EBUSY);
            if (ok) {
                before.type = before.was = (u8)level;
                before.state = FRAME_VALIDATING;
                before.types = 1;
                before.refs++;
            }
            same_record();
        }
    }
}

static void test_table_references(void **state)
{
    (void)state;
    for (u32 level = FRAME_L1; level <= FRAME_L4; level++) {
        for (u32 n = 0; next_record(&n);) {
            const bool ok =
                f.type == level && f.state == FRAME_SETTLED && f.refs < LIMIT;

            assert_int_equal(frame_ref_table(&f, level), ok ? RC_OK : RC_EBUSY);
            before.refs += ok;
            before.types += ok;
            same_record();
        }
    }
    for (u32 n = 0; next_record(&n);) {
        const bool wrong =
            !is_table(f.type) || f.state != FRAME_SETTLED || f.types == 0;

        last = false;
        assert_int_equal(STOPS(last = frame_unref_table(&f)), wrong);
        assert_int_equal(last, !wrong && before.types == 1);
        if (last) {
            before.state = FRAME_RELEASING;
        } else if (!wrong) {
            before.refs--;
            before.types--;
        }
        same_record();
    }
}

static void test_end_table(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        const bool wrong =
            !is_table(f.type) || f.state == FRAME_SETTLED || f.types != 1;

        assert_int_equal(STOPS(frame_end_table(&f)), wrong);
        if (!wrong) {
            assert_int_not_equal(f.stamp, STAMP);
            before.type = FRAME_PLAIN;
            before.state = FRAME_SETTLED;
            before.types = 0;
            before.refs--;
            before.stamp = f.stamp;
        }
        same_record();
    }
}

static void test_pins(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        assert_int_equal(frame_pin(&f), before.pinned ? RC_EINVAL : RC_OK);
        assert_int_equal(f.pinned, 1);
        f.pinned = before.pinned;
        same_record();
        assert_int_equal(frame_unpin(&f), before.pinned ? RC_OK : RC_EINVAL);
        assert_int_equal(f.pinned, 0);
        f.pinned = before.pinned;
        same_record();
    }
}

static void test_in_and_out_of_memory(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        const bool ok = f.type == FRAME_PLAIN && f.refs == 0;

        assert_int_equal(frame_release(&f, 9), ok ? RC_OK : RC_EBUSY);
        before.type = ok ? FRAME_FREE : before.type;
        before.pfn = ok ? 9 : before.pfn;
        same_record();
    }
    memset(&f, 0, sizeof(f));
    f.type = FRAME_FREE;
    before = f;
    f.state = FRAME_RELEASING;
    frame_populate(&f, 12);
    before.type = FRAME_PLAIN;
    before.pfn = 12;
    same_record();
    f.type = FRAME_FREE;
    frame_reserve(&f);
    before.type = FRAME_PRIVATE;
    before.pfn = FRAME_NO_PFN;
    same_record();
}

static void test_reset(void **state)
{
    (void)state;
    for (u32 n = 0; next_record(&n);) {
        frame_reset(&f);
        before.refs = before.types = 0;
        before.type = FRAME_FREE;
        before.state = FRAME_SETTLED;
        before.pinned = 0;
        before.pfn = FRAME_NO_PFN;
        same_record();
    }
}

/* A flush comes before another use, and not before the same or the first. */
static void test_needs_flush(void **state)
{
    (void)state;
    for (u32 was = 0; was <= FRAME_PRIVATE; was++) {
        for (u32 type = 0; type <= FRAME_PRIVATE; type++) {
            f.was = (u8)was;
            assert_int_equal(frame_needs_flush(&f, type),
                             was != FRAME_FREE && was != type);
        }
    }
}

static void test_outside_the_table(void **state)
{
    static struct frame three[3];

    (void)state;
    frame_table = three;
    frame_table_count = 2; /* the third is not in it */
    assert_ptr_equal(frame_at(mfn(0)), &three[0]);
    assert_ptr_equal(frame_at(mfn(1)), &three[1]);
    assert_null(frame_at(mfn(2)));
    assert_null(frame_at(mfn(MFN_NONE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_writable_reference),
        cmocka_unit_test(test_begin_table),
        cmocka_unit_test(test_table_references),
        cmocka_unit_test(test_end_table),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_in_and_out_of_memory),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_needs_flush),
        cmocka_unit_test(test_outside_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
