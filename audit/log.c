/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log; see log.h.
 */
#include "audit/log.h"

#include "audit/chain.h"
#include "audit/collect.h"

#define COUNTS_A_RECORD ((AUDIT_FIELD_ROOM - 4) / sizeof(struct audit_count))
_Static_assert(AUDIT_SUMMARY_RECORDS *COUNTS_A_RECORD >= AUDIT_CLASSES, "fit");

static void copy(void *to, const void *from, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++) {
        ((u8 *)to)[i] = ((const u8 *)from)[i];
    }
}

enum rc audit_init(struct audit_log *log, struct audit_record *slot, u32 count,
                   const u8 boot_id[16])
{
    if (count < AUDIT_SLOTS_MIN) {
        return RC_EINVAL;
    }
    *log = (struct audit_log){
        .slot = slot, .count = count, .seal_at = U64_MAX, .look_at = U64_MAX
    };
    copy(log->boot_id, boot_id, sizeof(log->boot_id));
    return RC_OK;
}

void audit_note_init(struct audit_record *note, enum audit_event event)
{
    *note = (struct audit_record){ .event = (u16)event,
                                   .family = (u8)audit_event_family(event),
                                   .decision = AUDIT_ALLOWED,
                                   .actor = AUDIT_NOBODY,
                                   .target = AUDIT_NOBODY,
                                   .bytes = AUDIT_HEADER_BYTES };
}

enum rc audit_field_add(struct audit_record *note, enum audit_field type,
                        const void *value, u32 bytes)
{
    const u32 at = note->bytes - AUDIT_HEADER_BYTES;

    /*@ split at; */
    if (bytes > AUDIT_FIELD_ROOM || at + 4 + bytes > AUDIT_FIELD_ROOM) {
        return RC_E2BIG;
    }
    note->field[at] = (u8)type;
    note->field[at + 1] = 0;
    note->field[at + 2] = (u8)bytes;
    note->field[at + 3] = (u8)(bytes >> 8);
    copy(note->field + at + 4, value, bytes);
    note->bytes = (u16)(note->bytes + 4 + bytes);
    return RC_OK;
}

/* May this event's family take so many slots, a SEAL before each? A domain's
 * life waits for no collector. */
