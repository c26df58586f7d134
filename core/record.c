/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's one log and who writes to it; see record.h and audit/log.h.
 *
 * Records leave in core/recsend.c, by whichever CPU looks.
 *
 * A life-cycle step has slots of its own; when these are used up the record
 * waits for the port here, before the step is made.
 *
 * Lock: record_lock (rank audit) around the log and the meters.
 */
#include "core/record.h"

#include "audit/log.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "core/recsend.h"
#include "policy/manifest.h"

#define LOG_SLOTS 1024u
#define PORT_PATIENCE_NS 5000000000ull
#define ROOM_PATIENCE_NS 5000000000ull /* a call waits for a slot */
#define ROOM_LOOK_NS 2000000ull        /* between two looks */
#define REPORT_NS 10000000ull /* between two of what the router reports */
#define SLOTS_A_FRAME (PAGE_BYTES / AUDIT_RECORD_BYTES)

static struct audit_meter *meter;    /* [I] one a domain, by number */
static u32 ready;                    /* [a] 1: the log is there */
static ns_t summaries_at = NS_NEVER; /* [a] counts are to be shown then */
static ns_t reports_at; /* record_lock: the router has its turn then */

/* As much of the text as the record has room for. */
static void text_field(struct audit_record *note, enum audit_field type,
                       const char *text)
{
    const u32 room = AUDIT_RECORD_BYTES - note->bytes - 4;
    u32 length = 0;

    while (length < room && text[length] != 0) {
        length++;
    }
    if (audit_field_add(note, type, text, length) != RC_OK) {
        arch_panic("record: a text does not fit");
    }
}

/* There is something to send. Lock: record_lock, dropped. */
static enum rc append(const struct audit_record *note)
{
    const struct audit_now now = record_now();

    lock_take(&record_lock);
    const enum rc rc = audit_append(&record_log, &now, note);

    record_let_go();
    return rc;
}

/* A record that must be there before what it announces. */
static void append_surely(const struct audit_record *note)
{
    const ns_t until = arch_now() + PORT_PATIENCE_NS;

    while (append(note) != RC_OK) {
        record_port_wait(until);
        (void)record_drain(1);
    }
}

/* One record of a domain's summary. True: nothing is left of it. */
static bool summary(const struct audit_now *now, u32 id, bool in_any_case)
{
    lock_take(&record_lock);
    const bool done =
        audit_summary(&record_log, now, (u16)id, &meter[id], in_any_case);

    record_let_go();
    return done;
}

/* All of a domain's counts that no sample has shown yet. */
static void write_summary(u32 id)
{
    const struct audit_now now = record_now();
    bool done = false;

    for (u32 i = 0; i < AUDIT_SUMMARY_RECORDS && !done; i++) {
        done = summary(&now, id, true);
    }
}

static void actor_is(struct audit_record *note, const struct vcpu *v)
{
    note->actor = v->domain->id;
    note->actor_vcpu = (u16)v->id;
    note->actor_kernel = v->in_kernel;
    note->actor_incarnation = v->domain->incarnation;
}

static void target_is(struct audit_record *note, const struct domain *d)
{
    note->target = d->id;
    note->target_incarnation = d->incarnation;
}

/* A note on d; false when nobody wants it. */
static bool life_note(struct audit_record *note, const struct domain *d,
                      enum audit_event event)
{
    /* Only in unit tests there is no log. */
    if ((d->audit & MF_AUDIT_LIFECYCLE) == 0 || atomic_load32(&ready) == 0) {
        return false;
    }
    audit_note_init(note, event);
    target_is(note, d);
    text_field(note, AUDIT_FIELD_NAME, d->name);
    return true;
}

void record_life(const struct domain *d, enum audit_event what, u64 detail)
{
    struct audit_record note;

    if (life_note(&note, d, what)) {
        if (what == AUDIT_DOMAIN_RESTARTED) {
            write_summary(d->id); /* before the next one's refusals */
        }
        note.arg[0] = detail;
        append_surely(&note);
    }
}

void record_crash(const struct domain *d, u64 rip, const char *why)
{
    const struct vcpu *v = arch_current();
    struct audit_record note;

    if (!life_note(&note, d, AUDIT_DOMAIN_CRASHED)) {
        return;
    }
    note.arg[0] = ENDED_KILLED;
    note.arg[1] = rip;
    note.actor = d->id;
    note.actor_incarnation = d->incarnation;
    if (v != NULL && v->domain == d) {
        const u64 calls[2] = { v->recent_nr, v->recent_sub };

        actor_is(&note, v);
        /* It fits: the longest name leaves 61 bytes. */
        (void)!audit_field_add(&note, AUDIT_FIELD_CALLS, calls, sizeof(calls));
    }
    text_field(&note, AUDIT_FIELD_REASON, why);
    append_surely(&note);
}

