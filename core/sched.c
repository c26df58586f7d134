/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler on one CPU: accounting, the queue, the pick. What it does and
 * its locks are described in sched.h; sleeping and waking are in schedwake.c,
 * what concerns several CPUs in schedcpu.c.
 *
 * Virtual time is counted finely enough that no run is too short to be charged:
 * SCALE / weight for each nanosecond is at least 1. It may wrap: only
 * differences count, and sched_arrive keeps those small.
 */
#include "core/sched.h"

#include "core/atomic.h"
#include "core/domain.h"
#include "core/schedcpu.h"

#define SCALE 65536u          /* virtual units a ns at weight 1 */
#define REAL_MAX (1ull << 40) /* ns; products with SCALE stay below 2^56 */

struct sched_cpu sched_cpus[CPU_MAX];

void sched_init(u32 cpu_count)
{
    sched_set_cpus(cpu_count);
    for (u32 i = 0; i < CPU_MAX; i++) {
        sched_cpus[i].until = NS_NEVER;
        sched_cpus[i].timer_first = NS_NEVER;
    }
}

void sched_add(struct vcpu *v)
{
    struct sched_unit *s = &v->sched;

    s->state = SCHED_OFFLINE;
    s->cpu = 0;
    s->place.owner = v;
    s->timer.owner = v;
    s->timer_at = NS_NEVER;
    s->poll_at = NS_NEVER;
    v->runstate.state = SCHED_OFFLINE;
}

static ns_t earlier(ns_t a, ns_t b)
{
    return a < b ? a : b;
}

u64 sched_virtual(const struct vcpu *v, ns_t real)
{
    return earlier(real, REAL_MAX) * SCALE / v->sched.weight;
}

u64 sched_effective(const struct vcpu *v, ns_t now)
{
    const bool warped = now < v->sched.warp_until;

    return v->sched.avt - (warped ? sched_virtual(v, SCHED_WARP_NS) : 0);
}

void sched_runstate(struct vcpu *v, u32 state, ns_t now)
{
    struct vcpu_runstate_info *r = &v->runstate;

    if (now > r->state_entry_time) {
        r->time[r->state] += now - r->state_entry_time;
        r->state_entry_time = now;
    }
    r->state = state;
    v->sched.state = state;
}

static ns_t cap_ns(const struct vcpu *v)
{
    return SCHED_PERIOD_NS / 100 * v->sched.cap_percent;
}

/* Begin a new period when the old one is over. Use beyond the cap is owed. */
static void turn_period(struct vcpu *v, ns_t now)
{
    struct sched_unit *s = &v->sched;

    if (s->cap_percent == 0 || now < s->period_at + SCHED_PERIOD_NS) {
        return;
    }
    const u64 periods = (now - s->period_at) / SCHED_PERIOD_NS;
    const ns_t allowed = earlier(periods, U32_MAX) * cap_ns(v);

    s->period_at += periods * SCHED_PERIOD_NS;
    s->period_used -= earlier(s->period_used, allowed);
}

/* The end of v's rest, for its cap or because it is held; now or before: it
 * may run. */
static ns_t rests_until(struct vcpu *v, ns_t now)
{
    const struct sched_unit *s = &v->sched;

    turn_period(v, now);
    const bool over_cap = s->cap_percent != 0 && s->period_used >= cap_ns(v);
    const ns_t end = over_cap ? s->period_at + SCHED_PERIOD_NS : 0;

    return atomic_load32(&v->domain->paused) != 0 ? SCHED_PAUSED_NS
           : end > s->held_until                  ? end
                                                  : s->held_until;
}

static void publish_first(struct sched_cpu *c)
{
    if (c->run.root != NULL) {
        atomic_store64(&c->first, c->run.root->key);
    }
}

/* svt never goes back, and never passes anyone in the queue. */
static void advance_svt(struct sched_cpu *c)
{
    const struct heap_node *first = c->run.root;

    if (c->running == NULL && first == NULL) {
        return;
    }
    u64 low = c->running != NULL ? c->running->sched.avt : first->key;

    if (first != NULL && heap_before(first->key, low)) {
        low = first->key;
    }
    if (heap_before(c->svt, low)) {
        atomic_store64(&c->svt, low);
    }
}

void sched_account(struct sched_cpu *c, ns_t now)
{
    struct vcpu *v = c->running;

    if (v != NULL && now > v->sched.since) {
        const ns_t ran = now - v->sched.since;

        v->sched.since = now;
        v->sched.run_ns += ran;
        v->sched.avt += sched_virtual(v, ran);
        turn_period(v, now);
        v->sched.period_used += ran;
    }
    advance_svt(c);
}

void sched_insert(struct sched_cpu *c, struct vcpu *v, ns_t now)
{
    sched_runstate(v, SCHED_RUNNABLE, now);
    const ns_t rest = rests_until(v, now);

    v->sched.parked = rest > now;
    if (v->sched.parked) {
        heap_add(&c->parked, &v->sched.place, rest);
        return;
    }
    const struct heap_node *first = c->run.root;

    /* Who yields: behind the first of the others; what he gives away is gone.
     * Else he could keep it for a time when he does not yield. */
    if (v->sched.yield_asked && first != NULL &&
        !heap_before(first->key, v->sched.avt)) {
        v->sched.avt = first->key + 1;
    }
    heap_add(&c->run, &v->sched.place, sched_effective(v, now));
    (void)atomic_add32(&c->load, 1);
    publish_first(c);
}

