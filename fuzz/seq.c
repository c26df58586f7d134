/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a sequence, and the oracles after each operation:
 *
 *   recount        every count of the caller's frames (and of its peer's where
 *                  they are connected) is what its holders say
 *   conservation   no frame is lost or doubled (world_check)
 *   refusal        a call that was refused has changed nothing
 *   inverse        an operation and its inverse are the identity (probe.c)
 *   isolation      domains that are not connected do not change each other;
 *                  the third domain never changes
 *
 * Byte 1, bits 4..7: budget; below 8 a full one, else 1 << (n - 8) entries.
 * Byte 2, faults: bit 7: the n-th copy of guest memory fails, n in bits 0..3;
 * bit 6: guest memory that is read twice differs; bit 5: try the inverse;
 * 0x1f: a call that was cut is forgotten; 0x10..0x1b: the processor sets bits
 * under so many exchanges of entries; 0x1c..0x1e: a list in a list.
 */
#include "fuzz/seq.h"

#include "fuzz/lives.h"

#include <string.h>

#include "core/arch.h"
#include "core/dispatch.h"
#include "core/gnttab.h"
#include "core/pgtable.h"
#include "tests/host_arch.h"

#define NR_MULTICALL 13u
#define FAULT_COPY 0x80u
#define FAULT_READS 0x40u
#define FAULT_INVERSE 0x20u
#define FAULT_FORGET 0x1fu
#define ODD_ENTRY 0x1cu

/* ---- oracles ---------------------------------------------------------------
 */

static u32 peer_of(u32 id)
{
    return 3 - id;
}

/* Check what the step may have touched and keep its sums. */
/* The model of lives knows none that others end. */
static bool has_model(const struct family *family)
{
    return family->world.audited && !family->world.serving;
}

static void settle(struct seq *q, u32 id)
{
    struct domain *d = world_domain(id);

    if (q->blind) {
        return;
    }
    if (has_model(q->family)) {
        lives_look();
    }
    q->digest[id] = world_check(d);
    if (q->family->world.connected) {
        struct domain *peer = world_domain(peer_of(id));

        q->digest[peer_of(id)] = world_check(peer);
    }
}

/* Was the call, of one element, answered with a no? What may have been done in
 * part before the answer does not count. */
static bool refused(const struct call *c, u32 at, s64 result)
{
    if (c->nr == NR_MULTICALL || c->count > 1 || c->odd ||
        result == RC_PREEMPT) {
        return false;
    }
    if (c->nr == 20) {
        return result < 0 || (s16)call_read(c, at, 0, "status") < 0;
    }
    if (c->row == HCROW_decrease_reservation ||
        c->row == HCROW_populate_physmap) {
        return result <= 0;
    }
    return result < 0 && (grammar[c->row].kind != 'B' || result != RC_EFAULT);
}

static void check_refused(const struct seq *q, u32 who, const struct call *c,
                          u64 before)
{
    const u32 id = actor(who)->domain->id;

    if (q->digest[id] != before) {
        if (fuzz_log == FUZZ_STATE) {
            world_print(world_domain(id));
        }
        fuzz_fail("%s was refused, and has changed domain %u",
                  grammar[c->row].name, id);
    }
}

/* ---- calls -----------------------------------------------------------------
 */

static s32 budget_of(u8 byte1)
{
    const u32 n = byte1 >> 4;

    return n < 8 ? PGTABLE_BUDGET : (s32)(1u << (n - 8));
}

static void set_faults(u8 faults)
{
    world_call_begins();
    world_trap_reads((faults & (FAULT_COPY | FAULT_READS)) == FAULT_READS);
    host.fetch_fails_at = (faults & FAULT_COPY) != 0 ? 1 + (faults & 0xfu) : 0;
    host.swaps_raced = faults >= 0x10 && faults < ODD_ENTRY ? faults & 0xfu : 0;
}

static void clear_faults(void)
{
    host.fetch_fails_at = 0;
    host.swaps_raced = 0;
    world_trap_reads(false);
}

/* Handles and ports that a guest would remember. */
static void remember(struct seq *q, const struct call *c, u32 at)
{
    if (q->family->single) {
        return; /* nothing that one domain is told reaches another */
    }
    if (c->nr == 32 &&
        (c->row == HCROW_evtchn_alloc_unbound ||
         c->row == HCROW_evtchn_bind_interdomain ||
         c->row == HCROW_evtchn_bind_ipi || c->row == HCROW_evtchn_bind_virq)) {
        const char *field =
            c->row == HCROW_evtchn_bind_interdomain ? "local_port" : "port";

        q->ports[q->port_count++ % HANDLES] = (u32)call_read(c, at, 0, field);
    }
    for (u32 i = 0; i < c->count; i++) {
        if (c->element[i].row == HCROW_grant_map &&
            (s16)call_read(c, at, i, "status") == 0) {
            const u32 n = q->handle_count++ % HANDLES;

            q->handles[n].handle = (u32)call_read(c, at, i, "handle");
            q->handles[n].va = c->element[i].value[0];
        }
    }
}

