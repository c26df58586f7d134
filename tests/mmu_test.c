/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as a hostile guest sees them: mmu_update, update_va_mapping,
 * pins and roots through dispatch, a recount after each call. Tests named Annn
 * are rows of the list of attacks that docs/ and the attack guest share.
 */
#include "tests/call_fixture.h"

static s64 update_va(u64 va, u64 pte, u64 flags)
{
    const s64 rc = call(NR_UPDATE_VA, va, pte, flags, 0);
    host_recount(d);
    return rc;
}

static u64 l1_entry(u32 index)
{
    return host_table(host_mfn(d, L1_PFN))[index];
}

/* Words of frames that are not tables yet. */
static void raw(u64 n, u32 index, u64 value)
{
    arch_frame_write64(host_mfn(d, n), index * 8, value);
}

/* A second tree, not loaded: L4 in frame at, then L3, L2, L1. */
static void second_tree(u64 at)
{
    raw(at, 0, entry(at + 1, RW));
    raw(at + 1, 0, entry(at + 2, RW));
    raw(at + 2, 0, entry(at + 3, RW));
    raw(at + 3, 0, entry(500, RW));
}

/* ---- mmu_update ---------------------------------------------------------- */

static void test_normal_write(void **state)
{
    (void)state;
    assert_int_equal(put(L1_PFN, 7, entry(20, RW)), 0);
    assert_int_equal(frame_n(20)->types, 1);
    assert_int_equal(put(L1_PFN, 8, entry(20, RO)), 0);
    assert_int_equal(frame_n(20)->refs, 2);
    assert_int_equal(put(L1_PFN, 7, 0), 0);
    assert_int_equal(frame_n(20)->type, FRAME_PLAIN);
    assert_int_equal(put(L1_PFN, 8, entry(21, RW)), 0);
    assert_int_equal(frame_n(20)->refs, 0);
    /* The user bit is added, the global one dropped. */
    assert_int_equal(put(L1_PFN, 9, entry(22, PTE_PRESENT | PTE_GLOBAL)), 0);
    assert_int_equal(l1_entry(9), entry(22, RO));
}

static void test_keep_ad(void **state)
{
    (void)state;
    const u64 ad = PTE_ACCESSED | PTE_DIRTY;
    const u64 at = (host_mfn(d, L1_PFN).v << PAGE_BITS) + 7 * 8;
    assert_int_equal(mmu(at, entry(20, RW | ad)), 0);
    assert_int_equal(mmu(at | 2, entry(20, RO)), 0);
    assert_int_equal(l1_entry(7), entry(20, RO | ad));
    assert_int_equal(mmu(at | 2, entry(20, RO | PTE_NX)), 0); /* same leaf */
    assert_int_equal(l1_entry(7), entry(20, RO | PTE_NX | ad));
    assert_int_equal(mmu(at, entry(20, RO)), 0);
    assert_int_equal(l1_entry(7), entry(20, RO));
    assert_int_equal(mmu(at | 2, 0), 0);
    assert_int_equal(l1_entry(7), 0);
    /* An upper entry keeps them, too. */
    const u64 upper = host_mfn(d, 102).v << PAGE_BITS;
    assert_int_equal(mmu(upper | 2, entry(L1_PFN, RW)), 0);
    assert_int_equal(host_table(host_mfn(d, 102))[0],
                     entry(L1_PFN, RW | PTE_ACCESSED));
}

static void test_plain_memory(void **state)
{
    (void)state;
    assert_int_equal(put(30, 5, 0x1234), 0);
    assert_int_equal(((u64 *)host_frame(host_mfn(d, 30)))[5], 0x1234);
    assert_int_equal(mmu((host_mfn(d, 30).v << PAGE_BITS) + 4, 1), RC_EINVAL);
    assert_int_equal(mmu(0, 1), RC_EPERM);
    assert_int_equal(mmu(U64_MAX & ~7ull, 1), RC_EPERM);
    assert_int_equal(mmu(d->shared_mfn.v << PAGE_BITS, 1), RC_EPERM);
}

static void test_machphys(void **state)
{
    (void)state;
    const u64 at = host_mfn(d, 30).v << PAGE_BITS;
    assert_int_equal(mmu(at | 1, 77), 0);
    assert_int_equal(d->m2p[30], 77);
    assert_int_equal(frame_n(30)->pfn, 77);
    assert_int_equal(mmu(at | 1, FRAME_NO_PFN), RC_EPERM);
    assert_int_equal(mmu(1, 77), RC_EPERM);
    assert_int_equal(d->m2p[30], 77);
}

/* ---- update_va_mapping --------------------------------------------------- */

