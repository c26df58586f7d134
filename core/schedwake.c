/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: going to sleep, waking up, coming and going; see sched.h, also
 * for why no wake-up is lost.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"
#include "core/schedcpu.h"

/* v has come into the queue of c: must c pick again? Lock: c. */
static bool speak_up(struct sched_cpu *c, const struct vcpu *v, ns_t now)
{
    if (c->running == NULL || v->sched.parked) {
        return true; /* it may have to arm its timer for the parked */
    }
    const bool goes_first =
        heap_before(sched_effective(v, now), sched_effective(c->running, now));
    const ns_t until = goes_first ? c->picked_at + SCHED_RATE_NS
                                  : sched_slice_end(c, c->running, now);

    if (until >= c->until) {
        return false;
    }
    atomic_store64(&c->until, until);
    return true;
}

/* v, BLOCKED or OFFLINE on home, becomes RUNNABLE on target; both locked. True:
 * target is to pick again. */
static bool start(u32 target, struct vcpu *v, ns_t now)
{
    struct sched_cpu *c = &sched_cpus[target];

    sched_mark_busy(target); /* the next to wake looks elsewhere */
    atomic_store32(&v->sched.cpu, target);
    atomic_store32(&v->poll_count, 0);
    v->sched.block_asked = false;
    v->sched.wake_pending = false;
    v->sched.warp_until = now + SCHED_WARP_LIMIT_NS;
    sched_account(c, now);
    sched_arrive(c, v, true);
    sched_insert(c, v, now);
    return speak_up(c, v, now);
}

/* Start v if it is still in the state, where it had best run. Drops c, the lock
 * of its home. */
static void start_placed(struct sched_cpu *c, struct vcpu *v,
                         u32 state) RF_UNCHECKED_LOCKS
{
    const u32 home = v->sched.cpu;
    const u32 target = c->leaving == v ? home : sched_place(v);
    bool pick = false;

    if (target == home) {
        pick = start(home, v, arch_now());
        lock_drop(&c->lock);
    } else {
        lock_drop(&c->lock);
        lock_take_two(&sched_cpus[home].lock, &sched_cpus[target].lock);
        /* If it changed meanwhile, somebody else has done what we wanted, or
         * something later than it. */
        if (v->sched.cpu == home && v->sched.state == state &&
            c->leaving != v) {
            pick = start(target, v, arch_now());
        }
        lock_drop_two(&sched_cpus[home].lock, &sched_cpus[target].lock);
    }
    if (pick) {
        arch_kick(target);
    }
}

void sched_online(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);

    atomic_store32(&v->sched.stop_asked, 0);
    if (v->sched.state == SCHED_OFFLINE) {
        start_placed(c, v, SCHED_OFFLINE);
        return;
    }
    lock_drop(&c->lock);
}

void sched_offline(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);
    const u32 cpu = v->sched.cpu;
    const bool running = v->sched.state == SCHED_RUNNING;

    atomic_store32(&v->sched.stop_asked, 1);
    if (!running && v->sched.state != SCHED_OFFLINE) {
        if (v->sched.state == SCHED_RUNNABLE) {
            sched_remove(c, v);
        }
        sched_runstate(v, SCHED_OFFLINE, arch_now());
    }
    lock_drop(&c->lock);
    sched_timer_set(v, &v->sched.timer_at, NS_NEVER);
    sched_timer_set(v, &v->sched.poll_at, NS_NEVER);
    if (running) {
        arch_kick(cpu);
    }
}

void sched_hold(struct vcpu *v, ns_t until) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);
    const u32 cpu = v->sched.cpu;
    const bool parked = v->sched.parked;
    const bool running = v->sched.state == SCHED_RUNNING;

    v->sched.held_until = until;
    if (parked) { /* until another time now */
        sched_remove(c, v);
        sched_insert(c, v, arch_now());
    }
    lock_drop(&c->lock);
    if (running || parked) {
        arch_kick(cpu);
    }
}

bool sched_is_off(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);
    const bool off = v->sched.state == SCHED_OFFLINE && c->leaving != v;

    lock_drop(&c->lock);
    return off;
}

void sched_block(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);

    v->sched.block_asked = true;
    v->sched.wake_pending = false;
    lock_drop(&c->lock);
    arch_resched();
}

void sched_give_way(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);

    v->sched.yield_asked = true;
    v->sched.warp_until = 0;
    lock_drop(&c->lock);
    arch_resched();
}

/* BLOCKED -> RUNNABLE, or a note that it was woken; kick: and, on another CPU,
 * to look at its events now. */
static void wake(struct vcpu *v, bool kick) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = sched_lock_unit(v);
    const u32 cpu = v->sched.cpu;
    const bool running = v->sched.state == SCHED_RUNNING;

    if (v->sched.state == SCHED_BLOCKED) {
        start_placed(c, v, SCHED_BLOCKED);
        return;
    }
    v->sched.wake_pending = true;
    lock_drop(&c->lock);
    if (kick && running && cpu != arch_cpu()) {
        arch_kick(cpu);
    }
}

void sched_wake(struct vcpu *v)
{
    wake(v, false);
}

void sched_notify(struct vcpu *v)
{
    /* Our own, and not about to sleep: it looks before it returns. What is
     * read here only this CPU changes. */
    if (sched_cpus[arch_cpu()].running == v && !v->sched.block_asked) {
        return;
    }
    wake(v, true);
}
