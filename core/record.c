/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's one log and who writes to it; see record.h and audit/log.h.
 *
 * Records leave by a serial port of their own, by whichever CPU looks
 * (record_drain), one at a time. On a host whose manifest asks for no audit
 * port they are taken off the ring as if sent; the chain's head is shown at the
 * end.
 *
 * A life-cycle step has slots of its own; when these are used up the record
 * waits for the port here, before the step is made.
 *
 * Lock: log_lock (rank audit) around the log and the meters.
 */
#include "core/record.h"

#include "audit/log.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "policy/manifest.h"

#define LOG_SLOTS 1024u
#define PANIC_PATIENCE_NS 100000000ull
#define PORT_PATIENCE_NS 5000000000ull
#define FLUSH_PATIENCE_NS 30000000000ull /* all slots take 23 s */
#define REPORT_NS 10000000ull /* between two of what the router reports */
#define SLOTS_A_FRAME (PAGE_BYTES / AUDIT_RECORD_BYTES)

static struct lock log_lock;
static struct audit_log audit_log;
static struct audit_meter *meter;    /* [I] one a domain, by number */
static u32 ready;                    /* [a] 1: the log is there */
static u32 waiting;                  /* [a] 1: something is to be sent */
static u32 sending;                  /* [a] a CPU is at it */
static u32 exported;                 /* [a] 1: there is a port for records */
static ns_t summaries_at = NS_NEVER; /* [a] counts are to be shown then */
static ns_t reports_at; /* log_lock: the router has its turn then */

/* By the sending CPU alone: the record that is going out. */
static struct audit_record out;
static u32 out_at, out_bytes;

static struct audit_now now_here(void)
{
    const struct audit_now now = { arch_now(), arch_wall_ns(),
                                   (u16)arch_cpu() };
    return now;
}

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

/* There is something to send. Lock: log_lock, dropped. */
static void let_go(void) RF_DROPS(&log_lock)
{
    lock_drop(&log_lock);
    atomic_store32(&waiting, 1);
}

static enum rc append(const struct audit_record *note)
{
    const struct audit_now now = now_here();

    lock_take(&log_lock);
    const enum rc rc = audit_append(&audit_log, &now, note);

    let_go();
    return rc;
}

/* One turn of waiting for the port; it is given up when it is too late. */
static void wait_for_port(ns_t until)
{
    if (arch_now() > until && atomic_swap32(&exported, 0) != 0) {
        arch_log("audit: the port takes no records: given up\n");
    }
    arch_relax();
}

/* A record that must be there before what it announces. */
static void append_surely(const struct audit_record *note)
{
    const ns_t until = arch_now() + PORT_PATIENCE_NS;

    arch_interrupts();
    while (append(note) != RC_OK) {
        wait_for_port(until);
        (void)record_drain(1);
    }
    arch_interrupts();
}

/* One record of a domain's summary. True: nothing is left of it. */
static bool summary(const struct audit_now *now, u32 id, bool in_any_case)
{
    arch_interrupts();
    lock_take(&log_lock);
    const bool done =
        audit_summary(&audit_log, now, (u16)id, &meter[id], in_any_case);

    let_go();
    arch_interrupts();
    return done;
}

