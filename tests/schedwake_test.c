/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost, nobody runs twice, no queue forgets or doubles a vCPU:
 * single cases, then everything in random order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host_sim.h"

/* What the queues must satisfy at any moment. */
static void check_queues(void)
{
    u32 queued = 0;
    for (u32 i = 0; i < sim.cpus; i++) {
        const struct sched_cpu *c = &sched_cpus[i];
        u32 count = c->running != NULL ? 1 : 0;
        for (const struct heap_node *n = c->run.root; n != NULL;
             n = heap_next(n)) {
            assert_int_equal(n->owner->sched.state, SCHED_RUNNABLE);
            assert_int_equal(n->owner->sched.cpu, i);
            assert_false(n->owner->sched.parked);
            count++;
            queued++;
        }
        assert_int_equal(c->load, count);
        for (const struct heap_node *n = c->parked.root; n != NULL;
             n = heap_next(n)) {
            assert_int_equal(n->owner->sched.state, SCHED_RUNNABLE);
            assert_true(n->owner->sched.parked);
            queued++;
        }
        assert_ptr_equal(c->running, sim.on[i]);
    }
    u32 runnable = 0;
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        runnable += sim.vcpu[i].sched.state == SCHED_RUNNABLE;
    }
    assert_int_equal(queued, runnable);
}

static void soup_step(bool asked[SIM_VCPUS])
{
    const u32 cpu = (u32)random() % sim.cpus;
    struct vcpu *v = &sim.vcpu[(u32)random() % sim.vcpu_count];
    host.cpu = cpu;
    host.current = sim.on[cpu];
    host.now += (u64)random() % 3000000;
    switch (random() % 10) {
    case 0:
        sched_offline(v);
        asked[v->id] = false;
        break;
    case 1:
        sched_online(v);
        asked[v->id] = true;
        break;
    case 2:
    case 3:
        sched_wake(v);
        assert_int_not_equal(v->sched.state, SCHED_BLOCKED);
        break;
    case 4:
        sched_notify(v);
        assert_int_not_equal(v->sched.state, SCHED_BLOCKED);
        break;
    case 5:
        if (sim.on[cpu] != NULL) {
            sched_block(sim.on[cpu]);
            if (random() % 2 == 0) {
                sched_wake(sim.on[cpu]);
            }
        }
        break;
    case 6:
        if (sim.on[cpu] != NULL) {
            sched_give_way(sim.on[cpu]);
        }
        break;
    case 7:
        if (sim.on[cpu] != NULL) {
            sched_timer_set(sim.on[cpu], &sim.on[cpu]->sched.timer_at,
                            host.now + (u64)random() % 5000000);
        }
        break;
    case 8:
        if (random() % 8 == 0) {
            sched_hold(v, host.now + (u64)random() % 8000000);
        } else {
            sim_pick(cpu);
        }
        break;
    default:
        sim_pick(cpu);
        break;
    }
}

/* Everything at once, in random order, on all CPUs. */
static void test_soup(void **state)
{
    (void)state;
    sim_reset(SIM_CPUS);
    srandom(1);
    bool asked[SIM_VCPUS] = { false };
    for (u32 i = 0; i < 24; i++) {
        struct vcpu *v = sim_add(1u << (i % 16), 0, 0);
        v->sched.cap_percent = i % 5 == 0 ? 30 : 0;
        v->sched.cpu_mask = i % 7 == 0 ? 5 : U64_MAX;
    }
    for (u32 i = 0; i < SIM_CPUS; i++) {
        sim_pick(i);
    }
    for (u32 step = 0; step < 1000000; step++) {
        soup_step(asked);
        if (step % 32 == 0) {
            check_queues();
        }
    }
    /* All settle as they were last asked to. */
    for (u32 turn = 0; turn < 4; turn++) {
        for (u32 i = 0; i < sim.cpus; i++) {
            sim_pick(i);
        }
    }
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        assert_int_equal(sim.vcpu[i].sched.state != SCHED_OFFLINE, asked[i]);
        assert_int_equal(sched_is_off(&sim.vcpu[i]), !asked[i]);
    }
}

static void test_wake_is_not_lost(void **state)
{
    (void)state;
    sim_reset(1);
    struct vcpu *v = sim_add(256, 0, 0);
    sim_start();
    sim_pick(0);
    assert_ptr_equal(sim.on[0], v);
    sched_block(v);
    sched_notify(v); /* between asking and sleeping */
    sim_pick(0);
    assert_ptr_equal(sim.on[0], v);
    sched_wake(v); /* one that it has seen already */
    sched_block(v);
    sim_pick(0);
    assert_null(sim.on[0]);
    sched_wake(v);
    sim_pick(0);
    assert_ptr_equal(sim.on[0], v);
    sched_offline(v); /* down, and up again before it left */
    sched_online(v);
    sim_pick(0);
    assert_ptr_equal(sim.on[0], v);
}

