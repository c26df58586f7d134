/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler; what it does and its locks are described in sched.h.
 *
 * A queue is a list in order of effective virtual time. Its length is the
 * number of runnable vCPUs of one CPU, and a vCPU enters it once a wake or
 * slice, so a scan at insertion is bounded by the manifest.
 */
#include "core/sched.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/schedcpu.h"

struct sched_cpu sched_cpus[CPU_MAX];
static u32 cpu_count = 1;

void sched_init(u32 count)
{
    cpu_count = count;
    for (u32 i = 0; i < CPU_MAX; i++) {
        sched_cpus[i].until = NS_NEVER;
    }
}

/* Lock the CPU that v belongs to, for as long as it does. */
static struct sched_cpu *lock_unit(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    for (;;) {
        const u32 cpu = atomic_load32(&v->sched.cpu);
        struct sched_cpu *c = &sched_cpus[cpu];

        lock_take(&c->lock);
        if (v->sched.cpu == cpu) {
            return c;
        }
        lock_drop(&c->lock);
    }
}

/* Effective virtual time, the order of the queue. */
static u64 effective(const struct vcpu *v)
{
    const u64 avt = v->sched.avt;
    const u64 warp = v->sched.warped ? SCHED_WARP_NS : 0;

    return avt > warp ? avt - warp : 0;
}

static void enqueue(struct sched_cpu *c, struct vcpu *v)
{
    struct vcpu *after = c->tail;

    while (after != NULL && effective(after) > effective(v)) {
        after = after->sched.prev;
    }
    struct vcpu *before = after != NULL ? after->sched.next : c->head;

    v->sched.prev = after;
    v->sched.next = before;
    if (after != NULL) {
        after->sched.next = v;
    } else {
        c->head = v;
    }
    if (before != NULL) {
        before->sched.prev = v;
    } else {
        c->tail = v;
    }
    v->sched.queued = true;
    c->load++;
}

static void dequeue(struct sched_cpu *c, struct vcpu *v)
{
    if (v->sched.prev != NULL) {
        v->sched.prev->sched.next = v->sched.next;
    } else {
        c->head = v->sched.next;
    }
    if (v->sched.next != NULL) {
        v->sched.next->sched.prev = v->sched.prev;
    } else {
        c->tail = v->sched.prev;
    }
    v->sched.next = NULL;
    v->sched.prev = NULL;
    v->sched.queued = false;
    c->load--;
}

/* The steal clock of the ABI: time in each state. */
static void runstate(struct vcpu *v, u32 state, ns_t now)
{
    struct vcpu_runstate_info *r = &v->runstate;

    if (now > r->state_entry_time && r->state <= RUNSTATE_OFFLINE) {
        r->time[r->state] += now - r->state_entry_time;
    }
    r->state = state;
    r->state_entry_time = now;
}

void sched_add(struct vcpu *v)
{
    v->sched.state = SCHED_OFFLINE;
    v->sched.cpu = 0;
    v->sched.timer_at = NS_NEVER;
    v->sched.poll_at = NS_NEVER;
    v->runstate.state = RUNSTATE_OFFLINE;
}

/* Make v RUNNABLE on c, and let it go before what runs there if it may. */
static void make_runnable(struct sched_cpu *c, struct vcpu *v, ns_t now)
{
    v->sched.state = SCHED_RUNNABLE;
    v->sched.ran_since_wake = 0;
    v->sched.warped = true;
    if (v->sched.avt < c->svt) {
        v->sched.avt = c->svt;
    }
    runstate(v, RUNSTATE_RUNNABLE, now);
    enqueue(c, v);
}

/* The CPU where a waking vCPU should run: its last one if that is idle, else
 * an idle one, else its last one if allowed, else the least loaded. Reads
 * other CPUs' loads without their locks: a hint, not a promise. */