static s64 enter(struct seq *q, u32 who, s32 budget, u8 faults)
{
    struct open_call *open = &q->open[who];

    host_run(actor(who));
    set_faults(faults);
    actor(who)->budget = budget;
    if (open->call.nr == 24 || open->call.nr == 29) {
        lives_may_end(actor(who)->domain);
    }
    const s64 result = dispatch_entry(&open->call);

    clear_faults();
    open->is_open = result == RC_PREEMPT;
    q->result_sum[actor(who)->domain->id] =
        q->result_sum[actor(who)->domain->id] * 31 + (u64)result;
    return result;
}

/* In the log for the model each call is one: what was cut goes on at once, in
 * longer and longer turns and without new faults, and page-table work that is
 * left is done. */
static s64 finish(struct seq *q, u32 who, s32 budget, s64 result)
{
    struct vcpu *v = actor(who);

    if (q->open[who].is_open) {
        fuzz_say(" cut");
    }
    while (q->open[who].is_open) {
        budget = budget < PGTABLE_BUDGET / 2 ? 2 * budget : PGTABLE_BUDGET;
        result = enter(q, who, budget, 0);
    }
    do {
        v->budget = PGTABLE_BUDGET;
    } while (pgtable_continue(v) == RC_PREEMPT);
    return result;
}

static void do_call(struct seq *q, u32 who, const struct call *c, u32 at,
                    u8 byte1, u8 faults)
{
    struct domain *d = actor(who)->domain;
    const u64 before = q->digest[d->id];
    const bool idle = d->work.mode == PGWORK_IDLE;

    q->open[who].call =
        (struct hc_call){ .v = actor(who), .nr = c->nr, .in_multicall = false };
    memcpy(q->open[who].call.arg, c->arg, sizeof(c->arg));
    oplog_call(q, who, c, budget_of(byte1), faults);
    const struct frame *f = frame_of(d, mfn(c->data[0]));

    q->pfn = f != NULL ? f->pfn : 0;
    s64 result = enter(q, who, budget_of(byte1), faults);

    if (fuzz_log == FUZZ_LINES) {
        result = finish(q, who, budget_of(byte1), result);
    }
    oplog_result(q, c, at, result);
    settle(q, d->id);
    if (!q->blind && faults < 0x10 && idle && d->work.mode == PGWORK_IDLE &&
        refused(c, at, result)) {
        check_refused(q, who, c, before);
    }
    if (result >= 0 && (c->nr == 20 || c->nr == 32) && !c->odd) {
        remember(q, c, at);
    }
    if (!q->blind && (faults & 0xe0u) == FAULT_INVERSE && idle &&
        result >= (c->row == HCROW_decrease_reservation)) {
        probe_inverse(q, who, at, c, before);
        settle(q, d->id);
    }
}

/* A list of calls: this record and those after it that are marked. */
static void do_list(struct seq *q, struct input *rec, u32 who, u32 row,
                    u8 byte1, u8 faults)
{
    static struct call inner;
    struct call outer = { .nr = NR_MULTICALL, .row = HCROW_multicall };
    const u64 list = HOST_GUEST_BASE + ACTOR_AT(who) + LIST_AT;
    u32 count = 0;
    bool more = true;

    while (more && count < ELEMENTS_MAX) {
        const u32 at = ACTOR_AT(who) + INNER_AT + count * INNER_BYTES;
        struct multicall_entry e = { .op = grammar[row].nr };

        call_make(q, rec, who, row, at, &inner);
        call_write(&inner, at);
        memcpy(e.args, inner.arg, sizeof(e.args));
        if (count == 0 && faults >= ODD_ENTRY && faults < FAULT_FORGET) {
            e.op = faults % 2 == 0 ? NR_MULTICALL : e.op | 1ull << 32;
        }
        memcpy(host_guest(ACTOR_AT(who) + LIST_AT + count * 64), &e, 64);
        outer.element[count].row = row;
        oplog_call(q, who, &inner, 0, 0);
        count++;
        more =
            left(&q->in) >= 2 && (q->in.data[q->in.at + 1] & WHO_LISTED) != 0;
        row = more ? q->menu[q->in.data[q->in.at]] : row;
        more = more && row < HCROW_COUNT;
        if (more) {
            *rec = (struct input){ q->in.data + q->in.at, RECORD_BYTES, 3 };
            rec->bytes =
                left(&q->in) < RECORD_BYTES ? left(&q->in) : RECORD_BYTES;
            q->in.at += rec->bytes;
        }
    }
    outer.arg[0] = list;
    outer.arg[1] = count;
    do_call(q, who, &outer, ACTOR_AT(who), byte1, faults);
}

/* Records behind this one that join its batch. */
static void join(struct seq *q, u32 who, u32 at, struct call *c)
{
    while (!q->family->single && left(&q->in) >= RECORD_BYTES &&
           (q->in.data[q->in.at + 1] & WHO_JOINS) != 0) {
        const u32 row = q->menu[q->in.data[q->in.at]];

        if (row >= HCROW_COUNT || !call_takes(c, row)) {
            return;
        }
        struct input rec = { q->in.data + q->in.at, RECORD_BYTES, 3 };

        q->in.at += RECORD_BYTES;
        call_append(q, &rec, who, row, at, c);
    }
}

