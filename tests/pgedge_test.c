/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges of the page-table machine that its other tests pass by: exchanges that
 * the processor wins, entries whose frame is another domain's, what is loaded
 * and flushed and when, what a walk costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/arch.h"
#include "core/frame.h"
#include "core/pgentry.h"
#include "core/pgtable.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define RW (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define RO (PTE_PRESENT | PTE_USER)
#define TRIES 4u /* exchanges that one write makes */

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

static enum rc get(u64 n, u32 level)
{
    lock_take(&d->mm);
    const enum rc rc = pgtable_get(v, frame_n(n), level);

    lock_drop(&d->mm);
    return rc;
}

static void put(u64 n)
{
    lock_take(&d->mm);
    pgtable_put(v, frame_n(n));
    lock_drop(&d->mm);
}

static enum rc write_entry(u64 table, u32 index, u64 pte, bool keep_ad)
{
    lock_take(&d->mm);
    const enum rc rc = pgtable_write(v, frame_n(table), index, pte, keep_ad);

    lock_drop(&d->mm);
    return rc;
}

static enum rc write_foreign(u64 table, u32 index, u64 expected, u64 pte)
{
    lock_take(&d->mm);
    const enum rc rc =
        pgtable_write_foreign(d, frame_n(table), index, expected, pte);

    lock_drop(&d->mm);
    return rc;
}

static enum rc set_root(u64 m, bool user)
{
    return pgtable_set_root(v, mfn(m), user);
}

static u64 entry(u64 n, u32 index)
{
    return host_table(frame_n(n))[index];
}

/* The same of a frame that is no table. */
static u64 plain(u64 n, u32 index)
{
    return ((const u64 *)host_frame(frame_n(n)))[index];
}

static void raw(u64 n, u32 index, u64 pte)
{
    arch_frame_write64(frame_n(n), index * 8, pte);
}

/* 4 -> 3 -> 2 -> 1 -> frame 10 writable, held by the test. */
static void make_tree(void)
{
    raw(1, 0, pte_make(frame_n(10), RW));
    raw(2, 0, pte_make(frame_n(1), RW));
    raw(3, 0, pte_make(frame_n(2), RW));
    raw(4, 0, pte_make(frame_n(3), RW));
    assert_int_equal(get(4, 4), RC_OK);
}

/* ---- the processor sets bits meanwhile ------------------------------------
 */

static void test_leaf_exchange_is_tried_four_times(void **state)
{
    (void)state;
    const u64 same = pte_make(frame_n(10), RW | PTE_NX);
    const u64 other = pte_make(frame_n(11), RW);

    make_tree();
    host.swaps_raced = TRIES - 1;
    assert_int_equal(write_entry(1, 0, same, false), RC_OK);
    assert_int_equal(host.swaps_raced, 0);
    assert_true(entry(1, 0) == same);
    host.swaps_raced = TRIES;
    assert_int_equal(write_entry(1, 0, same & ~PTE_NX, false), RC_EBUSY);
    assert_true(entry(1, 0) == same);
    host.swaps_raced = TRIES;
    assert_int_equal(write_entry(1, 0, other, false), RC_EBUSY);
    assert_int_equal(frame_at(frame_n(11))->refs, 0);
    assert_true(entry(1, 0) == same);
    host.swaps_raced = TRIES - 1;
    assert_int_equal(write_entry(1, 0, other, false), RC_OK);
    assert_true(entry(1, 0) == other);
    assert_int_equal(frame_at(frame_n(10))->refs, 0);
}

/* An upper entry is written all the same, then without the old bits. */
static void test_upper_exchange_is_tried_four_times(void **state)
{
    (void)state;
    const u64 new = pte_make(frame_n(1), RW | PTE_NX);
    const u64 seen = PTE_ACCESSED | PTE_DIRTY;

    make_tree();
    assert_int_equal(write_entry(2, 0, entry(2, 0) | seen, false), RC_OK);
    host.swaps_raced = TRIES - 1; /* an odd number takes A away */
    assert_int_equal(write_entry(2, 0, new, true), RC_OK);
    assert_true(entry(2, 0) == (new | PTE_DIRTY));
    host.swaps_raced = TRIES;
    assert_int_equal(write_entry(2, 0, new, true), RC_OK);
    assert_int_equal(host.swaps_raced, 0);
    assert_true(entry(2, 0) == new);
}

static void test_foreign_write_is_tried_four_times(void **state)
{
    (void)state;
    const u64 old = pte_make(frame_n(10), RW);
    const u64 new = pte_make(frame_n(10), RO | PTE_NX);

    make_tree();
    host.swaps_raced = TRIES - 1;
    assert_int_equal(write_foreign(1, 0, old, new), RC_OK);
    assert_true(entry(1, 0) == new);
    host.swaps_raced = TRIES;
    assert_int_equal(write_foreign(1, 0, new, old), RC_EBUSY);
    assert_true(entry(1, 0) == new);
}

