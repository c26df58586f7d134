/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: borrowed virtual time on a queue for each CPU.
 *
 * Each vCPU has an actual virtual time (avt) that grows with the time it ran,
 * divided by its weight. The runnable vCPU with the least effective virtual
 * time runs; a vCPU that has just woken borrows a little (warp), for a short
 * while, so that it is served soon. What it borrows it pays back: shares follow
 * the weights whatever anybody does. A vCPU that slept saves up little: on
 * waking it is at most CREDIT behind the queue. One that is over its cap is
 * parked until its period ends. [Duda, Cheriton: Borrowed-Virtual-Time
 * Scheduling, SOSP 1999]
 *
 *   OFFLINE -- online --> RUNNABLE <------------- wake -------- BLOCKED
 *      ^                   |   ^                                   ^
 *      |              pick |   | preempted, yields, over its cap   |
 *      |                   v   |                                   |
 *      +---- offline ---- RUNNING ------------- block -------------+
 *   (offline takes a BLOCKED or RUNNABLE vCPU at once)
 *
 * Several CPUs. All queues count on one axis of virtual time, so that "behind"
 * means the same everywhere. A CPU without work steals; a CPU whose own are all
 * ahead of somebody who waits elsewhere pulls him over, so that shares follow
 * the weights across CPUs, as far as one vCPU can use at most one CPU. Weights
 * that ask for more would drive the axes apart: whoever enters a queue is
 * brought within LAG of it, and whoever is alone on a CPU is kept within LAG of
 * the foremost, so nobody waits for a difference that grew long ago.
 *
 * Locks: sched_cpu.lock of the CPU that the unit belongs to (unit.cpu) protects
 * the unit and that CPU's queue. unit.cpu changes only while both CPUs' locks
 * are held (taken in CPU order); whoever wants a unit locks its CPU and looks
 * again. A vCPU whose registers are still on a CPU (leaving) moves nowhere.
 * Timers have a heap of their own for each CPU (sched_cpu.timer_lock); a timer
 * stays where it was set, wherever its vCPU goes. timer_lock is never held
 * together with another of these.
 *
 * No wake-up is lost: sched_block only asks. Whoever makes an event visible
 * and then calls sched_wake or sched_notify finds the vCPU either BLOCKED, and
 * wakes it, or not yet, and leaves wake_pending, which the pick honours. So the
 * sleeper looks for events after sched_block, which clears wake_pending.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/heap.h"
#include "core/ids.h"

struct vcpu;

/* Numbered as the runstates of the ABI [XEN vcpu.h]. */
enum sched_state {
    SCHED_RUNNING,  /* on a CPU */
    SCHED_RUNNABLE, /* in a run queue, or parked */
    SCHED_BLOCKED,
    SCHED_OFFLINE /* DOWN, or its domain has ended */
};

#define SCHED_ALLOWANCE_NS 5000000ull   /* ahead of the next before it yields */
#define SCHED_RUN_NS 20000000ull        /* longest run while others wait */
#define SCHED_RATE_NS 100000ull         /* shortest, whoever wakes */
#define SCHED_WARP_NS 2000000ull        /* what a waking vCPU borrows */
#define SCHED_WARP_LIMIT_NS 10000000ull /* and for how long */
#define SCHED_CREDIT_NS 10000000ull     /* saved up by one that slept */
#define SCHED_PERIOD_NS 100000000ull    /* over which a cap is kept */
#define SCHED_LAG_NS 100000000ull       /* farthest apart on entering */
#define SCHED_PULL_NS 10000000ull       /* behind enough to be pulled over */
#define SCHED_BALANCE_NS 50000000ull    /* between two looks at other CPUs */
#define SCHED_PAUSED_NS (1ull << 62)    /* no clock comes there */

struct sched_unit {
    u32 state;              /* [s] enum sched_state */
    u32 cpu;                /* [s] */
    u32 weight;             /* [I] 1..65535 */
    u32 cap_percent;        /* [I] of one CPU, 0 none */
    u64 cpu_mask;           /* [I] CPUs it may use */
    bool parked;            /* [s] RUNNABLE, but over its cap, or held */
    bool block_asked;       /* [s] RUNNING, and to block at the next pick */
    bool wake_pending;      /* [s] woken since block_asked */
    bool yield_asked;       /* [s] */
    ns_t held_until;        /* [s] it rests until then, whatever its cap */
    u32 stop_asked;         /* [a] leave the CPU and go OFFLINE */
    u64 avt;                /* [s] SCALE / weight for each ns it ran */
    ns_t warp_until;        /* [s] */
    ns_t since;             /* [s] accounted up to here, while RUNNING */
    ns_t run_ns;            /* [s] CPU time used */
    ns_t period_at;         /* [s] start of the cap's period */
    ns_t period_used;       /* [s] used in it */
    struct heap_node place; /* [s] in the queue, or among the parked */

    /* timer: under timer_lock of timer_cpu */
    u32 timer_cpu;
    ns_t timer_at; /* one-shot timer: raises the timer event; NS_NEVER none */
    ns_t poll_at;  /* end of a poll: wakes; NS_NEVER none */
    struct heap_node timer; /* for the earlier of the two */
};

void sched_init(u32 cpu_count);

/* Enter a vCPU of a domain being made: OFFLINE. */
void sched_add(struct vcpu *v);
/* OFFLINE -> RUNNABLE. Of one that has yet to go OFFLINE: it stays. */
void sched_online(struct vcpu *v);
/* Any -> OFFLINE; a RUNNING one when its CPU next picks. Stops its timer. */
void sched_offline(struct vcpu *v);
/* Keep v off all CPUs until then, beginning when its CPU next picks; a later
 * call moves the end. Or: look again whether its domain is paused. */
void sched_hold(struct vcpu *v, ns_t until);
/* It is OFFLINE, and on no CPU. */
bool sched_is_off(struct vcpu *v);

/* Account the current vCPU of cpu, this CPU, and choose the next: NULL for
 * idle. *until is when to choose again at the latest (NS_NEVER: never). Keeps
 * the current one if nothing speaks against it, so calling it too often costs
 * time but changes no share. */
struct vcpu *sched_pick(u32 cpu, ns_t now, ns_t *until);

/* The registers of the vCPU that ran before are saved, and nothing of it is
 * loaded: others may run it. To be called after each pick, once that is so. */
void sched_left(u32 cpu);

/* v, current, goes to sleep at the next pick, unless woken before. */
void sched_block(struct vcpu *v);
/* v, current, lets others run first (the host's libc owns sched_yield). */
void sched_give_way(struct vcpu *v);
/* BLOCKED -> RUNNABLE; no wake-up is lost against sched_block. */
void sched_wake(struct vcpu *v);
/* v has an event to look at: wake it, or kick the CPU it runs on. */
void sched_notify(struct vcpu *v);

/* Set one of v's deadlines, timer_at or poll_at (NS_NEVER: stop it). */
void sched_timer_set(struct vcpu *v, ns_t *which, ns_t at);
/* Fire what has expired; at most 64 at a time. */
void sched_timers_run(u32 cpu, ns_t now);
/* Arm this CPU's timer for what is due next. */
void sched_arm(u32 cpu);

#endif
