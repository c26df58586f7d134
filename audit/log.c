/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log; see log.h. A record is chained as it is written, so that the head
 * covers it before anybody acts on it.
 */
#include "audit/log.h"

#include "audit/chain.h"

#define COUNTS_A_RECORD ((AUDIT_FIELD_ROOM - 4) / sizeof(struct audit_count))

enum rc audit_init(struct audit_log *log, struct audit_record *slot, u32 count,
                   const u8 boot_id[16])
{
    if (count < AUDIT_SLOTS_MIN) {
        return RC_EINVAL;
    }
    log->slot = slot;
    log->count = count;
    log->reserved = 0;
    log->next = 0;
    log->sent = 0;
    log->turned_away = 0;
    log->now_ns = 0;
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        log->head[i] = 0;
    }
    for (u32 i = 0; i < 16; i++) {
        log->boot_id[i] = boot_id[i];
    }
    return RC_OK;
}

void audit_note_init(struct audit_note *note, enum audit_event event)
{
    const struct audit_note empty = { .event = event,
                                      .decision = AUDIT_ALLOWED,
                                      .actor = AUDIT_NOBODY,
                                      .target = AUDIT_NOBODY };

    *note = empty;
}

enum rc audit_field_add(struct audit_note *note, enum audit_field type,
                        const void *value, u32 bytes)
{
    const u8 *const from = value;
    const u32 at = note->field_bytes;

    if (bytes > AUDIT_FIELD_ROOM || at + 4 + bytes > AUDIT_FIELD_ROOM) {
        return RC_E2BIG;
    }
    note->field[at] = (u8)type;
    note->field[at + 1] = 0;
    note->field[at + 2] = (u8)bytes;
    note->field[at + 3] = (u8)(bytes >> 8);
    for (u32 i = 0; i < bytes; i++) {
        note->field[at + 4 + i] = from[i];
    }
    note->field_bytes = at + 4 + bytes;
    return RC_OK;
}

/* May this event's family take so many slots? */
static bool has_room(const struct audit_log *log, enum audit_event event,
                     u32 slots)
{
    const u64 taken = log->next - log->sent + log->reserved;
    const u64 free_slots = log->count - taken;
    u64 kept = AUDIT_POOL_LIFE + AUDIT_POOL_STOP;

    switch (audit_event_family(event)) {
    case AUDIT_STOP:
        kept = 0;
        break;
    case AUDIT_LIFE:
        kept = AUDIT_POOL_STOP;
        break;
    case AUDIT_PRIV:
    case AUDIT_GUEST:
    default:
        break;
    }
    return free_slots >= kept + slots;
}

/* The log's time: CPUs read the clock before they take the lock, so what they
 * bring may be older than what the log has seen. */
static u64 log_time(struct audit_log *log, const struct audit_now *now)
{
    if (now->mono_ns > log->now_ns) {
        log->now_ns = now->mono_ns;
    }
    return log->now_ns;
}

static void fill_note(struct audit_record *r, const struct audit_note *note)
{
    r->family = (u8)audit_event_family(note->event);
    r->event = (u16)note->event;
    r->decision = (u8)note->decision;
    r->result = note->result;
    r->reason = note->reason;
    r->actor = note->actor;
    r->actor_vcpu = note->actor_vcpu;
    r->actor_kernel = note->actor_kernel;
    r->actor_incarnation = note->actor_incarnation;
    r->target = note->target;
    r->target_incarnation = note->target_incarnation;
    for (u32 i = 0; i < 3; i++) {
        r->arg[i] = note->arg[i];
    }
    for (u32 i = 0; i < note->field_bytes; i++) {
        r->field[i] = note->field[i];
    }
    r->bytes = (u16)(AUDIT_HEADER_BYTES + (note->field_bytes + 15) / 16 * 16);
}

/* Write and chain the next record. The slot is free: has_room said so, now or
 * when it was reserved. */
static void put(struct audit_log *log, const struct audit_now *now,
                const struct audit_note *note, const struct audit_record *part)
{
    struct audit_record *const r = &log->slot[log->next % log->count];
    u8 head[SHA256_BYTES];

    *r = *part;
    fill_note(r, note);
    for (u32 i = 0; i < 4; i++) {
        r->magic[i] = AUDIT_MAGIC[i];
    }
    r->version = AUDIT_VERSION;
    r->seq = log->next;
    r->mono_ns = log_time(log, now);
    r->wall_ns = now->wall_ns;
    r->cpu = now->cpu;
    for (u32 i = 0; i < 16; i++) {
        r->boot_id[i] = log->boot_id[i];
    }
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        r->prev[i] = log->head[i];
    }
    r->check = audit_check_value(r);
    audit_chain(r, log->head, head);
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        log->head[i] = head[i];
    }
    log->next++;
}

enum rc audit_append(struct audit_log *log, const struct audit_now *now,
                     const struct audit_note *note)
{
    const struct audit_record part = { .phase = AUDIT_ATOMIC };

    if (!has_room(log, note->event, 1)) {
        log->turned_away++;
        return RC_EAGAIN;
    }
    put(log, now, note, &part);
    return RC_OK;
}

