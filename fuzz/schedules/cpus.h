/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two or three processors, of which one goes on at a time: coroutines in one
 * thread (coroutines.c), or real threads (threads.c, for ThreadSanitizer).
 *
 * What ships is compiled with -fsanitize=thread, so that each of its loads,
 * stores and atomic operations calls a function first. With threads these are
 * the sanitizer's; with coroutines they are ours (hooks.c): before an atomic
 * operation another CPU may go on, a switch point; plain accesses are looked at
 * by race.c. Who goes on is the choice of whoever runs the machine
 * (cpus_choose): the explorer, or a fuzzer's input.
 *
 *   GUEST   in its guest, or asleep: goes on when it wants to, or for an
 * interrupt READY   in the hypervisor WAITS   in a loop for another CPU's
 * doing: goes on when one has written
 *
 * Stores that are late: a store that is not a locked instruction becomes
 * visible to the other CPUs when its CPU next executes one that is, or leaves
 * the hypervisor, or when nobody else can go on: the furthest that a processor
 * of this kind [SDM 3A 8.2] may delay it. Chosen for a whole run.
 */
#ifndef FUZZ_SCHEDULES_CPUS_H
#define FUZZ_SCHEDULES_CPUS_H

#include "fuzz/fuzz.h"

#define CPUS 3u

enum touch { TOUCH_LOAD, TOUCH_STORE, TOUCH_SWAP };

extern u32 cpus_count;  /* that take part: 2 or 3 */
extern bool cpus_late;  /* stores are late, as far as may be */
extern bool cpus_fine;  /* switch inside of locks' own code, too */
extern u32 cpus_points; /* switch points of this run so far */

/* Each CPU in its guest, about to look for work once. */
void cpus_reset(void);
/* The CPU has something to do as soon as it is in its guest. */
void cpus_want(u32 cpu);
/* Run until all CPUs are in their guests with nothing to do. */
void cpus_run(void);
/* This CPU. */
u32 cpus_self(void);
/* A CPU goes on inside of cpus_run. */
bool cpus_busy(void);

/* A switch point, before word p is touched; NULL: anything. */
void cpus_point(const void *p, enum touch touch);
/* In a waiting loop: let others go on. */
void cpus_wait(void);
/* In the guest or asleep, until there is an interrupt; or, if it wants that,
 * until its turn has come. */
void cpus_sleep(bool wants);
/* An interrupt for the CPU: it is to look at what it is. */
void cpus_interrupt(u32 cpu);
/* The interrupt that waits here, if there is one, is taken. */
bool cpus_take_interrupt(void);
/* Inside of a lock's own code, and out: no switch points. */
void cpus_quiet(bool quiet);

/* The choice, by the program: of CPU here or one of others, a mask of CPUs that
 * can go on; 1 << here is not in it. must: here can not go on. */
u32 cpus_choose(u32 here, u32 others, bool must);

/* Words that only one CPU has touched since words_forget are not worth a
 * switch. words_use: from now on go by what is known; true: that is more than
 * before. */
void words_forget(void);
bool words_use(void);
extern bool words_all; /* all are worth one */
/* p is on the stack of the CPU that runs. */
bool cpus_on_stack(const void *p);

/* For hooks.c: the value of word p, which is now, as this CPU sees it; and that
 * it is about to be stored to. */
u64 cpus_seen(const void *p, u64 now);
void cpus_storing(void *p, u64 before, bool locked);

/* For the machine: called in a fresh coroutine or thread, never to return. */
void machine_cpu_loop(void) NO_RETURN;

#endif
