/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to calls. What a record means is told in fuzz/seq.h, and decided by
 * fuzz/values.c and fuzz/grammar.c, compiled into this guest as they are.
 * Faults and budgets of a record mean nothing here.
 *
 * The menu is that of the target `hypercall`, and behind it what only a real
 * guest can do.
 */
#include <string.h>

#include "fuzz/seq.h"
#include "guests/bytecode/bytecode.h"
#include "tests/host_arch.h"

#define NR_IRET 23u
#define NR_MULTICALL 13u
#define LIVE_FIRST (HCROW_COUNT + (u32)ACT_COUNT)
#define ACTS                                                                   \
    (1u << ACT_POKE | 1u << ACT_GRANT | 1u << ACT_TRAPPED | 1u << ACT_BITS |   \
     1u << ACT_TIME | 1u << ACT_MASKS | 1u << ACT_COLLECT | 1u << ACT_PICK |   \
     1u << ACT_RAW | 1u << ACT_END)

_Static_assert(HOST_GUEST_BASE == ARGUMENTS_BASE &&
                   HOST_GUEST_BYTES == ARGUMENTS_BYTES &&
                   ACTOR_AT(ACTORS) <= ARGUMENTS_PAGES * PAGE_BYTES,
               "the arguments are where the harness has them");
_Static_assert(ROOT_PFN == ROOT_PAGE && MAPPED_FIRST == OPEN_PAGE &&
                   MAPPED_COUNT == OPEN_COUNT && WORLD_FRAMES == PAGES_COUNT,
               "the same world");
_Static_assert(RECORD_BYTES == RECORD_SIZE && ELEMENTS_MAX == TOLD_MAX, "");

/* ---- begin ------------------------------------------------------------------
 */

static struct seq q;
static u64 calls;

static void make_menu(void)
{
    u8 item[256];
    u32 count = 0;

    for (u32 row = 1; row < HCROW_COUNT; row++) {
        if (row != HCROW_multicall) {
            item[count++] = (u8)row;
        }
    }
    for (u32 act = 0; act < ACT_COUNT; act++) {
        if ((ACTS >> act & 1) != 0) {
            item[count++] = (u8)(HCROW_COUNT + act);
        }
    }
    for (u32 act = 0; act < LIVE_COUNT; act++) {
        item[count++] = (u8)(LIVE_FIRST + act);
    }
    for (u32 i = 0; i < 256; i++) {
        q.menu[i] = item[i % count];
    }
}

void run_begin(const struct places places[4])
{
    grammar_init();
    machine_begin();
    machine_places(places);
    make_menu();
}

/* ---- calls ------------------------------------------------------------------
 */

/* What would only end or stop this vCPU is done seldom: a life is dear. What
 * is left of it does something, too. */
static bool is_daring(const u8 *record)
{
    return record[RECORD_SIZE - 1] >= 0xf0;
}

static void set_field(struct call *c, u32 at, const char *name, u64 v)
{
    for (u32 i = 0; i < c->count; i++) {
        const struct shape *s = grammar[c->element[i].row].shape;

        for (u32 f = 0; f < s->count; f++) {
            if (strcmp(s->field[f].name, name) == 0) {
                c->element[i].value[f] = v;
            }
        }
    }
    call_write(c, at);
}

static void tame(u32 who, struct call *c, u32 at)
{
    const u64 first = host_mfn(actor(who)->domain, 0).v;
    const u64 argument = c->element[0].value[2]; /* mmuext_op's arg1 */

    switch (c->row) {
    case HCROW_sched_poll:
        set_field(c, at, "timeout", host.now + 2000);
        break;
    case HCROW_new_baseptr: /* the two roots that show the guest itself */
        if (argument != first + ROOT_PAGE &&
            argument != first + SECOND_ROOT_PAGE) {
            set_field(c, at, "arg1",
                      first +
                          (argument % 2 == 0 ? ROOT_PAGE : SECOND_ROOT_PAGE));
        }
        break;
    case HCROW_sched_block:
        c->arg[0] = 0; /* yield */
        break;
    case HCROW_vcpu_down:
        c->arg[1] = (u32)c->arg[1] == who % 2 ? 1 - who % 2 : c->arg[1];
        break;
    case HCROW_vcpu_info: /* the guest would look for events where none come */
        set_field(c, at, "offset", 4090);
        break;
    case HCROW_sched_shutdown:
        set_field(c, at, "reason", 77); /* there is none such */
        break;
    default:
        break;
    }
}

/* After such a call: so that the next ones come to something. */
static void repair(u32 who, u32 row)
{
    const u64 up[6] = { 1, 1 - who % 2 };

    if (row == HCROW_vcpu_down) {
        (void)guest_call(24, up);
    } else if (row == HCROW_stack_switch || row == HCROW_set_trap_table ||
               (row >= HCROW_callback_event &&
                row <= HCROW_callback_syscall32)) {
        live_handlers();
    }
}

static s64 make_call(u32 nr, const u64 arg[6], u32 row)
{
    if (row == HCROW_sched_block || row == HCROW_multicall) {
        live_arm();
    }
    calls++;
    return guest_call(nr, arg);
}

