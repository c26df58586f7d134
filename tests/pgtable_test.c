/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table machine against its oracle: named rules first, then random
 * sequences with a recount after every operation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arch.h"
#include "core/frame.h"
#include "core/pgtable.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define RW (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define RO (PTE_PRESENT | PTE_USER)

static struct domain *d;
static struct vcpu *v;

static mfn_t frame_n(u64 n)
{
    return mfn((d->first_chunk << CHUNK_FRAME_BITS) + n);
}

static int setup(void **state)
{
    (void)state;
    host_reset();
    d = host_domain(1, 64, 1);
    v = &d->vcpu[0];
    v->budget = 1 << 20;
    return 0;
}

static enum rc get(mfn_t m, u32 level)
{
    lock_take(&d->mm);
    const enum rc rc = pgtable_get(v, m, level);

    lock_drop(&d->mm);
    return rc;
}

static void pin(mfn_t m, u32 level)
{
    assert_int_equal(get(m, level), RC_OK);
    assert_int_equal(frame_pin(frame_at(m)), RC_OK);
}

static void unpin(mfn_t m)
{
    lock_take(&d->mm);
    assert_int_equal(pgtable_ready(v), RC_OK);
    assert_int_equal(frame_unpin(frame_at(m)), RC_OK);
    pgtable_put(v, m);
    lock_drop(&d->mm);
}

static enum rc put_entry(mfn_t table, u32 index, u64 pte)
{
    lock_take(&d->mm);
    const enum rc rc = pgtable_write(v, table, index, pte, false);

    lock_drop(&d->mm);
    return rc;
}

static void raw(u64 n, u32 index, u64 value)
{
    arch_frame_write64(frame_n(n), index * 8, value);
}

/* 4 -> 3 -> 2 -> 1 -> frame 10 writable. */
static void make_tree(void)
{
    raw(1, 0, pte_make(frame_n(10), RW));
    raw(2, 0, pte_make(frame_n(1), RW));
    raw(3, 0, pte_make(frame_n(2), RW));
    raw(4, 0, pte_make(frame_n(3), RW));
}

static void test_pin_and_unpin_leave_nothing(void **state)
{
    (void)state;
    make_tree();
    pin(frame_n(4), 4);
    assert_int_equal(frame_at(frame_n(1))->type, FRAME_L1);
    assert_int_equal(frame_at(frame_n(10))->type, FRAME_WRITABLE);
    host_recount(d);
    unpin(frame_n(4));
    for (u64 i = 1; i <= 10; i++) {
        assert_int_equal(frame_at(frame_n(i))->type, FRAME_PLAIN);
        assert_int_equal(frame_at(frame_n(i))->refs, 0);
    }
    host_recount(d);
}

static void test_I4_table_is_never_writable(void **state)
{
    (void)state;
    make_tree();
    pin(frame_n(4), 4);
    for (u64 i = 1; i <= 4; i++) { /* A01, A02 */
        assert_int_equal(put_entry(frame_n(1), 5, pte_make(frame_n(i), RW)),
                         RC_EBUSY);
        assert_int_equal(put_entry(frame_n(1), 5, pte_make(frame_n(i), RO)),
                         RC_OK);
        assert_int_equal(put_entry(frame_n(1), 5, 0), RC_OK);
    }
    host_recount(d);
    /* And the other way: a writable frame does not become a table. */
    assert_int_equal(get(frame_n(10), 1), RC_EBUSY);
    host_recount(d);
}

static void test_levels_descend(void **state)
{
    (void)state;
    make_tree();
    pin(frame_n(4), 4);
    /* A03, A04: same level, upward, and skipping a level. */
    assert_int_not_equal(put_entry(frame_n(4), 9, pte_make(frame_n(4), RO)),
                         RC_OK);
    assert_int_not_equal(put_entry(frame_n(3), 9, pte_make(frame_n(4), RO)),
                         RC_OK);
    assert_int_not_equal(put_entry(frame_n(4), 9, pte_make(frame_n(2), RO)),
                         RC_OK);
    /* The same in a table that is yet to be one. */
    for (u64 level = 2; level <= 4; level++) {
        raw(20, 0, pte_make(frame_n(level), RO));
        assert_int_equal(get(frame_n(20), (u32)level), RC_EINVAL);
    }
    host_recount(d);
}

