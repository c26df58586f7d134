/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in a sequence besides hypercalls: the guest writes its own
 * memory, the processor and the clock do what they do, the host works.
 */
#include <inttypes.h>
#include <string.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/auditor.h"
#include "core/dispatch.h"
#include "core/gnttab.h"
#include "core/pgtable.h"
#include "core/record.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "fuzz/lives.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

const char *act_name(enum act act)
{
    static const char *const names[ACT_COUNT] = {
        "poke", "grant", "trapped", "bits", "time", "masks", "collect", "virq",
        "pick", "raw",   "cache",   "work", "end",  "look",  "drain"
    };

    return names[act];
}

/* ---- by the guest -----------------------------------------------------------
 */

static void poke(struct seq *q, struct input *rec, u32 who)
{
    const u32 at = ACTOR_AT(who) + (take16(rec) & 0x3ff8u);
    const u64 word = take64(rec);

    memcpy(host_guest(at), &word, sizeof(word));
    oplog_act(q, who, "poke", "%x %" PRIx64, at, word);
}

/* An entry of the grant table, mostly one that permits something. */
static void grant(struct seq *q, struct input *rec, u32 who)
{
    struct domain *d = actor(who)->domain;
    const u32 ref = take8(rec) % 8u;
    const u64 m = value_of(q, rec, who, KIND_MFN, 0, U64_MAX);
    const u8 c = take8(rec);
    const u64 flags = c < 0xc0 ? 1u | (c & 4u) : c % 64u;
    const u8 to = take8(rec);
    const u64 peer = to < 0xe0 ? 3u - d->id : to % 8u;
    const u64 word = m << 32 | peer << 16 | flags;

    atomic_store64(&d->grants.shared[0][ref], word);
    oplog_act(q, who, "grant", "%u %" PRIx64, ref, word);
}

/* An instruction that writes to one of its L1 tables. */
static void trapped(struct seq *q, struct input *rec, u32 who)
{
    struct vcpu *v = actor(who);
    const u64 m = value_of(q, rec, who, KIND_MFN, 0, U64_MAX);
    const u8 stale = take8(rec);
    const u32 index = take8(rec) * 2u;
    const u64 pte = value_pte(q, rec, who);
    const struct frame *f = frame_of(v->domain, mfn(m));
    u64 old = 0;

    if (f != NULL && f->type == FRAME_L1 && f->state == FRAME_SETTLED) {
        old = arch_pte_read(mfn(m), index);
    }
    old ^= stale == 0xff ? PTE_ACCESSED : 0;
    const enum rc rc = pgtable_trapped_write(v, mfn(m), index, old, pte);

    oplog_act(q, who, "trapped", "%" PRIx64 " %u %" PRIx64 " %" PRIx64 " = %d",
              m, index, old, pte, (int)rc);
}

static void masks(struct seq *q, struct input *rec, u32 who)
{
    struct domain *d = actor(who)->domain;
    const u8 c = take8(rec);
    const u64 word = take16(rec);

    if (c % 4 == 0) {
        atomic_store64(&d->shared->evtchn_mask[0], word);
    } else if (c % 4 == 1) {
        atomic_store64(&d->shared->evtchn_pending[0], word);
    } else if (c % 4 == 2) {
        atomic_store8(&actor(who)->info->upcall_mask, (u8)(word & 1));
    } else {
        atomic_store8(&actor(who)->info->upcall_pending, (u8)(word & 1));
    }
    oplog_act(q, who, "masks", "%u %" PRIx64, c % 4u, word);
}

/* ---- by the machine
 * ---------------------------------------------------------- */

/* An interrupt, or an NMI while the last is, or is not, being handled. */
static void virq(struct seq *q, struct input *rec, u32 who)
{
    const u8 c = take8(rec);

    if (c >= 0xf0) {
        atomic_store32(&actor(who)->nmi_pending, c & 1u);
        actor(who)->nmi_masked = (c & 2u) != 0;
    } else {
        evtchn_raise_virq(actor(who), c % VIRQ_COUNT);
    }
    oplog_act(q, who, "virq", "%u", c);
}

static void set_bits(struct seq *q, struct input *rec, u32 who)
{
    const struct domain *d = actor(who)->domain;
    const u64 m = value_of(q, rec, who, KIND_MFN, 0, U64_MAX);
    const u32 index = take8(rec) * 2u;
    const u64 bits =
        (take8(rec) & 1) != 0 ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    const struct frame *f = frame_of(d, mfn(m));

    if (f != NULL && f->type >= FRAME_L1 && f->type <= FRAME_L4 &&
        f->state == FRAME_SETTLED &&
        pte_is_present(arch_pte_read(mfn(m), index))) {
        arch_pte_write(mfn(m), index, arch_pte_read(mfn(m), index) | bits);
    }
    oplog_act(q, who, "bits", "%" PRIx64 " %u %" PRIx64, m, index, bits);
}

static void pass_time(struct seq *q, struct input *rec, u32 who)
{
    static const ns_t step[] = { 1000,       50000,      150000,   1000000,
                                 6000000,    21000000,   60000000, 101000000,
                                 1000000000, 30000000000 };

    host.now += step[take8(rec) % ARRAY_COUNT(step)];
    sched_timers_run(host.cpu, host.now);
    oplog_act(q, who, "time", "%" PRIu64, host.now);
}

