/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler that ships, run through simulated hours: what its tests share.
 *
 * Each simulated CPU does what x86/exit.c does: fire timers, pick, leave, run
 * until the slice ends, the vCPU's burst ends, a timer is due, or it is kicked.
 * A vCPU runs bursts and sleeps between them, always the same or one after
 * another from a list; burst_ns 0 never sleeps. Time
 * jumps from event to event, so that a minute costs a few thousand picks.
 */
#ifndef TESTS_HOST_SIM_H
#define TESTS_HOST_SIM_H

#include "core/domain.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "tests/host_arch.h"

#define SIM_VCPUS 64u
#define SIM_CPUS 4u
#define MS 1000000ull
#define SECOND 1000000000ull

struct sim_burst {
    ns_t run_ns;   /* not 0 */
    ns_t sleep_ns; /* 0: yields */
};

struct sim_load {
    ns_t burst_ns; /* runs this long, then sleeps; 0: never sleeps */
    ns_t sleep_ns; /* 0: yields at the end of the burst */
    const struct sim_burst *list; /* NULL: always the same */
    u32 list_count, list_at;
    ns_t left;
    ns_t wait_since; /* 0: does not wait */
    ns_t worst_wait;
};

struct sim {
    u32 cpus;
    u32 vcpu_count;
    struct domain domain; /* of all */
    struct vcpu vcpu[SIM_VCPUS];
    struct sim_load load[SIM_VCPUS];
    struct vcpu *on[SIM_CPUS]; /* who runs there */
    ns_t ran_from[SIM_CPUS], until[SIM_CPUS];
    void (*watch)(void); /* after each step, if not NULL */
    u64 picks;
    u64 switches;  /* another vCPU than before, or none */
    u64 preempted; /* of them, from one that wanted to go on */
};

extern struct sim sim;

/* A machine of so many CPUs, without vCPUs, a second after boot. */
void sim_reset(u32 cpu_count);
struct vcpu *sim_add(u32 weight, ns_t burst_ns, ns_t sleep_ns);
/* Bursts and sleeps of v from a list, from its element at on, over and over. */
void sim_follow(const struct vcpu *v, const struct sim_burst *list, u32 count,
                u32 at);
/* Bring all vCPUs up. */
void sim_start(void);
/* CPU cpu looks for work now, as on its way back to a guest. */
void sim_pick(u32 cpu);
/* Some CPU is kicked and has not looked yet. */
bool sim_kicked(void);
void sim_run(ns_t duration);

#endif
