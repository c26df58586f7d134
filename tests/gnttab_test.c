/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: map, unmap and copy as a back end uses them, and attacks A19
 * to A27: wrong rights, wrong handles, entries that change while they are
 * read, page tables as targets, granters and mappers that end. After every
 * test each frame of the granter has the references it began with.
 */
#include "tests/gnttab_fixture.h"

static void test_map_and_unmap(void **state)
{
    (void)state;
    u32 h = 0;
    grant(9, PERMIT, m->id, 20);
    assert_int_equal(map(9, VA, MAP_RW | 1u << 16, &h), GRANT_OKAY);
    const struct frame *f = frame_at(host_mfn(g, 20));
    assert_int_equal(f->type, FRAME_WRITABLE);
    assert_int_equal(f->types, 1);
    assert_int_equal(marks(9), READING | WRITING);
    assert_int_equal(pte_mfn(entry(VA)).v, host_mfn(g, 20).v);
    assert_int_equal(entry(VA) & (PTE_PRESENT | PTE_WRITE | PTE_USER |
                                  PTE_AVAIL_LOW | PTE_NX),
                     PTE_PRESENT | PTE_WRITE | PTE_USER | 1u << 9 | PTE_NX);
    /* The guest reads and writes it. */
    memset(host_frame(host_mfn(g, 20)), 0x5a, PAGE_BYTES);
    u8 byte = 0;
    assert_true(arch_fetch(&byte, gva(VA + 100), 1));
    assert_int_equal(byte, 0x5a);

    const u64 flushes = host.flushes;
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
    assert_true(host.flushes > flushes);
    assert_int_equal(entry(VA), 0);
    assert_int_equal(marks(9), 0);
    assert_int_equal(f->type, FRAME_PLAIN);
    assert_int_equal(unmap(h, VA), GRANT_BAD_HANDLE);
}

static void test_readonly_and_writable_together(void **state)
{
    (void)state;
    u32 r = 0;
    u32 w = 0;
    grant(3, PERMIT, m->id, 21);
    assert_int_equal(map(3, VA, MAP_RO, &r), GRANT_OKAY);
    assert_int_equal(marks(3), READING);
    assert_int_equal(entry(VA) & PTE_WRITE, 0);
    assert_int_equal(map(3, VA + 4096, MAP_RW, &w), GRANT_OKAY);
    assert_int_equal(marks(3), READING | WRITING);
    assert_int_equal(frame_at(host_mfn(g, 21))->refs, 2);
    assert_int_equal(unmap(w, VA + 4096), GRANT_OKAY);
    assert_int_equal(marks(3), READING);
    assert_int_equal(unmap(r, VA), GRANT_OKAY);
    assert_int_equal(marks(3), 0);
}

static void test_A19_rights_of_the_entry(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT | READONLY, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_GENERAL_ERROR);
    grant(1, PERMIT, 3, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_GENERAL_ERROR);
    grant(1, 0, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    grant(1, 2, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    grant(1, 3, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    grant(1, PERMIT | 32, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    grant(1, PERMIT, m->id, 600);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    g->grants.shared[0][1] = 0xffffffffull << 32 | (u32)m->id << 16 | PERMIT;
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
    /* A frame of the mapper itself, of the hypervisor, of the grant table. */
    const u64 others[] = { host_mfn(m, 5).v, 1, g->shared_mfn.v,
                           g->grants.shared_mfn[0].v };
    for (u32 i = 0; i < ARRAY_COUNT(others); i++) {
        g->grants.shared[0][1] = others[i] << 32 | (u32)m->id << 16 | PERMIT;
        assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_GENERAL_ERROR);
        assert_int_equal(marks(1), 0);
    }
    assert_int_equal(entry(VA), 0);
}

static void test_read_only_cannot_be_made_writable(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT | READONLY, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_OKAY);
    const u64 pte = entry(VA);
    const u32 i = pte_index(VA, 1);
    assert_int_not_equal(pgtable_write(v, l1, i, pte | PTE_WRITE, false),
                         RC_OK);
    /* Nor can it be copied to another place. */
    assert_int_not_equal(pgtable_write(v, l1, i + 1, pte, false), RC_OK);
    assert_int_equal(entry(VA), pte);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
}

static void test_bad_requests(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT, m->id, 20);
    const u32 flags[] = { 0, 1, 3, 4, 2 | 8, 2 | 16, 2 | 32, 0xffff };
    for (u32 i = 0; i < ARRAY_COUNT(flags); i++) {
        assert_int_equal(map(1, VA, flags[i], &h), GRANT_GENERAL_ERROR);
    }
    assert_int_equal(map(1, VA + 8, MAP_RW, &h), GRANT_BAD_ADDRESS);
    assert_int_equal(map(1, 0xffff800000000000ull, MAP_RW, &h),
                     GRANT_BAD_ADDRESS);
    assert_int_equal(map(1, 0xffff87fffffff000ull, MAP_RW, &h),
                     GRANT_BAD_ADDRESS);
    assert_int_equal(map(1, 0x800000000000ull, MAP_RW, &h), GRANT_BAD_ADDRESS);
    assert_int_equal(map(1, VA + (1ull << 39), MAP_RW, &h),
                     GRANT_GENERAL_ERROR);
    /* A27 */
    const u32 refs[] = { 512, 1023, 1024, 0x7fffffff, 0x80000000, U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(refs); i++) {
        assert_int_equal(map(refs[i], VA, MAP_RW, &h), GRANT_BAD_REF);
    }
    struct hc_call c = host_call(v, 0, 0, 0);
    const u16 doms[] = { 0, 1, 5, DOMID_SELF, 0xffff };
    for (u32 i = 0; i < ARRAY_COUNT(doms); i++) {
        struct arg_gnttab_map a = {
            .host_addr = VA, .flags = MAP_RW, .ref = 1, .dom = doms[i]
        };
        assert_int_equal(hc_grant_map(&c, &a), 0);
        assert_int_equal(a.status, GRANT_BAD_DOMAIN);
    }
    g->state = DOMAIN_ENDING;
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_BAD_DOMAIN);
    assert_int_equal(entry(VA), 0);
}

