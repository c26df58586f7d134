/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler that ships, run through simulated hours.
 *
 * Each simulated CPU does what x86/exit.c does: fire timers, pick, leave, run
 * until the slice ends, the vCPU's burst ends, a timer is due, or it is kicked.
 * A vCPU runs bursts and sleeps between them; burst_ns 0 never sleeps. Time
 * jumps from event to event, so that a minute costs a few thousand picks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sched.h"
#include "core/schedcpu.h"
#include "tests/host_arch.h"

#define SIM_VCPUS 64u
#define SIM_CPUS 4u
#define MS 1000000ull
#define SECOND 1000000000ull

struct load {
    ns_t burst_ns; /* runs this long, then sleeps; 0: never sleeps */
    ns_t sleep_ns;
    bool yields; /* yields at the end of the burst instead of sleeping */
    ns_t left;
    ns_t woken_at; /* 0: has run since */
    ns_t wait_since;
    ns_t worst_latency, worst_wait;
};

static struct vcpu vcpus[SIM_VCPUS];
static struct load loads[SIM_VCPUS];
static u32 vcpu_count;
static u32 cpus;
static struct vcpu *on[SIM_CPUS];
static ns_t ran_from[SIM_CPUS], until[SIM_CPUS];
static u64 picks, switches, preempted;

static struct load *load_of(const struct vcpu *v)
{
    return &loads[v->id];
}

static void sim_reset(u32 cpu_count)
{
    host_reset();
    memset(sched_cpus, 0, sizeof(sched_cpus));
    memset(vcpus, 0, sizeof(vcpus));
    memset(loads, 0, sizeof(loads));
    memset(on, 0, sizeof(on));
    sched_init(cpu_count);
    cpus = cpu_count;
    vcpu_count = 0;
    picks = 0;
    switches = 0;
    preempted = 0;
    host.now = SECOND;
}

static struct vcpu *sim_add(u32 weight, ns_t burst_ns, ns_t sleep_ns)
{
    struct vcpu *v = &vcpus[vcpu_count];
    v->id = vcpu_count++;
    v->sched.weight = weight;
    v->sched.cpu_mask = U64_MAX;
    load_of(v)->burst_ns = burst_ns;
    load_of(v)->left = burst_ns;
    load_of(v)->sleep_ns = sleep_ns;
    sched_add(v);
    return v;
}

static void sim_start(void)
{
    for (u32 i = 0; i < vcpu_count; i++) {
        sched_online(&vcpus[i]);
    }
}

/* What the vCPUs that wait have waited. */
static void note_waits(void)
{
    for (u32 i = 0; i < vcpu_count; i++) {
        struct load *l = &loads[i];
        if (vcpus[i].sched.state != SCHED_RUNNABLE || vcpus[i].sched.parked) {
            l->wait_since = 0;
            continue;
        }
        if (l->wait_since == 0) {
            l->wait_since = host.now;
        }
        if (host.now - l->wait_since > l->worst_wait) {
            l->worst_wait = host.now - l->wait_since;
        }
    }
}

/* Charge on[cpu] for what it ran; its burst may be over. */
static void sim_ran(u32 cpu)
{
    struct vcpu *v = on[cpu];
    if (v == NULL) {
        return;
    }
    struct load *l = load_of(v);
    const ns_t ran = host.now - ran_from[cpu];
    ran_from[cpu] = host.now;
    if (l->burst_ns == 0) {
        return;
    }
    l->left -= ran < l->left ? ran : l->left;
    if (l->left == 0) {
        l->left = l->burst_ns;
        if (l->yields) {
            sched_give_way(v);
            return;
        }
        sched_block(v);
        sched_poll_set(v, host.now + l->sleep_ns);
    }
}

static void sim_pick(u32 cpu)
{
    host.cpu = cpu;
    host.current = on[cpu];
    host.kicks[cpu] = 0;
    sim_ran(cpu);
    sched_timers_run(cpu, host.now);
    struct vcpu *v = sched_pick(cpu, host.now, &until[cpu]);
    picks++;
    switches += v != on[cpu];
    preempted += on[cpu] != NULL && v != on[cpu] &&
                 on[cpu]->sched.state == SCHED_RUNNABLE;
    if (v != NULL) {
        for (u32 i = 0; i < cpus; i++) {
            assert_true(i == cpu || on[i] != v);
        }
        assert_true(until[cpu] > host.now);
        assert_int_equal(v->sched.state, SCHED_RUNNING);
    }
    on[cpu] = v;
    host.current = v;
    ran_from[cpu] = host.now;
    sched_left(cpu);
}