/* What the caller saw may have become accessed and dirty, and nothing else. */
static void test_foreign_write_finds_what_was_seen(void **state)
{
    (void)state;
    const u64 old = pte_make(frame_n(10), RW);
    const u64 new = pte_make(frame_n(10), RO);

    make_tree();
    assert_int_equal(write_foreign(1, 1, old, new), RC_EBUSY);
    assert_int_equal(write_foreign(1, 0, old | PTE_NX, new), RC_EBUSY);
    assert_int_equal(write_foreign(1, 0, old | PTE_ACCESSED, old), RC_OK);
    assert_int_equal(write_foreign(1, 0, old | PTE_DIRTY, old), RC_OK);
    assert_int_equal(write_foreign(2, 0, entry(2, 0), new), RC_EINVAL);
    assert_int_equal(write_foreign(20, 0, 0, new), RC_EINVAL);
    frame_at(frame_n(1))->state = FRAME_VALIDATING;
    assert_int_equal(write_foreign(1, 0, old, new), RC_EINVAL);
    frame_at(frame_n(1))->state = FRAME_SETTLED;
    assert_true(entry(1, 0) == old);
}

/* ---- entries --------------------------------------------------------------
 */

/* Bits of an entry may change whoever owns its frame: the use stays. */
static void test_same_frame_needs_no_owner(void **state)
{
    (void)state;
    struct domain *other = host_domain(2, 8, 1);
    const mfn_t theirs = mfn(other->first_chunk << CHUNK_FRAME_BITS);
    const u64 pte = pte_make(theirs, RO);

    make_tree();
    assert_int_equal(write_entry(1, 5, pte, false), RC_EBUSY);
    assert_int_equal(write_foreign(1, 5, 0, pte), RC_OK); /* as a grant does */
    assert_int_equal(write_entry(1, 5, pte | PTE_NX, false), RC_OK);
    assert_true(entry(1, 5) == (pte | PTE_NX));
    assert_int_equal(write_entry(1, 5, pte | PTE_WRITE, false), RC_EBUSY);
    assert_int_equal(write_entry(1, 5, pte | PTE_LARGE, false), RC_EINVAL);
}

static void test_all_pages_of_the_grant_table_can_be_mapped(void **state)
{
    (void)state;
    make_tree();
    d->grants.frame_count = 2;
    for (u32 i = 0; i < 2; i++) {
        const u64 pte = pte_make(d->grants.shared_mfn[i], RW);

        assert_int_equal(write_entry(1, 7 + i, pte, false), RC_OK);
    }
    d->grants.frame_count = 1;
    assert_int_equal(
        write_entry(1, 9, pte_make(d->grants.shared_mfn[1], RW), false),
        RC_EBUSY);
}

static void test_beyond_memory_and_tables(void **state)
{
    (void)state;
    make_tree();
    assert_int_equal(
        write_entry(1, 1, pte_make(mfn(frame_table_count), RO), false),
        RC_EINVAL);
    assert_int_equal(
        write_entry(1, 1, pte_make(mfn(frame_table_count - 1), RO), false),
        RC_EBUSY);
    assert_int_equal(write_entry(1, 512, 0, false), RC_EINVAL);
    assert_int_equal(write_entry(2, 512, 0, false), RC_EINVAL);
    assert_int_equal(write_entry(20, 0, 0, false), RC_EINVAL); /* no table */
}

static void test_trapped_write_takes_the_bits_it_is_given(void **state)
{
    (void)state;
    const u64 pte = pte_make(frame_n(10), RW);

    make_tree();
    assert_int_equal(write_entry(1, 0, pte | PTE_ACCESSED | PTE_DIRTY, false),
                     RC_OK);
    assert_int_equal(pgtable_trapped_write(v, frame_n(1), 0, entry(1, 0), pte),
                     RC_OK);
    assert_true(entry(1, 0) == pte);
}

/* The cache compares some address bits only: 24, and as many as memory has. */
static void test_absent_entry_by_the_bits_that_count(void **state)
{
    (void)state;
    const u64 count = frame_table_count;
    const u64 large = 1ull << 25;

    host.l1tf_affected = true;
    assert_int_equal(pgentry_check_absent(0), RC_OK);
    assert_int_equal(pgentry_check_absent(count << PAGE_BITS), RC_OK);
    assert_int_equal(pgentry_check_absent((count - 1) << PAGE_BITS), RC_EINVAL);
    frame_table_count = large;
    for (u64 bit = 1; bit < large; bit <<= 1) {
        assert_int_equal(pgentry_check_absent(bit << PAGE_BITS), RC_EINVAL);
    }
    assert_int_equal(pgentry_check_absent(large << PAGE_BITS), RC_OK);
    frame_table_count = large - 1; /* all bits below: one more counts */
    assert_int_equal(pgentry_check_absent((large + 5) << PAGE_BITS), RC_OK);
    frame_table_count = count;
}

