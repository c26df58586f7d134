/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for parts of the kernel that a test does not link: a test that
 * links the real thing overrides them. The scheduler's count what they are
 * asked to do.
 */
#include "tests/host_weak.h"

#include "core/record.h"
#include "core/sched.h"

#define WEAK __attribute__((weak))

u32 host_notified[HOST_DOMAINS][VCPU_MAX];

void sched_add(struct vcpu *v);
void sched_notify(struct vcpu *v);

WEAK void sched_add(struct vcpu *v)
{
    (void)v;
}

WEAK void sched_notify(struct vcpu *v)
{
    host_notified[v->domain->id][v->id]++;
}

WEAK void lock_take(struct lock *l) RF_UNCHECKED_LOCKS
{
    if (l->next != l->serving) {
        host_fail("a lock is taken twice");
    }
    l->next++;
}

WEAK void lock_drop(struct lock *l) RF_UNCHECKED_LOCKS
{
    if (l->next == l->serving) {
        host_fail("a lock is dropped that is not held");
    }
    l->serving++;
}

WEAK bool lock_is_held(const struct lock *l)
{
    return l->next != l->serving;
}

WEAK void record_life(const struct domain *d, enum record_life what, u64 detail)
{
    (void)d;
    (void)what;
    (void)detail;
}

WEAK void record_refusal(struct vcpu *v, u32 nr, u64 sub, enum rc why)
{
    (void)v;
    (void)nr;
    (void)sub;
    (void)why;
}
