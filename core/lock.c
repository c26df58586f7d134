/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks. A taker draws a number and waits for its turn; while it waits
 * it serves other CPUs' requests, so that a holder may wait for a TLB flush of
 * the waiting CPU.
 */
#include "core/lock.h"

#include "core/arch.h"
#include "core/atomic.h"

static NO_INLINE void wait_turn(struct lock *l, u32 ticket)
{
    while (atomic_load32(&l->serving) != ticket) {
        arch_relax();
    }
}

void lock_take(struct lock *l) RF_UNCHECKED_LOCKS
{
    const u32 ticket = atomic_add32(&l->next, 1);

    if (atomic_load32(&l->serving) != ticket) {
        wait_turn(l, ticket);
    }
}

bool lock_try(struct lock *l) RF_UNCHECKED_LOCKS
{
    u32 serving = atomic_load32(&l->serving);
    return atomic_cas32(&l->next, &serving, serving + 1);
}

void lock_drop(struct lock *l) RF_UNCHECKED_LOCKS
{
    /* Only the holder writes serving. */
    atomic_store32(&l->serving, l->serving + 1);
}

void lock_take_two(struct lock *a, struct lock *b) RF_UNCHECKED_LOCKS
{
    const bool in_order = (uintptr_t)a <= (uintptr_t)b;

    lock_take(in_order ? a : b);
    if (a != b) {
        lock_take(in_order ? b : a);
    }
}

void lock_drop_two(struct lock *a, struct lock *b) RF_UNCHECKED_LOCKS
{
    lock_drop(a);
    if (a != b) {
        lock_drop(b);
    }
}
