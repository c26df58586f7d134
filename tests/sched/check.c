/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler promises, over millions of its decisions: sched_check
 * STEPS SEED [FILE...]. Each FILE is a load that was recorded (see record):
 * lines "run sleep" in nanoseconds.
 *
 * A scenario is a machine of 1 to 4 CPUs and up to 24 vCPUs with random
 * weights, caps and CPU masks. Each never sleeps, yields, or runs and sleeps as
 * in a recorded load, or by random lengths from a microsecond to 100 ms. After
 * each step of the simulation hold:
 *
 *   idle       nobody waits while a CPU is idle that it may use, but for the
 *              time that it takes to look
 *   cap        nobody has had more than its cap of the time since the start,
 *              but for one period's worth and one run
 *   share      (one CPU, no caps) whoever never sleeps has had its weight's
 *              share of the time, whatever the others do, but for LATE
 *   fair       (one CPU, no caps) two who never sleep have had the same for
 *              their weights, but for a slice of each
 *   starve     (one CPU, no caps) nobody waits longer than the others need to
 *              catch up with one slice of his, by their weights
 *   latency    one that uses far less than its share runs soon after it wakes
 *
 * The worst of each is printed as a part of its bound. Exit 1 at the first
 * that does not hold, with what repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host_sim.h"
#include "tests/sched/check.h"

/* Farthest that one run takes a vCPU ahead of the next in the queue. */
#define SLICE_NS (double)(SCHED_ALLOWANCE_NS + SCHED_WARP_NS + SCHED_RATE_NS)

static struct scenario sc;
static double worst[RULES];        /* as a part of the bound */
static ns_t idle_since[SIM_VCPUS]; /* waits beside an idle CPU, or never */

static const char *const rule_names[RULES] = { "idle", "cap",    "share",
                                               "fair", "starve", "latency" };

/* got of a bound; what was seen goes out when it is too much. */
static void hold(enum rule rule, u32 id, double got, double bound)
{
    const double part = got / bound;
    if (part > worst[rule]) {
        worst[rule] = part;
    }
    if (part > 1) {
        printf("%s: vCPU %u: %.3f ms, at most %.3f ms, at %.6f s of scenario "
               "%lu\n",
               rule_names[rule], id, got / 1e6, bound / 1e6,
               (double)(host.now - sc.start) / 1e9, sc.number);
        scenario_print(&sc);
        printf("not ok - sched: what the scheduler promises held at each step"
               "\n0 passed, 1 failed\n");
        exit(1);
    }
}

static bool is_hungry(u32 id)
{
    return sim.load[id].burst_ns == 0;
}

static void check_idle(void)
{
    u64 idle = 0;
    for (u32 i = 0; i < sim.cpus; i++) {
        idle |= sim.on[i] == NULL ? 1ull << i : 0;
    }
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        const struct sched_unit *s = &sim.vcpu[i].sched;
        const bool waits = s->state == SCHED_RUNNABLE && !s->parked;
        if (!waits || (idle & s->cpu_mask) == 0) {
            idle_since[i] = NS_NEVER;
        } else if (idle_since[i] == NS_NEVER) {
            idle_since[i] = host.now;
        }
        if (idle_since[i] == NS_NEVER) {
            continue;
        }
        hold(RULE_IDLE, i, (double)(host.now - idle_since[i]),
             (double)SCHED_RATE_NS);
    }
}

static void check_caps(ns_t passed)
{
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        const struct sched_unit *s = &sim.vcpu[i].sched;
        if (s->cap_percent != 0) {
            const double due = (double)passed * s->cap_percent / 100;
            const double over = (double)s->run_ns - due;
            hold(RULE_CAP, i, over < 0 ? 0 : over,
                 (double)SCHED_PERIOD_NS * s->cap_percent / 100 +
                     (double)SCHED_RATE_NS);
        }
    }
}

/* What vCPU id has had up to now. */
static double had(u32 id)
{
    const struct vcpu *v = &sim.vcpu[id];
    const double since = v->sched.state == SCHED_RUNNING
                             ? (double)(host.now - v->sched.since)
                             : 0;
    return (double)v->sched.run_ns + since;
}

static void check_shares(ns_t passed)
{
    double low = 0, high = 0;
    u32 low_id = U32_MAX, high_id = U32_MAX;
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        const double weight = sim.vcpu[i].sched.weight;
        if (!is_hungry(i)) {
            continue;
        }
        const double due = (double)passed * weight / sc.weights;
        const double late = due - had(i);
        hold(RULE_SHARE, i, late < 0 ? 0 : late,
             sc.late_ns * weight / sc.weights + (double)SCHED_RUN_NS);
        const double progress = had(i) / weight;
        if (low_id == U32_MAX || progress < low) {
            low = progress;
            low_id = i;
        }
        if (high_id == U32_MAX || progress > high) {
            high = progress;
            high_id = i;
        }
    }
    if (low_id != high_id) {
        const double a = sim.vcpu[low_id].sched.weight;
        const double b = sim.vcpu[high_id].sched.weight;
        hold(RULE_FAIR, high_id, high - low, SLICE_NS * (1 / a + 1 / b));
    }
}

static void check_waits(void)
{
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        const double weight = sim.vcpu[i].sched.weight;
        const double waited = (double)sim.load[i].worst_wait;
        hold(RULE_STARVE, i, waited,
             sc.late_ns + SLICE_NS * sc.weights / weight);
        if (i == sc.light && host.now > sc.start + SECOND) {
            hold(RULE_LATENCY, i, waited, sc.light_bound_ns);
        }
        sim.load[i].worst_wait = 0;
    }
}

static void watch(void)
{
    const ns_t passed = host.now - sc.start;
    check_idle();
    check_caps(passed);
    if (sim.cpus == 1 && !sc.has_caps) {
        check_shares(passed);
        check_waits();
    }
}

int main(int argc, char **argv)
{
    const u64 steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    u64 done = 0, scenarios = 0;
    for (int i = 3; i < argc; i++) {
        if (!load_read(argv[i])) {
            return 2;
        }
    }
    while (done < steps) {
        scenario_make(&sc, seed++);
        memset(idle_since, 0xff, sizeof(idle_since));
        sim.watch = watch;
        sim_start();
        while (sim.picks < sc.picks) {
            sim_run(SECOND);
        }
        done += sim.picks;
        scenarios++;
        if (isatty(2) && scenarios % 16 == 0) {
            fprintf(stderr, "\r%lu of %lu million", done / 1000000,
                    steps / 1000000);
        }
    }
    printf("%lu decisions in %lu scenarios; of the bounds were reached:", done,
           scenarios);
    for (u32 i = 0; i < RULES; i++) {
        printf(" %s %.0f %%", rule_names[i], worst[i] * 100);
    }
    printf("\nok - sched: what the scheduler promises held at each step\n"
           "1 passed, 0 failed\n");
    return 0;
}
