/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on the way back to a guest, and what a CPU does without one.
 *
 * guest_exit_work runs with interrupts off until nothing is left to do:
 *   1  somebody wants the CPU, or the vCPU must leave it: work of the host
 *      that waits, then a world switch; with nothing to run the CPU sleeps
 *   2  a selector that could not be loaded: failsafe callback
 *   3  an NMI for the vCPU
 *   4  an event that is not masked: upcall
 * and begins again when another CPU has asked for attention meanwhile. An
 * interrupt that arrives after the last look stays pending until the guest
 * runs, and brings the CPU here again: nothing is lost.
 *
 * The scheduler may give the vCPU that leaves to another CPU only after
 * sched_left: its registers are saved by then, and its address space is no
 * longer loaded here, so its tables may go too.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/auditor.h"
#include "core/domain.h"
#include "core/record.h"
#include "core/sched.h"
#include "x86/hostcon.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/private.h"

#define RECORDS_A_TURN 1u
#define IDLE_RETRY_NS 1000000ull
/* Of domains' lives at a time: what a neighbour waits for them at a switch. */
#define WORK_SLICE_NS 100000ull

static bool must_leave(const struct cpu *cpu, const struct vcpu *v)
{
    return v == NULL || cpu->resched != 0 ||
           atomic_load32(&v->sched.stop_asked) != 0 ||
           atomic_load64(&v->domain->state) != DOMAIN_RUNNING;
}

/* The next vCPU for this CPU; NULL: nothing to run now. */
static struct vcpu *choose(struct cpu *cpu)
{
    const ns_t now = arch_now();
    ns_t until = NS_NEVER;
    cpu->resched = 0;
    sched_timers_run(cpu->id, now);
    struct vcpu *next = sched_pick(cpu->id, now, &until);
    sched_arm(cpu->id);
    return next;
}

/* The vCPU whose registers the CPU holds is to go: leave nothing of it. */
static void release(struct cpu *cpu, struct regs *r)
{
    struct vcpu *v = cpu->current;
    if (v != NULL) {
        ctxsw_save(v, r);
        ctxsw_unload(v, r);
    }
}

enum host_work { WORK_NONE, WORK_WAITS, WORK_GOES_ON };

/* Work of the host that is due: the console line, lives of domains, records.
 * WORK_WAITS: something waits for time or for another CPU. WORK_GOES_ON: a
 * slice was done and the next can follow at once. */
static enum host_work host_work(struct cpu *cpu, struct regs *r)
{
    const ns_t now = arch_now();
    hw_take_interrupts();
    bool waits = hostcon_work();
    record_summaries(now);
    if (record_waiting()) {
        waits = !record_drain(RECORDS_A_TURN) || waits;
    }
    if (domain_work_wanted()) {
        release(cpu, r); /* only the idle root shows the boot module */
        bool more = domain_work();
        hw_take_interrupts();
        while (more && arch_now() - now < WORK_SLICE_NS) {
            more = domain_work();
            hw_take_interrupts();
        }
        if (more) {
            return WORK_GOES_ON;
        }
        waits = waits || domain_work_wanted();
    }
    return waits ? WORK_WAITS : WORK_NONE;
}

/* Without a vCPU. What woke one since it was looked for has set resched or
 * kicked; an interrupt from then on ends the sleep, since interrupts are off
 * until its very instruction. */
static void idle_turn(struct cpu *cpu, struct regs *r)
{
    const enum host_work work = host_work(cpu, r);
    const ns_t now = arch_now();
    ns_t soon = work == WORK_GOES_ON ? now : auditor_idle(now);
    if (soon <= now) {
        hw_take_interrupts();
        return;
    }
    if (work == WORK_WAITS) {
        soon = now + IDLE_RETRY_NS;
    }
    if (soon < cpu->timer_armed) {
        arch_timer_arm(soon);
    }
    if (atomic_swap32(&cpu->kicked, 0) == 0 && cpu->resched == 0) {
        hw_sleep();
    }
}

/* Loop: ends when there is a vCPU to run; each turn sleeps. */
static void world_switch(struct cpu *cpu, struct regs *r)
{
    struct vcpu *next = choose(cpu);
    while (next == NULL) {
        release(cpu, r);
        sched_left(cpu->id);
        idle_turn(cpu, r);
        next = choose(cpu);
    }
    if (next != cpu->current) {
        release(cpu, r);
        sched_left(cpu->id);
        ctxsw_load(next, r);
    } else {
        sched_left(cpu->id);
    }
    arch_time_publish(next);
    arch_runstate_publish(next);
}

static void deliver(struct vcpu *v, struct regs *r)
{
    struct guest_state *s = private_state(v);
    if (s->failsafe_due != 0) {
        s->failsafe_due = 0;
        bounce_failsafe(v, r, s->wanted);
    }
    if (atomic_load32(&v->nmi_pending) != 0 && !v->nmi_masked &&
        private_traps(v)[TRAP_NMI].address != 0) {
        atomic_store32(&v->nmi_pending, 0);
        v->nmi_masked = true;
        bounce_trap(v, r, TRAP_NMI, 0);
    }
    if (evtchn_collect(v) && v->callback[CALLBACK_EVENT].address != 0) {
        bounce_callback(v, r, CALLBACK_EVENT);
    }
}

/* Nothing of what the list above names. Only a world switch makes a selector
 * wait for the callback; who ends a domain or stops a vCPU kicks its CPU. */
static bool nothing_due(const struct cpu *cpu)
{
    const struct vcpu *v = cpu->current;
    return v != NULL && cpu->resched == 0 && atomic_load32(&cpu->kicked) == 0 &&
           atomic_load32(&v->nmi_pending) == 0 &&
           atomic_load64(&v->pend_sel) == 0 &&
           (atomic_load8(&v->info->upcall_pending) == 0 ||
            atomic_load8(&v->info->upcall_mask) != 0);
}

static NO_INLINE void exit_work(struct cpu *cpu, struct regs *r)
{
    do {
        if (atomic_swap32(&cpu->kicked, 0) != 0) {
            cpu->resched = 1;
        }
        if (must_leave(cpu, cpu->current)) {
            (void)host_work(cpu, r);
            world_switch(cpu, r);
        }
        deliver(cpu->current, r);
    } while (atomic_load32(&cpu->kicked) != 0 || must_leave(cpu, cpu->current));
}

void guest_exit_work(struct regs *r)
{
    struct cpu *cpu = this_cpu();
    if (!nothing_due(cpu)) {
        exit_work(cpu, r);
    }
}

void cpu_loop_begin(struct regs *r)
{
    hw_fill_bytes(r, 0, REGS_BYTES);
    entry_smap = (hw_read_cr4() & CR4_SMAP) != 0 ? 1 : 0;
    fpu_init_cpu();
    this_cpu()->resched = 1;
}