/* ---- one record -------------------------------------------------------------
 */

static void again(struct seq *q, u32 who, u8 byte1, u8 faults)
{
    oplog_again(q, who, &q->open[who].call, budget_of(byte1), faults);
    const s64 result = enter(q, who, budget_of(byte1), faults);

    oplog_result(q, NULL, 0, result);
    settle(q, actor(who)->domain->id);
}

static bool may_call(u32 who)
{
    const struct vcpu *v = actor(who);

    return v->domain->state == DOMAIN_RUNNING && v->state == VCPU_UP &&
           v->kernel_root.v != MFN_NONE;
}

static void run_record(struct seq *q, struct input *rec)
{
    static struct call c;
    const u32 what = q->menu[take8(rec)];
    const u8 byte1 = take8(rec);
    const u8 faults = take8(rec);
    u32 who = byte1 & WHO_MASK;

    if (q->family->two_cpus) {
        host.cpu = byte1 & 1u;
        who = act_pick(host.cpu, ACTORS);
    }
    if (q->only != 0 && who < ACTORS && 1 + who / 2 != q->only) {
        return;
    }
    if (what >= HCROW_COUNT || who >= ACTORS || !may_call(who)) {
        const enum act act =
            what >= HCROW_COUNT ? (enum act)(what - HCROW_COUNT) : ACT_TIME;

        act_run(q, rec, who, act);
        settle(q, who < ACTORS ? actor(who)->domain->id : 1);
        return;
    }
    if (q->open[who].is_open && faults != FAULT_FORGET) {
        again(q, who, byte1, faults);
        return;
    }
    if (q->family->lists && (byte1 & WHO_LISTED) != 0) {
        do_list(q, rec, who, what, byte1, faults);
        return;
    }
    call_make(q, rec, who, what, ACTOR_AT(who), &c);
    join(q, who, ACTOR_AT(who), &c);
    call_write(&c, ACTOR_AT(who));
    do_call(q, who, &c, ACTOR_AT(who), byte1, faults);
}

/* Which rows and acts byte 0 chooses from: in turn, so that all get a share. */
static void make_menu(struct seq *q)
{
    u8 item[256];
    u32 count = 0;

    for (u32 row = 1; row < HCROW_COUNT; row++) {
        if ((q->family->numbers >> grammar[row].nr & 1) != 0 &&
            row != HCROW_multicall) {
            item[count++] = (u8)row;
        }
    }
    for (u32 act = 0; act < ACT_COUNT; act++) {
        if ((q->family->acts >> act & 1) != 0) {
            item[count++] = (u8)(HCROW_COUNT + act);
        }
    }
    for (u32 i = 0; i < 256; i++) {
        q->menu[i] = item[i % count];
    }
}

/* What each domain was last seen as is what it is. */
static void check_apart(const struct seq *q)
{
    for (u32 id = 1; id < WORLD_VICTIM; id++) {
        if (world_check(world_domain(id)) != q->digest[id]) {
            fuzz_fail("domain %u has changed without a call of its own", id);
        }
    }
    world_check_victim();
}

/* The first bytes say what each vCPU may have of the CPUs. */
static void vary_shares(struct input *in)
{
    for (u32 who = 0; who < ACTORS; who++) {
        struct sched_unit *s = &actor(who)->sched;
        const u8 c = take8(in);

        s->cap_percent = (c & 3) == 3 ? 10 + c % 90u : 0;
        s->cpu_mask = (c & 12) != 0 ? (c >> 2 & 3u) : U64_MAX;
        s->weight = 1u << (c >> 4);
    }
}

static void run_records(struct seq *q)
{
    while (left(&q->in) != 0 && q->step < RECORDS_MAX) {
        const size_t n =
            left(&q->in) < RECORD_BYTES ? left(&q->in) : RECORD_BYTES;
        struct input rec = { q->in.data + q->in.at, n, 0 };

        q->in.at += n;
        run_record(q, &rec);
        q->step++;
    }
}

void seq_run_blind(struct seq *q, const u8 *data, size_t bytes)
{
    q->blind = true;
    q->in = (struct input){ data, bytes, 0 };
    q->step = 0;
    run_records(q);
}

void seq_run(struct seq *q, const struct family *family, const u8 *data,
             size_t bytes)
{
    const u32 only = q->only;

    if (grammar[1].shape == NULL && grammar[1].registers[0] == 0) {
        grammar_init();
    }
    world_begin(&family->world);
    memset(q, 0, sizeof(*q));
    q->only = only;
    q->family = family;
    q->in = (struct input){ data, bytes, 0 };
    make_menu(q);
    for (u32 id = 1; id < WORLD_VICTIM; id++) {
        q->digest[id] = world_digest(world_domain(id));
    }
    oplog_world(q);
    lives_begin();
    if (family->two_cpus) {
        vary_shares(&q->in);
    }
    run_records(q);
    check_apart(q);
    if (has_model(family)) {
        lives_compare(false);
    }
}
