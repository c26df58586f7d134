/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, as it is written and as it is read.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/collect.h"
#include "audit/log.h"
#include "fuzz/patch.h"
#include "rf/logreader.h"

#define SLOTS 128u
#define TICKETS 4u
#define DOMAINS 3u
#define OPS_MAX 400u

/* ---- writing ----------------------------------------------------------------
 */

static struct audit_record slots[SLOTS];
static struct audit_log log_;
static struct audit_meter meter[DOMAINS];
static struct audit_now now;
static struct audit_reader reader;
static struct audit_seal seal_;
static const u8 root_key[SHA256_BYTES] = { 4, 5, 6 };
static u64 refused[DOMAINS], reported[DOMAINS], seen;
static struct audit_ticket ticket[TICKETS];

static void see(const struct audit_record *r)
{
    u64 at = 0;
    struct audit_record again;
    const enum audit_fault fault =
        audit_next(&reader, (const u8 *)r, r->bytes, &at, &again);

    if (fault != AUDIT_GOOD || at != r->bytes) {
        fuzz_fail("record %llu as sent: %s", (unsigned long long)seen,
                  audit_fault_text(fault));
    }
    seen++;
    if (r->event == AUDIT_REFUSAL_SUMMARY && r->actor < DOMAINS) {
        reported[r->actor] += r->arg[0];
    }
}

static void drain(u32 max)
{
    static struct audit_record out[8];
    const u32 count = audit_drain(&log_, out, max % 9);

    for (u32 i = 0; i < count; i++) {
        while (!audit_seal_step(&seal_, &out[i])) {
        }
        see(&out[i]);
        audit_ready(&log_, &out[i]);
    }
}

/* A collector that asks for anything, and claims to have it. Between acked and
 * ready lies what it was given; of that it gets what left by the port. */
static void collect(struct input *in, u8 c)
{
    struct audit_record r;
    u64 seq = log_.acked + take8(in) % 8u - (c & 1u);
    const u64 asked = seq;
    const u64 acked = log_.acked;
    const u64 life = 1 + c / 128u;

    if ((c & 2) != 0) {
        const enum rc rc = audit_ack(&log_, life, seq);

        if (rc == RC_OK && (seq < acked || seq > log_.ready)) {
            fuzz_fail("what was never given is acknowledged");
        }
    } else if (audit_read(&log_, life, &seq, 256, &r) != 0 &&
               (r.seq >= log_.ready || r.check != audit_check_value(&r) ||
                seq != r.seq + 1 || (r.seq != asked && r.seq != log_.acked))) {
        fuzz_fail("record %llu was asked for, %llu came",
                  (unsigned long long)asked, (unsigned long long)r.seq);
    }
    if (log_.is_collected &&
        (log_.acked > log_.handed || log_.handed > log_.ready) &&
        log_.acked != log_.sent) {
        fuzz_fail("the collector has more than has left");
    }
}

static struct audit_record note_of(struct input *in)
{
    static const enum audit_event events[] = {
        AUDIT_DOMAIN_CREATED,   AUDIT_DOMAIN_STARTED, AUDIT_DOMAIN_CRASHED,
        AUDIT_DOMAIN_DESTROYED, AUDIT_GUEST_REFUSED,  AUDIT_HOST_SHUTDOWN
    };
    struct audit_record note;
    const u8 c = take8(in);
    u8 value[64];

    audit_note_init(&note, events[c % ARRAY_COUNT(events)]);
    note.actor = c / 16u % DOMAINS;
    note.result = -(s32)c;
    memset(value, c, sizeof(value));
    for (u32 i = 0; i < c % 4u; i++) {
        const u32 bytes = take8(in) % 65u;
        const u32 before = note.bytes;

        if (audit_field_add(&note, AUDIT_FIELD_NAME, value, bytes) != RC_OK &&
            note.bytes != before) {
            fuzz_fail("a field that did not fit was added");
        }
    }
    return note;
}

static void act(struct input *in, u8 c)
{
    struct audit_ticket *t = &ticket[c % TICKETS];
    const struct audit_record note = note_of(in);

    if (t->slots == 0) {
        if (audit_begin(&log_, &now, &note, t) != RC_OK) {
            memset(t, 0, sizeof(*t));
        }
    } else {
        audit_end(&log_, &now, &note, t);
        memset(t, 0, sizeof(*t));
    }
}

static void refuse(struct input *in, u8 c)
{
    struct audit_record note;
    const u32 who = c % DOMAINS;
    const u32 nr = take8(in);

    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    note.decision = AUDIT_DENIED;
    note.actor = (u16)who;
    note.actor_incarnation = c / 128u;
    for (u32 i = 0; i <= c / 8u % 16u; i++) {
        audit_refused(&log_, &now, &note, nr, &meter[who]);
        refused[who]++;
    }
    if (meter[who].ever != refused[who]) {
        fuzz_fail("%llu refusals counted, %llu made",
                  (unsigned long long)meter[who].ever,
                  (unsigned long long)refused[who]);
    }
}

static void one(struct input *in)
{
    const u8 what = take8(in);
    const u8 c = take8(in);

    if (what >= 0xe0) {
        collect(in, c);
        return;
    }
    if (what >= 0xd0) {
        audit_look(&log_, &now, false);
        return;
    }
    switch (what % 8) {
    case 0: {
        const struct audit_record note = note_of(in);

        (void)!audit_append(&log_, &now, &note);
        break;
    }
    case 1:
        act(in, c);
        break;
    case 2:
    case 3:
        refuse(in, c);
        break;
    case 4:
        (void)audit_summary(&log_, &now, (u16)(c % DOMAINS),
                            &meter[c % DOMAINS], (c & 128u) != 0);
        break;
    case 5:
        drain(c);
        break;
    case 6:
        now.mono_ns += (u64)c * 20000000u;
        break;
    default:
        now.mono_ns -= c < now.mono_ns ? c : 0;
        break;
    }
}

