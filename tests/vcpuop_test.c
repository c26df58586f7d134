/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_op through dispatch: up and down, and the areas that a guest registers:
 * where they may lie, that they hold their frames, that they move.
 */
#include "tests/call_fixture.h"

#define NR_VCPU 24u
#define UP 1u
#define DOWN 2u
#define IS_UP 3u
#define RUNSTATE 5u
#define INFO 10u
#define TIME 13u
#define ARGS_AT 0x8000u
#define PAGE(n) (VA + (u64)(n) * PAGE_BYTES)

/* Map pages 0..7 of VA to frames 20..27, page 8 read-only. */
static int setup_mapped(void **state)
{
    setup(state);
    for (u32 i = 0; i < 8; i++) {
        assert_int_equal(put(L1_PFN, i, entry(20 + i, RW)), 0);
    }
    return (int)put(L1_PFN, 8, entry(28, RO));
}

static s64 op(u32 sub, u64 id)
{
    return call(NR_VCPU, sub, id, 0, 0);
}

static s64 area(u32 sub, u64 id, u64 va)
{
    memcpy(host_guest(ARGS_AT), &va, sizeof(va));
    const s64 rc = call(NR_VCPU, sub, id, GUEST(ARGS_AT), 0);
    host_recount(d);
    return rc;
}

static s64 info(u64 id, u64 frame, u32 offset)
{
    const struct arg_vcpu_info_place a = { .mfn = frame, .offset = offset };
    memcpy(host_guest(ARGS_AT), &a, sizeof(a));
    const s64 rc = call(NR_VCPU, INFO, id, GUEST(ARGS_AT), 0);
    host_recount(d);
    return rc;
}

static u32 held(u64 n)
{
    return frame_n(n)->types;
}

static void test_area_in_one_page(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 0, PAGE(1) + 0x100), 0);
    assert_int_equal(held(21), 2);
    assert_int_equal(v->runstate_frame[0].v, host_mfn(d, 21).v);
    assert_int_equal(v->runstate_frame[1].v, MFN_NONE);
    assert_int_equal(v->runstate_offset, 0x100);
    assert_int_equal(host.runstate_publishes, 1);
    assert_int_equal(area(TIME, 0, PAGE(1) + 0x200), 0);
    assert_int_equal(held(21), 3);
    assert_int_equal(host.time_publishes, 1);
    /* The last place that does not cross. */
    assert_int_equal(area(RUNSTATE, 0, PAGE(2) - 48), 0);
    assert_int_equal(v->runstate_frame[1].v, MFN_NONE);
}

static void test_area_that_crosses_pages(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 0, PAGE(2) - 44), 0);
    assert_int_equal(held(21), 2);
    assert_int_equal(held(22), 2);
    assert_int_equal(v->runstate_frame[1].v, host_mfn(d, 22).v);
    assert_int_equal(area(TIME, 0, PAGE(4) - 4), 0);
    assert_int_equal(v->time_frame[1].v, host_mfn(d, 24).v);
    /* The second page cannot be written: nothing has changed. */
    assert_int_equal(area(RUNSTATE, 0, PAGE(8) - 4), RC_EFAULT);
    assert_int_equal(held(27), 1);
    assert_int_equal(v->runstate_frame[0].v, host_mfn(d, 21).v);
    assert_int_equal(area(RUNSTATE, 0, 0xfffffffffffffff0), RC_EFAULT);
}

static void test_area_moves_and_goes(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 0, PAGE(2) - 8), 0);
    assert_int_equal(area(RUNSTATE, 0, PAGE(3)), 0);
    assert_int_equal(held(21), 1);
    assert_int_equal(held(22), 1);
    assert_int_equal(held(23), 2);
    assert_int_equal(area(RUNSTATE, 0, 0), 0);
    assert_int_equal(held(23), 1);
    assert_int_equal(v->runstate_frame[0].v, MFN_NONE);
    assert_int_equal(host.runstate_publishes, 2);
    assert_int_equal(area(TIME, 0, 0), 0);
    assert_int_equal(host.time_publishes, 0);
}

static void test_area_in_a_wrong_place(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 0, PAGE(1) + 2), RC_EINVAL);
    assert_int_equal(area(TIME, 0, PAGE(1) + 1), RC_EINVAL);
    assert_int_equal(area(RUNSTATE, 0, PAGE(8)), RC_EFAULT);  /* read-only */
    assert_int_equal(area(RUNSTATE, 0, PAGE(20)), RC_EFAULT); /* unmapped */
    assert_int_equal(area(RUNSTATE, 0, 0x1000), RC_EFAULT);
    assert_int_equal(area(RUNSTATE, 0, 0xffff800000000000), RC_EFAULT);
    assert_int_equal(put(L1_PFN, 9, pte_make(d->shared_mfn, RW)), 0);
    assert_int_equal(area(RUNSTATE, 0, PAGE(9)), RC_EINVAL);
    assert_int_equal(host.runstate_publishes, 0);
}