static void test_leaving_moves_nowhere(void **state)
{
    (void)state;
    sim_reset(2);
    struct vcpu *v = sim_add(256, 0, 0);
    sim_start();
    sim_pick(0);
    sim_pick(1);
    assert_ptr_equal(sim.on[0], v);
    host.cpu = 0;
    sched_block(v);
    ns_t end;
    assert_null(sched_pick(0, host.now, &end));
    sched_offline(v);
    assert_false(sched_is_off(v)); /* its registers are still there */
    host.cpu = 1;
    sched_online(v);
    assert_null(sched_pick(1, host.now, &end)); /* not to be stolen yet */
    assert_int_equal(v->sched.cpu, 0);
    host.cpu = 0;
    sched_left(0);
    host.cpu = 1;
    assert_ptr_equal(sched_pick(1, host.now, &end), v);
}

/* One that is held rests, wherever it is, until the end it was told last; the
 * CPU looks again then, and others lose nothing. */
static void test_held_rests(void **state)
{
    (void)state;
    sim_reset(1);
    struct vcpu *a = sim_add(256, 0, 0);
    struct vcpu *b = sim_add(256, 0, 0);
    sim_start();
    sim_pick(0);
    struct vcpu *const runs = sim.on[0];
    struct vcpu *const waits = runs == a ? b : a;
    sched_hold(runs, host.now + 10 * MS);
    assert_true(host.kicks[0] > 0);
    sim_pick(0);
    assert_ptr_equal(sim.on[0], waits);
    sim_run(5 * MS);
    assert_ptr_equal(sim.on[0], waits);
    sched_block(waits);
    sim_pick(0);
    assert_null(sim.on[0]);
    sched_hold(waits, host.now + 2 * MS);
    sched_wake(waits); /* awake, and at rest */
    sim_pick(0);
    assert_null(sim.on[0]);
    assert_int_equal(sim.until[0], host.now + 2 * MS);
    sched_hold(runs, host.now + 20 * MS); /* longer */
    sim_run(3 * MS);
    assert_ptr_equal(sim.on[0], waits);
    sched_block(waits);
    sim_run(16 * MS);
    assert_null(sim.on[0]);
    sim_run(2 * MS);
    assert_ptr_equal(sim.on[0], runs);
    /* In the queue when it is held. */
    sched_wake(waits);
    struct vcpu *const queued = sim.on[0] == a ? b : a;
    sched_hold(queued, host.now + 5 * MS);
    sched_block(sim.on[0]);
    sim_pick(0);
    assert_null(sim.on[0]);
    sim_run(6 * MS);
    assert_ptr_equal(sim.on[0], queued);
}

/* One of a paused domain stays off, wherever it was and whoever wakes it, until
 * it is let go on; others lose nothing. */
static void test_paused_stays_off(void **state)
{
    (void)state;
    struct domain paused = { .paused = 1 };
    sim_reset(1);
    struct vcpu *a = sim_add(256, 0, 0);
    struct vcpu *b = sim_add(256, 0, 0);
    struct vcpu *c = sim_add(256, 0, 0);
    sim_start();
    for (u32 round = 0; round < 3; round++) {
        sim_pick(0);
        struct vcpu *const kept = sim.on[0] == c ? a : c;
        a->domain = kept == a ? &sim.domain : &paused;
        b->domain = &paused;
        c->domain = kept == c ? &sim.domain : &paused;
        paused.paused = 1;
        for (u32 i = 0; i < 3; i++) {
            sched_hold(&sim.vcpu[i], 0);
        }
        sched_block(b);
        sched_wake(b);
        sim_pick(0);
        assert_ptr_equal(sim.on[0], kept);
        sim_run(500 * MS);
        assert_ptr_equal(sim.on[0], kept);
        sched_block(kept);
        sim_run(3600 * SECOND);
        assert_null(sim.on[0]);
        sched_offline(b); /* and on again: still paused */
        sched_online(b);
        sim_run(SECOND);
        assert_null(sim.on[0]);
        paused.paused = 0;
        for (u32 i = 0; i < 3; i++) {
            sched_hold(&sim.vcpu[i], 0);
        }
        sim_pick(0);
        assert_non_null(sim.on[0]);
        assert_ptr_not_equal(sim.on[0], kept);
        sched_wake(kept);
        sim_run(100 * MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soup),
        cmocka_unit_test(test_wake_is_not_lost),
        cmocka_unit_test(test_leaving_moves_nowhere),
        cmocka_unit_test(test_held_rests),
        cmocka_unit_test(test_paused_stays_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