static void test_bad_bits_and_frames_are_refused(void **state)
{
    (void)state;
    make_tree();
    pin(frame_n(4), 4);
    const u64 bad[] = {
        pte_make(frame_n(11), RW | PTE_PCD),
        pte_make(frame_n(11), RW | PTE_PWT),
        pte_make(frame_n(11), RW | PTE_LARGE),
        pte_make(mfn(0x7ffffffff), RW),
        pte_make(mfn((d->first_chunk + d->chunk_count) * 512), RW),
    };

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_not_equal(put_entry(frame_n(1), 7, bad[i]), RC_OK);
        assert_int_equal(arch_pte_read(frame_n(1), 7), 0);
    }
    /* A05: a large page at level 2. */
    assert_int_equal(
        put_entry(frame_n(2), 7, pte_make(frame_n(11), RW | PTE_LARGE)),
        RC_EINVAL);
    /* A07: the hypervisor's slots. */
    for (u32 i = 256; i <= 271; i++) {
        assert_int_equal(put_entry(frame_n(4), i, pte_make(frame_n(3), RW)),
                         RC_EINVAL);
    }
    host_recount(d);
}

static void test_failed_validation_leaves_nothing(void **state)
{
    (void)state;
    make_tree();
    raw(1, 511, pte_make(mfn(0x7ffffffff), RW));
    assert_int_equal(get(frame_n(4), 4), RC_EINVAL);
    host_recount(d);
    for (u64 i = 1; i <= 10; i++) {
        assert_int_equal(frame_at(frame_n(i))->type, FRAME_PLAIN);
        assert_int_equal(frame_at(frame_n(i))->refs, 0);
    }
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (s32 slice = 1; slice < 140; slice += 3) {
        setup(NULL);
        make_tree();
        enum rc rc = RC_PREEMPT;
        u32 parts = 0;

        while (rc == RC_PREEMPT) {
            v->budget = slice;
            parts++;
            rc = get(frame_n(4), 4);
            if (rc == RC_PREEMPT) { /* else the test holds a reference */
                host_recount(d);
            }
        }
        assert_int_equal(rc, RC_OK);
        /* In each table: entries, zeroes behind them, the end. */
        assert_true(slice > 8 || parts >= 4 * 3);
        assert_int_equal(frame_pin(frame_at(frame_n(4))), RC_OK);
        v->budget = slice;
        lock_take(&d->mm);
        assert_int_equal(frame_unpin(frame_at(frame_n(4))), RC_OK);
        pgtable_put(v, frame_n(4));
        lock_drop(&d->mm);
        host_recount(d);
        while (pgtable_continue(v) == RC_PREEMPT) {
            v->budget = slice;
            host_recount(d);
        }
        host_recount(d);
        assert_int_equal(frame_at(frame_n(4))->type, FRAME_PLAIN);
    }
}

static void test_quarantine_flushes_before_reuse(void **state)
{
    (void)state;
    make_tree();
    pin(frame_n(4), 4);
    d->cpus = 3;
    arch_tlb_flush(d->cpus); /* one from before does not count */
    const u64 before = host.flushes;

    assert_int_equal(put_entry(frame_n(1), 0, 0), RC_OK);
    assert_int_equal(host.flushes, before);
    /* frame 10 was writable: it must be flushed before it is a table. */
    assert_int_equal(get(frame_n(10), 1), RC_OK);
    assert_int_equal(host.flushes, before + 1);
    /* And again before it is writable, when it is a table no more. */
    arch_tlb_flush(d->cpus);
    lock_take(&d->mm);
    pgtable_put(v, frame_n(10));
    lock_drop(&d->mm);
    assert_int_equal(host.flushes, before + 2);
    assert_int_equal(put_entry(frame_n(1), 0, pte_make(frame_n(10), RW)),
                     RC_OK);
    assert_int_equal(host.flushes, before + 3);
}

