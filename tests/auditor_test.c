/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame auditor: whose turn it is, a domain that will not keep still, what
 * a fault does and to whom, the test mode.
 */
#include "core/auditor.h"
#include "core/record.h"
#include "core/recount.h"
#include "rf/logreader.h"
#include "tests/life_fixture.h"

static struct domain *a, *b;

static int make_two(void **state)
{
    static const u8 digest[32] = { 1 };
    assert_int_equal(setup(state), 0);
    record_boot(digest, digest, 2, true);
    a = build(1, plan_linux(1, 32 * MIB_FRAMES));
    b = build(2, plan_grub(2, 16 * MIB_FRAMES));
    assert_int_equal(auditor_init(false), RC_OK);
    return 0;
}

/* Slices of one idle CPU, a microsecond each, until nothing is due. */
static u32 idle(void)
{
    for (u32 slices = 1; slices < 100000; slices++) {
        const ns_t again = auditor_idle(host.now);
        assert_int_equal(host_locks_held(), 0);
        if (again > host.now) {
            assert_true(again <= host.now + AUDITOR_PAUSE_NS);
            return slices;
        }
        host.now += 1000;
    }
    fail_msg("it never ends");
    return 0;
}

/* Somebody changes d, as its guest would. */
static void touch(struct domain *d)
{
    lock_take(&d->mm);
    lock_drop(&d->mm);
}

static struct audit_record last_fault(u32 *count)
{
    struct audit_reader reader;
    struct audit_record r, found = { .arg = { 0 } };
    u64 at = 0;
    *count = 0;
    while (!record_drain(8)) {
    }
    audit_reader_init(&reader);
    while (at < host.audit_bytes) {
        assert_int_equal(
            audit_next(&reader, host_audit, host.audit_bytes, &at, &r),
            AUDIT_GOOD);
        if (r.event == AUDIT_FRAME_FAULT) {
            found = r;
            (*count)++;
        }
    }
    return found;
}

static void test_each_gets_its_turn(void **state)
{
    (void)state;
    assert_true(idle() > 2);
    const ns_t first = a->recount_at;
    const ns_t second = b->recount_at;
    assert_true(first >= host.now && second >= host.now);
    assert_int_equal(idle(), 1); /* and then it sleeps */
    host.now = first > second ? first : second;
    (void)idle();
    assert_true(a->recount_at >= first + AUDITOR_PAUSE_NS);
    assert_true(b->recount_at >= second + AUDITOR_PAUSE_NS);
    assert_int_equal(a->recount_lost, 0);
}

/* The least fault of one: it stops, as it is; the other goes on, and the host
 * with it; it is in the log before. */
static void test_a_fault_freezes_one(void **state)
{
    (void)state;
    const mfn_t bad = host_mfn(a, 77);
    const u32 lines = host.log_lines;
    u32 records = 0;
    a->audit = 0; /* it cannot keep quiet about it */
    frame_at(bad)->refs += 3;
    const struct frame found = *frame_at(bad);
    (void)idle();
    assert_int_equal(a->state, DOMAIN_FROZEN);
    assert_int_equal(a->end_reason, ENDED_FROZEN);
    assert_int_equal(b->state, DOMAIN_RUNNING);
    assert_int_equal(host.log_lines, lines + 2);
    const struct audit_record r = last_fault(&records);
    assert_int_equal(records, 1);
    assert_int_equal(r.target, 1);
    assert_int_equal(r.arg[0], RECOUNT_REFS);
    assert_int_equal(r.arg[1], bad.v);
    assert_int_equal(r.arg[2], (u64)(found.refs - 3) << 32 | (u64)found.refs);

    (void)work();
    for (u32 i = 0; i < 3; i++) {
        ns_t until = 0;
        host.now += AUDITOR_PAUSE_NS;
        (void)idle();
        sched_wake(&a->vcpu[0]);
        const struct vcpu *v = sched_pick(0, host.now, &until);
        assert_true(v == NULL || v->domain == b);
        sched_left(0);
    }
    assert_true(sched_is_off(&a->vcpu[0]));
    assert_memory_equal(frame_at(bad), &found, sizeof(found));
    assert_int_equal(a->state, DOMAIN_FROZEN);
    domain_crash(a, "again");
    domain_end(a, SHUTDOWN_POWEROFF);
    assert_int_equal(a->state, DOMAIN_FROZEN);
    (void)last_fault(&records);
    assert_int_equal(records, 1);
}

/* Of a grant, both ends are frozen. */
static void test_a_grant_freezes_both(void **state)
{
    (void)state;
    struct maptrack *t = &b->map[0];
    u32 records = 0;
    t->state = MAPTRACK_MAPPED;
    t->granter = a->id;
    t->ref = 5;
    (void)idle();
    assert_int_equal(a->state, DOMAIN_FROZEN);
    assert_int_equal(b->state, DOMAIN_FROZEN);
    (void)last_fault(&records);
    assert_int_equal(records, 2);
}

/* Who maps a page of one whose counts are wrong elsewhere goes on. */
static void test_a_fault_is_not_the_mappers(void **state)
{
    (void)state;
    struct maptrack *t = &b->map[0];
    const mfn_t m = host_mfn(a, 99);
    a->grants.active[5] =
        (struct active_grant){ .readers = 1, .user = b->id, .frame = m.v };
    a->grants.uses = 1;
    assert_int_equal(frame_ref(frame_at(m)), RC_OK);
    t->state = MAPTRACK_MAPPED;
    t->readonly = 1;
    t->granter = a->id;
    t->ref = 5;
    t->frame = m.v;
    (void)idle();
    assert_int_equal(a->state, DOMAIN_RUNNING);
    frame_at(host_mfn(a, 77))->refs++;
    host.now += 2 * AUDITOR_PAUSE_NS;
    for (u32 i = 0; i < 20 && a->state == DOMAIN_RUNNING; i++) {
        host.now += AUDITOR_PAUSE_NS;
        (void)idle();
    }
    assert_int_equal(a->state, DOMAIN_FROZEN);
    assert_int_equal(b->state, DOMAIN_RUNNING);
}

