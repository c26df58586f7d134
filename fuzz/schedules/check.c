/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold when all CPUs are in their guests or asleep: every count is
 * what its holders say, frames are conserved, no translation is stale that may
 * not be, no lock is held, nobody sleeps who has an event, no CPU idles while a
 * vCPU waits, and an end goes on as far as it can.
 */
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "fuzz/schedules/ops.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"

#define MS 1000000ull
#define RETRIES 40u

static void check_lock(const struct lock *l, const char *what, u32 n)
{
    if (l->next != l->serving) {
        fuzz_fail("%s %u: its lock is held, or was dropped twice", what, n);
    }
}

static void check_locks(void)
{
    for (u32 i = 1; i <= domain_count; i++) {
        const struct domain *d = domain_table[i];

        check_lock(&d->mm, "memory of domain", i);
        check_lock(&d->evt, "events of domain", i);
        check_lock(&d->console, "console of domain", i);
    }
    for (u32 i = 0; i < CPUS; i++) {
        check_lock(&sched_cpus[i].lock, "queue of CPU", i);
        check_lock(&sched_cpus[i].timer_lock, "timers of CPU", i);
    }
}

static bool polled_is_pending(const struct vcpu *v)
{
    return ops_polls(v) && v->poll_count != 0 &&
           (v->domain->shared->evtchn_pending[0] >> v->poll_port & 1) != 0;
}

static bool is_deliverable(const struct vcpu *v)
{
    return v->info->upcall_mask == 0 &&
           (v->pend_sel != 0 || v->info->upcall_pending != 0);
}

static void check_vcpu(const struct vcpu *v)
{
    const u32 cpu = v->sched.cpu;
    const u32 id = v->domain->id;

    switch (v->sched.state) {
    case SCHED_BLOCKED:
        if (polled_is_pending(v) || is_deliverable(v)) {
            fuzz_fail("lost wake-up: vCPU %u of domain %u sleeps, and has an "
                      "event: polls %u ports, port %u, %llx pending, %llx to "
                      "be shown, %u shown, %u masked",
                      v->id, id, v->poll_count, v->poll_port,
                      (unsigned long long)v->domain->shared->evtchn_pending[0],
                      (unsigned long long)v->pend_sel, v->info->upcall_pending,
                      v->info->upcall_mask);
        }
        break;
    case SCHED_RUNNING:
        if (processors_current(cpu) != v) {
            fuzz_fail("vCPU %u of domain %u runs on CPU %u, which has another",
                      v->id, id, cpu);
        }
        if (v->pend_sel != 0) {
            fuzz_fail("lost event: vCPU %u of domain %u runs, and was not "
                      "shown it",
                      v->id, id);
        }
        if (v->sched.stop_asked != 0) {
            fuzz_fail("vCPU %u of domain %u was to stop, and runs", v->id, id);
        }
        break;
    case SCHED_RUNNABLE:
        for (u32 i = 0; i < cpus_count && !v->sched.parked; i++) {
            if (sched_cpus[i].running == NULL) {
                fuzz_fail("CPU %u idles, and vCPU %u of domain %u waits for "
                          "CPU %u",
                          i, v->id, id, cpu);
            }
        }
        break;
    default:
        break;
    }
}

/* Its frames are about to be zeroed: nobody has one, or a way to it. */
static void check_gone(const struct domain *d)
{
    if (d->grants.uses != 0) {
        fuzz_fail("domain %u is gone, and its grants are in use", d->id);
    }
    for (u32 id = 1; id <= domain_count; id++) {
        const struct domain *other = world_domain(id);

        for (u32 p = 1; p < other->port_count; p++) {
            if (other == d ? d->port[p].state != EVTCHN_FREE
                           : other->port[p].state == EVTCHN_INTERDOMAIN &&
                                 other->port[p].peer == d->id) {
                fuzz_fail("domain %u is gone, and port %u of domain %u is "
                          "there",
                          d->id, p, id);
            }
        }
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        if (d->vcpu[i].sched.state != SCHED_OFFLINE) {
            fuzz_fail("domain %u is gone, and its vCPU %u is not", d->id, i);
        }
    }
}

static void check_domain(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        check_vcpu(&d->vcpu[i]);
    }
    if (d->state == DOMAIN_SCRUBBING) {
        check_gone(d);
    }
    if (d->state == DOMAIN_ENDING && d->grants.uses == 0) {
        fuzz_fail("domain %u ends, waits, and nobody knows for what", d->id);
    }
}

/* A domain is ending, and waits for nobody who has its frames. */
static bool ends_soon(void)
{
    bool soon = false;

    for (u32 id = 1; id <= domain_count; id++) {
        const struct domain *d = world_domain(id);

        soon = soon || (d->state == DOMAIN_ENDING && d->grants.uses == 0);
    }
    return soon;
}

/* A CPU looks for work of the host when its time slice ends, or, when it idles,
 * again each millisecond. */
static void let_work_be_done(void)
{
    for (u32 i = 0;
         i < RETRIES && (i < 4 || ends_soon()) && domain_work_wanted(); i++) {
        host.now += MS;
        for (u32 cpu = 0; cpu < cpus_count; cpu++) {
            processors_tick(cpu);
        }
        cpus_run();
    }
}

void check_quiet(void)
{
    u64 digest = 0;

    let_work_be_done();
    for (u32 i = 0; i < cpus_count; i++) {
        if (sched_cpus[i].running != processors_current(i)) {
            fuzz_fail("CPU %u holds a vCPU that it does not run", i);
        }
    }
    for (u32 id = 1; id <= domain_count; id++) {
        digest = digest * 31 + world_check(world_domain(id));
        check_domain(world_domain(id));
    }
    check_locks();
    tlb_check();
    ops_outcome.digest = digest;
}