static void test_place_must_be_empty(void **state)
{
    (void)state;
    u32 h = 0;
    const u32 i = pte_index(VA, 1);
    grant(1, PERMIT, m->id, 20);
    const u64 own =
        pte_make(host_mfn(m, 9), PTE_PRESENT | PTE_WRITE | PTE_USER);
    assert_int_equal(pgtable_write(v, l1, i, own, false), RC_OK);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_GENERAL_ERROR);
    assert_int_equal(entry(VA), own);
    assert_int_equal(frame_at(host_mfn(m, 9))->types, 1);
    assert_int_equal(marks(1), 0);
}

static void test_A21_wrong_unmap(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    assert_int_equal(unmap(h, VA + 4096), GRANT_BAD_ADDRESS);
    assert_int_equal(unmap(h, 0), GRANT_BAD_ADDRESS);
    assert_int_equal(unmap(h + 1, VA), GRANT_BAD_HANDLE);
    assert_int_equal(unmap(h + 0x10000, VA), GRANT_BAD_HANDLE);
    assert_int_equal(unmap(U32_MAX, VA), GRANT_BAD_HANDLE);
    assert_int_equal(unmap(m->map_count, VA), GRANT_BAD_HANDLE);
    struct hc_call c = host_call(v, 1, 0, 0);
    struct arg_gnttab_unmap a = { .host_addr = VA,
                                  .dev_bus_addr = 1,
                                  .handle = h };
    assert_int_equal(hc_grant_unmap(&c, &a), 0);
    assert_int_equal(a.status, GRANT_BAD_DEVICE_ADDRESS);
    assert_int_not_equal(entry(VA), 0);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
    /* The record is used anew: the old handle is nobody's. */
    u32 next = 0;
    assert_int_equal(map(1, VA, MAP_RW, &next), GRANT_OKAY);
    assert_int_not_equal(next, h);
    assert_int_equal(unmap(h, VA), GRANT_BAD_HANDLE);
    assert_int_equal(unmap(next, VA), GRANT_OKAY);
}

static void test_granter_keeps_the_frame_while_mapped(void **state)
{
    (void)state;
    u32 h = 0;
    struct frame *f = frame_at(host_mfn(g, 20));
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    /* A20: it can neither be given back nor become a page table. */
    assert_int_equal(frame_release(f, FRAME_NO_PFN), RC_EBUSY);
    assert_int_equal(frame_begin_table(f, 1), RC_EBUSY);
    assert_true(gnttab_in_use(g));
    /* A22: what the granter writes into the entry changes nothing. */
    g->grants.shared[0][1] = 0;
    u32 other = 0;
    assert_int_equal(map(1, VA + 4096, MAP_RW, &other), GRANT_GENERAL_ERROR);
    grant(1, PERMIT, m->id, 22);
    assert_int_equal(map(1, VA + 4096, MAP_RW, &other), GRANT_GENERAL_ERROR);
    grant(1, PERMIT, 3, 20);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
    assert_int_equal(f->refs, 0);
    assert_false(gnttab_in_use(g));
}

static void test_A26_page_tables_are_not_granted_writable(void **state)
{
    (void)state;
    u32 h = 0;
    struct frame *f = frame_at(host_mfn(g, 30));
    assert_int_equal(frame_begin_table(f, 1), RC_OK);
    grant(1, PERMIT, m->id, 30);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_GENERAL_ERROR);
    assert_int_equal(marks(1), 0);
    assert_int_equal(map(1, VA, MAP_RO, &h), GRANT_OKAY);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
    frame_end_table(f);
}

