/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that may fail, fails: the n-th copy from or to a guest for every
 * n in every row of the table, the n-th piece of memory in the creation of a
 * domain. What is refused leaves no trace: all memory of the machine, every
 * frame's record and the scheduler are byte for byte what they were.
 *
 * A list of elements may stop in the middle: then everything is as after a
 * call with that many elements. So is a call whose very answer could not be
 * stored, though the same place took it a moment before: it is done, whole.
 */
#include "tests/faults_rows.h"

#include <stdio.h>

#include "core/record.h"
#include "policy/manifest.h"

/* ---- the machine at one moment ---------------------------------------------
 */

struct snapshot {
    u8 *memory; /* all that the hypervisor and the domains have */
    struct frame *frames;
    struct sched_cpu sched[CPU_MAX];
    u8 *guest; /* the test's guest buffer */
    u64 console;
    u32 x86_calls;
};

static struct snapshot before, partly, after;

/* In two parts: the hypervisor's frames that were given out, the domains'. */
static u64 pool_bytes(void)
{
    return host_pool_used() << PAGE_BITS;
}

static const u8 *chunks(u64 *bytes)
{
    const u64 first = (u64)HOST_POOL_CHUNKS * CHUNK_FRAMES;
    *bytes = (host_memory_used() - first) << PAGE_BITS;
    return host_frame(mfn(first));
}

/* What means nothing: tickets of free locks, what a call left of its budget,
 * which calls came last. */
static void forget_the_past(void)
{
    const struct lock open = { 0 };
    assert_int_equal(host_locks_held(), 0);
    for (u32 i = 1; i <= domain_count; i++) {
        struct domain *x = domain_table[i];
        x->mm = open;
        x->evt = open;
        x->console = open;
        for (u32 n = 0; n < x->vcpu_count; n++) {
            x->vcpu[n].budget = 0;
            x->vcpu[n].recent_nr = 0;
            x->vcpu[n].recent_sub = 0;
        }
    }
    for (u32 i = 0; i < CPU_MAX; i++) {
        sched_cpus[i].lock = open;
        sched_cpus[i].timer_lock = open;
    }
}

/* The hypervisor's frames; what lies between them is nobody's. */
static void copy_pool(u8 *to)
{
    for (u64 m = 0; m < host_pool_used(); m++) {
        u8 *const page = to + (m << PAGE_BITS);
        if (host_memory.guard[m]) {
            memset(page, 0, PAGE_BYTES);
        } else {
            memcpy(page, host_frame(mfn(m)), PAGE_BYTES);
        }
    }
}

static void snapshot_take(struct snapshot *s)
{
    forget_the_past();
    u64 bytes = 0;
    const u8 *const from = chunks(&bytes);
    s->memory = realloc(s->memory, pool_bytes() + bytes);
    s->frames = realloc(s->frames, HOST_FRAMES * sizeof(struct frame));
    s->guest = realloc(s->guest, HOST_GUEST_BYTES);
    assert_true(s->memory != NULL && s->frames != NULL && s->guest != NULL);
    copy_pool(s->memory);
    memcpy(s->memory + pool_bytes(), from, bytes);
    memcpy(s->frames, frame_table, HOST_FRAMES * sizeof(struct frame));
    memcpy(s->sched, sched_cpus, sizeof(s->sched));
    memcpy(s->guest, host_guest(0), HOST_GUEST_BYTES);
    s->console = host.console[1].count;
    s->x86_calls = host.x86_calls;
}

/* What differs, or NULL. */
static const char *difference(const struct snapshot *a,
                              const struct snapshot *b)
{
    if (memcmp(a->frames, b->frames, HOST_FRAMES * sizeof(struct frame)) != 0) {
        return "records of frames";
    }
    u64 bytes = 0;
    (void)chunks(&bytes);
    if (memcmp(a->memory, b->memory, pool_bytes() + bytes) != 0) {
        u64 at = 0;
        while (a->memory[at] == b->memory[at]) {
            at++;
        }
        const bool pool = at < pool_bytes();
        print_message("%s, frame %u offset 0x%x\n", pool ? "pool" : "chunks",
                      (u32)((pool ? at : at - pool_bytes()) >> PAGE_BITS),
                      (u32)(at % PAGE_BYTES));
        return "memory";
    }
    if (memcmp(a->sched, b->sched, sizeof(a->sched)) != 0) {
        return "scheduler";
    }
    if (a->console != b->console) {
        return "console";
    }
    return a->x86_calls != b->x86_calls ? "calls of x86 handlers" : NULL;
}

