/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lives of domains: start, the ways to end, restart, scrubbing, the end of
 * the host. What ends the host runs in a child, for it does not come back.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "core/record.h"
#include "core/schedcpu.h"
#include "rf/logreader.h"
#include "tests/life_fixture.h"

/* A turn of CPU 0. */
static void run_cpu(void)
{
    ns_t until = 0;
    host.now += 1000000;
    struct vcpu *v = sched_pick(0, host.now, &until);
    host_run(v);
    sched_left(0);
}

/* Tenant 2 lives, so that the host does. */
static struct domain *pair(struct domain **other)
{
    struct domain *d = build(1, plan_linux(1, 32 * MIB_FRAMES));
    *other = build(2, plan_grub(2, 16 * MIB_FRAMES));
    run_cpu();
    return d;
}

static void finish(void)
{
    for (u32 i = 0; i < 4; i++) {
        run_cpu();
        (void)work();
    }
}

static bool all_zero(const struct domain *d)
{
    const u64 count = (u64)d->chunk_count * CHUNK_FRAMES * TABLE_ENTRIES;
    const u64 *words = host_frame(host_mfn(d, 0));
    for (u64 i = 0; i < count; i++) {
        if (words[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_building_does_not_run(void **state)
{
    (void)state;
    struct domain *d = make(1, plan_linux(1, 32 * MIB_FRAMES));
    assert_false(domain_work_wanted());
    assert_int_equal(domain_begin(d), RC_OK);
    assert_int_equal(d->state, DOMAIN_BUILDING);
    assert_true(domain_work_wanted());
    domain_end(d, SHUTDOWN_POWEROFF); /* there is nothing to end yet */
    domain_crash(d, "test");
    assert_int_equal(d->state, DOMAIN_BUILDING);
    assert_true(work() > 100); /* bounded slices */
    assert_int_equal(d->state, DOMAIN_RUNNING);
    run_cpu();
    assert_ptr_equal(host.current, &d->vcpu[0]);
}

static void test_end_scrubs_every_frame(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    memset(host_frame(host_mfn(d, 3000)), 0xaa, PAGE_BYTES);
    domain_end(d, SHUTDOWN_POWEROFF);
    assert_int_equal(d->state, DOMAIN_ENDING);
    domain_end(d, SHUTDOWN_CRASH); /* only the first reason counts */
    assert_int_equal(d->end_reason, SHUTDOWN_POWEROFF);
    finish();
    assert_int_equal(d->state, DOMAIN_ENDED);
    assert_true(all_zero(d));
    for (u64 i = 0; i < (u64)d->chunk_count * CHUNK_FRAMES; i++) {
        const struct frame *f = frame_at(host_mfn(d, i));
        assert_int_equal(f->refs, 0);
        assert_true(f->type == FRAME_FREE || f->type == FRAME_PLAIN ||
                    f->type == FRAME_PRIVATE);
    }
    assert_int_equal(d->cpus, 0);
    for (port_t p = 1; p < d->port_count; p++) {
        assert_int_equal(d->port[p].state, EVTCHN_FREE);
    }
    assert_int_equal(other->state, DOMAIN_RUNNING);
    host_recount(other);
    assert_ptr_equal(host.current->domain, other);
}

static bool has_record(u16 event)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    bool found = false;
    while (!record_drain(64)) {
    }
    audit_reader_init(&reader);
    while (audit_next(&reader, host_audit, host.audit_bytes, &at, &r) ==
               AUDIT_GOOD &&
           at <= host.audit_bytes && !found) {
        found = r.event == event;
    }
    return found;
}

/* No frame is taken back before the log says so. */
static void test_destruction_is_recorded_before_it_begins(void **state)
{
    (void)state;
    static const u8 digest[32] = { 7 };
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    record_boot(digest, digest, 2, true);
    d->audit = MF_AUDIT_LIFECYCLE;
    domain_end(d, SHUTDOWN_POWEROFF);
    run_cpu();
    assert_false(has_record(AUDIT_DOMAIN_DESTROYED));
    for (u32 i = 0; i < 100 && d->state == DOMAIN_ENDING; i++) {
        (void)domain_work();
    }
    assert_int_equal(d->state, DOMAIN_SCRUBBING);
    assert_true(has_record(AUDIT_DOMAIN_DESTROYED));
    finish();
}

static void test_nothing_is_touched_while_a_vcpu_runs(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    assert_ptr_equal(host.current, &d->vcpu[0]);
    domain_end(d, SHUTDOWN_REBOOT);
    for (u32 i = 0; i < 5; i++) {
        (void)work();
        assert_int_equal(d->state, DOMAIN_ENDING);
        assert_true(domain_work_wanted());
    }
    assert_int_not_equal(d->port[d->console_port].state, EVTCHN_FREE);
    finish();
    assert_int_equal(d->state, DOMAIN_RUNNING); /* it restarts */
    assert_int_equal(d->incarnation, 2);
}

static void test_restart_begins_afresh(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    struct vcpu *v = &d->vcpu[0];
    memset(host_frame(host_mfn(d, 3000)), 0xaa, PAGE_BYTES);
    d->rights = 0;
    d->shared->evtchn_pending[0] = U64_MAX;
    d->vcpu[1].state = VCPU_DOWN;
    /* It ends in the middle of page-table work. */
    arch_frame_write64(host_mfn(d, 8001), 0, pte_make(host_mfn(d, 8002), 7));
    lock_take(&d->mm);
    v->budget = 1;
    assert_int_equal(pgtable_get(v, host_mfn(d, 8001), 2), RC_PREEMPT);
    lock_drop(&d->mm);
    domain_end(d, SHUTDOWN_REBOOT);
    finish();
    assert_int_equal(d->state, DOMAIN_RUNNING);
    assert_int_equal(d->incarnation, 2);
    assert_int_equal(d->work.mode, PGWORK_IDLE);
    assert_int_equal(d->rights, d->plan->rights);
    assert_int_equal(d->shared->evtchn_pending[0], 0);
    assert_int_equal(d->vcpu[1].state, VCPU_EMPTY);
    const u64 *words = host_frame(host_mfn(d, 3000));
    assert_int_equal(words[0], 0);
    host_recount(d);
}

static void test_actions(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    plans[d->id].on_crash = MF_PRESERVE;
    memset(host_frame(host_mfn(d, 3000)), 0xaa, PAGE_BYTES);
    domain_crash(d, "test");
    domain_crash(d, "again");
    assert_int_equal(d->end_reason, ENDED_KILLED);
    finish();
    assert_int_equal(d->state, DOMAIN_ENDED);
    const u8 *kept = host_frame(host_mfn(d, 3000));
    assert_int_equal(kept[0], 0xaa);
    assert_int_equal(other->state, DOMAIN_RUNNING);
}

static void test_every_vcpu_goes_offline(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    d->vcpu[1].state = VCPU_UP;
    sched_online(&d->vcpu[1]);
    sched_timer_set(&d->vcpu[1], &d->vcpu[1].sched.timer_at, host.now + 50);
    domain_end(d, SHUTDOWN_CRASH);
    run_cpu();
    assert_true(sched_is_off(&d->vcpu[0]));
    assert_true(sched_is_off(&d->vcpu[1]));
    assert_int_equal(sched_cpus[0].timer_first, NS_NEVER);
    finish();
    assert_int_equal(d->state, DOMAIN_ENDED);
}

/* A20: what others still map stays as it is. */
static void test_A20_a_granter_waits_for_its_mappers(void **state)
{
    (void)state;
    struct domain *other = NULL;
    struct domain *d = pair(&other);
    d->grants.uses = 1;
    domain_end(d, SHUTDOWN_CRASH);
    finish();
    assert_int_equal(d->state, DOMAIN_ENDING);
    assert_true(domain_work_wanted());
    d->grants.uses = 0;
    finish();
    assert_int_equal(d->state, DOMAIN_ENDED);
}

/* ---- the end of the host ------------------------------------------------- */

/* Both end for the reasons given, in a child: the code the host ends with. */
static u32 end_of_host(u32 first, u32 second)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const u8 digest[32] = { 1 };
        record_boot(digest, digest, 2, true);
        struct domain *other = NULL;
        struct domain *d = pair(&other);
        domain_end(d, first);
        finish();
        if (host_expect_panic()) {
            if (second == ENDED_KILLED) {
                domain_crash(other, "test");
            } else {
                domain_end(other, second);
            }
            finish();
            _exit(99);
        }
        _exit(host.audit_bytes != 0 ? (int)host.off_code : 98);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (u32)WEXITSTATUS(status);
}

static void test_the_host_ends_with_the_last_tenant(void **state)
{
    (void)state;
    assert_int_equal(end_of_host(SHUTDOWN_POWEROFF, SHUTDOWN_POWEROFF), 0x10);
    assert_int_equal(end_of_host(SHUTDOWN_CRASH, SHUTDOWN_POWEROFF), 0x11);
    assert_int_equal(end_of_host(SHUTDOWN_POWEROFF, ENDED_KILLED), 0x11);
    assert_int_equal(end_of_host(SHUTDOWN_POWEROFF, ENDED_FROZEN), 0x11);
    assert_int_equal(end_of_host(ENDED_FROZEN, SHUTDOWN_POWEROFF), 0x11);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_host_ends_with_the_last_tenant), /* counts crashes */
        TEST(test_building_does_not_run),
        TEST(test_end_scrubs_every_frame),
        TEST(test_destruction_is_recorded_before_it_begins),
        TEST(test_nothing_is_touched_while_a_vcpu_runs),
        TEST(test_restart_begins_afresh),
        TEST(test_actions),
        TEST(test_every_vcpu_goes_offline),
        TEST(test_A20_a_granter_waits_for_its_mappers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