/* What is held can neither leave nor become a page table. */
static void test_I4_area_stays_writable_memory(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 0, PAGE(1)), 0);
    assert_int_equal(info(0, host_mfn(d, 22).v, 0), 0);
    assert_int_equal(put(L1_PFN, 1, 0), 0);
    assert_int_equal(put(L1_PFN, 2, 0), 0);
    assert_int_equal(pin(PIN_L1, 21), RC_EBUSY);
    assert_int_equal(pin(PIN_L1, 22), RC_EBUSY);
    assert_int_equal(area(RUNSTATE, 0, 0), 0);
    assert_int_equal(pin(PIN_L1, 21), 0);
}

static void test_vcpu_info_moves_once(void **state)
{
    (void)state;
    struct vcpu_info *before = v->info;
    before->cr2 = 0x1234;
    before->upcall_pending = 1;
    assert_int_equal(info(0, host_mfn(d, 22).v, 4040), RC_EINVAL);
    assert_int_equal(info(0, host_mfn(d, 22).v, 4), RC_EINVAL);
    assert_int_equal(info(0, d->shared_mfn.v, 0), RC_EINVAL);
    assert_int_equal(info(0, 3, 0), RC_EINVAL);
    assert_int_equal(info(0, host_mfn(d, L1_PFN).v, 0), RC_EBUSY);
    assert_ptr_equal(v->info, before);
    assert_int_equal(info(0, host_mfn(d, 22).v, 4032), 0);
    assert_ptr_not_equal(v->info, before);
    assert_ptr_equal(v->info, (u8 *)host_frame(host_mfn(d, 22)) + 4032);
    assert_int_equal(v->info->cr2, 0x1234);
    assert_int_equal(v->info->upcall_pending, 1);
    assert_int_equal(v->pend_sel, U64_MAX); /* all is shown again */
    assert_int_equal(info(0, host_mfn(d, 23).v, 0), RC_EINVAL);
    assert_int_equal(held(23), 1);
}

static void test_areas_of_another_vcpu(void **state)
{
    (void)state;
    assert_int_equal(area(RUNSTATE, 1, PAGE(1)), RC_EBUSY); /* it is up */
    assert_int_equal(area(TIME, 1, PAGE(1)), RC_EBUSY);
    assert_int_equal(info(1, host_mfn(d, 22).v, 0), RC_EBUSY);
    d->vcpu[1].state = VCPU_DOWN;
    assert_int_equal(info(1, host_mfn(d, 22).v, 0), 0);
    assert_int_equal(area(RUNSTATE, 1, PAGE(1)), 0);
    assert_int_equal(area(TIME, 1, PAGE(1) + 64), 0);
    for (u64 id = 2; id < 40; id += 37) {
        assert_int_equal(area(RUNSTATE, id, PAGE(1)), RC_ENOENT);
        assert_int_equal(area(TIME, id, PAGE(1)), RC_ENOENT);
        assert_int_equal(info(id, host_mfn(d, 23).v, 0), RC_ENOENT);
        assert_int_equal(op(UP, id), RC_ENOENT);
        assert_int_equal(op(DOWN, id), RC_ENOENT);
        assert_int_equal(op(IS_UP, id), RC_ENOENT);
    }
}

static void test_up_and_down(void **state)
{
    (void)state;
    struct vcpu *other = &d->vcpu[1];
    other->state = VCPU_EMPTY;
    assert_int_equal(op(IS_UP, 1), 0);
    assert_int_equal(op(UP, 1), RC_EINVAL);
    other->state = VCPU_FILLING;
    assert_int_equal(op(UP, 1), RC_EINVAL);
    other->state = VCPU_DOWN;
    assert_int_equal(op(UP, 1), RC_EINVAL); /* it has no root */
    lock_take(&d->mm);
    v->budget = PGTABLE_BUDGET;
    assert_int_equal(pgtable_get(other, host_mfn(d, L4_PFN), 4), RC_OK);
    other->kernel_root = host_mfn(d, L4_PFN);
    lock_drop(&d->mm);
    assert_int_equal(op(UP, 1), 0);
    assert_int_equal(op(IS_UP, 1), 1);
    assert_int_equal(other->sched.state, SCHED_RUNNABLE);
    assert_int_equal(op(UP, 1), 0); /* twice is nothing */
    assert_int_equal(op(DOWN, 1), 0);
    assert_int_equal(op(IS_UP, 1), 0);
    assert_int_equal(other->sched.state, SCHED_OFFLINE);
    assert_int_equal(op(DOWN, 1), 0);
    /* A domain that ends starts nobody. */
    d->state = DOMAIN_ENDING;
    (void)op(UP, 1);
    assert_int_equal(other->sched.state, SCHED_OFFLINE);
}

#define MAPPED(f) cmocka_unit_test_setup_teardown(f, setup_mapped, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAPPED(test_area_in_one_page),
        MAPPED(test_area_that_crosses_pages),
        MAPPED(test_area_moves_and_goes),
        MAPPED(test_area_in_a_wrong_place),
        MAPPED(test_I4_area_stays_writable_memory),
        MAPPED(test_vcpu_info_moves_once),
        MAPPED(test_areas_of_another_vcpu),
        MAPPED(test_up_and_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