/* When cpu next has something to do. */
static ns_t sim_due(u32 cpu)
{
    if (host.kicks[cpu] != 0) {
        return host.now;
    }
    ns_t due = sched_next_timer(cpu);
    due = until[cpu] < due ? until[cpu] : due;
    if (on[cpu] != NULL && load_of(on[cpu])->burst_ns != 0) {
        const ns_t end = ran_from[cpu] + load_of(on[cpu])->left;
        due = end < due ? end : due;
    }
    return due;
}

static void sim_run(ns_t duration)
{
    const ns_t end = host.now + duration;
    for (u32 i = 0; i < cpus; i++) {
        sim_pick(i);
    }
    while (host.now < end) {
        u32 first = 0;
        for (u32 i = 1; i < cpus; i++) {
            first = sim_due(i) < sim_due(first) ? i : first;
        }
        const ns_t due = sim_due(first);
        if (due >= end) {
            break;
        }
        host.now = due > host.now ? due : host.now;
        sim_pick(first);
        note_waits();
    }
    host.now = end;
    for (u32 i = 0; i < cpus; i++) {
        sim_pick(i);
    }
}

/* Thousandths of one CPU that v has had. */
static double share(const struct vcpu *v, ns_t duration)
{
    return (double)v->sched.run_ns / (double)duration;
}

static void assert_share(const struct vcpu *v, ns_t duration, double want,
                         double tolerance)
{
    const double got = share(v, duration);
    if (got < want * (1 - tolerance) || got > want * (1 + tolerance)) {
        fail_msg("vCPU %u (weight %u): share %.4f, wanted %.4f", v->id,
                 v->sched.weight, got, want);
    }
}

static void test_weights_1_2_4_8(void **state)
{
    (void)state;
    sim_reset(1);
    for (u32 i = 0; i < 4; i++) {
        sim_add(256u << i, 0, 0);
    }
    sim_start();
    sim_run(100 * SECOND);
    for (u32 i = 0; i < 4; i++) {
        assert_share(&vcpus[i], 100 * SECOND, (double)(1u << i) / 15, 0.01);
        assert_true(loads[i].worst_wait < 200 * MS);
    }
    assert_true(switches < 100 * 200); /* 200 a second at most */
}

/* Extremes of weight: each is charged, none starves, slices stay long. */
static void test_weights_extreme(void **state)
{
    (void)state;
    sim_reset(1);
    sim_add(1, 0, 0);
    sim_add(65535, 0, 0);
    sim_add(65535, 0, 0);
    sim_start();
    sim_run(4000 * SECOND);
    assert_share(&vcpus[1], 4000 * SECOND, 0.5, 0.01);
    assert_share(&vcpus[2], 4000 * SECOND, 0.5, 0.01);
    assert_true(vcpus[0].sched.run_ns > 0);
    assert_true(switches < 4000 * 200);
}

/* Sleepers get what they ask for if it is less than their share; the others
 * divide the rest by weight. */
static void test_weights_with_sleepers(void **state)
{
    (void)state;
    sim_reset(1);
    for (u32 i = 0; i < 4; i++) {
        sim_add(256u << i, 0, 0);
    }
    sim_add(256, 1 * MS, 49 * MS); /* 2 % of a CPU */
    sim_add(256, 100000, 4900000); /* 2 % in small pieces */
    sim_start();
    sim_run(100 * SECOND);
    assert_share(&vcpus[4], 100 * SECOND, 0.02, 0.02);
    assert_share(&vcpus[5], 100 * SECOND, 0.02, 0.03);
    const double rest =
        1 - share(&vcpus[4], 100 * SECOND) - share(&vcpus[5], 100 * SECOND);
    for (u32 i = 0; i < 4; i++) {
        assert_share(&vcpus[i], 100 * SECOND, rest * (1u << i) / 15, 0.01);
    }
}

/* All want more than their share, and sleep a little between. */
static void test_weights_all_sleep_and_wake(void **state)
{
    (void)state;
    sim_reset(1);
    for (u32 i = 0; i < 4; i++) {
        sim_add(256u << i, 20 * MS + i, 100000);
    }
    sim_start();
    sim_run(200 * SECOND);
    for (u32 i = 0; i < 4; i++) {
        assert_share(&vcpus[i], 200 * SECOND, (double)(1u << i) / 15, 0.01);
    }
}