/* The elements as they are, or as the call left them. */
static void tell_call(const struct call *c, u32 at, s64 result, u32 done)
{
    struct told *const t = tell_begin();
    u32 offset = at + ELEMENTS_AT;

    if (t == NULL) {
        return;
    }
    t->what = c->row;
    t->nr = c->nr;
    t->result = result;
    t->done = done;
    t->count = c->count;
    memcpy(t->arg, c->arg, sizeof(t->arg));
    for (u32 i = 0; i < c->count && i < TOLD_MAX; i++) {
        const struct shape *s = grammar[c->element[i].row].shape;

        t->row[i] = c->element[i].row;
        if (s != NULL) {
            memcpy(t->bytes[i], host_guest(offset), s->bytes);
            offset += s->bytes;
        }
    }
    tell();
}

/* What a guest would remember: ports and handles it was given. */
static void remember(const struct call *c, u32 at)
{
    if (c->row == HCROW_evtchn_alloc_unbound ||
        c->row == HCROW_evtchn_bind_ipi || c->row == HCROW_evtchn_bind_virq) {
        q.ports[q.port_count++ % HANDLES] = (u32)call_read(c, at, 0, "port");
    } else if (c->row == HCROW_evtchn_bind_interdomain) {
        q.ports[q.port_count++ % HANDLES] =
            (u32)call_read(c, at, 0, "local_port");
    }
    for (u32 i = 0; i < c->count; i++) {
        if (c->element[i].row == HCROW_grant_map &&
            (s16)call_read(c, at, i, "status") == 0) {
            const u32 n = q.handle_count++ % HANDLES;

            q.handles[n].handle = (u32)call_read(c, at, i, "handle");
            q.handles[n].va = c->element[i].value[0];
        }
    }
}

static void do_call(u32 who, const struct call *c)
{
    const u32 at = ACTOR_AT(who);
    tell_call(c, at, 0, TOLD_BEFORE);
    const s64 result = make_call(c->nr, c->arg, c->row);

    tell_call(c, at, result, TOLD_AFTER);
    if (result >= 0 && (c->nr == 20 || c->nr == 32) && !c->odd) {
        remember(c, at);
    }
}

/* ---- records ----------------------------------------------------------------
 */

struct run {
    const u8 (*record)[RECORD_SIZE];
    u32 who, count, next;
};

static struct input input_of(const struct run *r, u32 n, u32 from)
{
    return (struct input){ r->record[n], RECORD_SIZE, from };
}

static u32 row_of(const struct run *r, u32 n)
{
    return q.menu[r->record[n][0]];
}

/* Records behind this one that are part of the same batch. */
static void join(struct run *r, struct call *c)
{
    while (r->next < r->count && (r->record[r->next][1] & WHO_JOINS) != 0) {
        const u32 row = row_of(r, r->next);

        if (row >= HCROW_COUNT || !call_takes(c, row)) {
            return;
        }
        struct input rec = input_of(r, r->next++, 3);

        call_append(&q, &rec, r->who, row, ACTOR_AT(r->who), c);
    }
}

/* This record and those after it that are marked, as a list of calls. */
static void do_list(struct run *r, u32 n)
{
    static struct call inner[ACTORS];
    struct call *const c = &inner[r->who];
    struct call outer = { .nr = NR_MULTICALL, .row = HCROW_multicall };
    u32 count = 0;

    do {
        const u32 at = ACTOR_AT(r->who) + INNER_AT + count * INNER_BYTES;
        const u32 row = row_of(r, n);
        struct input rec = input_of(r, n, 3);
        struct multicall_entry e = { .op = grammar[row].nr };

        call_make(&q, &rec, r->who, row, at, c);
        call_write(c, at);
        if (!is_daring(r->record[n])) {
            tame(r->who, c, at);
        }
        memcpy(e.args, c->arg, sizeof(e.args));
        memcpy(host_guest(ACTOR_AT(r->who) + LIST_AT + count * 64), &e, 64);
        tell_call(c, at, 0, TOLD_LISTED);
        count++;
        n = r->next;
        r->next++;
    } while (count < ELEMENTS_MAX && n < r->count &&
             (r->record[n][1] & WHO_LISTED) != 0 && row_of(r, n) < HCROW_COUNT);
    r->next--;
    calls += count;
    outer.arg[0] = HOST_GUEST_BASE + ACTOR_AT(r->who) + LIST_AT;
    outer.arg[1] = count;
    do_call(r->who, &outer);
    repair(r->who, HCROW_vcpu_down);
}

static void raw(u32 who, struct input *rec)
{
    const u32 nr = take8(rec);
    u64 arg[6] = { 0 };
    const u8 sub = take8(rec);

    arg[0] = sub < 0xf0 ? sub % 32u : take64(rec);
    arg[1] = HOST_GUEST_BASE + ACTOR_AT(who) + (take16(rec) & 0x1fff);
    arg[2] = take8(rec);
    if (nr != NR_IRET) {
        const struct call c = { .nr = nr, .arg = { arg[0], arg[1], arg[2] } };

        tell_call(&c, ACTOR_AT(who), 0, TOLD_BEFORE);
        const s64 result = make_call(nr, arg, HCROW_sched_block);

        tell_call(&c, ACTOR_AT(who), result, TOLD_AFTER);
    }
}