void record_fault(const struct domain *d, u32 fault, u64 where, u64 expected,
                  u64 found)
{
    struct audit_record note;

    if (atomic_load32(&ready) == 0) {
        return;
    }
    audit_note_init(&note, AUDIT_FRAME_FAULT);
    target_is(&note, d);
    note.arg[0] = fault;
    note.arg[1] = where;
    note.arg[2] = expected << 32 | (found & U32_MAX);
    text_field(&note, AUDIT_FIELD_NAME, d->name);
    append_surely(&note);
}

static void act_note(struct audit_record *note, const struct record_act *act)
{
    audit_note_init(note, act->event);
    actor_is(note, act->v);
    note->arg[0] = act->right;
    if (act->target != NULL) {
        target_is(note, act->target);
    }
    if (act->event != AUDIT_RIGHT_USED &&
        audit_field_add(note, AUDIT_FIELD_ARGS, act->args, act->bytes) !=
            RC_OK) {
        arch_panic("record: arguments do not fit");
    }
    act->v->budget = 0; /* a record takes most of what a call may take */
}

/* There is no slot for v's call. */
static enum rc wait_for_room(struct vcpu *v, const struct audit_now *now)
{
    if (v->patience == 0) {
        v->patience = now->mono_ns + ROOM_PATIENCE_NS;
    }
    if (now->mono_ns < v->patience) {
        sched_hold(v, now->mono_ns + ROOM_LOOK_NS);
        return RC_PREEMPT;
    }
    v->patience = 0;
    lock_take(&record_lock);
    audit_turn_away(&record_log, now);
    lock_drop(&record_lock);
    arch_resched(); /* arms the timer for its record */
    return RC_EAGAIN;
}

enum rc record_act_begin(struct record_act *act)
{
    u64 *const used = &act->v->domain->rights_used;
    const u64 bit = act->event == AUDIT_RIGHT_USED ? 1ull << act->right : 0;
    const bool report = act->event == AUDIT_NET_DENIED;
    const struct audit_now now = record_now();
    struct audit_record note;

    if (act->event == AUDIT_NONE || atomic_load32(&ready) == 0 ||
        (atomic_load64(used) & bit) != 0) {
        return RC_OK;
    }
    act_note(&note, act);
    lock_take(&record_lock);
    const enum rc rc =
        report && now.mono_ns < reports_at ? RC_EAGAIN
        : report || bit != 0
            ? audit_append(&record_log, &now, &note)
            : audit_begin(&record_log, &now, &note, &act->ticket);

    reports_at = report && rc == RC_OK ? now.mono_ns + REPORT_NS : reports_at;
    record_let_go();
    arch_interrupts();
    if (rc == RC_EAGAIN && !report) {
        return wait_for_room(act->v, &now);
    }
    act->v->patience = 0;
    (void)atomic_or64(used, rc == RC_OK ? bit : 0);
    return rc;
}

void record_act_end(struct record_act *act, s64 result)
{
    const struct audit_now now = record_now();
    struct audit_record note;

    if (act->ticket.slots == 0) {
        return;
    }
    act_note(&note, act);
    note.decision = result < 0 ? AUDIT_FAILED : AUDIT_ALLOWED;
    note.result = (s32)result;
    lock_take(&record_lock);
    audit_end(&record_log, &now, &note, &act->ticket);
    record_let_go();
    arch_interrupts();
}

enum rc record_refusal(struct vcpu *v, u32 nr, u64 sub, enum policy_verdict why)
{
    const enum rc rc = why == POLICY_DENY_NO_SUCH_CALL ? RC_ENOSYS : RC_EPERM;
    struct domain *d = v->domain;
    const struct audit_now now = record_now();
    struct audit_record note;

    (void)atomic_add64(&d->refused, 1);
    if ((d->audit & MF_AUDIT_DENY) == 0 || atomic_load32(&ready) == 0) {
        return rc;
    }
    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    note.decision = AUDIT_DENIED;
    note.result = rc;
    note.reason = why;
    actor_is(&note, v);
    note.arg[0] = nr;
    note.arg[1] = sub;
    note.arg[2] = arch_guest_rip();
    lock_take(&record_lock);
    audit_refused(&record_log, &now, &note, nr, &meter[d->id]);
    if (summaries_at == NS_NEVER) {
        atomic_store64(&summaries_at, now.mono_ns + AUDIT_SUMMARY_NS);
        arch_resched(); /* arms the timer for it */
    }
    record_let_go();
    v->budget = 0; /* a list of refusals is cut after each */
    return rc;
}