/* A vCPU that sleeps and wakes as fast as it can gains nothing by it. */
static void test_wake_storm_gains_nothing(void **state)
{
    (void)state;
    sim_reset(1);
    sim_add(256, 0, 0);
    sim_add(256, 20000, 1000);
    sim_add(256, 3000, 1);
    sim_start();
    sim_run(20 * SECOND);
    assert_true(share(&vcpus[0], 20 * SECOND) > 0.99 / 3);
    assert_true(preempted < 20 * SECOND / SCHED_RATE_NS);
}

static void test_yield_storm_gains_nothing(void **state)
{
    (void)state;
    sim_reset(1);
    sim_add(256, 0, 0);
    sim_add(256, 2000, 0);
    load_of(&vcpus[1])->yields = true;
    sim_start();
    sim_run(20 * SECOND);
    assert_true(share(&vcpus[0], 20 * SECOND) > 0.99 / 2);
    /* Alone, it has the CPU. */
    sched_offline(&vcpus[0]);
    const ns_t before = vcpus[1].sched.run_ns;
    sim_run(SECOND);
    assert_true(vcpus[1].sched.run_ns - before > SECOND - 21 * MS);
    assert_true(sched_is_off(&vcpus[0]));
}

static void test_caps(void **state)
{
    (void)state;
    sim_reset(1);
    struct vcpu *capped = sim_add(256, 0, 0);
    capped->sched.cap_percent = 25;
    sim_start();
    sim_run(100 * SECOND);
    assert_share(capped, 100 * SECOND, 0.25, 0.01); /* though CPU is free */

    sim_reset(1);
    capped = sim_add(4096, 0, 0);
    capped->sched.cap_percent = 10;
    sim_add(256, 0, 0);
    struct vcpu *sleeper = sim_add(256, 3 * MS, 1 * MS);
    sleeper->sched.cap_percent = 20;
    sim_start();
    sim_run(100 * SECOND);
    assert_share(capped, 100 * SECOND, 0.10, 0.01);
    assert_share(sleeper, 100 * SECOND, 0.20, 0.01);
    assert_share(&vcpus[1], 100 * SECOND, 0.70, 0.01);
}

/* Note latency of one that wakes beside spinners. */
static void test_wake_latency(void **state)
{
    (void)state;
    sim_reset(1);
    struct vcpu *s = sim_add(256, 50000, 10 * MS);
    for (u32 i = 0; i < 8; i++) {
        sim_add(256, 0, 0);
    }
    sim_start();
    sim_run(10 * SECOND);
    load_of(s)->worst_wait = 0;
    sim_run(50 * SECOND);
    assert_true(load_of(s)->worst_wait <= SCHED_RATE_NS);
    assert_true(s->runstate.time[RUNSTATE_BLOCKED] > 59 * SECOND);
}

static void test_three_on_two_cpus(void **state)
{
    (void)state;
    sim_reset(2);
    for (u32 i = 0; i < 3; i++) {
        sim_add(256, 0, 0);
    }
    sim_start();
    sim_run(100 * SECOND);
    for (u32 i = 0; i < 3; i++) {
        assert_share(&vcpus[i], 100 * SECOND, 2.0 / 3, 0.01);
        assert_true(loads[i].worst_wait < 300 * MS);
    }
}

static void test_weights_on_four_cpus(void **state)
{
    (void)state;
    sim_reset(4);
    for (u32 i = 0; i < 20; i++) {
        sim_add(256u << (i % 4), 0, 0);
    }
    sim_start();
    sim_run(300 * SECOND);
    for (u32 i = 0; i < 20; i++) {
        assert_share(&vcpus[i], 300 * SECOND, 4.0 * (1u << (i % 4)) / 75, 0.02);
    }
}

/* One that is entitled to more than a CPU gets one; the rest share the rest;
 * and nobody pays later for the time when it was so. */