/* Random writes, pins and unpins by an attacker with 24 frames. */
static void test_random_sequences(void **state)
{
    (void)state;
    srandom(1);
    for (u32 round = 0; round < 60; round++) {
        setup(NULL);
        for (u32 step = 0; step < 300; step++) {
            const u64 a = (u64)random() % 24;
            const u64 b = (u64)random() % 24;
            const u32 index = (u32)random() % 4 * 170;
            const u64 flags = random() % 2 != 0 ? RW : RO;
            const u32 what = (u32)random() % 8;
            struct frame *f = frame_at(frame_n(a));

            v->budget = (s32)(random() % 100);
            if (what < 3 && f->type >= FRAME_PLAIN) {
                raw(a, index, pte_make(frame_n(b), flags));
            } else if (what < 5) {
                (void)!put_entry(frame_n(a), index,
                                 random() % 3 != 0 ? pte_make(frame_n(b), flags)
                                                   : 0);
            } else if (what < 7) {
                const u32 level = (u32)random() % 4 + 1;

                if (get(frame_n(a), level) == RC_OK) {
                    lock_take(&d->mm);
                    if (frame_pin(f) != RC_OK) {
                        pgtable_put(v, frame_n(a));
                    }
                    lock_drop(&d->mm);
                }
            } else {
                lock_take(&d->mm);
                if (pgtable_ready(v) == RC_OK && f->type <= FRAME_L4 &&
                    frame_unpin(f) == RC_OK) {
                    pgtable_put(v, frame_n(a));
                }
                lock_drop(&d->mm);
            }
            host_recount(d);
        }
    }
}

/* An absent entry names no memory where the processor would look there; what
 * Linux stores, inverted, stays allowed, and so does zero with flags. */
static void test_absent_entry_names_no_memory(void **state)
{
    (void)state;
    const u64 victim = pte_make(frame_n(3), PTE_WRITE | PTE_USER);
    const u64 inverted = ~victim & (PTE_FRAME | PTE_NX);
    const u64 truncated = victim | 1ull << 50;

    pin(frame_n(0), 1);
    assert_int_equal(put_entry(frame_n(0), 1, victim), RC_OK);
    host.l1tf_affected = true;
    assert_int_equal(put_entry(frame_n(0), 2, victim), RC_EINVAL);
    assert_int_equal(put_entry(frame_n(0), 2, truncated), RC_EINVAL);
    assert_int_equal(put_entry(frame_n(0), 2, inverted), RC_OK);
    assert_int_equal(put_entry(frame_n(0), 3, PTE_WRITE), RC_OK);
    assert_int_equal(host_table(frame_n(0))[2], inverted);
    host_recount(d);
}

/* The same for a whole table that is validated, and for upper levels. */
static void test_absent_entry_is_checked_in_walks(void **state)
{
    (void)state;
    host.l1tf_affected = true;
    host_table(frame_n(0))[511] = pte_make(frame_n(3), PTE_WRITE);
    assert_int_equal(get(frame_n(0), 1), RC_EINVAL);
    assert_int_equal(get(frame_n(0), 4), RC_EINVAL);
    host_table(frame_n(0))[511] = 0;
    pin(frame_n(0), 2);
    assert_int_equal(put_entry(frame_n(0), 7,
                               PTE_LARGE | PTE_WRITE | pte_make(frame_n(3), 0)),
                     RC_EINVAL);
    host_recount(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pin_and_unpin_leave_nothing, setup),
        cmocka_unit_test_setup(test_I4_table_is_never_writable, setup),
        cmocka_unit_test_setup(test_levels_descend, setup),
        cmocka_unit_test_setup(test_bad_bits_and_frames_are_refused, setup),
        cmocka_unit_test_setup(test_failed_validation_leaves_nothing, setup),
        cmocka_unit_test_setup(test_cut_anywhere, setup),
        cmocka_unit_test_setup(test_quarantine_flushes_before_reuse, setup),
        cmocka_unit_test_setup(test_absent_entry_names_no_memory, setup),
        cmocka_unit_test_setup(test_absent_entry_is_checked_in_walks, setup),
        cmocka_unit_test_setup(test_random_sequences, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
