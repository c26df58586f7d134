/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler across CPUs: placing who wakes, stealing, pulling over who is
 * behind, and the two-CPU locks that this needs; see sched.h.
 *
 * Loads, first keys and virtual times of other CPUs are read without their
 * locks to find out where to look, and everything is looked at again under the
 * locks. A CPU marks itself idle before it looks for work, and whoever queues
 * work does so before he looks for an idle CPU: one of them sees the other.
 */
#include "core/schedcpu.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/sched.h"

#define SEARCH_MAX 64u /* nodes of a queue looked at for one that may move */

static u64 present; /* [I] all CPUs */
static u64 idle;    /* [a] those with nothing to run */
static u64 horizon; /* [a] the foremost svt, as of the last balance */

static u64 cpu_bit(u32 cpu)
{
    return 1ull << (cpu % CPU_MAX);
}

void sched_set_cpus(u32 cpu_count)
{
    present = cpu_count < CPU_MAX ? cpu_bit(cpu_count) - 1 : U64_MAX;
    atomic_store64(&idle, 0);
    atomic_store64(&horizon, 0);
}

void sched_mark_idle(u32 cpu)
{
    (void)atomic_or64(&idle, cpu_bit(cpu));
}

void sched_mark_busy(u32 cpu)
{
    if ((atomic_load64(&idle) & cpu_bit(cpu)) != 0) {
        (void)atomic_and64(&idle, ~cpu_bit(cpu));
    }
}

/* The CPUs that v may use. A mask of absent CPUs binds nobody. */
static u64 allowed(const struct vcpu *v)
{
    const u64 mine = v->sched.cpu_mask & present;

    return mine != 0 ? mine : present;
}

struct sched_cpu *sched_lock_unit(struct vcpu *v) RF_UNCHECKED_LOCKS
{
    for (;;) {
        const u32 cpu = atomic_load32(&v->sched.cpu);
        struct sched_cpu *c = &sched_cpus[cpu];

        lock_take(&c->lock);
        if (atomic_load32(&v->sched.cpu) == cpu) {
            return c;
        }
        lock_drop(&c->lock);
    }
}

