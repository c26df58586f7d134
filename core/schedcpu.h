/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to sched.c and schedtimer.c: what the scheduler keeps for a CPU.
 */
#ifndef CORE_SCHEDCPU_H
#define CORE_SCHEDCPU_H

#include "core/ids.h"
#include "core/lock.h"

struct vcpu;

struct sched_cpu {
    struct lock lock;
    struct vcpu *head, *tail; /* queue, by effective virtual time */
    struct vcpu *running;     /* RUNNING here, NULL when idle */
    struct vcpu *leaving;     /* its registers are still on the CPU */
    u32 load;                 /* length of the queue */
    u32 repick;               /* [a] */
    u64 svt;                  /* virtual time of the queue */
    ns_t until;               /* [c] end of the present slice */

    struct lock timer_lock;
    struct vcpu *timers; /* by deadline */
};

extern struct sched_cpu sched_cpus[CPU_MAX];

#endif