/* ---- calls ------------------------------------------------------------------
 */

static int prepare(void)
{
    setup(NULL);
    e = host_domain(2, 512, 1);
    e->rights = RIGHTS_ALL;
    host.typed = "typed";
    for (u64 ref = 1; ref <= 2; ref++) {
        e->grants.shared[0][ref] =
            host_mfn(e, 20 + ref).v << 32 | (u64)d->id << 16 | 1;
        memset(host_frame(host_mfn(e, 20 + ref)), 0x77, PAGE_BYTES);
    }
    ARGS(evtchn_unbound, .dom = DOMID_SELF, .remote_dom = 1);
    const u64 offer[4] = { 6, GUEST(AT), 0, 0 };
    assert_int_equal(call_as(&e->vcpu[0], 32, offer), 0);
    memset(host_guest(AT), 0, PAGE_BYTES);
    host_run(v);
    return 0;
}

/* Steps that took effect before copy number n. */
static u32 steps_before(const char *steps, u32 n)
{
    u32 copies = 0;
    u32 done_steps = 0;
    for (; *steps != 0; steps++) {
        if (*steps == '|') {
            done_steps++;
        } else if (++copies == n) {
            break;
        }
    }
    return done_steps;
}

static u32 copies_of(const char *steps)
{
    u32 n = 0;
    for (; *steps != 0; steps++) {
        n += *steps != '|' ? 1 : 0;
    }
    return n;
}

static void complain(const struct row *row, u32 n, const char *what)
{
    fail_msg("row %s, copy %u fails: %s", row->name, n, what);
}

/* The machine after so many steps of the row's call, and no failure. */
static s64 run_steps(const struct row *row, u32 count, u32 of)
{
    prepare();
    struct fill f = row->fill();
    if (count != of && f.count_place != NULL) {
        *f.count_place = count * f.count_unit;
    } else if (count != of && f.count_arg != NO_COPY) {
        f.arg[f.count_arg] = count * f.count_unit;
    }
    host.copies = 0;
    const s64 rc = call_as(v, f.nr, f.arg);
    if (count == of) {
        if (rc < 0 || host.copies != copies_of(f.steps)) {
            complain(row, 0, "not the call that was meant");
        }
    }
    return rc;
}

static void check_result(const struct row *row, const struct fill *f, u32 n,
                         u32 steps, s64 rc)
{
    s64 wanted = RC_EFAULT;
    if (f->is_counted && n > 1) {
        wanted = steps;
    } else if (n == f->status_copy) {
        wanted = RC_OK;
    }
    if (rc != wanted) {
        complain(row, n, "another result");
    }
    if (f->done_copy != NO_COPY && n != f->done_copy && done() != steps) {
        complain(row, n, "another count of done elements");
    }
}

/* Copy number n of the row's call fails. */
static void fail_copy(const struct row *row, u32 n)
{
    prepare();
    const struct fill f = row->fill();
    const u32 all = steps_before(f.steps, NO_COPY);
    const u32 steps = steps_before(f.steps, n);
    snapshot_take(&before);
    host.fetch_fails_at = n;
    const s64 rc = call_as(v, f.nr, f.arg);
    assert_int_equal(host.fetch_fails_at, 0);
    snapshot_take(&after);
    assert_int_equal(host_locks_held(), 0);
    host_recount(d);
    host_recount(e);
    check_result(row, &f, n, steps, rc);
    const struct snapshot *as = &before;
    if (steps != 0) {
        run_steps(row, steps, all);
        snapshot_take(&partly);
        as = &partly;
    }
    const char *what = difference(as, &after);
    if (what == NULL && steps == 0 && n != f.status_copy &&
        f.done_copy == NO_COPY &&
        memcmp(before.guest, after.guest, HOST_GUEST_BYTES) != 0) {
        what = "guest memory";
    }
    if (what != NULL) {
        complain(row, n, what);
    }
}

static void test_every_copy_of_every_row_fails(void **state)
{
    (void)state;
    u32 refused = 0;
    for (u32 i = 1; i < HCROW_COUNT; i++) {
        prepare();
        const struct fill f = rows[i].fill();
        const u32 all = steps_before(f.steps, NO_COPY);
        snapshot_take(&before);
        host.x86_calls = 0;
        run_steps(&rows[i], all, all);
        assert_int_equal(host.x86_calls, f.is_x86 ? 1 : 0);
        for (u32 n = 1; n <= copies_of(f.steps); n++) {
            fail_copy(&rows[i], n);
            refused++;
        }
    }
    print_message("%u rows, %u copies that failed\n", HCROW_COUNT - 1, refused);
}