ns_t record_summaries_at(void)
{
    const ns_t summary_at = atomic_load64(&summaries_at);
    const ns_t seal_at = atomic_load64(&record_log.seal_at);
    const ns_t look_at = atomic_load64(&record_log.look_at);
    const ns_t log_at = seal_at < look_at ? seal_at : look_at;

    return summary_at < log_at ? summary_at : log_at;
}

static void seal_due(bool in_any_case)
{
    const struct audit_now now = record_now();

    lock_take(&record_lock);
    audit_look(&record_log, &now, in_any_case);
    audit_seal_due(&record_log, &now, in_any_case);
    record_let_go();
}

/* One record at a time; who calls next goes on at once. Of those that are not
 * due somebody looks again in a second. */
void record_summaries(ns_t now_ns)
{
    const struct audit_now now = record_now();
    ns_t next = NS_NEVER;

    if (now_ns >= record_summaries_at()) {
        seal_due(false);
    }
    if (now_ns < atomic_load64(&summaries_at)) {
        return;
    }
    /* What is refused from here on asks for itself. */
    atomic_store64(&summaries_at, NS_NEVER);
    const u64 before = record_log.next;

    for (u32 i = domain_first; i <= domain_count && next != now_ns; i++) {
        if (meter[i].pending != 0 && record_log.next != before) {
            next = now_ns;
        } else if (meter[i].pending != 0 && !summary(&now, i, false)) {
            next = now.mono_ns + AUDIT_SUMMARY_NS;
        }
    }
    lock_take(&record_lock);
    if (next < summaries_at) {
        atomic_store64(&summaries_at, next);
    }
    lock_drop(&record_lock);
}

void record_boot(const u8 policy_digest[32], const u8 key[32], u32 domains,
                 bool has_port)
{
    struct audit_record note;
    mfn_t ignored;
    static const u8 none[32];
    const bool is_keyed = memcmp(key, none, sizeof(none)) != 0;
    u8 seed[16 + 32]; /* boot_id and a key */
    u8 build[32];
    struct audit_record *slots =
        arch_boot_frames(LOG_SLOTS / SLOTS_A_FRAME, &ignored);
    const u64 meter_bytes = (domains + 1ull) * sizeof(struct audit_meter);

    meter =
        arch_boot_frames((meter_bytes + PAGE_BYTES - 1) / PAGE_BYTES, &ignored);
    for (u32 i = 0; i < sizeof(seed); i += 8) {
        const u64 word = arch_random();

        memcpy(seed + i, &word, sizeof(word));
    }
    record_send_begin(is_keyed ? key : seed + 16, seed, has_port);
    if (slots == NULL || meter == NULL ||
        audit_init(&record_log, slots, LOG_SLOTS, seed) != RC_OK) {
        arch_panic("record: no room for the log");
    }
    audit_note_init(&note, AUDIT_BOOT);
    note.arg[0] = AUDIT_VERSION;
    note.arg[1] = domains;
    note.arg[2] = arch_tpm_pcr();
    arch_build_digest(build);
    if (audit_field_add(&note, AUDIT_FIELD_BUILD, build, 32) != RC_OK ||
        audit_field_add(&note, AUDIT_FIELD_POLICY, policy_digest, 32) !=
            RC_OK) {
        arch_panic("record: a digest does not fit");
    }
    append_surely(&note);
    atomic_store32(&ready, 1);
}

void record_host_end(u32 code)
{
    struct audit_record note;

    for (u32 i = domain_first; i <= domain_count; i++) {
        write_summary(i);
    }
    atomic_store64(&summaries_at, NS_NEVER);
    seal_due(true);
    audit_note_init(&note, AUDIT_HOST_SHUTDOWN);
    note.arg[0] = code;
    append_surely(&note);
    seal_due(true);
}

bool record_panic(u64 rip)
{
    const struct audit_now now = record_now();
    struct audit_record note;

    if (atomic_load32(&ready) == 0) {
        return true;
    }
    if (!record_seize()) {
        return false;
    }
    audit_note_init(&note, AUDIT_PANIC);
    note.arg[0] = rip;
    const enum rc rc = audit_append(&record_log, &now, &note);

    audit_seal_due(&record_log, &now, true);
    record_let_go();
    return record_send_rest() && rc == RC_OK;
}
