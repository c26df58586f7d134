/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of vCPUs: for each CPU a heap in order of deadline. A unit has one
 * place in one heap, for the earlier of its one-shot timer and the end of its
 * poll; it stays on the CPU where it was set last. Locks: see sched.h.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"
#include "core/schedcpu.h"

#define FIRE_MAX 64u
#define FAR (1ull << 63)

static ns_t deadline(const struct vcpu *v)
{
    const struct sched_unit *s = &v->sched;

    return s->timer_at < s->poll_at ? s->timer_at : s->poll_at;
}

/* Put v where its deadline belongs, or nowhere. One that is centuries away is
 * never: the heap compares differences. */
static void place(struct sched_cpu *c, struct vcpu *v)
{
    if (heap_holds(&v->sched.timer)) {
        heap_remove(&c->timers, &v->sched.timer);
    }
    if (deadline(v) < FAR) {
        heap_add(&c->timers, &v->sched.timer, deadline(v));
    }
    atomic_store64(&c->timer_first,
                   c->timers.root != NULL ? c->timers.root->key : NS_NEVER);
}

/* Lock the heap that v's timer is in, or would be. */
static struct sched_cpu *lock_timer(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    for (;;) {
        const u32 cpu = atomic_load32(&v->sched.timer_cpu);
        struct sched_cpu *c = &sched_cpus[cpu];

        lock_take(&c->timer_lock);
        if (atomic_load32(&v->sched.timer_cpu) == cpu) {
            return c;
        }
        lock_drop(&c->timer_lock);
    }
}

/* It moves to this CPU's heap. */
void sched_timer_set(struct vcpu *v, ns_t *which, ns_t at) RF_UNCHECKED_LOCKS
{
    const u32 here = arch_cpu();
    struct sched_cpu *c = lock_timer(v);

    if (c != &sched_cpus[here] && heap_holds(&v->sched.timer)) {
        heap_remove(&c->timers, &v->sched.timer);
        atomic_store64(&c->timer_first,
                       c->timers.root != NULL ? c->timers.root->key : NS_NEVER);
    }
    *which = at;
    atomic_store32(&v->sched.timer_cpu, here);
    lock_drop(&c->timer_lock);
    /* It may have gone elsewhere meanwhile; then it is placed there twice. */
    c = lock_timer(v);
    const ns_t before = c->timer_first;

    place(c, v);
    const bool arm = c == &sched_cpus[here] && c->timer_first < before;

    lock_drop(&c->timer_lock);
    if (arm) {
        sched_arm(here);
    }
}

void sched_arm(u32 cpu)
{
    const ns_t timer = atomic_load64(&sched_cpus[cpu].timer_first);
    const ns_t slice = atomic_load64(&sched_cpus[cpu].until);

    arch_timer_arm(timer < slice ? timer : slice);
}

/* Take the first expired timer off the heap: what has expired of it. */
static struct vcpu *expire(struct sched_cpu *c, ns_t now, bool *timer,
                           bool *poll)
{
    lock_take(&c->timer_lock);
    const struct heap_node *first = c->timers.root;

    if (first == NULL || first->key > now) {
        lock_drop(&c->timer_lock);
        return NULL;
    }
    struct vcpu *v = first->owner;

    *timer = v->sched.timer_at <= now;
    *poll = v->sched.poll_at <= now;
    if (*timer) {
        v->sched.timer_at = NS_NEVER;
    }
    if (*poll) {
        v->sched.poll_at = NS_NEVER;
    }
    place(c, v);
    lock_drop(&c->timer_lock);
    return v;
}

void sched_timers_run(u32 cpu, ns_t now)
{
    if (atomic_load64(&sched_cpus[cpu].timer_first) > now) {
        return;
    }
    for (u32 i = 0; i < FIRE_MAX; i++) {
        bool timer = false;
        bool poll = false;
        struct vcpu *v = expire(&sched_cpus[cpu], now, &timer, &poll);

        if (v == NULL) {
            return;
        }
        if (timer) {
            evtchn_raise_virq(v, VIRQ_TIMER);
        }
        if (poll) {
            sched_wake(v);
        }
    }
}