enum rc audit_begin(struct audit_log *log, const struct audit_now *now,
                    const struct audit_note *note, struct audit_ticket *ticket)
{
    const struct audit_record part = { .phase = AUDIT_INTENT };

    if (!has_room(log, note->event, 2)) {
        log->turned_away++;
        return RC_EAGAIN;
    }
    ticket->slots = 1;
    ticket->intent = log->next;
    log->reserved++;
    put(log, now, note, &part);
    return RC_OK;
}

void audit_end(struct audit_log *log, const struct audit_now *now,
               const struct audit_note *note, struct audit_ticket *ticket)
{
    const struct audit_record part = { .phase = AUDIT_OUTCOME,
                                       .corr = ticket->intent };

    if (ticket->slots == 0) {
        return;
    }
    ticket->slots = 0;
    log->reserved--;
    put(log, now, note, &part);
}

/* The bucket is kept as the time at which it was empty; it is full a burst
 * of tokens later. A new domain's bucket is full. */
static bool take_token(struct audit_meter *meter, u64 now_ns)
{
    const u64 full = AUDIT_BURST * AUDIT_TOKEN_NS;
    const u64 at = now_ns + full; /* so that nothing is below zero */

    if (meter->ever == 1 || at - meter->tokens_ns > full) {
        meter->tokens_ns = at - full;
    }
    if (at - meter->tokens_ns < AUDIT_TOKEN_NS) {
        return false;
    }
    meter->tokens_ns += AUDIT_TOKEN_NS;
    return true;
}

/* The domain has been started anew: its counts so far are the old
 * incarnation's. Without a slot they stay, and count for the new one. */
static void close_counts(struct audit_log *log, const struct audit_now *now,
                         u16 domain, struct audit_meter *meter)
{
    if (audit_summary(log, now, domain, meter, true)) {
        meter->suppressed = 0;
    }
}

void audit_refused(struct audit_log *log, const struct audit_now *now,
                   const struct audit_note *note, u32 class_nr,
                   struct audit_meter *meter)
{
    const u64 now_ns = log_time(log, now);

    if (meter->ever == 0) {
        meter->summary_ns = now_ns;
    } else if (meter->incarnation != note->actor_incarnation) {
        close_counts(log, now, note->actor, meter);
    }
    const struct audit_record part = { .phase = AUDIT_ATOMIC,
                                       .suppressed = meter->suppressed };

    meter->ever++;
    meter->pending++;
    meter->count[class_nr < AUDIT_CLASS_OTHER ? class_nr : AUDIT_CLASS_OTHER]++;
    meter->incarnation = note->actor_incarnation;
    if (take_token(meter, now_ns) && has_room(log, note->event, 1)) {
        put(log, now, note, &part);
        meter->sampled++;
        meter->suppressed = 0;
    } else if (meter->suppressed < U32_MAX) {
        meter->suppressed++;
    }
    (void)audit_summary(log, now, note->actor, meter, false);
}

/* One record with as many classes as fit. */
static void write_summary(struct audit_log *log, const struct audit_now *now,
                          u16 domain, struct audit_meter *meter)
{
    const struct audit_record part = { .phase = AUDIT_ATOMIC,
                                       .suppressed = meter->suppressed };
    struct audit_count counts[COUNTS_A_RECORD];
    struct audit_note note;
    u32 used = 0;
    u64 sum = 0;

    for (u32 i = 0; i < AUDIT_CLASSES && used < COUNTS_A_RECORD; i++) {
        if (meter->count[i] != 0) {
            counts[used].class_nr = (u8)i;
            counts[used].refused = meter->count[i] & 0xffffffffffffffull;
            used++;
            sum += meter->count[i];
            meter->count[i] = 0;
        }
    }
    audit_note_init(&note, AUDIT_REFUSAL_SUMMARY);
    note.decision = AUDIT_DENIED;
    note.actor = domain;
    note.actor_incarnation = meter->incarnation;
    note.arg[0] = sum;
    note.arg[1] = meter->ever;
    note.arg[2] = meter->sampled;
    /* COUNTS_A_RECORD of them fit by definition. */
    (void)!audit_field_add(&note, AUDIT_FIELD_COUNTS, counts,
                           used * (u32)sizeof(counts[0]));
    put(log, now, &note, &part);
    meter->pending -= sum;
    meter->sampled = 0;
    meter->summary_ns = log_time(log, now);
}

bool audit_summary(struct audit_log *log, const struct audit_now *now,
                   u16 domain, struct audit_meter *meter, bool in_any_case)
{
    if (!in_any_case &&
        log_time(log, now) - meter->summary_ns < AUDIT_SUMMARY_NS) {
        return meter->pending == 0;
    }
    /* At most AUDIT_CLASSES / COUNTS_A_RECORD + 1 records. */
    while (meter->pending > 0 && has_room(log, AUDIT_REFUSAL_SUMMARY, 1)) {
        write_summary(log, now, domain, meter);
    }
    return meter->pending == 0;
}

u32 audit_drain(struct audit_log *log, struct audit_record *out, u32 max)
{
    u32 done = 0;

    while (done < max && log->sent < log->next) {
        out[done] = log->slot[log->sent % log->count];
        log->sent++;
        done++;
    }
    return done;
}

u64 audit_waiting(const struct audit_log *log)
{
    return log->next - log->sent;
}
