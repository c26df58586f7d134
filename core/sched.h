/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: borrowed virtual time on a queue for each CPU.
 *
 * Each vCPU has an actual virtual time (avt) that grows with the time it ran,
 * divided by its weight. The runnable vCPU with the least effective virtual
 * time runs; a vCPU that has just woken borrows a little (warp), until it has
 * run for WARP_LIMIT_NS, so that it is served soon. What it borrows it pays
 * back: shares follow the weights whatever anybody does. A vCPU that slept
 * does not save up: on waking its avt is at least the queue's.
 * [Duda, Cheriton: Borrowed-Virtual-Time Scheduling, SOSP 1999]
 *
 *   OFFLINE -- online --> BLOCKED -- wake --> RUNNABLE -- pick --> RUNNING
 *      ^                     ^                   ^                   |
 *      +---- offline --------+------ block ------+----- preempted ---+
 *
 * Locks: sched_cpu.lock of the CPU that the unit belongs to (unit.cpu) protects
 * the unit and that CPU's queue. unit.cpu changes only under the lock of the
 * CPU it leaves; whoever wants a unit locks its CPU and looks again. Stealing
 * moves a unit between two queues without holding both locks: in between it is
 * RUNNABLE and in no queue, and whoever meets it there only marks it.
 * Timers are in a list of their own for each CPU (sched_cpu.timer_lock); a
 * timer stays where it was set, wherever its vCPU goes. No two of these locks
 * are held at a time.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/ids.h"
#include "core/lock.h"

struct vcpu;

enum sched_state {
    SCHED_OFFLINE, /* DOWN, or its domain has ended */
    SCHED_BLOCKED,
    SCHED_RUNNABLE, /* in a run queue, or about to be */
    SCHED_RUNNING   /* on a CPU */
};

#define SCHED_SLICE_NS 10000000ull     /* longest run while others wait */
#define SCHED_WARP_NS 2000000ull       /* what a waking vCPU borrows */
#define SCHED_WARP_LIMIT_NS 1000000ull /* how long it may use it */
#define SCHED_ALLOWANCE_NS 1000000ull  /* ahead of the next before it yields */
#define SCHED_PERIOD_NS 100000000ull   /* over which a cap is kept */
#define SCHED_WEIGHT_UNIT 256u

struct sched_unit {
    u32 state;           /* [s] enum sched_state */
    u32 cpu;             /* [s] */
    u32 weight;          /* [I] 1..65535 */
    u32 cap_percent;     /* [I] of one CPU, 0 none */
    u64 cpu_mask;        /* [I] CPUs it may use */
    bool queued;         /* [s] linked in the queue of cpu */
    bool block_asked;    /* [s] RUNNING, and to block at the next pick */
    bool wake_pending;   /* [s] woken since block_asked */
    bool yield_asked;    /* [s] */
    bool warped;         /* [s] */
    u32 stop_asked;      /* [a] leave the CPU and go OFFLINE */
    u64 avt;             /* [s] weighted ns */
    ns_t ran_since_wake; /* [s] */
    ns_t since;          /* [s] when it last went RUNNING */
    ns_t run_ns;         /* [s] CPU time used */
    ns_t period_at;      /* [s] start of the cap's period */
    ns_t period_used;    /* [s] used in it */
    ns_t blocked_until;  /* [s] out of cap: not before; 0 not */
    struct vcpu *next, *prev; /* [s] queue links */

    /* timer: under timer_lock of timer_cpu */
    u32 timer_cpu;
    bool timer_linked;
    ns_t timer_at; /* one-shot timer: raises the timer event; NS_NEVER none */
    ns_t poll_at;  /* end of a poll: wakes; NS_NEVER none */
    struct vcpu *timer_next, *timer_prev;
};

void sched_init(u32 cpu_count);

/* Enter a vCPU of a domain being made: OFFLINE. */
void sched_add(struct vcpu *v);
/* OFFLINE -> RUNNABLE. */
void sched_online(struct vcpu *v);
/* Any -> OFFLINE; a RUNNING one when its CPU next picks. Stops its timer. */
void sched_offline(struct vcpu *v);
/* It is OFFLINE, and on no CPU. */
bool sched_is_off(struct vcpu *v);

/* Account the current vCPU of cpu, this CPU, and choose the next: NULL for
 * idle. *until is when to choose again at the latest (NS_NEVER: never). */
struct vcpu *sched_pick(u32 cpu, ns_t now, ns_t *until);

/* The registers of the vCPU that ran before are saved: others may run it. To
 * be called after each pick, once that is so. */
void sched_left(u32 cpu);

/* v, current, goes to sleep at the next pick, unless woken before. */
void sched_block(struct vcpu *v);
/* v, current, lets others run first. */
void sched_yield(struct vcpu *v);
/* BLOCKED -> RUNNABLE; no wake-up is lost against sched_block. */
void sched_wake(struct vcpu *v);
/* v has an event to look at: wake it, or kick the CPU it runs on. */
void sched_notify(struct vcpu *v);

/* Set v's one-shot timer (NS_NEVER: stop it), or the end of its poll. */
void sched_timer_set(struct vcpu *v, ns_t at);
void sched_poll_set(struct vcpu *v, ns_t at);
/* The next deadline of this CPU's timer list. */
ns_t sched_next_timer(u32 cpu);
/* Fire what has expired; at most 64 at a time. */
void sched_timers_run(u32 cpu, ns_t now);
/* Arm this CPU's timer for what is due next. */
void sched_arm(u32 cpu);

#endif