static u32 place(const struct vcpu *v)
{
    const u64 mask = v->sched.cpu_mask;
    const u32 last = v->sched.cpu;
    u32 best = CPU_MAX;
    u32 best_load = U32_MAX;

    for (u32 i = 0; i < cpu_count; i++) {
        const u32 cpu = (last + i) % cpu_count;
        const u32 load =
            sched_cpus[cpu].load + (sched_cpus[cpu].running != NULL ? 1 : 0);

        if ((mask >> cpu & 1) != 0 && load < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best < CPU_MAX ? best : 0;
}

static void wake_on(struct vcpu *v, u32 cpu, ns_t now)
{
    struct sched_cpu *c = &sched_cpus[cpu];

    lock_take(&c->lock);
    make_runnable(c, v, now);
    const bool preempt =
        c->running == NULL || effective(v) < effective(c->running);

    if (preempt) {
        atomic_store32(&c->repick, 1);
    }
    lock_drop(&c->lock);
    if (preempt) {
        if (cpu == arch_cpu()) {
            arch_resched();
        } else {
            arch_kick(cpu);
        }
    }
}

/* v is BLOCKED or OFFLINE and its CPU c is locked; drops the lock. */
static void start_locked(struct sched_cpu *c, struct vcpu *v)
    RF_UNCHECKED_LOCKS
{
    /* While its registers are on the CPU it leaves, only that CPU may run it. */
    const u32 cpu = c->leaving == v ? v->sched.cpu : place(v);

    v->sched.blocked_until = 0;
    v->sched.state = SCHED_RUNNABLE; /* in no queue yet: ours alone */
    atomic_store32(&v->sched.cpu, cpu);
    lock_drop(&c->lock);
    wake_on(v, cpu, arch_now());
}

void sched_online(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);

    atomic_store32(&v->sched.stop_asked, 0);
    if (v->sched.state != SCHED_OFFLINE) {
        lock_drop(&c->lock); /* it was on its way out: it stays */
        return;
    }
    v->sched.block_asked = false;
    v->sched.wake_pending = false;
    start_locked(c, v);
}

void sched_offline(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);
    const u32 cpu = v->sched.cpu;
    bool kick = false;

    atomic_store32(&v->sched.stop_asked, 1);
    if (v->sched.state == SCHED_RUNNING) {
        atomic_store32(&c->repick, 1);
        kick = true;
    } else if (v->sched.state == SCHED_BLOCKED || v->sched.queued) {
        if (v->sched.queued) {
            dequeue(c, v);
        }
        v->sched.state = SCHED_OFFLINE;
        runstate(v, RUNSTATE_OFFLINE, arch_now());
    }
    lock_drop(&c->lock);
    sched_timer_set(v, NS_NEVER);
    sched_poll_set(v, NS_NEVER);
    if (kick && cpu != arch_cpu()) {
        arch_kick(cpu);
    } else if (kick) {
        arch_resched();
    }
}

bool sched_is_off(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);
    const bool off = v->sched.state == SCHED_OFFLINE && c->leaving != v;

    lock_drop(&c->lock);
    return off;
}

void sched_block(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);

    v->sched.block_asked = true;
    v->sched.wake_pending = false;
    lock_drop(&c->lock);
    arch_resched();
}

void sched_yield(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);

    v->sched.yield_asked = true;
    v->sched.warped = false;
    lock_drop(&c->lock);
    arch_resched();
}

/* Asleep, and not for having used up its cap. */
static bool may_start(const struct vcpu *v)
{
    return v->sched.state == SCHED_BLOCKED &&
           (v->sched.blocked_until == 0 ||
            v->sched.blocked_until <= arch_now());
}

void sched_wake(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);

    if (may_start(v)) {
        start_locked(c, v);
        return;
    }
    v->sched.wake_pending = true;
    lock_drop(&c->lock);
}

void sched_notify(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = lock_unit(v);
    const u32 cpu = v->sched.cpu;
    const bool running = v->sched.state == SCHED_RUNNING;

    if (may_start(v)) {
        start_locked(c, v);
        return;
    }
    v->sched.wake_pending = true;
    lock_drop(&c->lock);
    if (running && cpu != arch_cpu()) {
        arch_kick(cpu);
    }
}

/* Charge what v, RUNNING on c, has used since the last time. */
static void account(struct sched_cpu *c, struct vcpu *v, ns_t now)
{
    struct sched_unit *s = &v->sched;
    const ns_t ran = now > s->since ? now - s->since : 0;

    s->since = now;
    s->run_ns += ran;
    s->ran_since_wake += ran;
    s->avt += ran * SCHED_WEIGHT_UNIT / (s->weight != 0 ? s->weight : 1);
    if (s->ran_since_wake >= SCHED_WARP_LIMIT_NS) {
        s->warped = false;
    }
    if (now - s->period_at >= SCHED_PERIOD_NS) {
        s->period_at = now;
        s->period_used = 0;
    }
    s->period_used += ran;
    (void)c;
}

static bool over_cap(const struct vcpu *v)
{
    const struct sched_unit *s = &v->sched;

    return s->cap_percent != 0 &&
           s->period_used >= SCHED_PERIOD_NS / 100 * s->cap_percent;
}

/* What becomes of the vCPU that ran on c until now. Its registers are still
 * on the CPU: c->leaving keeps others from thinking it is gone. */