static void test_update_va_mapping(void **state)
{
    (void)state;
    const u64 before = host.flushes;
    assert_int_equal(update_va(VA + 0x3000, entry(20, RW), 0), 0);
    assert_int_equal(l1_entry(3), entry(20, RW));
    assert_int_equal(host.flushes, before);
    assert_int_equal(update_va(VA + 0x3000, entry(20, RO), 1), 0);
    assert_int_equal(host.flushes, before + 1);
    assert_int_equal(update_va(VA + 0x3000, entry(21, RO), 2), 0);
    assert_int_equal(host.flushes, before + 2);
    assert_int_equal(update_va(VA + 0x3000, 0, 1 | 0x1000), 0);
    assert_int_equal(host.flushes, before + 3);
    assert_int_equal(update_va(VA + 0x3000, 0, 3), RC_EINVAL);
    assert_int_equal(update_va(0x1000, 0, 0), RC_EINVAL);
    assert_int_equal(update_va(VA, entry(FRAMES + 3, RW), 0), RC_EBUSY);
    assert_int_equal(call(21, 0, 2, 0, 0), 0); /* trapped writes: always on */
}

/* ---- attacks ------------------------------------------------------------- */

static void test_A01_own_l4_writable(void **state)
{
    (void)state;
    assert_int_equal(put(L1_PFN, 5, entry(L4_PFN, RW)), RC_EBUSY);
    assert_int_equal(update_va(VA + 0x5000, entry(L4_PFN, RW), 0), RC_EBUSY);
    assert_int_equal(l1_entry(5), 0);
    assert_int_equal(put(L1_PFN, 5, entry(L4_PFN, RO)), 0);
    assert_int_equal(put(L1_PFN, 5, entry(L4_PFN, RW)), RC_EBUSY);
    assert_int_equal(l1_entry(5), entry(L4_PFN, RO));
}

static void test_A02_any_table_writable(void **state)
{
    (void)state;
    second_tree(200);
    assert_int_equal(pin(PIN_L4, 200), 0);
    for (u64 i = 0; i < 4; i++) {
        assert_int_equal(put(L1_PFN, 5, entry(L4_PFN + i, RW)), RC_EBUSY);
        assert_int_equal(put(L1_PFN, 5, entry(200 + i, RW)), RC_EBUSY);
        assert_int_equal(put(203, 5, entry(L4_PFN + i, RW)), RC_EBUSY);
    }
    assert_int_equal(pin(UNPIN, 200), 0);
    assert_int_equal(put(L1_PFN, 5, entry(200, RW)), 0);
}

static void test_A03_recursive_entry(void **state)
{
    (void)state;
    assert_int_equal(put(L4_PFN, 9, entry(L4_PFN, RO)), RC_EINVAL);
    assert_int_equal(put(L4_PFN, 9, entry(L4_PFN, RW)), RC_EINVAL);
    assert_int_equal(put(101, 9, entry(101, RO)), RC_EINVAL);
    raw(200, 9, entry(200, RO)); /* and in a table being validated */
    assert_int_equal(pin(PIN_L4, 200), RC_EINVAL);
}

static void test_A04_chain_of_one_level(void **state)
{
    (void)state;
    assert_int_equal(pin(PIN_L3, 210), 0); /* empty */
    assert_int_equal(put(101, 9, entry(210, RW)), RC_EINVAL);
    assert_int_equal(put(102, 9, entry(102, RW)), RC_EINVAL);
    assert_int_equal(put(102, 9, entry(101, RW)), RC_EINVAL); /* upwards */
    assert_int_equal(put(L4_PFN, 9, entry(L1_PFN, RW)), RC_EINVAL);
    assert_int_equal(put(L4_PFN, 9, entry(210, RW)), 0);
    assert_int_equal(pin(UNPIN, 210), 0);
    assert_int_equal(frame_n(210)->types, 1);
    assert_int_equal(put(L4_PFN, 9, 0), 0);
    assert_int_equal(frame_n(210)->type, FRAME_PLAIN);
}

static void test_A05_large_pages(void **state)
{
    (void)state;
    for (u64 table = L4_PFN; table < L1_PFN; table++) {
        assert_int_equal(put(table, 7, entry(512, RW | PTE_LARGE)), RC_EINVAL);
    }
    assert_int_equal(put(102, 0, entry(L1_PFN, RW | PTE_LARGE)), RC_EINVAL);
    raw(210, 0, entry(512, RW | PTE_LARGE));
    assert_int_equal(pin(PIN_L3, 210), RC_EINVAL);
}