u32 sched_place(const struct vcpu *v)
{
    const u64 mask = allowed(v);
    const u32 last = atomic_load32(&v->sched.cpu);
    const u64 free = mask & atomic_load64(&idle);

    if ((free & cpu_bit(last)) != 0) {
        return last;
    }
    u32 best = last;
    u32 best_load = (mask & cpu_bit(last)) != 0
                        ? atomic_load32(&sched_cpus[last].load)
                        : U32_MAX;

    for (u32 i = 1; i < CPU_MAX; i++) {
        const u32 cpu = (last + i) % CPU_MAX;

        if ((free & cpu_bit(cpu)) != 0) {
            return cpu;
        }
        if ((mask & cpu_bit(cpu)) == 0) {
            continue;
        }
        const u32 load = atomic_load32(&sched_cpus[cpu].load);

        /* Not for a difference of one: that would only change places. */
        if (best_load == U32_MAX || load + 1 < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best;
}

void sched_call_idle(const struct vcpu *v)
{
    const u64 free = atomic_load64(&idle) & allowed(v) & ~cpu_bit(arch_cpu());

    for (u32 cpu = 0; free != 0 && cpu < CPU_MAX; cpu++) {
        /* One whose own parked are due has work enough. */
        if ((free & cpu_bit(cpu)) != 0 &&
            atomic_load64(&sched_cpus[cpu].until) > arch_now()) {
            sched_mark_busy(cpu); /* whoever calls next calls another */
            arch_kick(cpu);
            return;
        }
    }
}

void sched_call_helpers(const struct sched_cpu *c)
{
    const struct heap_node *n = c->run.root;

    for (u32 i = 0; n != NULL && i < SEARCH_MAX && atomic_load64(&idle) != 0;
         i++) {
        if (n->owner != c->leaving) {
            sched_call_idle(n->owner);
        }
        n = heap_next(n);
    }
}

void sched_arrive(struct sched_cpu *c, struct vcpu *v, bool woke)
{
    const u64 lag = sched_virtual(v, SCHED_LAG_NS);
    const bool alone = atomic_load32(&c->load) == 0;
    const u64 credit = sched_virtual(v, SCHED_CREDIT_NS);
    u64 low = c->svt - (woke ? credit : lag);

    if (alone && heap_before(low, atomic_load64(&horizon) - lag)) {
        low = atomic_load64(&horizon) - lag;
    }
    if (heap_before(v->sched.avt, low)) {
        v->sched.avt = low;
    }
    if (alone) {
        if (heap_before(c->svt, v->sched.avt)) {
            atomic_store64(&c->svt, v->sched.avt);
        }
    } else if (heap_before(c->svt + lag, v->sched.avt)) {
        v->sched.avt = c->svt + lag;
    }
}

/* One that waits on c and may run on cpu, the first found. Lock: c. */
static struct vcpu *find_movable(const struct sched_cpu *c, u32 cpu)
{
    const struct heap_node *n = c->run.root;

    for (u32 i = 0; n != NULL && i < SEARCH_MAX; i++) {
        struct vcpu *v = n->owner;

        if (v != c->leaving && (allowed(v) & cpu_bit(cpu)) != 0) {
            return v;
        }
        n = heap_next(n);
    }
    return NULL;
}

/* Locks: both CPUs. */
static void move(u32 from, u32 to, struct vcpu *v, ns_t now)
{
    sched_remove(&sched_cpus[from], v);
    atomic_store32(&v->sched.cpu, to);
    sched_account(&sched_cpus[to], now);
    sched_arrive(&sched_cpus[to], v, false);
    sched_insert(&sched_cpus[to], v, now);
}

bool sched_steal(u32 cpu, ns_t now) RF_UNCHECKED_LOCKS
{
    u64 others = present & ~cpu_bit(cpu);

    for (u32 i = 1; others != 0; i++) { /* all of them are below CPU_MAX */
        const u32 from = (cpu + i) % CPU_MAX;
        const bool is_there = (others & cpu_bit(from)) != 0;

        others &= ~cpu_bit(from);
        if (!is_there || atomic_load32(&sched_cpus[from].load) == 0) {
            continue;
        }
        lock_take_two(&sched_cpus[cpu].lock, &sched_cpus[from].lock);
        struct vcpu *v = find_movable(&sched_cpus[from], cpu);

        if (v != NULL) {
            move(from, cpu, v, now);
        }
        lock_drop_two(&sched_cpus[cpu].lock, &sched_cpus[from].lock);
        if (v != NULL) {
            return true;
        }
    }
    return false;
}

/* The virtual time of the one of c's who is most behind, false for none; and
 * whoever is alone comes up to the horizon: he gets all there is of his CPU, so
 * being behind can mean nothing but an old difference. */
static bool refresh(struct sched_cpu *c, u64 *lowest,
                    ns_t now) RF_UNCHECKED_LOCKS
{
    lock_take(&c->lock);
    sched_account(c, now);
    struct vcpu *v = c->running;
    const bool any = v != NULL || c->run.root != NULL;

    if (v != NULL && c->run.root == NULL) {
        const u64 low =
            atomic_load64(&horizon) - sched_virtual(v, SCHED_LAG_NS);

        if (heap_before(v->sched.avt, low)) {
            v->sched.avt = low;
        }
    }
    if (any) {
        *lowest = v != NULL ? v->sched.avt : c->run.root->key;
        if (c->run.root != NULL && heap_before(c->run.root->key, *lowest)) {
            *lowest = c->run.root->key;
        }
        if (heap_before(atomic_load64(&horizon), *lowest)) {
            atomic_store64(&horizon, *lowest);
        }
    }
    lock_drop(&c->lock);
    return any;
}

void sched_balance(u32 cpu, ns_t now) RF_UNCHECKED_LOCKS
{
    struct sched_cpu *c = &sched_cpus[cpu];
    const u64 others = present & ~cpu_bit(cpu);
    u64 lowest = 0;

    c->balance_at = now + SCHED_BALANCE_NS;
    if (others == 0 || !refresh(c, &lowest, now)) {
        return;
    }
    u32 from = CPU_MAX;
    u64 first = lowest;

    for (u32 i = 0; i < CPU_MAX; i++) {
        if ((others & cpu_bit(i)) != 0 &&
            atomic_load32(&sched_cpus[i].load) > 1 &&
            heap_before(atomic_load64(&sched_cpus[i].first), first)) {
            from = i;
            first = atomic_load64(&sched_cpus[i].first);
        }
    }
    if (from == CPU_MAX) {
        return;
    }
    lock_take_two(&sched_cpus[cpu].lock, &sched_cpus[from].lock);
    struct vcpu *v = find_movable(&sched_cpus[from], cpu);

    if (v != NULL &&
        heap_before(v->sched.avt + sched_virtual(v, SCHED_PULL_NS), lowest)) {
        move(from, cpu, v, now);
        c->preempt = true;
    }
    lock_drop_two(&sched_cpus[cpu].lock, &sched_cpus[from].lock);
}
