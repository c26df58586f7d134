/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on the way back to a guest, and what a CPU does without one.
 *
 * guest_exit_work runs with interrupts off until nothing is left to do:
 *   1  somebody wants the CPU, or the vCPU must leave it: world switch; with
 *      nothing to run the CPU sleeps there
 *   2  a selector that could not be loaded: failsafe callback
 *   3  an NMI for the vCPU
 *   4  an event that is not masked: upcall
 *   5  the timer: the earliest of slice end and the CPU's vCPU timers
 * and begins again when another CPU has asked for attention meanwhile. An
 * interrupt that arrives after the last look stays pending until the guest
 * runs, and brings the CPU here again: nothing is lost.
 *
 * The scheduler is asked first; until sched_left nobody else runs the vCPU that
 * was here, so it is saved only when another one follows.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/sched.h"
#include "x86/hostcon.h"
#include "x86/hw.h"
#include "x86/private.h"

#define IDLE_RETRY_NS 1000000ull

static bool must_leave(const struct cpu *cpu, const struct vcpu *v)
{
    return v == NULL || cpu->resched != 0 || v->sched.stop_asked ||
           atomic_load64(&v->domain->state) != DOMAIN_RUNNING;
}

static ns_t earlier(ns_t a, ns_t b)
{
    return a < b ? a : b;
}

/* The next vCPU for this CPU; NULL: nothing to run now. */
static struct vcpu *choose(struct cpu *cpu)
{
    const ns_t now = arch_now();
    ns_t slice_end = NS_NEVER;
    cpu->resched = 0;
    sched_timers_run(cpu->id, now);
    struct vcpu *next = sched_pick(cpu->id, now, &slice_end);
    arch_timer_arm(earlier(slice_end, sched_next_timer(cpu->id)));
    return next;
}

/* Without a vCPU: lives of domains, consoles, then sleep. Work that waits for
 * another CPU is looked at again soon. */
static void idle_turn(struct cpu *cpu)
{
    hostcon_work();
    if (domain_work()) {
        return;
    }
    if (domain_work_wanted()) {
        const ns_t soon = arch_now() + IDLE_RETRY_NS;
        arch_timer_arm(earlier(soon, sched_next_timer(cpu->id)));
    }
    const ns_t from = arch_now();
    if (atomic_swap32(&cpu->kicked, 0) == 0) {
        hw_sleep();
    }
    cpu->idle_ns += arch_now() - from;
}

static void put_away(struct vcpu *v, struct regs *r)
{
    ctxsw_save(v, r);
    ctxsw_unload(v, r);
}

/* Loop: ends when there is a vCPU to run; each turn works or sleeps. */
static void world_switch(struct cpu *cpu, struct regs *r)
{
    struct vcpu *loaded = cpu->current;
    struct vcpu *next = choose(cpu);
    while (next == NULL) {
        if (loaded != NULL) {
            put_away(loaded, r);
            loaded = NULL;
        }
        sched_left(cpu->id);
        idle_turn(cpu);
        next = choose(cpu);
    }
    if (next != loaded) {
        if (loaded != NULL) {
            put_away(loaded, r);
        }
        ctxsw_load(next, r);
    }
    sched_left(cpu->id);
    arch_time_publish(next);
    arch_runstate_publish(next);
}

static void deliver_nmi(struct vcpu *v, struct regs *r)
{
    if (v->nmi_masked || private_traps(v)[TRAP_NMI].address == 0) {
        return;
    }
    atomic_store32(&v->nmi_pending, 0);
    v->nmi_masked = true;
    bounce_trap(v, r, TRAP_NMI, 0);
}

static void deliver(struct vcpu *v, struct regs *r)
{
    struct guest_state *s = private_state(v);
    if (s->failsafe_due != 0) {
        s->failsafe_due = 0;
        bounce_failsafe(v, r, s->wanted);
    }
    if (atomic_load32(&v->nmi_pending) != 0) {
        deliver_nmi(v, r);
    }
    if (evtchn_collect(v) && v->callback[CALLBACK_EVENT].address != 0) {
        bounce_callback(v, r, CALLBACK_EVENT);
    }
}

void guest_exit_work(struct regs *r)
{
    struct cpu *cpu = this_cpu();
    for (;;) {
        if (atomic_swap32(&cpu->kicked, 0) != 0) {
            cpu->resched = 1;
        }
        hostcon_work();
        if (domain_work_wanted()) {
            (void)domain_work();
        }
        if (must_leave(cpu, cpu->current)) {
            world_switch(cpu, r);
        }
        deliver(cpu->current, r);
        const ns_t timer = sched_next_timer(cpu->id);
        if (timer < cpu->timer_armed) {
            arch_timer_arm(timer);
        }
        if (atomic_load32(&cpu->kicked) == 0 &&
            !must_leave(cpu, cpu->current)) {
            return;
        }
    }
}

void cpu_loop_begin(struct regs *r)
{
    hw_fill_bytes(r, 0, REGS_BYTES);
    entry_smap = (hw_read_cr4() & CR4_SMAP) != 0 ? 1 : 0;
    fpu_init_cpu();
    this_cpu()->resched = 1;
}