/* One slice of a pass over a; the next pass is waited for. */
static void disturbed_slice(void)
{
    const u32 lost = a->recount_lost;
    for (u32 i = 0; i < 100 && a->recount_lost == lost; i++) {
        if (a->recount_at > host.now) {
            host.now = a->recount_at;
        }
        b->recount_at = host.now + 2 * AUDITOR_PAUSE_NS;
        (void)auditor_idle(host.now);
        touch(a);
    }
}

/* A domain that changes under every pass is held for one that sees it. */
static void test_the_busy_are_held(void **state)
{
    (void)state;
    const ns_t began = host.now;
    for (u32 i = 1; i < AUDITOR_PATIENCE; i++) {
        disturbed_slice();
        assert_int_equal(a->recount_lost, i);
        assert_int_equal(a->vcpu[0].sched.held_until, 0);
        assert_int_equal(a->recount_at, host.now + AUDITOR_RETRY_NS);
    }
    disturbed_slice();
    assert_int_equal(a->recount_lost, AUDITOR_PATIENCE);
    assert_true(host.now < began + 10 * AUDITOR_PAUSE_NS);
    /* Held while the pass goes on; done, it is forgotten. */
    (void)auditor_idle(host.now);
    assert_int_equal(a->vcpu[0].sched.held_until, host.now + AUDITOR_HOLD_NS);
    assert_int_equal(a->vcpu[1].sched.held_until, host.now + AUDITOR_HOLD_NS);
    ns_t until = 0;
    assert_ptr_equal(sched_pick(0, host.now, &until)->domain, b);
    (void)idle();
    assert_int_equal(a->recount_lost, 0);
    assert_true(a->vcpu[0].sched.held_until <= host.now + AUDITOR_HOLD_NS);
    assert_true(a->recount_at > host.now);
}

/* One whom others change while it is held is let go. */
static void test_holding_has_an_end(void **state)
{
    (void)state;
    for (u32 i = 1; i < 2 * AUDITOR_PATIENCE; i++) {
        disturbed_slice();
        assert_int_equal(a->recount_lost, i);
    }
    disturbed_slice();
    assert_int_equal(a->recount_lost, 0);
    assert_true(a->recount_at >= host.now + AUDITOR_PAUSE_NS);
    assert_true(a->vcpu[0].sched.held_until <= host.now + AUDITOR_HOLD_NS);
}

/* A pass that was left alone for a second is not gone on with. */
static void test_an_old_pass_is_void(void **state)
{
    (void)state;
    assert_int_equal(auditor_idle(host.now), host.now);
    frame_at(host_mfn(a, 77))->refs++; /* without the lock: would be seen */
    host.now += AUDITOR_PAUSE_NS + 1;
    a->recount_at = host.now + AUDITOR_PAUSE_NS;
    (void)idle();
    assert_int_equal(a->state, DOMAIN_RUNNING);
    frame_at(host_mfn(a, 77))->refs--;
}

/* A pass ends with its domain. */
static void test_the_end_ends_a_pass(void **state)
{
    (void)state;
    assert_int_equal(auditor_idle(host.now), host.now);
    domain_end(a, SHUTDOWN_POWEROFF);
    ns_t until = 0;
    (void)sched_pick(0, host.now, &until);
    sched_left(0);
    (void)work();
    assert_int_equal(a->state, DOMAIN_ENDED);
    (void)idle();
    assert_int_equal(b->state, DOMAIN_RUNNING);
    assert_true(b->recount_at > host.now);
}

static void test_exits(void **state)
{
    (void)state;
    struct frame *f = frame_at(host_mfn(a, 77));
    f->refs++;
    auditor_exit(a); /* the mode is off */
    assert_int_equal(a->state, DOMAIN_RUNNING);
    assert_int_equal(auditor_init(true), RC_OK);
    for (u32 i = 0; i < 600 && a->state == DOMAIN_RUNNING; i++) {
        auditor_exit(a);
        assert_true(i < 511 || a->state == DOMAIN_FROZEN);
    }
    assert_int_equal(a->state, DOMAIN_FROZEN);
    auditor_exit(a);
    /* 8 MiB: each one. */
    struct domain *c = host_domain(3, 2048, 1);
    assert_int_equal(auditor_init(true), RC_OK);
    auditor_exit(c);
    assert_int_equal(c->state, DOMAIN_RUNNING);
    frame_at(host_mfn(c, 2000))->types++;
    auditor_exit(c);
    assert_int_equal(c->state, DOMAIN_FROZEN);
    assert_int_equal(auditor_init(false), RC_OK);
}

#define TEST(f) cmocka_unit_test_setup(f, make_two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_gets_its_turn),
        TEST(test_a_fault_freezes_one),
        TEST(test_a_grant_freezes_both),
        TEST(test_a_fault_is_not_the_mappers),
        TEST(test_the_busy_are_held),
        TEST(test_holding_has_an_end),
        TEST(test_an_old_pass_is_void),
        TEST(test_the_end_ends_a_pass),
        TEST(test_exits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