static void test_flush_before_an_old_table_is_written(void **state)
{
    (void)state;
    u32 h = 0;
    struct frame *f = frame_at(host_mfn(g, 31));
    assert_int_equal(frame_begin_table(f, 1), RC_OK);
    frame_end_table(f);
    grant(1, PERMIT, m->id, 31);
    const u64 flushes = host.flushes;
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    assert_int_equal(host.flushes, flushes + 1);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
}

static void test_A25_all_records_in_use(void **state)
{
    (void)state;
    u32 h[64];
    u32 extra = 0;
    grant(1, PERMIT, m->id, 20);
    for (u32 i = 0; i < 64; i++) {
        assert_int_equal(map(1, VA + i * 4096ull, MAP_RW, &h[i]), GRANT_OKAY);
    }
    assert_int_equal(map(1, VA + 64 * 4096ull, MAP_RW, &extra), GRANT_NO_SPACE);
    assert_int_equal(frame_at(host_mfn(g, 20))->refs, 64);
    for (u32 i = 0; i < 64; i += 2) {
        assert_int_equal(unmap(h[i], VA + i * 4096ull), GRANT_OKAY);
    }
    for (u32 i = 1; i < 64; i += 2) {
        assert_int_equal(unmap(h[i], VA + i * 4096ull), GRANT_OKAY);
    }
}

static void test_entry_overwritten_by_the_mapper(void **state)
{
    (void)state;
    u32 h = 0;
    const u32 i = pte_index(VA, 1);
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    const u64 own = pte_make(host_mfn(m, 9), PTE_PRESENT | PTE_USER);
    assert_int_equal(pgtable_write(v, l1, i, own, false), RC_OK);
    assert_int_equal(frame_at(host_mfn(g, 20))->refs, 1);
    const u64 flushes = host.flushes;
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
    assert_int_equal(host.flushes, flushes + 1);
    assert_int_equal(entry(VA), own);
    assert_int_equal(frame_at(host_mfn(m, 9))->refs, 1);
}

static void test_table_ended_by_the_mapper(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    /* Empty L4 as the new root; the old tree is released. */
    enum rc rc = RC_PREEMPT;
    for (u32 n = 0; n < 64 && rc == RC_PREEMPT; n++) {
        v->budget = PGTABLE_BUDGET;
        rc = pgtable_set_root(v, host_mfn(m, 120), false);
    }
    assert_int_equal(rc, RC_OK);
    for (u32 n = 0; n < 64; n++) {
        v->budget = PGTABLE_BUDGET;
        lock_take(&m->mm);
        rc = pgtable_ready(v);
        lock_drop(&m->mm);
        if (rc == RC_OK) {
            break;
        }
    }
    assert_int_equal(frame_at(l1)->type, FRAME_PLAIN);
    assert_int_equal(frame_at(host_mfn(g, 20))->refs, 1);
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
}

static void test_mapper_ends(void **state)
{
    (void)state;
    u32 h = 0;
    for (u32 i = 0; i < 20; i++) {
        grant(i, PERMIT, m->id, 40 + i);
        assert_int_equal(map(i, VA + i * 4096ull, i % 2 ? MAP_RW : MAP_RO, &h),
                         GRANT_OKAY);
    }
    m->state = DOMAIN_ENDING;
    assert_false(gnttab_unmap_all(m, 10));
    assert_true(gnttab_in_use(g));
    u32 turns = 0;
    while (!gnttab_unmap_all(m, 10)) {
        turns++;
        assert_true(turns < 10);
    }
    assert_false(gnttab_in_use(g));
    assert_int_equal(entry(VA), 0);
    assert_int_equal(marks(7), 0);
}

static void test_end_of_use_twice_panics(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), GRANT_OKAY);
    g->grants.active[1].writers = 0;
    if (host_expect_panic()) {
        (void)unmap(h, VA);
        fail();
    }
    g->mm.serving = g->mm.next; /* the panic left them held */
    m->mm.serving = m->mm.next;
    g->grants.active[1].writers = 1;
    assert_int_equal(unmap(h, VA), GRANT_OKAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_map_and_unmap),
        TEST(test_readonly_and_writable_together),
        TEST(test_A19_rights_of_the_entry),
        TEST(test_read_only_cannot_be_made_writable),
        TEST(test_bad_requests),
        TEST(test_place_must_be_empty),
        TEST(test_A21_wrong_unmap),
        TEST(test_granter_keeps_the_frame_while_mapped),
        TEST(test_A26_page_tables_are_not_granted_writable),
        TEST(test_flush_before_an_old_table_is_written),
        TEST(test_A25_all_records_in_use),
        TEST(test_entry_overwritten_by_the_mapper),
        TEST(test_table_ended_by_the_mapper),
        TEST(test_mapper_ends),
        TEST(test_end_of_use_twice_panics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
