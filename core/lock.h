/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks: fair ticket locks, and the one list of their order.
 *
 * A CPU takes locks in rising rank only; two locks of one rank are taken in
 * address order (lock_take_two). The hypervisor runs with interrupts off, so a
 * lock is never contended by an interrupt of its own CPU. A CPU that waits
 * serves TLB-flush requests meanwhile (arch_relax), so a holder may wait for a
 * flush.
 *
 *   rank  lock            protects
 *   1     domain.mm       frame types and counts of the domain's frames, its
 *                         page-table work, grants it gave, grants it mapped
 *   2     domain.evt      the domain's event channels
 *   3     sched (a CPU)   that CPU's run queue and the state of vCPUs on it
 *   4     audit           the log
 *   5     ring            the hypervisor's end of a domain's console ring
 *                         (con.lock) or store ring (store.lock)
 *   6     console         serial output
 *
 * Legend letters for fields of shared structures:
 *   [I] fixed after init   [m] domain.mm   [e] domain.evt   [s] sched lock
 *   [a] atomic             [c] own CPU or own running vCPU only
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include "core/base.h"

struct RF_LOCK_TYPE lock {
    u32 next;    /* [a] ticket given to the next taker */
    u32 serving; /* [a] ticket that holds the lock */
};

void lock_take(struct lock *l) RF_TAKES(l);
/* Take it if it is free; for a panic, whose other CPUs may have stopped while
 * they held or awaited it. */
bool lock_try(struct lock *l) MUST_CHECK;
void lock_drop(struct lock *l) RF_DROPS(l);
/* Two of one rank, in address order; one, if they are the same. */
void lock_take_two(struct lock *a, struct lock *b);
void lock_drop_two(struct lock *a, struct lock *b);

#endif
