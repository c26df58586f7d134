/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: map, unmap and copy as a back end uses them, and attacks A19
 * to A27: wrong rights, wrong handles, entries that change while they are
 * read, page tables as targets, granters and mappers that end. After every
 * test each frame of the granter has the references it began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/gnttab.h"
#include "core/pgtable.h"
#include "tests/host_arch.h"
#include "tests/host_weak.h"
#include "x86/pte.h"

#define PERMIT 1u
#define READONLY 4u
#define READING 8u
#define WRITING 16u
#define MAP_RW 2u
#define MAP_RO 6u
#define VA 0x600000000ull

static struct domain *g, *m; /* granter, mapper */
static struct vcpu *v;
static mfn_t l1;

static int setup(void **state)
{
    (void)state;
    host_reset();
    m = host_domain(1, 512, 1);
    g = host_domain(2, 512, 1);
    v = &m->vcpu[0];
    host_run(v);
    l1 = host_build_root(v, VA, 100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    host_recount(m);
    host_recount(g);
    assert_int_equal(g->grants.uses, 0);
    for (u64 i = 0; i < 100; i++) {
        const struct frame *f = frame_at(host_mfn(g, i));
        assert_int_equal(f->refs, f->type <= FRAME_L4 ? 1 : 0);
    }
    for (u32 i = 0; i < 1024; i++) {
        assert_int_equal(g->grants.active[i].readers, 0);
        assert_int_equal(g->grants.active[i].writers, 0);
    }
    return 0;
}

static void grant(u32 ref, u32 flags, u32 domid, u64 pfn_number)
{
    g->grants.shared[ref / 512][ref % 512] =
        host_mfn(g, pfn_number).v << 32 | domid << 16 | flags;
}

static u32 marks(u32 ref)
{
    return (u32)g->grants.shared[ref / 512][ref % 512] & (READING | WRITING);
}

static s16 map(u32 ref, u64 va, u32 flags, u32 *handle)
{
    struct hc_call c = host_call(v, 0, 0, 0);
    struct arg_gnttab_map a = {
        .host_addr = va, .flags = flags, .ref = ref, .dom = g->id
    };
    assert_int_equal(hc_grant_map(&c, &a), 0);
    *handle = a.handle;
    if (a.status == 0) {
        assert_int_equal(a.dev_bus_addr % PAGE_BYTES, 0);
    }
    return a.status;
}

static s16 unmap(u32 handle, u64 va)
{
    struct hc_call c = host_call(v, 1, 0, 0);
    struct arg_gnttab_unmap a = { .host_addr = va, .handle = handle };
    assert_int_equal(hc_grant_unmap(&c, &a), 0);
    return a.status;
}

static u64 entry(u64 va)
{
    return host_table(l1)[pte_index(va, 1)];
}

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

/* ---- copy -------------------------------------------------------------- */

static s16 copy(const struct arg_gnttab_copy *request)
{
    struct hc_call c = host_call(v, 5, 0, 0);
    struct arg_gnttab_copy a = *request;
    assert_int_equal(hc_grant_copy(&c, &a), 0);
    return a.status;
}

static void test_copy_both_ways(void **state)
{
    (void)state;
    grant(1, PERMIT, m->id, 20);
    memset(host_frame(host_mfn(g, 20)), 0x11, PAGE_BYTES);
    memset(host_frame(host_mfn(m, 3)), 0x22, PAGE_BYTES);
    struct arg_gnttab_copy a = { .src_ref = 1,
                                 .src_dom = g->id,
                                 .src_offset = 4000,
                                 .dst_ref = host_mfn(m, 3).v,
                                 .dst_dom = DOMID_SELF,
                                 .dst_offset = 10,
                                 .len = 96,
                                 .flags = 1 };
    assert_int_equal(copy(&a), GRANT_OKAY);
    const u8 *own = host_frame(host_mfn(m, 3));
    assert_int_equal(own[9], 0x22);
    assert_int_equal(own[10], 0x11);
    assert_int_equal(own[105], 0x11);
    assert_int_equal(own[106], 0x22);
    assert_int_equal(marks(1), 0);

    const struct arg_gnttab_copy back = { .src_ref = host_mfn(m, 3).v,
                                          .src_dom = m->id,
                                          .dst_ref = 1,
                                          .dst_dom = g->id,
                                          .len = 4096,
                                          .flags = 2 };
    assert_int_equal(copy(&back), GRANT_OKAY);
    assert_memory_equal(own, host_frame(host_mfn(g, 20)), PAGE_BYTES);
    assert_int_equal(frame_at(host_mfn(m, 3))->refs, 0);
}

static void test_copy_refused(void **state)
{
    (void)state;
    grant(1, PERMIT | READONLY, m->id, 20);
    const struct arg_gnttab_copy good = { .src_ref = 1,
                                          .src_dom = g->id,
                                          .dst_ref = host_mfn(m, 3).v,
                                          .dst_dom = DOMID_SELF,
                                          .len = 16,
                                          .flags = 1 };
    struct arg_gnttab_copy a = good;
    a.src_offset = 4081;
    assert_int_equal(copy(&a), GRANT_BAD_COPY);
    a = good;
    a.dst_offset = 0xffff;
    a.len = 0xffff;
    assert_int_equal(copy(&a), GRANT_BAD_COPY);
    a = good;
    a.flags = 0; /* another domain's frame without a grant */
    assert_int_equal(copy(&a), GRANT_DENIED);
    a = good;
    a.flags = 7;
    assert_int_equal(copy(&a), GRANT_GENERAL_ERROR);
    a = good;
    a.src_dom = 99;
    assert_int_equal(copy(&a), GRANT_BAD_DOMAIN);
    a = good;
    a.dst_ref = host_mfn(g, 20).v; /* not the caller's */
    assert_int_equal(copy(&a), GRANT_GENERAL_ERROR);
    a = good;
    a.dst_ref = U64_MAX;
    assert_int_equal(copy(&a), GRANT_GENERAL_ERROR);
    a = good;
    a.dst_ref = l1.v; /* a page table */
    assert_int_equal(copy(&a), GRANT_GENERAL_ERROR);
    a = good;
    a.dst_dom = g->id; /* by a read-only grant */
    a.dst_ref = 1;
    a.flags = 3;
    assert_int_equal(copy(&a), GRANT_GENERAL_ERROR);
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(copy(&a), GRANT_BAD_COPY); /* onto itself */
    a.dst_offset = 16;
    assert_int_equal(copy(&a), GRANT_OKAY);
    assert_int_equal(marks(1), 0);
}

/* ---- set-up ------------------------------------------------------------ */

static void test_setup_query_version(void **state)
{
    (void)state;
    struct hc_call c = host_call(v, 2, 0, 0);
    struct arg_gnttab_setup s = { .dom = DOMID_SELF,
                                  .nr_frames = 2,
                                  .frame_list = HOST_GUEST_BASE };
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_OKAY);
    const u64 *list = host_guest(0);
    assert_int_equal(list[0], m->grants.shared_mfn[0].v);
    assert_int_equal(list[1], m->grants.shared_mfn[1].v);
    s.nr_frames = 3;
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_GENERAL_ERROR);
    s.nr_frames = U32_MAX;
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_GENERAL_ERROR);
    s.nr_frames = 1;
    s.frame_list = 8;
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_BAD_ADDRESS);
    s.dom = g->id;
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_DENIED);

    struct arg_gnttab_query q = { .dom = DOMID_SELF };
    assert_int_equal(hc_grant_query(&c, &q), 0);
    assert_int_equal(q.status, GRANT_OKAY);
    assert_int_equal(q.nr_frames, 2);
    assert_int_equal(q.max_nr_frames, 2);
    q.dom = g->id;
    assert_int_equal(hc_grant_query(&c, &q), 0);
    assert_int_equal(q.status, GRANT_DENIED);

    struct arg_gnttab_version n = { .version = 1 };
    assert_int_equal(hc_grant_version(&c, &n), 0);
    assert_int_equal(hc_grant_version(&c, &n), 0);
    assert_int_equal(n.version, 1);
    n.version = 2;
    assert_int_equal(hc_grant_version(&c, &n), RC_EINVAL);
    n.version = 0;
    assert_int_equal(hc_grant_version(&c, &n), RC_EINVAL);
}

