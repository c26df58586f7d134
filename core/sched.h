/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's view of a vCPU and its interface; see core/sched.c.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/ids.h"
#include "core/lock.h"

struct vcpu;

enum sched_state {
    SCHED_OFFLINE, /* DOWN, or its domain has ended */
    SCHED_BLOCKED,
    SCHED_RUNNABLE, /* in a run queue */
    SCHED_RUNNING   /* on a CPU */
};

struct sched_unit {
    u32 state; /* [s] enum sched_state */
    u32 cpu;   /* [s] CPU whose queue or core it is on, or was last */
    u32 weight; /* [I] */
    u32 cap_percent; /* [I] 0 none */
    u64 cpu_mask; /* [I] CPUs it may use */
    bool wake_pending; /* [s] woken while still RUNNING on its way to block */
    bool stop_asked;   /* [a] leave the CPU and go OFFLINE */
    u64 avt;  /* [s] actual virtual time, weighted ns */
    ns_t warp_until; /* [s] */
    ns_t since; /* [s] when the present state began */
    ns_t run_ns; /* [s] CPU time used */
    ns_t period_at, period_used; /* [s] cap accounting */
    struct vcpu *next, *prev; /* [s] run queue links */
};

#endif
