/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of page tables: which CPUs and pages are flushed, which level a pin is
 * of, and what refusals say.
 */
#include "tests/call_fixture.h"

#define FLUSH_ALL 1u
#define FLUSH_PAGE 2u
#define OTHERS 4u /* all CPUs of the domain, not only this one */

static s64 update_va(u64 va, u64 pte, u64 flags)
{
    host.flush_cpus = 0;
    host.flush_va = 0;
    return call(NR_UPDATE_VA, va, pte, flags, 0);
}

static void flushed(u64 cpus, u64 va)
{
    assert_true(host.flush_cpus == cpus);
    assert_true(host.flush_va == va);
}

static void test_update_va_flushes_what_it_is_asked_to(void **state)
{
    (void)state;
    const u64 va = VA + 7 * PAGE_BYTES;

    d->cpus = 6;
    host.cpu = 1;
    assert_int_equal(update_va(va, entry(20, RO), 0), 0);
    flushed(0, 0);
    assert_int_equal(update_va(va, entry(20, RO), OTHERS), 0);
    flushed(0, 0);
    assert_int_equal(update_va(va, entry(20, RO), FLUSH_ALL), 0);
    flushed(2, U64_MAX);
    assert_int_equal(update_va(va, entry(20, RO), FLUSH_ALL | OTHERS), 0);
    flushed(6, U64_MAX);
    assert_int_equal(update_va(va, entry(20, RO), FLUSH_PAGE), 0);
    flushed(2, va);
    assert_int_equal(update_va(va, entry(20, RO), FLUSH_PAGE | OTHERS), 0);
    flushed(6, va);
    assert_int_equal(update_va(va, entry(L1_PFN, RW), FLUSH_PAGE), RC_EBUSY);
    flushed(0, 0);
    assert_int_equal(update_va(va ^ 1ull << 46, 0, FLUSH_ALL), RC_EINVAL);
    flushed(0, 0);
    host.cpu = 0;
}

static void test_update_va_keeps_no_bits(void **state)
{
    (void)state;
    const u64 seen = PTE_ACCESSED | PTE_DIRTY;

    assert_int_equal(update_va(VA, entry(20, RW | seen), 0), 0);
    assert_int_equal(update_va(VA, entry(20, RW), 0), 0);
    assert_true(host_table(host_mfn(d, L1_PFN))[0] == entry(20, RW));
}

static void test_flushes_name_their_cpus(void **state)
{
    (void)state;
    d->cpus = 6;
    host.cpu = 1;
    atomic_store32(&d->vcpu[0].sched.cpu, 1);
    atomic_store32(&d->vcpu[1].sched.cpu, 2);
    assert_int_equal(mmuext(6, 0, 0), 0);
    flushed(2, U64_MAX);
    assert_int_equal(mmuext(7, VA, 0), 0);
    flushed(2, VA);
    for (u32 set = 0; set < 4; set++) { /* bits beyond the last do not count */
        *(u8 *)host_guest(0x9000) = (u8)(0xf0 | set);
        assert_int_equal(mmuext(8, 0, GUEST(0x9000)), 0);
        flushed(2 * set, U64_MAX);
        assert_int_equal(mmuext(9, VA, GUEST(0x9000)), 0);
        flushed(2 * set, VA);
    }
    d->cpus = 2; /* the other vCPU has been elsewhere since */
    assert_int_equal(mmuext(8, 0, GUEST(0x9000)), 0);
    flushed(2, U64_MAX);
    host.flush_cpus = 77;
    assert_int_equal(mmuext(8, 0, 8), RC_EFAULT);
    assert_int_equal(mmuext(9, 0, 8), RC_EFAULT);
    flushed(77, U64_MAX);
    host.cpu = 0;
    atomic_store32(&d->vcpu[0].sched.cpu, 0);
    atomic_store32(&d->vcpu[1].sched.cpu, 0);
}

static void test_a_pin_is_of_its_level(void **state)
{
    (void)state;
    arch_frame_write64(host_mfn(d, 200), 0, entry(201, RW)); /* an L3 */
    arch_frame_write64(host_mfn(d, 201), 0, entry(202, RW));
    arch_frame_write64(host_mfn(d, 202), 0, entry(500, RW));
    assert_int_equal(pin(PIN_L1, 202), 0);
    assert_int_equal(frame_n(202)->type, FRAME_L1);
    assert_int_equal(frame_n(500)->type, FRAME_WRITABLE);
    assert_int_equal(pin(PIN_L3, 200), 0);
    assert_int_equal(frame_n(200)->type, FRAME_L3);
    assert_int_equal(frame_n(201)->type, FRAME_L2);
    assert_int_equal(pin(PIN_L3, 200), RC_EINVAL);
    assert_int_equal(pin(PIN_L4, 200), RC_EINVAL);
    assert_int_equal(frame_n(200)->refs, 1);
    assert_int_equal(pin(UNPIN, 300), RC_EINVAL);
    assert_int_equal(mmuext(UNPIN, d->shared_mfn.v, 0), RC_EINVAL);
    assert_int_equal(mmuext(PIN_L1, d->shared_mfn.v, 0), RC_EINVAL);
    assert_int_equal(pin(UNPIN, 200), 0);
    assert_int_equal(frame_n(202)->type, FRAME_L1);
    assert_int_equal(pin(UNPIN, 202), 0);
    assert_int_equal(frame_n(500)->type, FRAME_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_va_flushes_what_it_is_asked_to),
        TEST(test_update_va_keeps_no_bits),
        TEST(test_flushes_name_their_cpus),
        TEST(test_a_pin_is_of_its_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
