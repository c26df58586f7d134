/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: a ring of record slots that is never overwritten.
 *
 * A slot is free, promised to somebody (reserved), or holds a record until it
 * has been sent: a record that audit_drain has handed out, to leave by the
 * port, counts as acknowledged. Where there is a collector its slot is free
 * when that has acknowledged it, too [audit/collect.h].
 *
 * A record is numbered and written at once, and hashed when it leaves
 * [audit/seal.h]. No record stands in the log that is AUDIT_SEAL_NS younger
 * than the first one after the last SEAL, or AUDIT_SEAL_RECORDS behind that
 * SEAL: put writes a SEAL in front of it, and to have room means to have room
 * for that, too. A SEAL itself may come later.
 *
 * Nothing is dropped without a trace. Each family may take slots only while
 * enough stay free for the ones behind it:
 *
 *     GUEST, PRIV   leave AUDIT_POOL_LIFE + AUDIT_POOL_STOP
 *     LIFE          leaves AUDIT_POOL_STOP
 *     STOP          may take the last ones
 *
 * When there is no slot the answer is RC_EAGAIN, and what was to be recorded
 * must not happen: the caller drains, or makes its caller wait. An act that has
 * waited in vain is counted (audit_turn_away), and the count follows in a
 * record of its own as soon as there is room for one. A privileged
 * act reserves both its slots, writes its intent, acts, and writes its
 * outcome; the last two cannot fail. A guest's refusals are counted exactly,
 * each in its class; a token bucket per domain chooses which also become a
 * record, and a summary with the counts follows at least a second after the
 * last, and before those of a new incarnation. Counts that find no slot stay
 * and go into a later summary.
 *
 * Time and CPU come from the caller: this is pure code. A time older than one
 * seen before counts as that one, so that a CPU which was late to take the lock
 * neither turns the log's time back nor fills a token bucket. Every function is
 * called with the log's lock held (rank 4, audit); it belongs to the caller.
 */
#ifndef AUDIT_LOG_H
#define AUDIT_LOG_H

#include "audit/record.h"
#include "core/rc.h"

#define AUDIT_POOL_LIFE 64u
#define AUDIT_POOL_STOP 16u
#define AUDIT_SLOTS_MIN 128u

#define AUDIT_CLASSES 49u        /* hypercall numbers below 48, and the rest */
#define AUDIT_CLASS_OTHER 48u    /* no such hypercall */
#define AUDIT_SUMMARY_RECORDS 5u /* hold the counts of all classes */
#define AUDIT_BURST 8u           /* samples at once of one domain */
#define AUDIT_TOKEN_NS 100000000ull    /* ... and ten a second after that */
#define AUDIT_SUMMARY_NS 1000000000ull /* between summaries of one domain */

#define AUDIT_LOOK_NS 1000000000ull /* between two looks for room */
#define AUDIT_SEAL_NS 1000000000ull
#define AUDIT_SEAL_RECORDS 1024u

struct audit_now {
    u64 mono_ns;
    u64 wall_ns;
    u16 cpu;
};

/* Refusals of one domain. All zero at the start. */
struct audit_meter {
    u64 ever;
    u64 tokens_ns;  /* when the bucket was empty, plus a burst */
    u64 summary_ns; /* time of the last summary */
    u64 pending;    /* counted since then: the sum of count */
    u64 sampled;    /* of these, records written */
    u32 suppressed; /* since the last sample; stays at its maximum */
    u64 incarnation;
    u64 count[AUDIT_CLASSES];
};

/* The two slots of a privileged act. */
struct audit_ticket {
    u32 slots; /* still reserved */
    u64 intent;
};

struct audit_log {
    struct audit_record *slot; /* slot n % count holds record n */
    u32 count;
    u32 reserved;
    u64 next;          /* seq of the next record */
    u64 sent;          /* records before this one have been sent */
    u64 turned_away;   /* acts that were given up for want of a slot */
    u64 told_away;     /* of these, shown in a record */
    u64 look_at;       /* when audit_look is due; U64_MAX: never */
    bool is_collected; /* a slot is free when a collector says so: collect.h */
    bool has_news;     /* of it; a record is to tell */
    u64 life;          /* of the collector that has read last, 0: none yet */
    u64 ready, handed, acked;
    u64 due_seq, due_at; /* records before due_seq are to be acked by then */
    u64 now_ns;          /* latest time seen: records never go back */
    u64 sealed;          /* seq behind the last SEAL */
    u64 seal_at; /* time of the next SEAL; U64_MAX: nothing is unsealed */
    u8 boot_id[16];
};

/* An empty log in count slots; RC_EINVAL below AUDIT_SLOTS_MIN. */
enum rc audit_init(struct audit_log *log, struct audit_record *slot, u32 count,
                   const u8 boot_id[16]) MUST_CHECK;

/*
 * A note is a record in which the caller says about an event what it knows; the
 * rest is the log's. This one has nobody in it and no fields.
 */
void audit_note_init(struct audit_record *note, enum audit_event event);
/* Add a field; one that does not fit is RC_E2BIG and leaves the note as is. */
enum rc audit_field_add(struct audit_record *note, enum audit_field type,
                        const void *value, u32 bytes) MUST_CHECK;

/* One record that stands for itself. RC_EAGAIN: no slot in its pool. */
enum rc audit_append(struct audit_log *log, const struct audit_now *now,
                     const struct audit_record *note) MUST_CHECK;

/* Both slots of an act of this family, and its intent. RC_EAGAIN: the act
 * must not happen. */
enum rc audit_begin(struct audit_log *log, const struct audit_now *now,
                    const struct audit_record *note,
                    struct audit_ticket *ticket) MUST_CHECK;
/* The outcome, in the slot that audit_begin kept. Once a ticket. */
void audit_end(struct audit_log *log, const struct audit_now *now,
               const struct audit_record *note, struct audit_ticket *ticket);

/* A refusal by note's actor: counted, and a record if it is to be a sample.
 * class_nr is the hypercall number. The caller asks for the summary after. */
void audit_refused(struct audit_log *log, const struct audit_now *now,
                   const struct audit_record *note, u32 class_nr,
                   struct audit_meter *meter);
/* Write a record of the summary of domain when it is due, or in any case. True
 * when no count is left; so after AUDIT_SUMMARY_RECORDS calls, with room. */
bool audit_summary(struct audit_log *log, const struct audit_now *now,
                   u16 domain, struct audit_meter *meter, bool in_any_case);

/* An act was given up: it waited for a slot in vain. */
void audit_turn_away(struct audit_log *log, const struct audit_now *now);
/* What the log has to say of itself: when it is due, or in any case. */
void audit_look(struct audit_log *log, const struct audit_now *now,
                bool in_any_case);

/* A SEAL, when one is due, or of anything unsealed in any case. */
void audit_seal_due(struct audit_log *log, const struct audit_now *now,
                    bool in_any_case);

/* Copy at most max unsent records to out and free their slots. */
u32 audit_drain(struct audit_log *log, struct audit_record *out, u32 max);

#endif
