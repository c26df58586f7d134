/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between core/ and core/lock.c: the order of locks that core/lock.h lists, and
 * which CPU holds which. Locks are taken in rising rank; two of a rank by
 * lock_take_two, which orders them by address.
 */
#include "core/domain.h"
#include "core/lock.h"
#include "core/schedcpu.h"
#include "fuzz/schedules/cpus.h"
#include "fuzz/schedules/processors.h"
#include "tests/host_arch.h"

#define HELD_MAX 8u

static struct {
    const struct lock *held[HELD_MAX];
    u32 count;
} cpu_locks[CPUS];

static u32 rank(const struct lock *l)
{
    for (u32 i = 1; i <= domain_count; i++) {
        const struct domain *d = domain_table[i];

        if (l == &d->mm) {
            return 1;
        }
        if (l == &d->evt) {
            return 2;
        }
        if (l == &d->console) {
            return 5;
        }
    }
    for (u32 i = 0; i < CPUS; i++) {
        if (l == &sched_cpus[i].lock || l == &sched_cpus[i].timer_lock) {
            return 3;
        }
    }
    return 4; /* the log's */
}

static void take(const struct lock *l, const struct lock *with)
{
    const u32 self = cpus_self();
    const u32 mine = rank(l);

    for (u32 i = 0; i < cpu_locks[self].count; i++) {
        const struct lock *h = cpu_locks[self].held[i];

        if (h == l) {
            fuzz_fail("a lock of rank %u is taken twice", mine);
        }
        if (rank(h) > mine || (rank(h) == mine && h != with)) {
            fuzz_fail("a lock of rank %u is taken with one of rank %u held",
                      mine, rank(h));
        }
    }
    if (cpu_locks[self].count == HELD_MAX) {
        fuzz_fail("more than %u locks", HELD_MAX);
    }
    cpu_locks[self].held[cpu_locks[self].count++] = l;
}

static void drop(const struct lock *l)
{
    const u32 self = cpus_self();

    for (u32 i = 0; i < cpu_locks[self].count; i++) {
        if (cpu_locks[self].held[i] == l) {
            cpu_locks[self].held[i] =
                cpu_locks[self].held[--cpu_locks[self].count];
            return;
        }
    }
    fuzz_fail("a lock of rank %u is dropped that is not held", rank(l));
}

void locks_reset(void)
{
    for (u32 i = 0; i < CPUS; i++) {
        cpu_locks[i].count = 0;
    }
}

u32 host_locks_held(void)
{
    return cpu_locks[cpus_self()].count;
}

#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name
void REAL(lock_take)(struct lock *l);
void REAL(lock_drop)(struct lock *l);
void REAL(lock_take_two)(struct lock *a, struct lock *b);
void REAL(lock_drop_two)(struct lock *a, struct lock *b);
bool REAL(lock_try)(struct lock *l);
void WRAP(lock_take)(struct lock *l);
void WRAP(lock_drop)(struct lock *l);
void WRAP(lock_take_two)(struct lock *a, struct lock *b);
void WRAP(lock_drop_two)(struct lock *a, struct lock *b);
bool WRAP(lock_try)(struct lock *l);

/* One switch point a lock, before it is taken: what happens between two other
 * points changes nothing for others. */
void WRAP(lock_take)(struct lock *l) RF_UNCHECKED_LOCKS
{
    take(l, NULL);
    cpus_point(l, TOUCH_SWAP);
    cpus_quiet(true);
    REAL(lock_take)(l);
    cpus_quiet(false);
}

void WRAP(lock_drop)(struct lock *l) RF_UNCHECKED_LOCKS
{
    drop(l);
    cpus_quiet(true);
    REAL(lock_drop)(l);
    cpus_quiet(false);
}

void WRAP(lock_take_two)(struct lock *a, struct lock *b) RF_UNCHECKED_LOCKS
{
    take(a, NULL);
    if (a != b) {
        take(b, a);
    }
    REAL(lock_take_two)(a, b); /* between the two others may come */
}

void WRAP(lock_drop_two)(struct lock *a, struct lock *b) RF_UNCHECKED_LOCKS
{
    drop(a);
    if (a != b) {
        drop(b);
    }
    cpus_quiet(true);
    REAL(lock_drop_two)(a, b);
    cpus_quiet(false);
}

bool WRAP(lock_try)(struct lock *l) RF_UNCHECKED_LOCKS
{
    return REAL(lock_try)(l);
}