static void test_A06_the_set_of_bits_is_exact(void **state)
{
    (void)state;
    const u64 allowed = PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY |
                        PTE_GLOBAL | PTE_AVAIL | PTE_NX;
    for (u32 bit = 1; bit < 64; bit++) {
        const u64 flag = 1ull << bit;
        if ((flag & PTE_FRAME) != 0) {
            continue; /* those name the frame */
        }
        const s64 expected = (flag & allowed) != 0 ? 0 : RC_EINVAL;
        assert_int_equal(put(L1_PFN, 7, entry(20, RO | flag)), expected);
        assert_int_equal(put(L1_PFN, 7, 0), 0);
        assert_int_equal(put(102, 0, entry(L1_PFN, RW | flag)), expected);
    }
    /* Address bits beyond the machine. */
    for (u32 bit = 40; bit < 52; bit++) {
        assert_int_equal(put(L1_PFN, 7, entry(20, RO) | 1ull << bit),
                         RC_EINVAL);
    }
}

static void test_A07_slots_of_the_hypervisor(void **state)
{
    (void)state;
    assert_int_equal(pin(PIN_L3, 210), 0);
    for (u32 i = 256; i <= 271; i++) {
        assert_int_equal(put(L4_PFN, i, entry(210, RW)), RC_EINVAL);
        assert_int_equal(put(L4_PFN, i, 0), RC_EINVAL);
    }
    assert_int_equal(put(L4_PFN, 255, entry(210, RW)), 0);
    assert_int_equal(put(L4_PFN, 272, entry(210, RW)), 0);
    /* What a guest left in the slots before the pin is replaced. */
    raw(220, 256, entry(210, RW));
    assert_int_equal(pin(PIN_L4, 220), 0);
    assert_int_equal(host_table(host_mfn(d, 220))[256], 0);
    assert_int_equal(update_va(0xffff800000000000, entry(20, RW), 0),
                     RC_EINVAL);
}

static void test_A08_pin_and_map_writable(void **state)
{
    (void)state;
    for (u32 i = 0; i < 50; i++) {
        assert_int_equal(put(L1_PFN, 5, entry(230, RW)), 0);
        assert_int_equal(pin(PIN_L1, 230), RC_EBUSY);
        assert_int_equal(put(L1_PFN, 5, 0), 0);
        assert_int_equal(pin(PIN_L1, 230), 0);
        assert_int_equal(pin(PIN_L1, 230), RC_EINVAL); /* twice */
        assert_int_equal(put(L1_PFN, 5, entry(230, RW)), RC_EBUSY);
        assert_int_equal(pin(UNPIN, 230), 0);
        assert_int_equal(pin(UNPIN, 230), RC_EINVAL);
    }
}

static void test_A09_flush_before_reuse(void **state)
{
    (void)state;
    d->cpus = 3;
    assert_int_equal(put(L1_PFN, 5, entry(230, RW)), 0);
    const u64 before = host.flushes;
    assert_int_equal(put(L1_PFN, 5, 0), 0);
    assert_int_equal(host.flushes, before);
    assert_int_equal(pin(PIN_L1, 230), 0);
    assert_int_equal(host.flushes, before + 1); /* it had been writable */
    assert_int_equal(host.tlb_seen[1], host.tlb_clock);
    assert_int_equal(pin(UNPIN, 230), 0);
    assert_int_equal(put(L1_PFN, 5, entry(230, RW)), 0);
    assert_int_equal(host.flushes, before + 2); /* it had been a table */
    assert_int_equal(put(L1_PFN, 6, entry(231, RW)), 0);
    assert_int_equal(host.flushes, before + 2); /* it had been neither */
}

static void test_A12_roots(void **state)
{
    (void)state;
    assert_int_equal(pin(NEW_BASEPTR, L1_PFN), RC_EINVAL);
    assert_int_equal(mmuext(NEW_BASEPTR, 3, 0), RC_EINVAL);
    assert_int_equal(mmuext(NEW_BASEPTR, 0x7ffffffffull, 0), RC_EINVAL);
    assert_int_equal(mmuext(NEW_BASEPTR, MFN_NONE, 0), RC_EINVAL);
    assert_int_equal(mmuext(NEW_BASEPTR, d->shared_mfn.v, 0), RC_EINVAL);
    assert_int_equal(put(L1_PFN, 5, entry(20, RW)), 0);
    assert_int_equal(pin(NEW_BASEPTR, 20), RC_EBUSY);
    assert_int_equal(v->kernel_root.v, host_mfn(d, L4_PFN).v);
    assert_int_equal(call(NR_MMUEXT, GUEST(LIST_AT), 1, 0, 2), RC_EPERM);

    second_tree(200);
    assert_int_equal(pin(NEW_BASEPTR, 200), 0);
    assert_int_equal(v->kernel_root.v, host_mfn(d, 200).v);
    assert_int_equal(frame_n(L4_PFN)->type, FRAME_PLAIN); /* nobody's root */
    assert_int_equal(pin(NEW_USER_BASEPTR, 200), 0);
    assert_int_equal(frame_n(200)->types, 2);
    assert_int_equal(mmuext(NEW_USER_BASEPTR, 0, 0), 0);
    assert_int_equal(v->user_root.v, MFN_NONE);
}

