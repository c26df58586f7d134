/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a hypercall to its handler: what is not in the table, what the
 * policy denies, batches cut short, lists of calls, copies that fail.
 */
#include "tests/call_fixture.h"

/* The table, as a test sees it. */
enum { HC_NONE, HC_A0, HC_A1, HC_ELEM, HC_FIELD };

struct hc_info {
    u8 nr, sub, where, right;
};

static const struct hc_info *hc_info(u32 row)
{
#define HC_ANY(n, s, w, name, shape, r, o, g, d)                               \
    [HCROW_##name] = { n, s, HC_##w, RIGHT_##r },
    static const struct hc_info table[HCROW_COUNT] = {
#include "core/hypercalls.def"
    };

    return &table[row];
}

static bool in_table(u32 nr, u64 sub)
{
    for (u32 row = 1; row < HCROW_COUNT; row++) {
        const struct hc_info *i = hc_info(row);
        if (i->nr == nr && (i->where == HC_NONE || i->sub == sub)) {
            return true;
        }
    }
    return false;
}

/* Put a sub-operation where the number nr has it. */
static s64 call_pair(u32 nr, u64 sub)
{
    const struct arg_callback callback = { .type = (u16)sub };
    const struct arg_mmuext_op ext = { .cmd = (u32)sub };
    const struct arg_mmu_update update = { .ptr = sub };
    switch (nr) {
    case 1:
        memcpy(host_guest(LIST_AT), &update, sizeof(update));
        return call(nr, GUEST(LIST_AT), 1, 0, DOMID_SELF);
    case 21:
        return call(nr, 0, sub, 0, 0);
    case 26:
        memcpy(host_guest(LIST_AT), &ext, sizeof(ext));
        return call(nr, GUEST(LIST_AT), 1, 0, DOMID_SELF);
    case 30:
        memcpy(host_guest(LIST_AT), &callback, sizeof(callback));
        return call(nr, 0, GUEST(LIST_AT), 0, 0);
    default:
        return call(nr, sub, 0, 0, 0);
    }
}

static void test_A59_unknown_pairs(void **state)
{
    (void)state;
    u32 known = 0;
    for (u32 nr = 0; nr < 256; nr++) {
        const u64 subs = nr == 1 ? 4 : nr == 26 ? 16 : nr == 30 ? 8 : 64;
        for (u64 sub = 0; sub < subs; sub++) {
            if (in_table(nr, sub)) {
                known++;
                continue;
            }
            host.copies = 0;
            d->refused = 0;
            assert_int_equal(call_pair(nr, sub), RC_ENOSYS);
            assert_int_equal(d->refused, 1);
            assert_true(host.copies <= 1);
        }
    }
    assert_true(known >= HCROW_COUNT - 1);
    assert_int_equal(call(U32_MAX, 0, 0, 0, 0), RC_ENOSYS);
    assert_int_equal(call(17, 0x100000000ull, 0, 0, 0), 0x40011);
    assert_int_equal(call(21, 1, 2, 0, 0), RC_ENOSYS); /* disable */
    assert_int_equal(host.x86_calls, 0);
}

static void test_unregister_is_a_refusal(void **state)
{
    (void)state;
    d->refused = 0;
    host.copies = 0;
    assert_int_equal(call(30, 1, 0, 0, 0), RC_ENOSYS);
    assert_int_equal(d->refused, 1);
    assert_int_equal(host.copies, 0);
}

/* What a record of its end shows. */
static void test_the_last_calls_are_kept(void **state)
{
    (void)state;
    v->recent_nr = 0;
    v->recent_sub = 0;
    (void)call(17, 6, 0, 0, 0);
    (void)call(29, 0, 0, 0, 0);
    (void)call(300, 1, 0, 0, 0);
    assert_int_equal(v->recent_nr, 18u << 16 | 30u << 8 | 255);
    assert_int_equal(v->recent_sub, 6u << 16);
}

static void test_a_field_out_of_range_is_no_call(void **state)
{
    (void)state;
    d->refused = 0;
    assert_int_equal(call_pair(26, 16), RC_EINVAL);
    assert_int_equal(call_pair(30, 8), RC_EINVAL);
    assert_int_equal(d->refused, 0);
}

static void test_denied_before_its_arguments_are_read(void **state)
{
    (void)state;
    d->rights = 0;
    for (u32 row = 1; row < HCROW_COUNT; row++) {
        const struct hc_info *i = hc_info(row);
        const bool inside = i->where == HC_ELEM || i->where == HC_FIELD;
        host.copies = 0;
        d->refused = 0;
        assert_int_equal(call_pair(i->nr, i->sub), RC_EPERM);
        assert_int_equal(d->refused, 1);
        assert_int_equal(host.copies, inside ? 1 : 0);
    }
    assert_int_equal(host.x86_calls, 0);
}

static void test_each_right_opens_its_rows_only(void **state)
{
    (void)state;
    for (u32 right = 0; right < RIGHT_COUNT; right++) {
        d->rights = RIGHTS_ALL & ~(1ull << right);
        for (u32 row = 1; row < HCROW_COUNT; row++) {
            const struct hc_info *i = hc_info(row);
            if (i->right == right) {
                assert_int_equal(call_pair(i->nr, i->sub), RC_EPERM);
            }
        }
    }
}

/* The way of iret round the search: asked, refused and noted as all calls. */
static void test_iret_is_asked_for_as_any_call(void **state)
{
    (void)state;
    v->recent_nr = 0;
    d->refused = 0;
    assert_int_equal(dispatch_ask_iret(v), RC_OK);
    assert_int_equal(v->recent_nr, 24);
    d->rights = RIGHTS_ALL & ~RIGHT_MASK(CPU);
    assert_int_equal(dispatch_ask_iret(v), RC_EPERM);
    assert_int_equal(d->refused, 1);
    d->rights = RIGHT_MASK(CPU);
    assert_int_equal(dispatch_ask_iret(v), RC_OK);
    assert_int_equal(d->refused, 1);
    assert_int_equal(host.x86_calls, 0);
}

static void test_rows_reach_their_handlers(void **state)
{
    (void)state;
    static const u32 rows[] = {
        HCROW_set_gdt,           HCROW_stack_switch,
        HCROW_set_ldt,           HCROW_segbase_gs_sel,
        HCROW_callback_event,    HCROW_callback_syscall32,
        HCROW_callback_sysenter, HCROW_vcpu_send_nmi,
        HCROW_callback_failsafe, HCROW_iret
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        const struct hc_info *i = hc_info(rows[k]);
        assert_int_equal(call_pair(i->nr, i->sub), 0);
        assert_int_equal(host.x86_row, rows[k]);
    }
    assert_int_equal(host.x86_calls, ARRAY_COUNT(rows));
}

/* ---- batches ------------------------------------------------------------- */

static void list_of_words(u32 count)
{
    struct arg_mmu_update *a = host_guest(LIST_AT);
    for (u32 i = 0; i < count; i++) {
        a[i].ptr = (host_mfn(d, 10).v << PAGE_BITS) + (u64)i * 8;
        a[i].val = 1000 + i;
    }
}

static void test_batch_is_cut_and_goes_on(void **state)
{
    (void)state;
    for (s32 budget = 1; budget < 60; budget += 7) {
        setup(NULL);
        list_of_words(200);
        struct hc_call c = host_call(v, GUEST(LIST_AT), 200, GUEST(DONE_AT));
        c.arg[3] = DOMID_SELF;
        c.nr = NR_MMU;
        s64 rc = RC_PREEMPT;
        for (u32 tries = 0; tries <= 200 && rc == RC_PREEMPT; tries++) {
            v->budget = budget;
            rc = dispatch_entry(&c);
        }
        assert_int_equal(rc, RC_OK);
        assert_int_equal(done(), 200);
        const u64 *words = host_frame(host_mfn(d, 10));
        for (u32 i = 0; i < 200; i++) {
            assert_int_equal(words[i], 1000 + i);
        }
    }
}

/* Between the parts of a batch an event handler may make one of its own, whole
 * or in parts: each counts what is its own. */
static void test_a_batch_between_the_parts_of_another(void **state)
{
    (void)state;
    for (s32 inner_budget = 1; inner_budget < 200; inner_budget += 90) {
        setup(NULL);
        list_of_words(20);
        struct hc_call outer = host_call(v, GUEST(LIST_AT), 20, GUEST(DONE_AT));
        struct hc_call inner = host_call(v, GUEST(LIST_AT), 5, GUEST(DONE_AT));
        outer.arg[3] = DOMID_SELF;
        inner.arg[3] = DOMID_SELF;
        outer.nr = NR_MMU;
        inner.nr = NR_MMU;
        v->budget = 60;
        assert_int_equal(dispatch_entry(&outer), RC_PREEMPT);
        v->budget = inner_budget;
        const s64 whole = dispatch_entry(&inner);
        assert_int_equal(whole, inner_budget < 40 ? RC_PREEMPT : RC_OK);
        v->budget = 1000;
        assert_int_equal(dispatch_entry(&outer), RC_OK);
        assert_int_equal(done(), 20);
        if (whole == RC_PREEMPT) {
            assert_int_equal(dispatch_entry(&inner), RC_OK);
            assert_int_equal(done(), 5);
        }
    }
}

static void test_batch_stops_at_the_first_error(void **state)
{
    (void)state;
    list_of_words(150);
    struct arg_mmu_update *a = host_guest(LIST_AT);
    a[120].ptr = 0; /* nobody's frame */
    assert_int_equal(
        call(NR_MMU, GUEST(LIST_AT), 150, GUEST(DONE_AT), DOMID_SELF),
        RC_EPERM);
    assert_int_equal(done(), 120);
    assert_true(cuts > 0);
    const u64 *words = host_frame(host_mfn(d, 10));
    assert_int_equal(words[119], 1119);
    assert_int_equal(words[121], 0);
}

static void test_batch_of_another_domain(void **state)
{
    (void)state;
    list_of_words(1);
    assert_int_equal(call(NR_MMU, GUEST(LIST_AT), 1, GUEST(DONE_AT), 2),
                     RC_EPERM);
    assert_int_equal(call(NR_MMU, GUEST(LIST_AT), 1, 0, d->id), RC_OK);
}

/* A grant batch that was cut leaves nothing behind for the next batch. */
static void test_done_counts_one_batch_only(void **state)
{
    (void)state;
    struct arg_gnttab_query *q = host_guest(0x10000);
    for (u32 i = 0; i < 40; i++) {
        q[i].dom = DOMID_SELF;
    }
    assert_int_equal(call(20, 6, GUEST(0x10000), 40, 0), RC_OK);
    assert_true(cuts > 0);
    assert_int_equal(q[39].max_nr_frames, 2);
    list_of_words(3);
    assert_int_equal(
        call(NR_MMU, GUEST(LIST_AT), 3, GUEST(DONE_AT), DOMID_SELF), RC_OK);
    assert_int_equal(done(), 3);
    assert_int_equal(call(20, 6, GUEST(0x10000), 0x80000000, 0), RC_EINVAL);
}

/* ---- multicall ----------------------------------------------------------- */

static struct multicall_entry *list_of_calls(void)
{
    struct multicall_entry *e = host_guest(0x20000);
    memset(e, 0x55, 8 * sizeof(*e));
    return e;
}

static void make_entry(struct multicall_entry *e, u64 op, u64 a0, u64 a1,
                       u64 a2, u64 a3)
{
    *e = (struct multicall_entry){ .op = op, .args = { a0, a1, a2, a3 } };
}

static void test_multicall_stores_results(void **state)
{
    (void)state;
    struct multicall_entry *e = list_of_calls();
    make_entry(&e[0], 17, 0, 0, 0, 0);
    make_entry(&e[1], 200, 0, 0, 0, 0);
    make_entry(&e[2], NR_MULTICALL, GUEST(0x20000), 1, 0, 0);
    make_entry(&e[3], 23, 0, 0, 0, 0);             /* iret */
    make_entry(&e[4], 0x100000011ull, 0, 0, 0, 0); /* not number 17 */
    make_entry(&e[5], 21, 0, 2, 0, 0);
    assert_int_equal(call(NR_MULTICALL, GUEST(0x20000), 6, 0, 0), RC_OK);
    assert_int_equal(e[0].result, 0x40011);
    assert_int_equal(e[1].result, RC_ENOSYS);
    assert_int_equal(e[2].result, RC_EINVAL);
    assert_int_equal(e[3].result, 0); /* of the stand-in: x86/iret.c refuses */
    assert_int_equal(e[4].result, RC_EINVAL);
    assert_int_equal(e[5].result, RC_OK);
    assert_int_equal(e[6].result, 0x5555555555555555);
    assert_int_equal(host.x86_calls, 1);
}

static void test_multicall_goes_on_inside_an_entry(void **state)
{
    (void)state;
    list_of_words(200);
    struct multicall_entry *e = list_of_calls();
    make_entry(&e[0], 17, 0, 0, 0, 0);
    make_entry(&e[1], NR_MMU, GUEST(LIST_AT), 200, GUEST(DONE_AT), DOMID_SELF);
    make_entry(&e[2], 17, 0, 0, 0, 0);
    struct hc_call c = host_call(v, GUEST(0x20000), 3, 0);
    c.nr = NR_MULTICALL;
    assert_int_equal(dispatch(&c), RC_PREEMPT);
    assert_int_equal(c.arg[0], GUEST(0x20000) + sizeof(*e));
    assert_int_equal(c.arg[1], 2);
    assert_true((e[1].args[1] & 0x7fffffff) < 200); /* what is left of it */
    while (dispatch(&c) == RC_PREEMPT) {
    }
    assert_int_equal(e[1].result, RC_OK);
    assert_int_equal(e[2].result, 0x40011);
    assert_int_equal(done(), 200);
}

static void test_a_long_multicall_is_cut_between_entries(void **state)
{
    (void)state;
    struct multicall_entry *e = host_guest(0x20000);
    for (u32 i = 0; i < 400; i++) {
        make_entry(&e[i], 17, 0, 0, 0, 0);
    }
    assert_int_equal(call(NR_MULTICALL, GUEST(0x20000), 400, 0, 0), RC_OK);
    assert_true(cuts >= 3);
    assert_int_equal(e[399].result, 0x40011);
}

/* A call that may go through a whole table takes more: 40 are as many cuts as
 * hundreds of short ones. Port 0 is no port. */
static void test_a_multicall_of_long_calls_is_cut_sooner(void **state)
{
    (void)state;
    struct multicall_entry *e = host_guest(0x20000);
    for (u32 i = 0; i < 40; i++) {
        make_entry(&e[i], 32, 4, GUEST(0x1f000), 0, 0);
    }
    memset(host_guest(0x1f000), 0, 8);
    assert_int_equal(call(NR_MULTICALL, GUEST(0x20000), 40, 0, 0), RC_OK);
    assert_int_equal((s64)e[39].result, RC_EINVAL);
    assert_true(cuts >= 3);
}

/* ---- copies that fail ---------------------------------------------------- */

struct faulty {
    u32 nr;
    u64 arg[4];
};

/* The n-th copy fails, for every n: -EFAULT, and all counts are right. */
static void test_A56_every_copy_may_fail(void **state)
{
    (void)state;
    const struct faulty calls[] = {
        { NR_MMU, { GUEST(LIST_AT), 5, GUEST(DONE_AT), DOMID_SELF } },
        { NR_MULTICALL, { GUEST(0x20000), 2, 0, 0 } },
        { 20, { 6, GUEST(0x10000), 3, 0 } },
        { 20, { 2, GUEST(0x11000), 1, 0 } },
        { 17, { 1, GUEST(0x12000), 0, 0 } },
        { 17, { 6, GUEST(0x12000), 0, 0 } },
        { 32, { 6, GUEST(0x13000), 0, 0 } },
        { 29, { 3, GUEST(0x14000), 0, 0 } },
        { 12, { 9, GUEST(0x15000), 0, 0 } },
    };
    for (u32 k = 0; k < ARRAY_COUNT(calls); k++) {
        u32 n = 1;
        for (; n < 40; n++) {
            setup(NULL);
            list_of_words(5);
            struct multicall_entry *e = list_of_calls();
            make_entry(&e[0], 17, 0, 0, 0, 0);
            make_entry(&e[1], 17, 0, 0, 0, 0);
            ((struct arg_gnttab_setup *)host_guest(0x11000))->dom = 1;
            ((struct arg_evtchn_unbound *)host_guest(0x13000))->dom = 1;
            ((struct arg_sched_poll *)host_guest(0x14000))->timeout = 1;
            ((struct arg_memory_map *)host_guest(0x15000))->nr_entries = 1;
            ((struct arg_memory_map *)host_guest(0x15000))->buffer =
                GUEST(0x16000);
            host.copies = 0;
            host.fetch_fails_at = n;
            const s64 rc = call_as(v, calls[k].nr, calls[k].arg);
            const bool failed = host.fetch_fails_at == 0;
            teardown(NULL);
            if (!failed) {
                assert_true(rc >= 0);
                break;
            }
            /* grant_setup answers by its status */
            assert_true(rc == RC_EFAULT || (k == 3 && rc == 0));
        }
        assert_true(n > 1 && n < 40);
    }
}

static void test_only_out_fields_are_stored(void **state)
{
    (void)state;
    u8 *at = host_guest(0x13000);
    memset(at, 0xee, 64);
    struct arg_gnttab_query q;
    memcpy(&q, at, sizeof(q));
    q.dom = DOMID_SELF;
    memcpy(at, &q, sizeof(q));
    assert_int_equal(call(20, 6, GUEST(0x13000), 1, 0), RC_OK);
    memcpy(&q, at, sizeof(q));
    assert_int_equal(q.dom, DOMID_SELF);
    assert_int_equal(q.pad0, 0xeeee); /* neither read nor written */
    assert_int_equal(q.pad1, 0xeeee);
    assert_int_equal(q.nr_frames, 1);
    assert_int_equal(q.status, 0);
    assert_int_equal(at[sizeof(q)], 0xee);

    memset(at, 0xee, 64);
    struct arg_evtchn_virq virq = { .virq = 1, .vcpu = 0, .port = 0xeeee };
    memcpy(at, &virq, sizeof(virq));
    assert_int_equal(call(32, 1, GUEST(0x13000), 0, 0), RC_OK);
    memcpy(&virq, at, sizeof(virq));
    assert_int_equal(virq.virq, 1);
    assert_int_equal(virq.port, 1);
    /* A refused call stores nothing: the virtual interrupt has a port. */
    virq.port = 0xeeee;
    memcpy(at, &virq, sizeof(virq));
    assert_int_equal(call(32, 1, GUEST(0x13000), 0, 0), RC_EEXIST);
    memcpy(&virq, at, sizeof(virq));
    assert_int_equal(virq.port, 0xeeee);
}

static void test_version_and_features(void **state)
{
    (void)state;
    assert_int_equal(call(17, 1, GUEST(0x12000), 0, 0), RC_OK);
    assert_int_equal(((char *)host_guest(0x12000))[0], '.');
    u32 *map = host_guest(0x12100);
    map[0] = 0;
    assert_int_equal(call(17, 6, GUEST(0x12100), 0, 0), RC_OK);
    assert_int_equal(map[1], 1u << 5 | 1u << 7);
    map[0] = 1;
    assert_int_equal(call(17, 6, GUEST(0x12100), 0, 0), RC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_A59_unknown_pairs),
        TEST(test_unregister_is_a_refusal),
        TEST(test_the_last_calls_are_kept),
        TEST(test_a_field_out_of_range_is_no_call),
        TEST(test_denied_before_its_arguments_are_read),
        TEST(test_each_right_opens_its_rows_only),
        TEST(test_iret_is_asked_for_as_any_call),
        TEST(test_rows_reach_their_handlers),
        TEST(test_batch_is_cut_and_goes_on),
        TEST(test_a_batch_between_the_parts_of_another),
        TEST(test_batch_stops_at_the_first_error),
        TEST(test_batch_of_another_domain),
        TEST(test_done_counts_one_batch_only),
        TEST(test_multicall_stores_results),
        TEST(test_multicall_goes_on_inside_an_entry),
        TEST(test_a_long_multicall_is_cut_between_entries),
        TEST(test_a_multicall_of_long_calls_is_cut_sooner),
        TEST(test_A56_every_copy_may_fail),
        TEST(test_only_out_fields_are_stored),
        TEST(test_version_and_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
