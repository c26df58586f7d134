/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of vCPUs: for each CPU a list in order of deadline. A unit has one
 * place in one list, for the earlier of its one-shot timer and the end of its
 * poll; it stays on the CPU where it was set last. Locks: see sched.h.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"
#include "core/schedcpu.h"

#define FIRE_MAX 64u

static ns_t deadline(const struct vcpu *v)
{
    const struct sched_unit *s = &v->sched;

    return s->timer_at < s->poll_at ? s->timer_at : s->poll_at;
}

static void unlink_timer(struct sched_cpu *c, struct vcpu *v)
{
    struct sched_unit *s = &v->sched;

    if (s->timer_prev != NULL) {
        s->timer_prev->sched.timer_next = s->timer_next;
    } else {
        c->timers = s->timer_next;
    }
    if (s->timer_next != NULL) {
        s->timer_next->sched.timer_prev = s->timer_prev;
    }
    s->timer_linked = false;
}

static void link_timer(struct sched_cpu *c, struct vcpu *v)
{
    struct vcpu *prev = NULL;
    struct vcpu *next = c->timers;

    while (next != NULL && deadline(next) <= deadline(v)) {
        prev = next;
        next = next->sched.timer_next;
    }
    v->sched.timer_prev = prev;
    v->sched.timer_next = next;
    if (prev != NULL) {
        prev->sched.timer_next = v;
    } else {
        c->timers = v;
    }
    if (next != NULL) {
        next->sched.timer_prev = v;
    }
    v->sched.timer_linked = true;
}

/* Lock the list that v's timer is in, or would be. */
static struct sched_cpu *lock_timer(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    for (;;) {
        const u32 cpu = atomic_load32(&v->sched.timer_cpu);
        struct sched_cpu *c = &sched_cpus[cpu];

        lock_take(&c->timer_lock);
        if (v->sched.timer_cpu == cpu) {
            return c;
        }
        lock_drop(&c->timer_lock);
    }
}

/* Change one of the two deadlines, and move to this CPU's list. */
static void set(struct vcpu *v, ns_t *which, ns_t at) RF_UNCHECKED_LOCKS
{
    const u32 here = arch_cpu();
    struct sched_cpu *c = lock_timer(v);

    if (v->sched.timer_linked) {
        unlink_timer(c, v);
    }
    *which = at;
    atomic_store32(&v->sched.timer_cpu, here);
    lock_drop(&c->timer_lock);
    c = lock_timer(v);
    if (!v->sched.timer_linked && deadline(v) != NS_NEVER) {
        link_timer(c, v);
    }
    lock_drop(&c->timer_lock);
    sched_arm(here);
}

void sched_timer_set(struct vcpu *v, ns_t at)
{
    set(v, &v->sched.timer_at, at);
}

void sched_poll_set(struct vcpu *v, ns_t at)
{
    set(v, &v->sched.poll_at, at);
}

ns_t sched_next_timer(u32 cpu)
{
    struct sched_cpu *c = &sched_cpus[cpu];

    lock_take(&c->timer_lock);
    const ns_t at = c->timers != NULL ? deadline(c->timers) : NS_NEVER;

    lock_drop(&c->timer_lock);
    return at;
}

void sched_arm(u32 cpu)
{
    const ns_t timer = sched_next_timer(cpu);
    const ns_t slice = sched_cpus[cpu].until;

    arch_timer_arm(timer < slice ? timer : slice);
}

/* Take the first expired timer off the list: what has expired of it. */
static struct vcpu *expire(struct sched_cpu *c, ns_t now, bool *timer,
                           bool *poll)
{
    lock_take(&c->timer_lock);
    struct vcpu *v = c->timers;

    if (v == NULL || deadline(v) > now) {
        lock_drop(&c->timer_lock);
        return NULL;
    }
    unlink_timer(c, v);
    *timer = v->sched.timer_at <= now;
    *poll = v->sched.poll_at <= now;
    if (*timer) {
        v->sched.timer_at = NS_NEVER;
    }
    if (*poll) {
        v->sched.poll_at = NS_NEVER;
    }
    if (deadline(v) != NS_NEVER) {
        link_timer(c, v);
    }
    lock_drop(&c->timer_lock);
    return v;
}

void sched_timers_run(u32 cpu, ns_t now)
{
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