static void retire(struct sched_cpu *c, struct vcpu *v, ns_t now)
{
    struct sched_unit *s = &v->sched;

    account(c, v, now);
    c->leaving = v;
    c->running = NULL;
    if (atomic_load32(&s->stop_asked) != 0) {
        s->state = SCHED_OFFLINE;
        runstate(v, RUNSTATE_OFFLINE, now);
    } else if (s->block_asked && !s->wake_pending) {
        s->state = SCHED_BLOCKED;
        runstate(v, RUNSTATE_BLOCKED, now);
    } else if (over_cap(v)) {
        s->state = SCHED_BLOCKED;
        runstate(v, RUNSTATE_RUNNABLE, now);
        s->blocked_until = s->period_at + SCHED_PERIOD_NS;
    } else {
        if (s->yield_asked && c->tail != NULL && c->tail->sched.avt > s->avt) {
            s->avt = c->head->sched.avt + 1;
        }
        s->state = SCHED_RUNNABLE;
        runstate(v, RUNSTATE_RUNNABLE, now);
        enqueue(c, v);
    }
    s->block_asked = false;
    s->yield_asked = false;
}

/* First of the queue that is not to stop; those that are go OFFLINE. */
static struct vcpu *take_first(struct sched_cpu *c, ns_t now)
{
    while (c->head != NULL) {
        struct vcpu *v = c->head;

        dequeue(c, v);
        if (atomic_load32(&v->sched.stop_asked) == 0) {
            return v;
        }
        v->sched.state = SCHED_OFFLINE;
        runstate(v, RUNSTATE_OFFLINE, now);
    }
    return NULL;
}

/* An idle CPU takes a waiting vCPU from the CPU with the most of them. */
static void steal(u32 cpu, ns_t now) RF_UNCHECKED_LOCKS
{
    u32 from = CPU_MAX;
    u32 most = 0;

    for (u32 i = 0; i < cpu_count; i++) {
        if (i != cpu && sched_cpus[i].load > most) {
            from = i;
            most = sched_cpus[i].load;
        }
    }
    if (from == CPU_MAX) {
        return;
    }
    struct sched_cpu *c = &sched_cpus[from];

    lock_take(&c->lock);
    struct vcpu *v = c->tail;

    while (v != NULL &&
           ((v->sched.cpu_mask >> cpu & 1) == 0 || c->leaving == v)) {
        v = v->sched.prev;
    }
    if (v != NULL) {
        dequeue(c, v);
        v->sched.avt -= v->sched.avt > c->svt ? c->svt : v->sched.avt;
        atomic_store32(&v->sched.cpu, cpu);
    }
    lock_drop(&c->lock);
    if (v != NULL) {
        struct sched_cpu *own = &sched_cpus[cpu];

        lock_take(&own->lock);
        v->sched.avt += own->svt;
        enqueue(own, v);
        lock_drop(&own->lock);
    }
    (void)now;
}

static ns_t slice_end(const struct sched_cpu *c, const struct vcpu *v, ns_t now)
{
    ns_t end = NS_NEVER;

    if (c->head != NULL) {
        const u64 mine = effective(v);
        const u64 next = effective(c->head);
        const u64 ahead = next > mine ? next - mine : 0;
        const u64 run = (ahead + SCHED_ALLOWANCE_NS) * v->sched.weight /
                        SCHED_WEIGHT_UNIT;

        end = now + (run < SCHED_SLICE_NS ? run : SCHED_SLICE_NS);
    }
    if (v->sched.cap_percent != 0) {
        const ns_t cap = SCHED_PERIOD_NS / 100 * v->sched.cap_percent;
        const ns_t left =
            cap > v->sched.period_used ? cap - v->sched.period_used : 0;

        end = now + left < end ? now + left : end;
    }
    return end;
}

struct vcpu *sched_pick(u32 cpu, ns_t now, ns_t *until) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = &sched_cpus[cpu];
    struct vcpu *capped = NULL;

    lock_take(&c->lock);
    atomic_store32(&c->repick, 0);
    if (c->running != NULL) {
        struct vcpu *ran = c->running;

        retire(c, ran, now);
        if (ran->sched.state == SCHED_BLOCKED &&
            ran->sched.blocked_until != 0) {
            capped = ran;
        }
    }
    struct vcpu *v = take_first(c, now);

    if (v == NULL) {
        lock_drop(&c->lock);
        steal(cpu, now);
        lock_take(&c->lock);
        v = take_first(c, now);
    }
    *until = NS_NEVER;
    if (v != NULL) {
        if (effective(v) > c->svt) {
            c->svt = effective(v);
        }
        v->sched.state = SCHED_RUNNING;
        v->sched.since = now;
        runstate(v, RUNSTATE_RUNNING, now);
        c->running = v;
        *until = slice_end(c, v, now);
    }
    c->until = *until;
    lock_drop(&c->lock);
    if (capped != NULL) {
        sched_poll_set(capped, capped->sched.blocked_until);
    }
    return v;
}

void sched_left(u32 cpu) RF_UNCHECKED_LOCKS
{
    lock_take(&sched_cpus[cpu].lock);
    sched_cpus[cpu].leaving = NULL;
    lock_drop(&sched_cpus[cpu].lock);
}
