/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's one log and who writes to it; see record.h and audit/log.h.
 *
 * Records leave by a serial port of their own, a few bytes whenever it has
 * room, by whichever CPU looks (record_drain); one CPU sends at a time. It is
 * here that they are chained and sealed, a piece a turn, and that a seal's tree
 * head goes to the console. A host whose manifest asks for no audit port has
 * no collector: its records are taken off the ring as if sent, and only the
 * heads are shown.
 *
 * A life-cycle step finds a slot even when refusals flood the log, since the
 * log keeps a pool for it; should that be used up too, the record waits for
 * the port here, before the step is made.
 *
 * Lock: log_lock (rank audit) around the log and the meters.
 */
#include "core/record.h"

#include "audit/log.h"
#include "audit/seal.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "policy/manifest.h"

#define LOG_SLOTS 1024u
#define PANIC_PATIENCE_NS 100000000ull
#define PORT_PATIENCE_NS 5000000000ull
/* All slots at 115,200 baud take 23 s. */
#define FLUSH_PATIENCE_NS 30000000000ull
#define SEAL_STEPS 4u
#define SLOTS_A_FRAME (PAGE_BYTES / AUDIT_RECORD_BYTES)

static struct lock log_lock;
static struct audit_log audit_log = { .seal_at = NS_NEVER };
static struct audit_meter *meter;    /* [I] one a domain, by number */
static u32 ready;                    /* [a] 1: the log is there */
static u32 waiting;                  /* [a] 1: something is to be sent */
static u32 sending;                  /* [a] a CPU is at it */
static u32 exported;                 /* [a] 1: there is a port for records */
static ns_t summaries_at = NS_NEVER; /* [a] counts are to be shown then */

/* By the sending CPU alone: the record that is going out. */
static struct audit_record out;
static u32 out_at, out_bytes;
static bool out_open; /* it is not sealed yet */
static bool in_panic; /* no interrupts, no lock of the console */
static struct audit_seal seal;

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

static enum rc append(const struct audit_record *note)
{
    const struct audit_now now = now_here();

    lock_take(&log_lock);
    const enum rc rc = audit_append(&audit_log, &now, note);

    lock_drop(&log_lock);
    atomic_store32(&waiting, 1);
    return rc;
}

/* One turn of waiting for the port. One that has not taken what it should by
 * then is given up, in so many words. */
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

    while (append(note) != RC_OK) {
        wait_for_port(until);
        (void)record_drain(1);
    }
}