/* ---- roots, flushes -------------------------------------------------------
 */

static void test_root_is_loaded_where_it_is_in_use(void **state)
{
    (void)state;
    make_tree();
    raw(5, 1, pte_make(frame_n(3), RW));
    const u32 loads = host.root_loads;

    v->in_kernel = true;
    assert_int_equal(set_root(frame_n(4).v, false), RC_OK);
    assert_int_equal(host.root_loads, loads + 1);
    assert_int_equal(set_root(frame_n(4).v, false), RC_OK);
    assert_int_equal(host.root_loads, loads + 1);
    assert_int_equal(set_root(frame_n(5).v, true), RC_OK);
    assert_int_equal(host.root_loads, loads + 1);
    v->in_kernel = false;
    assert_int_equal(set_root(frame_n(5).v, false), RC_OK);
    assert_int_equal(host.root_loads, loads + 1);
    assert_int_equal(set_root(frame_n(4).v, true), RC_OK);
    assert_int_equal(host.root_loads, loads + 2);
}

static void test_same_use_again_needs_no_flush(void **state)
{
    (void)state;
    make_tree();
    d->cpus = 3;
    arch_tlb_flush(d->cpus);
    assert_int_equal(write_entry(1, 0, 0, false), RC_OK);
    const u64 before = host.flushes;

    assert_int_equal(write_entry(1, 0, pte_make(frame_n(10), RW), false),
                     RC_OK);
    assert_int_equal(host.flushes, before);
}

/* ---- walks ----------------------------------------------------------------
 */

static void test_a_table_may_be_named_twice(void **state)
{
    (void)state;
    raw(2, 0, pte_make(frame_n(1), RW));
    raw(2, 1, pte_make(frame_n(1), RO));
    assert_int_equal(get(2, 2), RC_OK);
    assert_int_equal(frame_at(frame_n(1))->refs, 2);
    raw(3, 9, pte_make(frame_n(1), RW)); /* an L1 is no L2 */
    assert_int_equal(get(3, 3), RC_EINVAL);
    raw(3, 9, pte_make(frame_n(2), RW));
    assert_int_equal(get(3, 3), RC_OK);
    put(2);
    assert_int_equal(frame_at(frame_n(2))->refs, 1);
}

/* What is refused is not touched; what was good before it is as it is kept. */
static void test_a_refused_entry_stays(void **state)
{
    (void)state;
    const u64 bad = pte_make(mfn(frame_table_count), PTE_PRESENT);

    raw(2, 0, pte_make(frame_n(1), PTE_PRESENT));
    raw(2, 1, bad);
    assert_int_equal(get(2, 2), RC_EINVAL);
    assert_true(plain(2, 0) == pte_make(frame_n(1), RO));
    assert_true(plain(2, 1) == bad);
}