static bool has_room(const struct audit_log *log, u32 event, u32 slots)
{
    const enum audit_family family = audit_event_family(event);
    const bool waits = family == AUDIT_PRIV || family == AUDIT_GUEST;
    const u64 first = log->is_collected && waits ? log->acked : log->sent;
    const u64 taken = log->next - first + log->reserved;
    const u64 kept = family == AUDIT_STOP   ? 0
                     : family == AUDIT_LIFE ? AUDIT_POOL_STOP
                                            : AUDIT_POOL_LIFE + AUDIT_POOL_STOP;

    return taken + kept + 2ull * slots <= log->count;
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

/* Write the next record. The slot is free: has_room said so, now or when it
 * was reserved. */
static void write(struct audit_log *log, const struct audit_now *now,
                  const struct audit_record *note)
{
    struct audit_record *const r = &log->slot[log->next % log->count];

    if (log->is_collected && log->next - log->acked >= log->count) {
        audit_collect_end(log); /* the slot is needed */
    }
    *r = *note;
    r->bytes = (u16)((note->bytes + 15) / 16 * 16);
    copy(r->magic, AUDIT_MAGIC, sizeof(r->magic));
    r->version = AUDIT_VERSION;
    r->seq = log->next;
    r->mono_ns = log_time(log, now);
    r->wall_ns = now->wall_ns;
    r->cpu = now->cpu;
    copy(r->boot_id, log->boot_id, sizeof(r->boot_id));
    log->next++;
}

static void write_seal(struct audit_log *log, const struct audit_now *now)
{
    static const u8 later[32]; /* filled in as it leaves */
    struct audit_record note;

    audit_note_init(&note, AUDIT_SEAL);
    (void)!audit_field_add(&note, AUDIT_FIELD_TREE, later, sizeof(later));
    (void)!audit_field_add(&note, AUDIT_FIELD_MAC, later, sizeof(later));
    write(log, now, &note);
    log->sealed = log->next;
    log->seal_at = U64_MAX;
}

static void put(struct audit_log *log, const struct audit_now *now,
                const struct audit_record *note)
{
    const u64 time = log_time(log, now);

    if (time >= log->seal_at ||
        log->next - log->sealed >= AUDIT_SEAL_RECORDS - 1) {
        write_seal(log, now);
    }
    if (log->next == log->sealed) {
        log->seal_at = time + AUDIT_SEAL_NS;
    }
    write(log, now, note);
}

void audit_seal_due(struct audit_log *log, const struct audit_now *now,
                    bool in_any_case)
{
    if (log->next != log->sealed && has_room(log, AUDIT_SEAL, 1) &&
        (in_any_case || log_time(log, now) >= log->seal_at)) {
        write_seal(log, now);
    }
}

enum rc audit_append(struct audit_log *log, const struct audit_now *now,
                     const struct audit_record *note)
{
    if (!has_room(log, note->event, 1)) {
        return RC_EAGAIN;
    }
    put(log, now, note);
    return RC_OK;
}

enum rc audit_begin(struct audit_log *log, const struct audit_now *now,
                    const struct audit_record *note,
                    struct audit_ticket *ticket)
{
    struct audit_record intent = *note;

    intent.phase = AUDIT_INTENT;
    if (!has_room(log, note->event, 2)) {
        return RC_EAGAIN;
    }
    ticket->slots = 2; /* the outcome and a SEAL */
    log->reserved += ticket->slots;
    put(log, now, &intent);
    ticket->intent = log->next - 1;
    return RC_OK;
}

void audit_end(struct audit_log *log, const struct audit_now *now,
               const struct audit_record *note, struct audit_ticket *ticket)
{
    struct audit_record outcome = *note;

    outcome.phase = AUDIT_OUTCOME;
    outcome.corr = ticket->intent;
    if (ticket->slots == 0) {
        return;
    }
    log->reserved -= ticket->slots;
    ticket->slots = 0;
    put(log, now, &outcome);
}

void audit_turn_away(struct audit_log *log, const struct audit_now *now)
{
    log->turned_away++;
    log->look_at = log_time(log, now) + AUDIT_LOOK_NS;
}

/* True: it is told now. */
static bool tell(struct audit_log *log, const struct audit_now *now,
                 enum audit_event event, const u64 arg[3])
{
    struct audit_record note;

    audit_note_init(&note, event);
    copy(note.arg, arg, sizeof(note.arg));
    return audit_append(log, now, &note) == RC_OK;
}

void audit_look(struct audit_log *log, const struct audit_now *now,
                bool in_any_case)
{
    const u64 time = log_time(log, now);

    if (time < log->look_at && !in_any_case) {
        return;
    }
    audit_collect_look(log, time);
    const u64 acts[3] = { log->turned_away - log->told_away, log->turned_away };
    const u64 collector[3] = { log->is_collected ? log->life : 0, log->acked,
                               log->ready };

    if (acts[0] != 0 && tell(log, now, AUDIT_TURNED_AWAY, acts)) {
        log->told_away = acts[1];
    }
    if (log->has_news && tell(log, now, AUDIT_COLLECTOR, collector)) {
        log->has_news = false;
    }
    log->look_at = log->has_news || acts[1] != log->told_away
                       ? time + AUDIT_LOOK_NS
                   : log->is_collected ? log->due_at
                                       : U64_MAX;
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

void audit_refused(struct audit_log *log, const struct audit_now *now,
                   const struct audit_record *note, u32 class_nr,
                   struct audit_meter *meter)
{
    const u64 now_ns = log_time(log, now);

    if (meter->ever == 0) {
        meter->summary_ns = now_ns;
    } else if (meter->incarnation != note->actor_incarnation &&
               audit_summary(log, now, note->actor, meter, true)) {
        /* The counts so far were the old incarnation's. Without a slot they
         * stay, and count for the new one. */
        meter->suppressed = 0;
    }
    struct audit_record sample = *note;

    sample.suppressed = meter->suppressed;
    meter->ever++;
    meter->pending++;
    meter->count[class_nr < AUDIT_CLASS_OTHER ? class_nr : AUDIT_CLASS_OTHER]++;
    meter->incarnation = note->actor_incarnation;
    if (take_token(meter, now_ns) && has_room(log, note->event, 1)) {
        put(log, now, &sample);
        meter->sampled++;
        meter->suppressed = 0;
    } else if (meter->suppressed < U32_MAX) {
        meter->suppressed++;
    }
}

/* One record with as many classes as fit. */
static void write_summary(struct audit_log *log, const struct audit_now *now,
                          u16 domain, struct audit_meter *meter)
{
    struct audit_count counts[COUNTS_A_RECORD] = { 0 };
    struct audit_record note;
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
    note.suppressed = meter->suppressed;
    note.actor = domain;
    note.actor_incarnation = meter->incarnation;
    note.arg[0] = sum;
    note.arg[1] = meter->ever;
    note.arg[2] = meter->sampled;
    /* COUNTS_A_RECORD of them fit by definition. */
    (void)!audit_field_add(&note, AUDIT_FIELD_COUNTS, counts,
                           used * (u32)sizeof(counts[0]));
    put(log, now, &note);
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
    if (meter->pending > 0 && has_room(log, AUDIT_REFUSAL_SUMMARY, 1)) {
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
