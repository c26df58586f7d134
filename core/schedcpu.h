/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to sched.c, schedwake.c, schedcpu.c and schedtimer.c: what the
 * scheduler keeps for a CPU, and moving vCPUs between CPUs.
 */
#ifndef CORE_SCHEDCPU_H
#define CORE_SCHEDCPU_H

#include "core/heap.h"
#include "core/ids.h"
#include "core/lock.h"

struct vcpu;

struct sched_cpu {
    struct lock lock;
    struct heap run;      /* [s] RUNNABLE, by effective virtual time */
    struct heap parked;   /* [s] over their cap, by end of their period */
    struct vcpu *running; /* [s] RUNNING here, NULL when idle */
    struct vcpu *leaving; /* [s] its registers are still on the CPU */
    u32 load;             /* [a] running and in run; written with the lock */
    u64 first;            /* [a] key of the first in run, if load says so */
    u64 svt;              /* [a] no avt in run or running is before it */
    bool preempt;         /* [s] one has woken who goes first */
    ns_t picked_at;       /* [s] when running was last chosen */
    ns_t until;           /* [a] end of its slice; written with the lock */
    ns_t balance_at;      /* [c] next look at other CPUs */

    struct lock timer_lock;
    struct heap timers;
    ns_t timer_first; /* [a] deadline of the first, NS_NEVER for none */
};

extern struct sched_cpu sched_cpus[CPU_MAX];

/* v's weighted time for a real one. */
u64 sched_virtual(const struct vcpu *v, ns_t real);
/* Effective virtual time now, the order of the queue. */
u64 sched_effective(const struct vcpu *v, ns_t now);
/* v enters the state now, as the steal clock of the ABI shows. Lock: its CPU.
 */
void sched_runstate(struct vcpu *v, u32 state, ns_t now);
/* Charge the running vCPU of c up to now. Lock: c. */
void sched_account(struct sched_cpu *c, ns_t now);
/* Into the queue of c, or among the parked, and out. Lock: c. */
void sched_insert(struct sched_cpu *c, struct vcpu *v, ns_t now);
void sched_remove(struct sched_cpu *c, struct vcpu *v);
/* v, not running, in no queue, becomes one of c's: bring its avt near. woke:
 * it slept, so little is owed to it. Lock: c. */
void sched_arrive(struct sched_cpu *c, struct vcpu *v, bool woke);

/* Until when v, running or just chosen, may run on c. Lock: c. */
ns_t sched_slice_end(const struct sched_cpu *c, const struct vcpu *v, ns_t now);

/* Lock the CPU that v belongs to, for as long as it does. */
struct sched_cpu *sched_lock_unit(struct vcpu *v);

/* Where a waking vCPU should run: a hint, from unlocked reads. */
u32 sched_place(const struct vcpu *v);
/* CPUs 0..cpu_count-1 take part. */
void sched_set_cpus(u32 cpu_count);
/* The CPU has nothing to run; it has. */
void sched_mark_idle(u32 cpu);
void sched_mark_busy(u32 cpu);
/* Let an idle CPU, if there is one that may run v, come and steal. */
void sched_call_idle(const struct vcpu *v);
/* The same for those that wait on c, as far as there are idle CPUs. Lock: c. */
void sched_call_helpers(const struct sched_cpu *c);
/* Take a waiting vCPU from another CPU; true when one came. No lock held. */
bool sched_steal(u32 cpu, ns_t now);
/* The periodic look at other CPUs. No lock held. */
void sched_balance(u32 cpu, ns_t now);

#endif