/* A write that needs a large table goes on where it was cut, and ends. */
static void test_cut_write_claims_its_result(void **state)
{
    (void)state;
    u32 turns = 0;
    enum rc rc = RC_PREEMPT;

    make_tree();
    for (u32 i = 0; i < 512; i++) {
        raw(20, i, pte_make(frame_n(10), RO));
    }
    while (rc == RC_PREEMPT) {
        v->budget = 100;
        rc = write_entry(2, 3, pte_make(frame_n(20), RW), false);
        assert_true(++turns < 20);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(turns > 10);
    assert_true(entry(2, 3) == pte_make(frame_n(20), RW));
}

/* Other work is ended first, and a table that is there already is taken. */
static void test_a_table_is_taken_behind_other_work(void **state)
{
    (void)state;
    make_tree();
    for (u32 i = 0; i < 512; i++) {
        raw(20, i, pte_make(frame_n(10), RO));
    }
    v->budget = 0;
    assert_int_equal(get(20, 1), RC_PREEMPT);
    assert_int_equal(v->budget, 0);
    assert_int_equal(d->work.step[0].taken, 0);
    v->budget = 10;
    assert_int_equal(get(20, 1), RC_PREEMPT);
    v->budget = 1 << 20;
    assert_int_equal(get(1, 1), RC_OK);
    assert_int_equal(frame_at(frame_n(1))->refs, 2);
    assert_int_equal(frame_at(frame_n(20))->type, FRAME_PLAIN);
    assert_int_equal(d->work.mode, PGWORK_IDLE);
}

static void test_release_after_a_failure_ends(void **state)
{
    (void)state;
    make_tree();
    raw(20, 3, pte_make(frame_n(1), RW));
    assert_int_equal(get(20, 1), RC_EBUSY);
    put(4);
    assert_int_equal(d->work.mode, PGWORK_IDLE);
    assert_int_equal(frame_at(frame_n(1))->type, FRAME_PLAIN);
}

static void test_put_while_work_is_open_is_a_panic(void **state)
{
    (void)state;
    make_tree();
    raw(20, 500, pte_make(frame_n(10), RO));
    v->budget = 10;
    assert_int_equal(get(20, 1), RC_PREEMPT);
    if (host_expect_panic()) {
        put(4);
        fail();
    }
}

/* The hypervisor's slots of an L4 table are passed, and empty when the guest
 * gets the frame back; in other tables these are entries like all. */
static void test_slots_of_the_hypervisor_come_and_go(void **state)
{
    (void)state;
    const u64 high = pte_make(frame_n(10), RO);

    host.slot_pte = pte_make(mfn(1), PTE_PRESENT | PTE_WRITE);
    raw(1, 256, high);
    raw(1, 271, high);
    raw(4, 300, pte_make(frame_n(11), 0));
    make_tree();
    assert_true(entry(4, 256) == host.slot_pte);
    assert_true(entry(4, 271) == host.slot_pte);
    put(4);
    for (u32 i = 256; i <= 271; i++) {
        assert_true(plain(4, i) == 0);
    }
    assert_true(plain(4, 300) == pte_make(frame_n(11), 0));
    assert_true(plain(1, 256) == high);
    assert_true(plain(1, 271) == high);
}

static s32 spent(void)
{
    const s32 now = v->budget;

    v->budget = 1 << 20;
    return (1 << 20) - now;
}

/* By what a step, an entry and sixteen zeroes cost (core/pgwalk.c), so that a
 * turn is as long as its budget says. */
static void test_a_walk_costs_what_is_in_it(void **state)
{
    (void)state;
    assert_int_equal(get(1, 1), RC_OK); /* empty */
    assert_int_equal(spent(), 34 + 2);
    put(1);
    assert_int_equal(spent(), 34 + 2);
    raw(1, 100, pte_make(frame_n(10), RO)); /* in the group 96 to 103 */
    assert_int_equal(get(1, 1), RC_OK);
    assert_int_equal(spent(), 8 + 2 * 9 + 27 + 2);
    put(1);
    assert_int_equal(spent(), 27 + 2 * 8 + 8 + 2);
    for (u32 i = 0; i < 512; i++) {
        raw(2, i, pte_make(frame_n(10), RO));
    }
    assert_int_equal(get(2, 1), RC_OK);
    assert_int_equal(spent(), 64 * (2 + 2 * 9) + 2);
    put(2);
    assert_int_equal(spent(), 64 * (2 + 2 * 8) + 2);
    raw(1, 100, 0);
    raw(3, 0, pte_make(frame_n(1), RW)); /* an L2 with one empty table */
    assert_int_equal(get(3, 2), RC_OK);
    assert_int_equal(spent(), 8 + 36 + 7 * 8 + 33 + 2);
    put(3);
    assert_int_equal(spent(), 33 + 6 + 7 * 8 + 36 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_leaf_exchange_is_tried_four_times, setup),
        cmocka_unit_test_setup(test_upper_exchange_is_tried_four_times, setup),
        cmocka_unit_test_setup(test_foreign_write_is_tried_four_times, setup),
        cmocka_unit_test_setup(test_foreign_write_finds_what_was_seen, setup),
        cmocka_unit_test_setup(test_same_frame_needs_no_owner, setup),
        cmocka_unit_test_setup(test_all_pages_of_the_grant_table_can_be_mapped,
                               setup),
        cmocka_unit_test_setup(test_beyond_memory_and_tables, setup),
        cmocka_unit_test_setup(test_trapped_write_takes_the_bits_it_is_given,
                               setup),
        cmocka_unit_test_setup(test_absent_entry_by_the_bits_that_count, setup),
        cmocka_unit_test_setup(test_root_is_loaded_where_it_is_in_use, setup),
        cmocka_unit_test_setup(test_same_use_again_needs_no_flush, setup),
        cmocka_unit_test_setup(test_a_table_may_be_named_twice, setup),
        cmocka_unit_test_setup(test_a_refused_entry_stays, setup),
        cmocka_unit_test_setup(test_cut_write_claims_its_result, setup),
        cmocka_unit_test_setup(test_a_table_is_taken_behind_other_work, setup),
        cmocka_unit_test_setup(test_release_after_a_failure_ends, setup),
        cmocka_unit_test_setup(test_put_while_work_is_open_is_a_panic, setup),
        cmocka_unit_test_setup(test_slots_of_the_hypervisor_come_and_go, setup),
        cmocka_unit_test_setup(test_a_walk_costs_what_is_in_it, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