static void test_A13_cache_aliases(void **state)
{
    (void)state;
    const u64 caching[] = { PTE_PWT, PTE_PCD, PTE_PAT, PTE_PWT | PTE_PCD };
    for (u32 i = 0; i < ARRAY_COUNT(caching); i++) {
        assert_int_equal(put(L1_PFN, 5, entry(20, RO | caching[i])), RC_EINVAL);
        assert_int_equal(put(L1_PFN, 6, entry(20, RO)), 0);
        assert_int_equal(put(L1_PFN, 6, entry(20, RO | caching[i])), RC_EINVAL);
        assert_int_equal(put(L1_PFN, 6, 0), 0);
    }
}

static void test_A14_trapped_writes(void **state)
{
    (void)state;
    const mfn_t l1 = host_mfn(d, L1_PFN);
    assert_int_equal(pgtable_trapped_write(v, l1, 5, 0, entry(20, RW)), 0);
    assert_int_equal(l1_entry(5), entry(20, RW));
    assert_int_equal(pgtable_trapped_write(v, l1, 5, 0, 0), RC_EAGAIN);
    assert_int_equal(
        pgtable_trapped_write(v, l1, 5, entry(20, RW), entry(L4_PFN, RW)),
        RC_EBUSY);
    assert_int_equal(
        pgtable_trapped_write(v, host_mfn(d, 102), 5, 0, entry(20, RW)),
        RC_EAGAIN);
    assert_int_equal(pgtable_trapped_write(v, mfn(3), 5, 0, 0), RC_EAGAIN);
}

static void test_A15_frames_of_others(void **state)
{
    (void)state;
    struct domain *victim = host_domain(2, 64, 1);
    const u64 foreign = host_mfn(victim, 3).v;
    assert_int_equal(put(L1_PFN, 5, pte_make(mfn(foreign), RO)), RC_EBUSY);
    assert_int_equal(put(L1_PFN, 5, pte_make(mfn(3), RO)), RC_EBUSY);
    assert_int_equal(put(L1_PFN, 5, pte_make(mfn(0xfee00), RO)), RC_EINVAL);
    assert_int_equal(put(L1_PFN, 5, pte_make(mfn(PTE_MFN_MAX), RO)), RC_EINVAL);
    assert_int_equal(put(L4_PFN, 5, pte_make(mfn(foreign), RO)), RC_EINVAL);
    assert_int_equal(mmuext(PIN_L1, foreign, 0), RC_EINVAL);
    assert_int_equal(mmu(foreign << PAGE_BITS, 1), RC_EPERM);
    /* Frames of its own chunks that are not its memory. */
    assert_int_equal(put(L1_PFN, 5, entry(FRAMES + 1, RO)), RC_EBUSY);
    for (u64 i = 0; i < 64; i++) {
        assert_int_equal(frame_at(host_mfn(victim, i))->refs, 0);
    }
    /* What the hypervisor shares with it is its to map. */
    const u64 shared = pte_make(d->shared_mfn, RW);
    assert_int_equal(put(L1_PFN, 5, shared), 0);
    assert_int_equal(put(L1_PFN, 6, pte_make(d->grants.shared_mfn[0], RW)), 0);
    assert_int_equal(put(L1_PFN, 5, 0), 0);
    host_recount(victim);
}

static void test_A17_absent_entries_hold_nothing(void **state)
{
    (void)state;
    struct domain *victim = host_domain(2, 64, 1);
    const u64 absent = pte_make(host_mfn(victim, 3), PTE_USER | PTE_WRITE);
    assert_int_equal(put(L1_PFN, 5, absent), 0);
    assert_int_equal(frame_at(host_mfn(victim, 3))->refs, 0);
    assert_int_equal(put(L1_PFN, 5, entry(20, RW)), 0);
    assert_int_equal(put(L1_PFN, 5, entry(20, PTE_WRITE)), 0);
    assert_int_equal(frame_n(20)->refs, 0);
}