/* All of a domain's counts that no sample has shown yet. */
static void write_summary(u32 id)
{
    const struct audit_now now = now_here();
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

enum rc record_act_begin(struct record_act *act)
{
    u64 *const used = &act->v->domain->rights_used;
    const u64 bit = act->event == AUDIT_RIGHT_USED ? 1ull << act->right : 0;
    const bool report = act->event == AUDIT_NET_DENIED;
    const struct audit_now now = now_here();
    struct audit_record note;

    if (act->event == AUDIT_NONE || atomic_load32(&ready) == 0 ||
        (atomic_load64(used) & bit) != 0) {
        return RC_OK;
    }
    act_note(&note, act);
    lock_take(&log_lock);
    const enum rc rc = report && now.mono_ns < reports_at ? RC_EAGAIN
                       : report || bit != 0
                           ? audit_append(&audit_log, &now, &note)
                           : audit_begin(&audit_log, &now, &note, &act->ticket);

    reports_at = report && rc == RC_OK ? now.mono_ns + REPORT_NS : reports_at;
    let_go();
    arch_interrupts();
    (void)atomic_or64(used, rc == RC_OK ? bit : 0);
    return rc;
}

void record_act_end(struct record_act *act, s64 result)
{
    const struct audit_now now = now_here();
    struct audit_record note;

    if (act->ticket.slots == 0) {
        return;
    }
    act_note(&note, act);
    note.decision = result < 0 ? AUDIT_FAILED : AUDIT_ALLOWED;
    note.result = (s32)result;
    lock_take(&log_lock);
    audit_end(&audit_log, &now, &note, &act->ticket);
    let_go();
    arch_interrupts();
}

enum rc record_refusal(struct vcpu *v, u32 nr, u64 sub, enum policy_verdict why)
{
    const enum rc rc = why == POLICY_DENY_NO_SUCH_CALL ? RC_ENOSYS : RC_EPERM;
    struct domain *d = v->domain;
    const struct audit_now now = now_here();
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
    arch_interrupts();
    lock_take(&log_lock);
    audit_refused(&audit_log, &now, &note, nr, &meter[d->id]);
    if (summaries_at == NS_NEVER) {
        atomic_store64(&summaries_at, now.mono_ns + AUDIT_SUMMARY_NS);
        arch_resched(); /* arms the timer for it */
    }
    let_go();
    arch_interrupts();
    v->budget = 0; /* a record takes most of what a call may take */
    return rc;
}

ns_t record_summaries_at(void)
{
    return atomic_load64(&summaries_at);
}

/* One record at a time; who calls next goes on at once. Of those that are not
 * due somebody looks again in a second. */
void record_summaries(ns_t now_ns)
{
    const struct audit_now now = now_here();
    ns_t next = NS_NEVER;

    if (now_ns < record_summaries_at()) {
        return;
    }
    /* What is refused from here on asks for itself. */
    atomic_store64(&summaries_at, NS_NEVER);
    const u64 before = audit_log.next;

    for (u32 i = domain_first; i <= domain_count && next != now_ns; i++) {
        if (meter[i].pending != 0 && audit_log.next != before) {
            next = now_ns;
        } else if (meter[i].pending != 0 && !summary(&now, i, false)) {
            next = now.mono_ns + AUDIT_SUMMARY_NS;
        }
    }
    lock_take(&log_lock);
    if (next < summaries_at) {
        atomic_store64(&summaries_at, next);
    }
    lock_drop(&log_lock);
}

void record_boot(const u8 policy_digest[32], u32 domains, bool has_port)
{
    struct audit_record note;
    mfn_t ignored;
    u8 boot_id[16];
    u8 build[32];
    struct audit_record *slots =
        arch_boot_frames(LOG_SLOTS / SLOTS_A_FRAME, &ignored);
    const u64 meter_bytes = (domains + 1ull) * sizeof(struct audit_meter);

    meter =
        arch_boot_frames((meter_bytes + PAGE_BYTES - 1) / PAGE_BYTES, &ignored);
    const u64 words[2] = { arch_random(), arch_random() };

    memcpy(boot_id, words, sizeof(boot_id));
    if (slots == NULL || meter == NULL ||
        audit_init(&audit_log, slots, LOG_SLOTS, boot_id) != RC_OK) {
        arch_panic("record: no room for the log");
    }
    atomic_store32(&exported, has_port ? 1 : 0);
    audit_note_init(&note, AUDIT_BOOT);
    note.arg[0] = AUDIT_VERSION;
    note.arg[1] = domains;
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
    audit_note_init(&note, AUDIT_HOST_SHUTDOWN);
    note.arg[0] = code;
    append_surely(&note);
    arch_log("audit: %lu records, chain head %016lx%016lx%016lx%016lx\n",
             audit_log.next, record_head_word(0), record_head_word(1),
             record_head_word(2), record_head_word(3));
}

u64 record_head_word(u32 word)
{
    u64 value = 0;

    for (u32 i = 0; i < 8; i++) {
        value = value << 8 | audit_log.head[(word % 4) * 8 + i];
    }
    return value;
}

bool record_waiting(void)
{
    return atomic_load32(&waiting) != 0;
}

/* The next record to send is in out; false: there is none. */
static bool load_next(void)
{
    if (out_at < out_bytes) {
        return true;
    }
    lock_take(&log_lock);
    const u32 count = audit_drain(&audit_log, &out, 1);

    lock_drop(&log_lock);
    out_at = 0;
    out_bytes = count == 0 ? 0 : out.bytes;
    return count != 0;
}

/* Send while the port takes bytes. True: nothing is left. */
static bool send_some(u32 max)
{
    for (u32 records = 0; records < max; records++) {
        if (!load_next()) {
            return true;
        }
        while (out_at < out_bytes && atomic_load32(&exported) != 0) {
            const u8 *bytes = (const u8 *)&out;
            const u32 sent =
                arch_audit_send(bytes + out_at, out_bytes - out_at);

            if (sent == 0) {
                return false;
            }
            out_at += sent;
        }
        out_at = out_bytes;
    }
    return false;
}

bool record_drain(u32 max)
{
    if (atomic_swap32(&sending, 1) != 0) {
        return false;
    }
    atomic_store32(&waiting, 0);
    const bool empty = send_some(max);

    if (!empty) {
        atomic_store32(&waiting, 1);
    }
    atomic_store32(&sending, 0);
    return empty;
}

/* One turn of waiting for what another CPU may have stopped with. */
static bool has_patience(ns_t until)
{
    arch_relax();
    return arch_now() <= until;
}

bool record_panic(u64 rip)
{
    struct audit_record note;

    if (atomic_load32(&ready) == 0) {
        return true;
    }
    const ns_t until = arch_now() + PANIC_PATIENCE_NS;

    while (atomic_swap32(&sending, 1) != 0) {
        if (!has_patience(until)) {
            return false;
        }
    }
    while (!lock_try(&log_lock)) {
        if (!has_patience(until)) {
            return false;
        }
    }
    audit_note_init(&note, AUDIT_PANIC);
    note.arg[0] = rip;
    const struct audit_now now = now_here();
    const enum rc rc = audit_append(&audit_log, &now, &note);

    lock_drop(&log_lock);
    const ns_t end = arch_now() + FLUSH_PATIENCE_NS;

    while (!send_some(1)) {
        if (!has_patience(end)) {
            return false;
        }
    }
    return rc == RC_OK;
}

void record_flush(void)
{
    const ns_t until = arch_now() + FLUSH_PATIENCE_NS;

    while (!record_drain(64)) {
        wait_for_port(until);
    }
}
