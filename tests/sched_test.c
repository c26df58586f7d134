/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares, caps and latency: what the scheduler promises, over simulated
 * minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host_sim.h"

/* What v has had of one CPU. */
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
        assert_share(&sim.vcpu[i], 100 * SECOND, (double)(1u << i) / 15, 0.01);
        assert_true(sim.load[i].worst_wait < 200 * MS);
    }
    assert_true(sim.switches < 100 * 200); /* 200 a second at most */
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
    assert_share(&sim.vcpu[1], 4000 * SECOND, 0.5, 0.01);
    assert_share(&sim.vcpu[2], 4000 * SECOND, 0.5, 0.01);
    assert_true(sim.vcpu[0].sched.run_ns > 0);
    assert_true(sim.switches < 4000 * 200);
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
    assert_share(&sim.vcpu[4], 100 * SECOND, 0.02, 0.02);
    assert_share(&sim.vcpu[5], 100 * SECOND, 0.02, 0.03);
    const double rest = 1 - share(&sim.vcpu[4], 100 * SECOND) -
                        share(&sim.vcpu[5], 100 * SECOND);
    for (u32 i = 0; i < 4; i++) {
        assert_share(&sim.vcpu[i], 100 * SECOND, rest * (1u << i) / 15, 0.01);
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
        assert_share(&sim.vcpu[i], 200 * SECOND, (double)(1u << i) / 15, 0.01);
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
    assert_true(share(&sim.vcpu[0], 20 * SECOND) > 0.99 / 3);
    assert_true(sim.preempted < 20 * SECOND / SCHED_RATE_NS);
}

static void test_yield_storm_gains_nothing(void **state)
{
    (void)state;
    sim_reset(1);
    sim_add(256, 0, 0);
    sim_add(256, 2000, 0);
    sim_start();
    sim_run(20 * SECOND);
    assert_true(share(&sim.vcpu[0], 20 * SECOND) > 0.99 / 2);
    /* Alone, it has the CPU. */
    sched_offline(&sim.vcpu[0]);
    const ns_t before = sim.vcpu[1].sched.run_ns;
    sim_run(SECOND);
    assert_true(sim.vcpu[1].sched.run_ns - before > SECOND - 21 * MS);
    assert_true(sched_is_off(&sim.vcpu[0]));
}

/* Nor does it save up, for a time when it does not yield, what it gave away. */
static void test_yielding_saves_nothing(void **state)
{
    (void)state;
    sim_reset(1);
    sim_add(256, 0, 0);
    sim_add(256, 2000, 0);
    sim_start();
    sim_run(20 * SECOND);
    sim.load[0].worst_wait = 0;
    sim.load[1].left = 20 * SECOND;
    sim_run(20 * SECOND);
    assert_true(sim.load[0].worst_wait < 30 * MS);
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
    assert_share(&sim.vcpu[1], 100 * SECOND, 0.70, 0.01);
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
    sim.load[s->id].worst_wait = 0;
    sim_run(50 * SECOND);
    assert_true(sim.load[s->id].worst_wait <= SCHED_RATE_NS);
    assert_true(s->runstate.time[SCHED_BLOCKED] > 59 * SECOND);
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
        assert_share(&sim.vcpu[i], 100 * SECOND, 2.0 / 3, 0.01);
        assert_true(sim.load[i].worst_wait < 300 * MS);
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
        assert_share(&sim.vcpu[i], 300 * SECOND, 4.0 * (1u << (i % 4)) / 75,
                     0.02);
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
    assert_share(&sim.vcpu[0], 100 * SECOND, 1.0, 0.01);
    assert_share(&sim.vcpu[1], 100 * SECOND, 0.5, 0.02);
    assert_share(&sim.vcpu[2], 100 * SECOND, 0.5, 0.02);
    sched_offline(&sim.vcpu[0]);
    sim_add(256, 0, 0);
    sched_online(&sim.vcpu[3]);
    sim.vcpu[1].sched.run_ns = 0;
    sim.vcpu[2].sched.run_ns = 0;
    sim_run(100 * SECOND);
    for (u32 i = 1; i < 4; i++) {
        assert_share(&sim.vcpu[i], 100 * SECOND, 2.0 / 3, 0.02);
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
        assert_null(sim.on[0]);
    }
    assert_true(sim.vcpu[0].sched.run_ns + sim.vcpu[1].sched.run_ns >
                9 * SECOND);
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
        cmocka_unit_test(test_yielding_saves_nothing),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_wake_latency),
        cmocka_unit_test(test_three_on_two_cpus),
        cmocka_unit_test(test_weights_on_four_cpus),
        cmocka_unit_test(test_weight_beyond_one_cpu),
        cmocka_unit_test(test_mask_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
