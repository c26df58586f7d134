/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated CPUs for the scheduler; see host_sim.h.
 */
#include "tests/host_sim.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct sim sim;

static struct sim_load *load_of(const struct vcpu *v)
{
    return &sim.load[v->id];
}

void sim_reset(u32 cpu_count)
{
    host_reset();
    memset(sched_cpus, 0, sizeof(sched_cpus));
    memset(&sim, 0, sizeof(sim));
    sched_init(cpu_count);
    sim.cpus = cpu_count;
    host.now = SECOND;
}

struct vcpu *sim_add(u32 weight, ns_t burst_ns, ns_t sleep_ns)
{
    struct vcpu *v = &sim.vcpu[sim.vcpu_count];
    v->id = sim.vcpu_count++;
    v->domain = &sim.domain;
    v->sched.weight = weight;
    v->sched.cpu_mask = U64_MAX;
    load_of(v)->burst_ns = burst_ns;
    load_of(v)->left = burst_ns;
    load_of(v)->sleep_ns = sleep_ns;
    sched_add(v);
    return v;
}

/* The next burst of l. */
static void next_burst(struct sim_load *l)
{
    if (l->list != NULL) {
        l->burst_ns = l->list[l->list_at].run_ns;
        l->sleep_ns = l->list[l->list_at].sleep_ns;
        l->list_at = (l->list_at + 1) % l->list_count;
    }
    l->left = l->burst_ns;
}

void sim_follow(const struct vcpu *v, const struct sim_burst *list, u32 count,
                u32 at)
{
    struct sim_load *l = load_of(v);
    l->list = list;
    l->list_count = count;
    l->list_at = at % count;
    next_burst(l);
}

bool sim_kicked(void)
{
    for (u32 i = 0; i < sim.cpus; i++) {
        if (host.kicks[i] != 0) {
            return true;
        }
    }
    return false;
}

void sim_start(void)
{
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        sched_online(&sim.vcpu[i]);
    }
}

/* What the vCPUs that wait have waited. */
static void note_waits(void)
{
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        struct sim_load *l = &sim.load[i];
        if (sim.vcpu[i].sched.state != SCHED_RUNNABLE ||
            sim.vcpu[i].sched.parked) {
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

/* Charge sim.on[cpu] for what it ran; its burst may be over. */
static void sim_ran(u32 cpu)
{
    struct vcpu *v = sim.on[cpu];
    if (v == NULL) {
        return;
    }
    struct sim_load *l = load_of(v);
    const ns_t ran = host.now - sim.ran_from[cpu];
    sim.ran_from[cpu] = host.now;
    if (l->burst_ns == 0) {
        return;
    }
    l->left -= ran < l->left ? ran : l->left;
    if (l->left == 0) {
        const ns_t sleep_ns = l->sleep_ns;
        next_burst(l);
        if (sleep_ns == 0) {
            sched_give_way(v);
            return;
        }
        sched_block(v);
        sched_timer_set(v, &v->sched.poll_at, host.now + sleep_ns);
    }
}

void sim_pick(u32 cpu)
{
    sim.picks++;
    host.cpu = cpu;
    host.current = sim.on[cpu];
    host.kicks[cpu] = 0;
    sim_ran(cpu);
    sched_timers_run(cpu, host.now);
    struct vcpu *v = sched_pick(cpu, host.now, &sim.until[cpu]);
    sim.switches += v != sim.on[cpu];
    sim.preempted += sim.on[cpu] != NULL && v != sim.on[cpu] &&
                     sim.on[cpu]->sched.state == SCHED_RUNNABLE;
    if (v != NULL) {
        for (u32 i = 0; i < sim.cpus; i++) {
            assert_true(i == cpu || sim.on[i] != v);
        }
        assert_true(sim.until[cpu] > host.now);
        assert_int_equal(v->sched.state, SCHED_RUNNING);
        assert_true(v->sched.held_until <= host.now);
    }
    sim.on[cpu] = v;
    host.current = v;
    sim.ran_from[cpu] = host.now;
    sched_left(cpu);
}

/* When cpu next has something to do. */
static ns_t sim_due(u32 cpu)
{
    if (host.kicks[cpu] != 0) {
        return host.now;
    }
    ns_t due = sched_cpus[cpu].timer_first;
    due = sim.until[cpu] < due ? sim.until[cpu] : due;
    if (sim.on[cpu] != NULL && load_of(sim.on[cpu])->burst_ns != 0) {
        const ns_t end = sim.ran_from[cpu] + load_of(sim.on[cpu])->left;
        due = end < due ? end : due;
    }
    return due;
}

void sim_run(ns_t duration)
{
    const ns_t end = host.now + duration;
    for (u32 i = 0; i < sim.cpus; i++) {
        sim_pick(i);
    }
    while (host.now < end) {
        u32 first = 0;
        for (u32 i = 1; i < sim.cpus; i++) {
            first = sim_due(i) < sim_due(first) ? i : first;
        }
        const ns_t due = sim_due(first);
        if (due >= end) {
            break;
        }
        host.now = due > host.now ? due : host.now;
        sim_pick(first);
        note_waits();
        if (sim.watch != NULL) {
            sim.watch();
        }
    }
    host.now = end;
    for (u32 i = 0; i < sim.cpus; i++) {
        sim_pick(i);
        note_waits();
    }
}
