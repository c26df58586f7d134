/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: copy, the set-up calls, and random sequences of everything
 * while the granter rewrites its entries.
 */
#include "tests/gnttab_fixture.h"

#include "core/dispatch.h"

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

/* What is only read need not be writable. */
static void test_copy_reads_what_is_read_only(void **state)
{
    (void)state;
    grant(1, PERMIT | READONLY, m->id, 20);
    const struct arg_gnttab_copy a = { .src_ref = 1,
                                       .src_dom = g->id,
                                       .dst_ref = host_mfn(m, 3).v,
                                       .dst_dom = DOMID_SELF,
                                       .len = 16,
                                       .flags = 1 };
    assert_int_equal(copy(&a), GRANT_OKAY);
    struct arg_gnttab_copy own = a;
    own.src_ref = l1.v; /* a table of one's own */
    own.src_dom = DOMID_SELF;
    own.flags = 0;
    assert_int_equal(copy(&own), GRANT_OKAY);
    assert_int_equal(marks(1), 0);
}

/* Within a frame: side by side is allowed, a byte in common is not. */
static void test_copy_within_a_frame(void **state)
{
    (void)state;
    static const struct {
        u16 src, dst, len;
        s16 status;
    } cases[] = {
        { 100, 50, 50, GRANT_OKAY },      { 100, 50, 51, GRANT_BAD_COPY },
        { 50, 100, 50, GRANT_OKAY },      { 50, 100, 51, GRANT_BAD_COPY },
        { 170, 200, 60, GRANT_BAD_COPY }, { 200, 170, 60, GRANT_BAD_COPY },
        { 0, 4000, 96, GRANT_OKAY },      { 4000, 0, 96, GRANT_OKAY },
    };
    for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct arg_gnttab_copy a = { .src_ref = host_mfn(m, 3).v,
                                           .src_dom = DOMID_SELF,
                                           .src_offset = cases[i].src,
                                           .dst_ref = host_mfn(m, 3).v,
                                           .dst_dom = DOMID_SELF,
                                           .dst_offset = cases[i].dst,
                                           .len = cases[i].len };
        assert_int_equal(copy(&a), cases[i].status);
    }
}

/* XSA-230: a copy takes back its own marks and no others. */
static void test_a_copy_leaves_the_marks_of_a_mapping(void **state)
{
    (void)state;
    u32 h = 0;
    grant(1, PERMIT, m->id, 20);
    assert_int_equal(map(1, VA, MAP_RW, &h), 0);
    const struct arg_gnttab_copy a = { .src_ref = 1,
                                       .src_dom = g->id,
                                       .dst_ref = host_mfn(m, 3).v,
                                       .dst_dom = DOMID_SELF,
                                       .len = 16,
                                       .flags = 1 };
    assert_int_equal(copy(&a), GRANT_OKAY);
    assert_int_equal(marks(1), READING | WRITING);
    assert_int_equal(unmap(h, VA), 0);
    assert_int_equal(marks(1), 0);
}

/* XSA-318: a list that is cut keeps the status of each element. */
static void test_a_cut_list_keeps_each_status(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    struct arg_gnttab_copy *list = host_guest(0);
    grant(1, PERMIT, m->id, 20);
    m->rights = U64_MAX;
    for (u32 i = 0; i < COUNT; i++) {
        const struct arg_gnttab_copy a = { .src_ref = i % 3 == 0 ? 99 : 1,
                                           .src_dom = i % 5 == 0 ? 77 : g->id,
                                           .dst_ref = host_mfn(m, 3).v,
                                           .dst_dom = DOMID_SELF,
                                           .len = 16,
                                           .flags = 1,
                                           .status = 55 };
        list[i] = a;
    }
    struct hc_call c = host_call(v, 5, HOST_GUEST_BASE, COUNT);
    c.nr = 20;
    u32 cuts = 0;
    s64 rc = dispatch(&c);
    for (; rc == RC_PREEMPT; cuts++) {
        rc = dispatch(&c);
    }
    assert_int_equal(rc, 0);
    assert_true(cuts > 0);
    for (u32 i = 0; i < COUNT; i++) {
        const s16 expected = i % 5 == 0   ? GRANT_BAD_DOMAIN
                             : i % 3 == 0 ? GRANT_GENERAL_ERROR
                                          : GRANT_OKAY;
        assert_int_equal(list[i].status, expected);
    }
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
    m->grants.frame_count = 1; /* what is refused changes nothing */
    s.nr_frames = 2;
    assert_int_equal(hc_grant_setup(&c, &s), 0);
    assert_int_equal(s.status, GRANT_BAD_ADDRESS);
    assert_int_equal(m->grants.frame_count, 1);
    m->grants.frame_count = 2;
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

static struct {
    u32 handle;
    u64 va;
} held[64];

static void copy_random(u32 ref, u32 r)
{
    const struct arg_gnttab_copy a = { .src_ref = ref,
                                       .src_dom = g->id,
                                       .dst_ref = r >> 8 & 7u,
                                       .dst_dom = g->id,
                                       .dst_offset = r >> 16 & 4095u,
                                       .len = r >> 12 & 63u,
                                       .flags = 3 };
    (void)copy(&a);
}

/* Random calls by the mapper while the granter rewrites its entries; at each
 * step all counts are what the records say. */
static void test_soup(void **state)
{
    (void)state;
    u64 seed = 4711;
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
        default:
            copy_random(ref, r);
            break;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_copy_both_ways),
        TEST(test_copy_refused),
        TEST(test_copy_reads_what_is_read_only),
        TEST(test_copy_within_a_frame),
        TEST(test_a_copy_leaves_the_marks_of_a_mapping),
        TEST(test_a_cut_list_keeps_each_status),
        TEST(test_setup_query_version),
        TEST(test_soup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