/* Cut a pin of a full tree in the middle; then another vCPU comes. */
static struct hc_call half_a_pin(void)
{
    second_tree(200);
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        raw(203, i, entry(300 + i % 100, RW));
    }
    const struct arg_mmuext_op a = { .cmd = PIN_L4,
                                     .arg1 = host_mfn(d, 200).v };
    memcpy(host_guest(LIST_AT), &a, sizeof(a));
    struct hc_call c = host_call(v, GUEST(LIST_AT), 1, GUEST(DONE_AT));
    c.arg[3] = DOMID_SELF;
    c.nr = NR_MMUEXT;
    v->budget = 300;
    assert_int_equal(dispatch_entry(&c), RC_PREEMPT);
    assert_int_equal(frame_n(203)->state, FRAME_VALIDATING);
    host_recount(d);
    return c;
}

static void test_A18_half_finished_validation(void **state)
{
    (void)state;
    struct hc_call c = half_a_pin();
    struct vcpu *other = &d->vcpu[1];
    /* A half-made table is no plain memory, and no frame to map writable. */
    const u64 at = (host_mfn(d, 203).v << PAGE_BITS) + 8;
    const struct arg_mmu_update w = { at, entry(L4_PFN, RW) };
    memcpy(host_guest(0x8000), &w, sizeof(w));
    const u64 write[4] = { GUEST(0x8000), 1, 0, DOMID_SELF };
    assert_int_equal(call_as(other, NR_MMU, write), RC_EBUSY);
    host_recount(d);
    u64 word = host_mfn(d, 203).v;
    memcpy(host_guest(0x8100), &word, sizeof(word));
    const struct arg_memory_reservation r = { .extent_start = GUEST(0x8100),
                                              .nr_extents = 1,
                                              .domid = DOMID_SELF };
    memcpy(host_guest(0x8200), &r, sizeof(r));
    const u64 release[4] = { 1, GUEST(0x8200), 0, 0 };
    assert_int_equal(call_as(other, NR_MEMORY, release), 0); /* none done */
    host_recount(d);
    host_run(v);
    s64 rc = RC_PREEMPT;
    while (rc == RC_PREEMPT) {
        rc = dispatch(&c);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(frame_n(200)->pinned, 1);
}

static void test_A18_two_vcpus_pin_the_same(void **state)
{
    (void)state;
    struct hc_call c = half_a_pin();
    assert_int_equal(mmuext_as(&d->vcpu[1], PIN_L4, host_mfn(d, 200).v, 0), 0);
    host_run(v);
    /* The list still says the same. */
    assert_int_equal(dispatch(&c), RC_EINVAL);
    assert_int_equal(frame_n(200)->types, 1);
    assert_int_equal(pin(UNPIN, 200), 0);
    assert_int_equal(frame_n(203)->type, FRAME_PLAIN);
}

/* ---- flushes ------------------------------------------------------------- */

static void test_flush_operations(void **state)
{
    (void)state;
    u64 before = host.flushes;
    assert_int_equal(mmuext(6, 0, 0), 0);
    assert_int_equal(mmuext(7, VA, 0), 0);
    *(u8 *)host_guest(0x9000) = 0xff;
    assert_int_equal(mmuext(8, 0, GUEST(0x9000)), 0);
    assert_int_equal(mmuext(9, VA, GUEST(0x9000)), 0);
    assert_int_equal(host.flushes, before + 4);
    assert_int_equal(mmuext(8, 0, 8), RC_EFAULT);
    assert_int_equal(mmuext(9, VA, 8), RC_EFAULT);
    assert_int_equal(mmuext(13, VA, 0), 0); /* set_ldt is x86's */
    assert_int_equal(host.x86_row, HCROW_set_ldt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_normal_write),
        TEST(test_keep_ad),
        TEST(test_plain_memory),
        TEST(test_machphys),
        TEST(test_update_va_mapping),
        TEST(test_A01_own_l4_writable),
        TEST(test_A02_any_table_writable),
        TEST(test_A03_recursive_entry),
        TEST(test_A04_chain_of_one_level),
        TEST(test_A05_large_pages),
        TEST(test_A06_the_set_of_bits_is_exact),
        TEST(test_A07_slots_of_the_hypervisor),
        TEST(test_A08_pin_and_map_writable),
        TEST(test_A09_flush_before_reuse),
        TEST(test_A12_roots),
        TEST(test_A13_cache_aliases),
        TEST(test_A14_trapped_writes),
        TEST(test_A15_frames_of_others),
        TEST(test_A17_absent_entries_hold_nothing),
        TEST(test_A18_half_finished_validation),
        TEST(test_A18_two_vcpus_pin_the_same),
        TEST(test_flush_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