/* Random calls by the mapper while the granter rewrites its entries; at each
 * step all counts are what the records say. */
static void test_soup(void **state)
{
    (void)state;
    u64 seed = 4711;
    struct {
        u32 handle;
        u64 va;
    } held[64];
    u32 count = 0;
    for (u32 n = 0; n < 20000; n++) {
        seed = (seed * 6364136223846793005ull) + 1442695040888963407ull;
        const u32 r = (u32)(seed >> 33);
        const u32 ref = r >> 4 & 7u;
        const u64 va = VA + (r >> 8 & 15u) * 4096ull;
        u32 h = 0;
        switch (r & 7u) {
        case 0:
            grant(ref, r >> 12 & 31u & ~2u, r & 64u ? m->id : 3, r >> 20 & 31u);
            break;
        case 1:
            g->grants.shared[0][ref] |= PERMIT;
            break;
        case 2:
        case 3:
            if (map(ref, va, r >> 16 & 1u ? MAP_RW : MAP_RO, &h) == 0) {
                held[count].handle = h;
                held[count].va = va;
                count++;
            }
            break;
        case 4:
            if (count != 0) {
                count--;
                assert_int_equal(unmap(held[count].handle, held[count].va), 0);
            }
            break;
        case 5:
            (void)unmap(r >> 8, va);
            break;
        case 6:
            assert_int_equal(pgtable_write(v, l1, pte_index(va, 1), 0, false),
                             RC_OK);
            break;
        default: {
            const struct arg_gnttab_copy a = { .src_ref = ref,
                                               .src_dom = g->id,
                                               .dst_ref = r >> 8 & 7u,
                                               .dst_dom = g->id,
                                               .dst_offset = r >> 16 & 4095u,
                                               .len = r >> 12 & 63u,
                                               .flags = 3 };
            (void)copy(&a);
            break;
        }
        }
        if (n % 16 == 0) {
            host_recount(g);
            host_recount(m);
            assert_int_equal(g->grants.uses, count);
        }
    }
    while (count != 0) {
        count--;
        assert_int_equal(unmap(held[count].handle, held[count].va), 0);
    }
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
        TEST(test_copy_both_ways),
        TEST(test_copy_refused),
        TEST(test_setup_query_version),
        TEST(test_soup),
        TEST(test_end_of_use_twice_panics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