static void poke(u32 who, struct input *rec)
{
    const u32 at = ACTOR_AT(who) + (take16(rec) & 0x3ff8u);
    const u64 word = take64(rec);

    memcpy(host_guest(at), &word, sizeof(word));
}

/* As in fuzz/acts.c. */
static void grant(u32 who, struct input *rec)
{
    const struct domain *d = actor(who)->domain;
    const u32 ref = take8(rec) % 8u;
    const u64 m = value_of(&q, rec, who, KIND_MFN, 0, U64_MAX);
    const u8 c = take8(rec);
    const u64 flags = c < 0xc0 ? 1u | (c & 4u) : c % 64u;
    const u8 to = take8(rec);
    const u64 peer = to < 0xe0 ? 3u - d->id : to % 8u;

    world_grants[0][ref] = m << 32 | peer << 16 | flags;
}

static void trapped(u32 who, struct input *rec)
{
    const u64 first = host_mfn(actor(who)->domain, 0).v;
    const u64 m = value_of(&q, rec, who, KIND_MFN, 0, U64_MAX);
    const u8 stale = take8(rec);
    const u32 index = take8(rec) * 2u;
    const u64 pte = value_pte(&q, rec, who);

    (void)stale;
    if (m - first < WORLD_FRAMES) {
        world_page((u32)(m - first))[index] = pte;
    }
}

static void act(u32 who, u32 what, const u8 *record)
{
    struct input rec = { record, RECORD_SIZE, 3 };

    switch (what) {
    case HCROW_COUNT + ACT_POKE:
        poke(who, &rec);
        break;
    case HCROW_COUNT + ACT_GRANT:
        grant(who, &rec);
        break;
    case HCROW_COUNT + ACT_TRAPPED:
        trapped(who, &rec);
        break;
    case HCROW_COUNT + ACT_BITS:
        live_touch(record[3]);
        break;
    case HCROW_COUNT + ACT_TIME:
        live_sleep((1 + record[3] % 16u) * 2000ull);
        break;
    case HCROW_COUNT + ACT_MASKS:
        live_masks(record[3] % 4u, record[4] | (u64)record[5] << 8);
        break;
    case HCROW_COUNT + ACT_COLLECT:
        live_collect();
        break;
    case HCROW_COUNT + ACT_RAW:
        raw(who, &rec);
        break;
    case HCROW_COUNT + ACT_END:
        if (is_daring(record)) {
            live_end(record[4] % 6u);
        }
        break;
    case HCROW_COUNT + ACT_PICK:
        live_sleep(0);
        break;
    default:
        live_act((enum live_act)(what - LIVE_FIRST), record + 3);
        break;
    }
}

static void tell_act(u32 what, u32 vector, u32 done)
{
    struct told *const t = tell_begin();

    if (t != NULL) {
        t->what = what;
        t->vector = vector;
        t->done = done;
        tell();
    }
}

static void one(u64 at)
{
    static struct call c[ACTORS];
    struct run *const r = (struct run *)(uintptr_t)at;
    const u32 n = r->next++;
    const u32 what = row_of(r, n);

    if (what == HCROW_COUNT + ACT_RAW) {
        act(r->who, what, r->record[n]);
        return;
    }
    if (what >= HCROW_COUNT || what == HCROW_iret) {
        /* The frame of iret is on the stack. */
        tell_act(what, 0, TOLD_BEFORE);
        act(r->who, what >= HCROW_COUNT ? what : LIVE_FIRST + LIVE_IRET,
            r->record[n]);
        tell_act(what, 0, TOLD_AFTER);
        return;
    }
    if ((r->record[n][1] & WHO_LISTED) != 0) {
        do_list(r, n);
        return;
    }
    struct input rec = input_of(r, n, 3);

    call_make(&q, &rec, r->who, what, ACTOR_AT(r->who), &c[r->who]);
    join(r, &c[r->who]);
    call_write(&c[r->who], ACTOR_AT(r->who));
    if (!is_daring(r->record[n])) {
        tame(r->who, &c[r->who], ACTOR_AT(r->who));
    }
    do_call(r->who, &c[r->who]);
    if (!is_daring(r->record[n])) {
        repair(r->who, what);
    }
}

u64 run_records(u32 who, const struct mailbox *m)
{
    struct run r = { .record = m->record, .who = who, .count = m->count };
    const u64 before = calls;

    if (who >= ACTORS || r.count > RUN_MAX) {
        return 0;
    }
    machine_places(m->places);
    while (r.next < r.count) {
        host.now = guest_now();
        const u32 n = r.next;
        const u32 vector = guest_try(one, (u64)(uintptr_t)&r);

        if (vector != 0) {
            tell_act(row_of(&r, n), vector, TOLD_AFTER);
        }
    }
    return calls - before;
}
