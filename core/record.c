/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's log: audit/log with its memory, its lock, time and actor.
 *
 * The serial port is the collector, and writing to it is synchronous: when a
 * record of a domain's life or of the host finds no slot, older ones are sent
 * on the spot until it does, so such a record is never lost. Refusals do not
 * send anything: a tenant cannot make the host wait for a slow port; the
 * counts stay exact and the samples wait for record_drain.
 *
 * One meter a domain number, so a restarted domain goes on in the same one.
 * All of it is protected by the audit lock (rank 4).
 */
#include "core/record.h"

#include "audit/chain.h"
#include "audit/log.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "policy/manifest.h"

#define LOG_SLOTS 1024u
#define DRAIN_AT_ONCE 8u
#define METER_COUNT (DOMID_MAX + 1u)
#define METERS_BYTES (METER_COUNT * sizeof(struct audit_meter))

static struct lock audit_lock;
static struct audit_log host_log;
static struct audit_meter *meters; /* METER_COUNT */
static struct audit_record out[DRAIN_AT_ONCE];

static struct audit_now take_time(void)
{
    const struct audit_now now = { .mono_ns = arch_now(),
                                   .wall_ns = arch_wall_now(),
                                   .cpu = (u16)arch_cpu() };
    return now;
}

static u32 send(u32 max)
{
    const u32 most = max < DRAIN_AT_ONCE ? max : DRAIN_AT_ONCE;
    const u32 count = audit_drain(&host_log, out, most);

    for (u32 i = 0; i < count; i++) {
        arch_audit_write((const u8 *)&out[i], out[i].bytes);
    }
    return count;
}

/* A record that must be; sending makes room, for every slot is sendable. */
static void put(const struct audit_note *note)
{
    const struct audit_now now = take_time();

    while (audit_append(&host_log, &now, note) != RC_OK) {
        if (send(DRAIN_AT_ONCE) == 0) {
            arch_panic("the audit log has no slot to give");
        }
    }
}

void record_refusal(struct vcpu *v, u32 nr, u64 sub, enum rc why)
{
    struct domain *d = v->domain;
    struct audit_note note;

    (void)atomic_add64(&d->refused, 1);
    if ((d->audit & MF_AUDIT_DENY) == 0 || d->id >= METER_COUNT) {
        return;
    }
    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    note.decision = AUDIT_DENIED;
    note.result = why;
    note.actor = d->id;
    note.actor_vcpu = (u16)v->id;
    note.actor_kernel = v->in_kernel;
    note.actor_incarnation = d->incarnation;
    note.arg[0] = nr;
    note.arg[1] = sub;
    lock_take(&audit_lock);
    const struct audit_now now = take_time();

    audit_refused(&host_log, &now, &note, nr, &meters[d->id]);
    lock_drop(&audit_lock);
}

static enum audit_event event_of(enum record_life what)
{
    switch (what) {
    case RECORD_CREATED:
        return AUDIT_DOMAIN_CREATED;
    case RECORD_STARTED:
        return AUDIT_DOMAIN_STARTED;
    case RECORD_SHUTDOWN:
        return AUDIT_DOMAIN_SHUTDOWN;
    case RECORD_CRASHED:
        return AUDIT_DOMAIN_CRASHED;
    case RECORD_RESTARTED:
        return AUDIT_DOMAIN_RESTARTED;
    case RECORD_DESTROYED:
    default:
        return AUDIT_DOMAIN_DESTROYED;
    }
}

void record_life(const struct domain *d, enum record_life what, u64 detail)
{
    struct audit_note note;

    if ((d->audit & MF_AUDIT_LIFECYCLE) == 0) {
        return;
    }
    audit_note_init(&note, event_of(what));
    note.target = d->id;
    note.target_incarnation = d->incarnation;
    note.arg[what == RECORD_CRASHED ? 1 : 0] = detail;
    if (what == RECORD_CREATED) {
        u32 length = 0;

        while (length < DOMAIN_NAME_BYTES && d->name[length] != '\0') {
            length++;
        }
        (void)!audit_field_add(&note, AUDIT_FIELD_NAME, d->name, length);
    }
    lock_take(&audit_lock);
    put(&note);
    lock_drop(&audit_lock);
}

/* Different for each boot: a hash of what it runs and when it started. */
static void make_boot_id(const u8 build[SHA256_BYTES], u8 id[SHA256_BYTES])
{
    const struct audit_now now = take_time();
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, build, SHA256_BYTES);
    sha256_update(&s, &now.mono_ns, sizeof(now.mono_ns));
    sha256_update(&s, &now.wall_ns, sizeof(now.wall_ns));
    sha256_final(&s, id);
}

void record_boot(const u8 policy_digest[32])
{
    struct audit_note note;
    u8 build[SHA256_BYTES];
    u8 id[SHA256_BYTES];
    mfn_t first;
    void *const slots =
        arch_boot_frames(LOG_SLOTS * AUDIT_RECORD_BYTES / PAGE_BYTES, &first);

    meters =
        arch_boot_frames((METERS_BYTES + PAGE_BYTES - 1) / PAGE_BYTES, &first);
    if (slots == NULL || meters == NULL) {
        arch_panic("too little memory for the audit log");
    }
    arch_build_digest(build);
    make_boot_id(build, id);
    if (audit_init(&host_log, slots, LOG_SLOTS, id) != RC_OK) {
        arch_panic("the audit log is too small");
    }
    audit_note_init(&note, AUDIT_BOOT);
    note.arg[0] = AUDIT_VERSION;
    (void)!audit_field_add(&note, AUDIT_FIELD_BUILD, build, SHA256_BYTES);
    (void)!audit_field_add(&note, AUDIT_FIELD_POLICY, policy_digest,
                           SHA256_BYTES);
    lock_take(&audit_lock);
    put(&note);
    lock_drop(&audit_lock);
}

/* The counts that have not been in a summary yet. */
static void put_summaries(void)
{
    const struct audit_now now = take_time();

    for (u32 i = 0; i < METER_COUNT; i++) {
        while (!audit_summary(&host_log, &now, (u16)i, &meters[i], true)) {
            (void)send(DRAIN_AT_ONCE);
        }
    }
}

void record_host_end(u32 code)
{
    static const char digits[] = "0123456789abcdef";
    struct audit_note note;
    char head[2 * SHA256_BYTES + 1];

    audit_note_init(&note, AUDIT_HOST_SHUTDOWN);
    note.arg[0] = code;
    lock_take(&audit_lock);
    put_summaries();
    put(&note);
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        head[2 * i] = digits[host_log.head[i] >> 4];
        head[2 * i + 1] = digits[host_log.head[i] & 15];
    }
    head[2 * SHA256_BYTES] = '\0';
    lock_drop(&audit_lock);
    arch_log("audit: %lu records, head %s\n", host_log.next, head);
}

bool record_drain(u32 max)
{
    lock_take(&audit_lock);
    if (host_log.count != 0) {
        (void)send(max);
    }
    const bool none_left = host_log.count == 0 || audit_waiting(&host_log) == 0;

    lock_drop(&audit_lock);
    return none_left;
}