void sched_remove(struct sched_cpu *c, struct vcpu *v)
{
    if (v->sched.parked) {
        heap_remove(&c->parked, &v->sched.place);
        v->sched.parked = false;
        return;
    }
    heap_remove(&c->run, &v->sched.place);
    (void)atomic_add32(&c->load, U32_MAX); /* one less */
    publish_first(c);
}

/* What becomes of the vCPU that ran on c until now, and does not go on. Its
 * registers are still on the CPU: leaving keeps it here. */
static void retire(struct sched_cpu *c, struct vcpu *v, ns_t now)
{
    struct sched_unit *s = &v->sched;

    c->leaving = v;
    c->running = NULL;
    (void)atomic_add32(&c->load, U32_MAX);
    if (atomic_load32(&s->stop_asked) != 0) {
        sched_runstate(v, SCHED_OFFLINE, now);
    } else if (s->block_asked && !s->wake_pending) {
        sched_runstate(v, SCHED_BLOCKED, now);
    } else {
        sched_insert(c, v, now);
    }
    s->block_asked = false;
    s->yield_asked = false;
}

/* Account who runs on c; true if he goes on. */
static bool goes_on(struct sched_cpu *c, ns_t now)
{
    struct vcpu *v = c->running;

    if (v == NULL) {
        return false;
    }
    sched_account(c, now);
    struct sched_unit *s = &v->sched;
    const bool blocks = s->block_asked && !s->wake_pending;

    if (atomic_load32(&s->stop_asked) == 0 && !blocks && !s->yield_asked &&
        !c->preempt && now < c->until && rests_until(v, now) <= now) {
        s->block_asked = false;
        return true;
    }
    retire(c, v, now);
    return false;
}

/* Back into the queue with those whose period is over. */
static void unpark(struct sched_cpu *c, ns_t now)
{
    while (c->parked.root != NULL && c->parked.root->key <= now) {
        struct vcpu *v = c->parked.root->owner;

        sched_remove(c, v);
        sched_arrive(c, v, true);
        sched_insert(c, v, now);
        c->preempt =
            c->running == NULL || heap_before(sched_effective(v, now),
                                              sched_effective(c->running, now));
    }
}

static bool take_first(struct sched_cpu *c, ns_t now)
{
    /* Those that are held since they came into the queue. */
    while (c->run.root != NULL && rests_until(c->run.root->owner, now) > now) {
        struct vcpu *held = c->run.root->owner;

        sched_remove(c, held);
        sched_insert(c, held, now);
    }
    if (c->run.root == NULL) {
        return false;
    }
    struct vcpu *v = c->run.root->owner;

    heap_remove(&c->run, &v->sched.place); /* stays in the load */
    publish_first(c);
    v->sched.since = now;
    sched_runstate(v, SCHED_RUNNING, now);
    c->running = v;
    c->picked_at = now;
    if (c->leaving == v) {
        c->leaving = NULL;
    }
    return true;
}

ns_t sched_slice_end(const struct sched_cpu *c, const struct vcpu *v, ns_t now)
{
    ns_t end = c->balance_at;

    if (c->run.root != NULL) {
        const u64 ahead = c->run.root->key - sched_effective(v, now);
        const u64 bound = sched_virtual(v, SCHED_RUN_NS);
        const u64 lead = ahead < bound ? ahead : 0; /* behind, or far ahead */
        const ns_t run =
            ahead >> 63 == 0 && ahead >= bound
                ? SCHED_RUN_NS
                : SCHED_ALLOWANCE_NS + lead * v->sched.weight / SCALE;

        end = earlier(end, now + earlier(run, SCHED_RUN_NS));
        if (now < v->sched.warp_until) {
            end = earlier(end, v->sched.warp_until);
        }
    }
    if (v->sched.cap_percent != 0) {
        const ns_t cap = cap_ns(v);

        end = earlier(end, now + cap - earlier(v->sched.period_used, cap) + 1);
    }
    return end;
}

/* When c is to look again, whoever runs there now. */
static ns_t plan(struct sched_cpu *c, ns_t now, bool chosen_now)
{
    ns_t end = c->until;

    if (c->running == NULL) {
        end = NS_NEVER;
    } else if (chosen_now) {
        end = sched_slice_end(c, c->running, now);
    }
    if (c->parked.root != NULL) {
        end = earlier(end, c->parked.root->key);
    }
    return end;
}

struct vcpu *sched_pick(u32 cpu, ns_t now, ns_t *until) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = &sched_cpus[cpu];

    if (now >= c->balance_at) {
        sched_balance(cpu, now);
    }
    lock_take(&c->lock);
    unpark(c, now);
    const bool kept = goes_on(c, now);

    c->preempt = false;
    if (!kept && !take_first(c, now)) {
        lock_drop(&c->lock);
        sched_mark_idle(cpu);
        (void)sched_steal(cpu, now);
        lock_take(&c->lock);
        (void)take_first(c, now);
    }
    *until = plan(c, now, !kept);
    atomic_store64(&c->until, *until);
    struct vcpu *v = c->running;

    if (v != NULL) {
        sched_mark_busy(cpu);
        sched_call_helpers(c);
    }
    lock_drop(&c->lock);
    return v;
}

void sched_left(u32 cpu) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = &sched_cpus[cpu];

    if (c->leaving == NULL) {
        return; /* only this CPU writes it */
    }
    lock_take(&c->lock);
    const struct vcpu *v = c->leaving;
    const bool waits = v->sched.state == SCHED_RUNNABLE && !v->sched.parked;

    c->leaving = NULL;
    lock_drop(&c->lock);
    if (waits) {
        sched_call_idle(v);
    }
}