/* A call that was cut and then cannot go on leaves work behind, which the next
 * one finishes: then everything is as it was. */
static void test_a_cut_call_that_cannot_go_on(void **state)
{
    (void)state;
    prepare();
    u64 *table = host_table(host_mfn(d, 30));
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        table[i] = entry(200 + i, RO);
    }
    snapshot_take(&before);
    ARGS(mmuext_op, .cmd = PIN_L1, .arg1 = host_mfn(d, 30).v);
    struct hc_call c = host_call(v, GUEST(AT), 1, GUEST(DONE_AT));
    c.nr = NR_MMUEXT;
    c.arg[3] = DOMID_SELF;
    assert_int_equal(dispatch(&c), RC_PREEMPT);
    host.fetch_fails_at = 1;
    assert_int_equal(dispatch(&c), RC_EFAULT);
    host_recount(d);
    for (u32 i = 0; i < 100 && d->work.mode != PGWORK_IDLE; i++) {
        (void)mmuext(UNPIN, host_mfn(d, 31).v, 0); /* refused, but ready */
    }
    host_recount(d);
    for (u64 i = 0; i < 1000; i++) {
        const struct frame *was = &before.frames[host_mfn(d, i).v];
        assert_int_equal(frame_n(i)->refs, was->refs);
        assert_int_equal(frame_n(i)->types, was->types);
        assert_int_equal(frame_n(i)->type, was->type);
    }
}

/* ---- creation ---------------------------------------------------------------
 */

static struct mf_domain life_plan;

static void plan_life(u64 frames)
{
    memset(&life_plan, 0, sizeof(life_plan));
    strcpy(life_plan.name, "third");
    life_plan.frames = frames;
    life_plan.frames_max = frames;
    life_plan.vcpus = 2;
    life_plan.weight = 256;
    life_plan.port_count = 64;
    life_plan.grant_frames = 1;
    life_plan.map_count = 4;
    life_plan.load_va = 0x1000000;
    life_plan.memory_bytes = 8000000;
}

static void test_every_piece_of_a_domain_is_missing(void **state)
{
    (void)state;
    u32 n = 1;
    for (; n < 100; n++) {
        prepare();
        snapshot_take(&before);
        const u64 pool = host_pool_used();
        plan_life(1024);
        host.boot_fails_at = n;
        const enum rc rc = domain_create(3, &life_plan);
        if (host.boot_fails_at != 0) {
            assert_int_equal(rc, RC_OK);
            break;
        }
        assert_int_equal(rc, RC_ENOMEM);
        assert_true(domain_by_id(3) == NULL);
        assert_int_equal(domain_count, 2);
        /* What was taken is lost; the host does not start. What was there
         * before is as it was. */
        assert_memory_equal(before.memory, host_frame(mfn(0)),
                            pool << PAGE_BITS);
        assert_memory_equal(before.frames, frame_table,
                            HOST_FRAMES * sizeof(struct frame));
        assert_memory_equal(before.sched, sched_cpus, sizeof(before.sched));
        assert_int_equal(host_locks_held(), 0);
    }
    host.boot_fails_at = 0;
    assert_in_range(n, 9, 12);
    print_message("%u pieces of memory that were missing\n", n - 1);
}

/* Images that do not fit: refused before anything begins. */
static void test_a_domain_too_small_for_its_images(void **state)
{
    (void)state;
    prepare();
    plan_life(1024);
    assert_int_equal(domain_create(3, &life_plan), RC_OK);
    struct domain *small = domain_by_id(3);
    small->kernel_bytes = 300000;
    assert_int_equal(domain_begin(small), RC_ENOMEM);
    assert_int_equal(small->state, DOMAIN_NONE);
}

static void log_without(u32 n)
{
    const u8 digest[32] = { 0 };
    prepare();
    host.boot_fails_at = n;
    if (host_expect_panic()) {
        record_boot(digest, digest, 2, false);
        fail_msg("a log without memory");
    }
    host.boot_fails_at = 0;
}

static void test_the_log_has_no_memory(void **state)
{
    (void)state;
    log_without(1);
    log_without(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_copy_of_every_row_fails),
        cmocka_unit_test_teardown(test_a_cut_call_that_cannot_go_on, teardown),
        cmocka_unit_test(test_every_piece_of_a_domain_is_missing),
        cmocka_unit_test(test_a_domain_too_small_for_its_images),
        cmocka_unit_test(test_the_log_has_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