u32 act_pick(u32 cpu, u32 stir)
{
    ns_t until = 0;

    sched_timers_run(cpu, host.now);
    struct vcpu *v = sched_pick(cpu, host.now, &until);
    const struct vcpu *other = sched_cpus[1 - cpu].running;

    if (v != NULL &&
        (v == other || v->sched.state != SCHED_RUNNING || until <= host.now)) {
        fuzz_fail("CPU %u was given a vCPU that it may not run", cpu);
    }
    if (stir < ACTORS) { /* while the last one's registers are still there */
        sched_notify(actor(stir));
    }
    sched_left(cpu);
    host_run(v);
    if (v == NULL || v->domain->id >= WORLD_VICTIM) {
        return ACTORS;
    }
    return (v->domain->id - 1u) * 2 + v->id;
}

static void pick(struct seq *q, struct input *rec, u32 who)
{
    const u32 here = host.cpu;

    const u8 c = take8(rec);

    host.cpu = c & 1u;
    if (c >= 0xc0) {
        sched_hold(actor(c / 8u % ACTORS), host.now + 1000000);
    }
    const u32 got = act_pick(host.cpu, c / 2u % 8u);

    host.cpu = here;
    oplog_act(q, who, "pick", "%u", got);
}

static void raw(struct seq *q, struct input *rec, u32 who)
{
    struct hc_call c = { .v = actor(who), .nr = take8(rec) };
    const u8 sub = take8(rec);

    c.arg[0] = sub < 0xf0 ? sub % 32u : take64(rec);
    c.arg[1] = HOST_GUEST_BASE + ACTOR_AT(who) + (take16(rec) & 0x1fff);
    c.arg[2] = take8(rec);
    const u64 sub0 = c.arg[0];
    const u64 at = c.arg[1];
    const u64 count = c.arg[2];

    if (c.nr == 23) { /* its frame is the registers', which are not here */
        return;
    }
    host_run(c.v);
    lives_may_end(c.v->domain);
    const s64 result = dispatch(&c);

    oplog_act(q, who, "raw",
              "%u %" PRIx64 " %" PRIx64 " %" PRIx64 " = %" PRId64, c.nr, sub0,
              at, count, result);
}

static void drain(struct seq *q, struct input *rec, u32 who)
{
    const u8 c = take8(rec);

    host.audit_stuck = c >= 0xe0;
    host.audit_at_most = c % 64u;
    (void)record_summaries(host.now);
    const bool empty = record_drain(1 + c % 8u);

    oplog_act(q, who, "drain", "%d", empty);
}

static void end_domain(struct seq *q, struct input *rec, u32 who)
{
    const u8 c = take8(rec);
    const bool crash = c % 4 == 0;

    lives_will_end(actor(who)->domain, crash ? ENDED_KILLED : c % 6u, crash);
    if (crash) {
        domain_crash(actor(who)->domain, "the fuzzer says so");
    } else {
        domain_end(actor(who)->domain, c % 6u);
    }
    oplog_act(q, who, "end", "%u", c);
}

/* What the host does, whoever runs. */
static void act_host(struct seq *q, struct input *rec, u32 who, enum act act)
{
    switch (act) {
    case ACT_LOOK:
        host.now += AUDITOR_PAUSE_NS / (1u + take8(rec));
        (void)auditor_idle(host.now);
        oplog_act(q, who, "look", "%" PRIu64, host.now);
        break;
    case ACT_PICK:
        pick(q, rec, who);
        break;
    case ACT_WORK:
        oplog_act(q, who, "work", "%d", domain_work());
        break;
    case ACT_DRAIN:
        drain(q, rec, who);
        break;
    default:
        pass_time(q, rec, who);
        break;
    }
}

void act_run(struct seq *q, struct input *rec, u32 who, enum act act)
{
    if (act == ACT_LOOK || act == ACT_TIME || act == ACT_PICK ||
        act == ACT_WORK || act == ACT_DRAIN || who >= ACTORS) {
        act_host(q, rec, who, act);
        return;
    }
    if (actor(who)->domain->state != DOMAIN_RUNNING) {
        return;
    }
    host_run(actor(who));
    switch (act) {
    case ACT_POKE:
        poke(q, rec, who);
        break;
    case ACT_GRANT:
        grant(q, rec, who);
        break;
    case ACT_TRAPPED:
        trapped(q, rec, who);
        break;
    case ACT_BITS:
        set_bits(q, rec, who);
        break;
    case ACT_MASKS:
        masks(q, rec, who);
        break;
    case ACT_COLLECT:
        oplog_act(q, who, "collect", "%d", evtchn_collect(actor(who)));
        break;
    case ACT_VIRQ:
        virq(q, rec, who);
        break;
    case ACT_RAW:
        raw(q, rec, who);
        break;
    case ACT_CACHE:
        host.l1tf_affected = (take8(rec) & 1) != 0;
        oplog_act(q, who, "cache", "%d", host.l1tf_affected);
        break;
    case ACT_END:
        end_domain(q, rec, who);
        break;
    default:
        break;
    }
}