/* One record of a domain's summary. True: nothing is left of it. */
static bool summary(const struct audit_now *now, u32 id, bool in_any_case)
{
    lock_take(&log_lock);
    const bool done =
        audit_summary(&audit_log, now, (u16)id, &meter[id], in_any_case);

    lock_drop(&log_lock);
    atomic_store32(&waiting, 1);
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

/* A note on d; false when nobody wants it. */
static bool life_note(struct audit_record *note, const struct domain *d,
                      enum audit_event event)
{
    /* Without record_boot there is no log: so in unit tests, never in the
     * kernel, where it comes before the first domain. */
    if ((d->audit & MF_AUDIT_LIFECYCLE) == 0 || atomic_load32(&ready) == 0) {
        return false;
    }
    audit_note_init(note, event);
    note->target = d->id;
    note->target_incarnation = d->incarnation;
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

        note.actor_vcpu = (u16)v->id;
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
    note.target = d->id;
    note.target_incarnation = d->incarnation;
    note.arg[0] = fault;
    note.arg[1] = where;
    note.arg[2] = expected << 32 | (found & U32_MAX);
    text_field(&note, AUDIT_FIELD_NAME, d->name);
    append_surely(&note);
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
    note.actor = d->id;
    note.actor_vcpu = (u16)v->id;
    note.actor_kernel = v->in_kernel;
    note.actor_incarnation = d->incarnation;
    note.arg[0] = nr;
    note.arg[1] = sub;
    note.arg[2] = arch_guest_rip();
    lock_take(&log_lock);
    audit_refused(&audit_log, &now, &note, nr, &meter[d->id]);
    if (summaries_at == NS_NEVER) {
        atomic_store64(&summaries_at, now.mono_ns + AUDIT_SUMMARY_NS);
        arch_resched(); /* arms the timer for it */
    }
    lock_drop(&log_lock);
    v->budget = 0; /* a list of refusals is cut after each */
    atomic_store32(&waiting, 1);
    return rc;
}

ns_t record_summaries_at(void)
{
    const ns_t summary_at = atomic_load64(&summaries_at);
    const ns_t seal_at = atomic_load64(&audit_log.seal_at);

    return summary_at < seal_at ? summary_at : seal_at;
}

static void seal_due(bool in_any_case)
{
    const struct audit_now now = now_here();

    lock_take(&log_lock);
    audit_seal_due(&audit_log, &now, in_any_case);
    lock_drop(&log_lock);
    atomic_store32(&waiting, 1);
}

/* One record at a time; who calls next goes on at once. Of those that are not
 * due somebody looks again in a second. */
void record_summaries(ns_t now_ns)
{
    const struct audit_now now = now_here();
    ns_t next = NS_NEVER;

    if (now_ns >= record_summaries_at()) {
        seal_due(false);
    }
    if (now_ns < atomic_load64(&summaries_at)) {
        return;
    }
    /* What is refused from here on asks for itself. */
    atomic_store64(&summaries_at, NS_NEVER);
    const u64 before = audit_log.next;

    for (u32 i = 1; i <= domain_count && next != now_ns; i++) {
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
    audit_seal_init(&seal, is_keyed ? key : seed + 16, seed);
    if (slots == NULL || meter == NULL ||
        audit_init(&audit_log, slots, LOG_SLOTS, seed) != RC_OK) {
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

    for (u32 i = 1; i <= domain_count; i++) {
        write_summary(i);
    }
    atomic_store64(&summaries_at, NS_NEVER);
    audit_note_init(&note, AUDIT_HOST_SHUTDOWN);
    note.arg[0] = code;
    append_surely(&note);
    seal_due(true);
}

static u64 word_of(const u8 *bytes)
{
    u64 value = 0;

    for (u32 i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

u64 record_head_word(u32 word)
{
    return word_of(seal.head + (word % 4) * 8);
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
    out_open = count != 0;
    return count != 0;
}

/* True: the record has its place in the chain. A few steps with interrupts
 * between them; in a panic all, without. */
static bool seal_some(void)
{
    for (u32 i = 0; out_open && (i < SEAL_STEPS || in_panic); i++) {
        out_open = !audit_seal_step(&seal, &out);
        if (!in_panic) {
            arch_interrupts();
        }
    }
    if (!out_open && out.event == AUDIT_SEAL && !in_panic) {
        arch_log("audit: seal %lu, %lu records, tree head %016lx%016lx\n",
                 out.arg[0], out.seq, word_of(seal.root),
                 word_of(seal.root + 8));
    }
    return !out_open;
}

/* Send while the port takes bytes; max: records, or a few steps of what one of
 * them needs to be sealed. True: nothing is left. */
static bool send_some(u32 max)
{
    for (u32 turns = 0; turns < max; turns++) {
        if (!load_next()) {
            return true;
        }
        if (out_open && !seal_some()) {
            continue;
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
    in_panic = true;
    audit_note_init(&note, AUDIT_PANIC);
    note.arg[0] = rip;
    const struct audit_now now = now_here();
    const enum rc rc = audit_append(&audit_log, &now, &note);

    audit_seal_due(&audit_log, &now, true);
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
    arch_log("audit: %lu records, chain head %016lx%016lx%016lx%016lx\n",
             audit_log.next, record_head_word(0), record_head_word(1),
             record_head_word(2), record_head_word(3));
}
