/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's ring and the notes that go into it: any state in which no more
 * slots are taken than there are, any note, any time, any refusal, any reading
 * of a collector.
 */
#include "audit/chain.h"
#include "audit/collect.h"
#include "audit/log.h"

#define SLOTS 256u

static struct audit_record slots[SLOTS];

static void some_log(struct audit_log *log)
{
    const u32 count = AUDIT_SLOTS_MIN + eva_below(SLOTS - AUDIT_SLOTS_MIN + 1);

    eva_any(*log);
    log->slot = slots;
    log->count = count;
    log->is_collected = eva_below(2) == 1;
    log->has_news = eva_below(2) == 1;
}

static void some_note(struct audit_record *note)
{
    eva_any(*note);
    note->bytes = (u16)(AUDIT_HEADER_BYTES + eva_below(AUDIT_FIELD_ROOM + 1));
}

void prove(void)
{
    static struct audit_log log;
    static struct audit_meter meter;
    static struct audit_record note, out[4];
    static u8 value[2 * AUDIT_FIELD_ROOM];
    struct audit_ticket ticket = { 0, 0 };
    u8 boot_id[16];
    const struct audit_now now = { eva_u64(), eva_u64(), (u16)eva_u32() };

    eva_any(slots);
    eva_any(value);
    eva_any(boot_id);
    eva_any(meter);
    (void)!audit_init(&log, slots, eva_below(SLOTS + 1), boot_id);
    audit_note_init(&note, (enum audit_event)eva_u32());
    some_note(&note);
    (void)!audit_field_add(&note, (enum audit_field)eva_u32(), value,
                           eva_below(sizeof(value) + 1));
    some_log(&log);
    some_note(&note);
    (void)!audit_append(&log, &now, &note);
    if (audit_begin(&log, &now, &note, &ticket) == RC_OK) {
        some_note(&note);
        audit_end(&log, &now, &note, &ticket);
    }
    some_log(&log);
    audit_refused(&log, &now, &note, eva_u32(), &meter);
    some_log(&log);
    eva_any(meter);
    (void)audit_summary(&log, &now, (u16)eva_u32(), &meter, eva_below(2) == 1);
    some_log(&log);
    audit_seal_due(&log, &now, eva_below(2) == 1);
    some_log(&log);
    (void)audit_drain(&log, out, eva_below(ARRAY_COUNT(out) + 1));
    some_log(&log);
    audit_look(&log, &now, eva_below(2) == 1);
    audit_turn_away(&log, &now);
    some_log(&log);
    audit_ready(&log, &note);
    u64 seq = eva_u64();
    (void)audit_read(&log, eva_u64(), &seq, eva_u32(), out);
    (void)!audit_ack(&log, eva_u64(), eva_u64());
    (void)audit_event_family(eva_u32());
}