/* Gapless and chained whatever happens; refusals counted exactly; the slots of
 * an act that was begun are there when it ends. */
void target_auditlog(const u8 *data, size_t bytes)
{
    static const u8 boot_id[16] = { 1, 2, 3 };
    struct input in = { data, bytes, 0 };
    struct audit_record note;

    memset(meter, 0, sizeof(meter));
    memset(ticket, 0, sizeof(ticket));
    memset(refused, 0, sizeof(refused));
    memset(reported, 0, sizeof(reported));
    memset(&now, 0, sizeof(now));
    now.mono_ns = 1000000000;
    seen = 0;
    if (audit_init(&log_, slots, SLOTS, boot_id) != RC_OK) {
        fuzz_fail("no log");
    }
    audit_reader_init(&reader);
    audit_reader_key(&reader, root_key);
    audit_seal_init(&seal_, root_key, boot_id);
    audit_note_init(&note, AUDIT_BOOT);
    (void)!audit_append(&log_, &now, &note);
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        one(&in);
    }
    for (u32 i = 0; i < TICKETS; i++) {
        if (ticket[i].slots != 0) {
            act(&in, (u8)i);
        }
    }
    audit_collect_end(&log_);
    for (u32 i = 0; i < DOMAINS; i++) {
        while (!audit_summary(&log_, &now, (u16)i, &meter[i], true)) {
            drain(8);
        }
    }
    while ((log_.next - log_.sent) != 0) {
        drain(8);
    }
    for (u32 i = 0; i < DOMAINS; i++) {
        if (reported[i] != refused[i]) {
            fuzz_fail("%llu refusals of domain %u, %llu told",
                      (unsigned long long)refused[i], i,
                      (unsigned long long)reported[i]);
        }
    }
    if (seen != log_.next || (log_.next - log_.sent) != 0) {
        fuzz_fail("%llu records sent of %llu", (unsigned long long)seen,
                  (unsigned long long)log_.next);
    }
}

/* ---- reading
 * ----------------------------------------------------------------- */

#define LOG_BYTES (16u * AUDIT_RECORD_BYTES)

static u8 good[LOG_BYTES];
static size_t good_bytes;

static void make_good(void)
{
    static const u8 boot_id[16] = { 7, 7, 7 };
    struct audit_record note;
    struct audit_record out;

    memset(&now, 0, sizeof(now));
    (void)!audit_init(&log_, slots, SLOTS, boot_id);
    audit_seal_init(&seal_, root_key, boot_id);
    for (u32 i = 0; i < 6; i++) {
        audit_note_init(&note, i == 0   ? AUDIT_BOOT
                               : i == 5 ? AUDIT_HOST_SHUTDOWN
                               : i % 3  ? AUDIT_GUEST_REFUSED
                                        : AUDIT_DOMAIN_CREATED);
        note.arg[0] = i;
        (void)!audit_field_add(&note, AUDIT_FIELD_NAME, "tenant", i);
        now.mono_ns += 1000;
        (void)!audit_append(&log_, &now, &note);
    }
    audit_seal_due(&log_, &now, true);
    while (audit_drain(&log_, &out, 1) == 1) {
        while (!audit_seal_step(&seal_, &out)) {
        }
        memcpy(good + good_bytes, &out, out.bytes);
        good_bytes += out.bytes;
    }
}

/* Put the check of the record that holds byte at right, if one is there. */
static void mend(u8 *log, size_t bytes, size_t at)
{
    size_t from = 0;

    for (;;) {
        struct audit_record r;

        memset(&r, 0, sizeof(r));
        if (bytes - from < AUDIT_HEADER_BYTES) {
            return;
        }
        memcpy(&r, log + from, AUDIT_HEADER_BYTES);
        if (r.bytes < AUDIT_HEADER_BYTES || r.bytes > sizeof(r) ||
            r.bytes > bytes - from) {
            return;
        }
        memcpy(&r, log + from, r.bytes);
        if (at < from + r.bytes) {
            r.check = audit_check_value(&r);
            memcpy(log + from, &r, r.bytes);
            return;
        }
        from += r.bytes;
    }
}

void target_auditreader(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };
    bool mended = false;
    size_t at;
    u32 bits;

    if (good_bytes == 0) {
        make_good();
    }
    const u8 cut = take8(&in);
    const size_t size =
        cut < 0x80 ? good_bytes : (cut & 127u) * good_bytes / 128u;
    u8 *log = fuzz_copy(good, size);

    while (size != 0 && patch(&in, log, size, &at, &bits)) {
        if ((bits & 1) != 0) {
            mend(log, size, at);
            mended = true;
        }
    }
    const struct audit_verdict v = audit_verify(log, size, root_key);
    const bool same = memcmp(log, good, size) == 0;

    if (audit_fault_text(v.fault) == NULL || v.offset > size) {
        fuzz_fail("a verdict that makes no sense");
    }
    if (!same && !mended && v.fault == AUDIT_GOOD) {
        fuzz_fail("damage that was not found");
    }
    if (same && cut < 0x80 && (v.fault != AUDIT_GOOD || !v.is_closed)) {
        fuzz_fail("a good log was refused: %s", audit_fault_text(v.fault));
    }
    free(log);
}