static void test_weight_beyond_one_cpu(void **state)
{
    (void)state;
    sim_reset(2);
    sim_add(256 * 16, 0, 0);
    sim_add(256, 0, 0);
    sim_add(256, 0, 0);
    sim_start();
    sim_run(100 * SECOND);
    assert_share(&vcpus[0], 100 * SECOND, 1.0, 0.01);
    assert_share(&vcpus[1], 100 * SECOND, 0.5, 0.02);
    assert_share(&vcpus[2], 100 * SECOND, 0.5, 0.02);
    sched_offline(&vcpus[0]);
    sim_add(256, 0, 0);
    sched_online(&vcpus[3]);
    vcpus[1].sched.run_ns = 0;
    vcpus[2].sched.run_ns = 0;
    sim_run(100 * SECOND);
    for (u32 i = 1; i < 4; i++) {
        assert_share(&vcpus[i], 100 * SECOND, 2.0 / 3, 0.02);
    }
}

static void test_mask_is_kept(void **state)
{
    (void)state;
    sim_reset(2);
    sim_add(256, 0, 0)->sched.cpu_mask = 2;
    sim_add(256, 5 * MS, 5 * MS)->sched.cpu_mask = 2;
    sim_start();
    for (u32 i = 0; i < 1000; i++) {
        sim_run(10 * MS);
        assert_null(on[0]);
    }
    assert_true(vcpus[0].sched.run_ns + vcpus[1].sched.run_ns > 9 * SECOND);
}

/* What the queues must satisfy at any moment. */
static void check_queues(void)
{
    u32 queued = 0;
    for (u32 i = 0; i < cpus; i++) {
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
        assert_ptr_equal(c->running, on[i]);
    }
    u32 runnable = 0;
    for (u32 i = 0; i < vcpu_count; i++) {
        runnable += vcpus[i].sched.state == SCHED_RUNNABLE;
    }
    assert_int_equal(queued, runnable);
}

static void soup_step(bool asked[SIM_VCPUS])
{
    const u32 cpu = (u32)random() % cpus;
    struct vcpu *v = &vcpus[(u32)random() % vcpu_count];
    host.cpu = cpu;
    host.current = on[cpu];
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
        if (on[cpu] != NULL) {
            sched_block(on[cpu]);
            if (random() % 2 == 0) {
                sched_wake(on[cpu]);
            }
        }
        break;
    case 6:
        if (on[cpu] != NULL) {
            sched_give_way(on[cpu]);
        }
        break;
    case 7:
        if (on[cpu] != NULL) {
            sched_timer_set(on[cpu], host.now + (u64)random() % 5000000);
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
        for (u32 i = 0; i < cpus; i++) {
            sim_pick(i);
        }
    }
    for (u32 i = 0; i < vcpu_count; i++) {
        assert_int_equal(vcpus[i].sched.state != SCHED_OFFLINE, asked[i]);
        assert_int_equal(sched_is_off(&vcpus[i]), !asked[i]);
    }
}

static void test_wake_is_not_lost(void **state)
{
    (void)state;
    sim_reset(1);
    struct vcpu *v = sim_add(256, 0, 0);
    sim_start();
    sim_pick(0);
    assert_ptr_equal(on[0], v);
    sched_block(v);
    sched_notify(v); /* between asking and sleeping */
    sim_pick(0);
    assert_ptr_equal(on[0], v);
    sched_wake(v); /* one that it has seen already */
    sched_block(v);
    sim_pick(0);
    assert_null(on[0]);
    sched_wake(v);
    sim_pick(0);
    assert_ptr_equal(on[0], v);
    sched_offline(v); /* down, and up again before it left */
    sched_online(v);
    sim_pick(0);
    assert_ptr_equal(on[0], v);
}

static void test_leaving_moves_nowhere(void **state)
{
    (void)state;
    sim_reset(2);
    struct vcpu *v = sim_add(256, 0, 0);
    sim_start();
    sim_pick(0);
    sim_pick(1);
    assert_ptr_equal(on[0], v);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_1_2_4_8),
        cmocka_unit_test(test_weights_extreme),
        cmocka_unit_test(test_weights_with_sleepers),
        cmocka_unit_test(test_weights_all_sleep_and_wake),
        cmocka_unit_test(test_wake_storm_gains_nothing),
        cmocka_unit_test(test_yield_storm_gains_nothing),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_wake_latency),
        cmocka_unit_test(test_three_on_two_cpus),
        cmocka_unit_test(test_weights_on_four_cpus),
        cmocka_unit_test(test_weight_beyond_one_cpu),
        cmocka_unit_test(test_mask_is_kept),
        cmocka_unit_test(test_soup),
        cmocka_unit_test(test_wake_is_not_lost),
        cmocka_unit_test(test_leaving_moves_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
