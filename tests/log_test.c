/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: gapless and chained whatever happens, pools that others cannot use
 * up, exact counts of refusals under any flood, acts that keep their second
 * slot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/log.h"
#include "audit/seal.h"
#include "rf/logreader.h"

enum { SLOTS = 256, POOLS = AUDIT_POOL_LIFE + AUDIT_POOL_STOP };

static struct audit_record slots[SLOTS];
static struct audit_log log_;
static struct audit_reader reader;
static struct audit_seal seal_;
static struct audit_now now;

/* What came out: records by event, refusals by what summaries say. */
static u64 events[AUDIT_EVENT_COUNT];
static u64 counted[AUDIT_CLASSES];
static u64 suppressed;
static u64 outcomes;

static int setup(void **state)
{
    (void)state;
    static const u8 boot_id[16] = { 1, 2, 3 };
    static const u8 root_key[SHA256_BYTES] = { 4, 5, 6 };
    struct audit_record note;

    assert_int_equal(audit_init(&log_, slots, SLOTS, boot_id), RC_OK);
    audit_reader_init(&reader);
    audit_reader_key(&reader, root_key);
    audit_seal_init(&seal_, root_key, boot_id);
    memset(&now, 0, sizeof(now));
    memset(events, 0, sizeof(events));
    memset(counted, 0, sizeof(counted));
    suppressed = 0;
    outcomes = 0;
    audit_note_init(&note, AUDIT_BOOT);
    assert_int_equal(audit_append(&log_, &now, &note), RC_OK);
    return 0;
}

static void look_at(const struct audit_record *r)
{
    events[r->event]++;
    if (r->event == AUDIT_REFUSAL_SUMMARY && r->arg[0] != 0) {
        const u32 bytes = r->field[2];
        u64 sum = 0;

        assert_int_equal(r->field[0], AUDIT_FIELD_COUNTS);
        for (u32 i = 0; i < bytes; i += sizeof(struct audit_count)) {
            struct audit_count c;

            memcpy(&c, r->field + 4 + i, sizeof(c));
            assert_true(c.class_nr < AUDIT_CLASSES);
            counted[c.class_nr] += c.refused;
            sum += c.refused;
        }
        assert_true(sum == r->arg[0]);
    }
    if (r->event == AUDIT_GUEST_REFUSED) {
        suppressed += r->suppressed;
    }
    if (r->phase == AUDIT_OUTCOME) {
        assert_true(r->corr < r->seq);
        outcomes++;
    }
}

/* Send everything; each record must follow the one before. */
static void drain(void)
{
    struct audit_record out[7];
    u32 count;

    do {
        count = audit_drain(&log_, out, 7);
        for (u32 i = 0; i < count; i++) {
            struct audit_record r;
            u64 at = 0;

            while (!audit_seal_step(&seal_, &out[i])) {
            }
            assert_int_equal(
                audit_next(&reader, (const u8 *)&out[i], out[i].bytes, &at, &r),
                AUDIT_GOOD);
            look_at(&r);
        }
    } while (count > 0);
    assert_true((log_.next - log_.sent) == 0);
    assert_memory_equal(reader.head, seal_.head, SHA256_BYTES);
}

static enum rc append(enum audit_event event)
{
    struct audit_record note;

    audit_note_init(&note, event);
    return audit_append(&log_, &now, &note);
}

/* The whole summary, in as many records as it takes; false: no room. */
static bool summarise(struct audit_meter *meter)
{
    for (u32 i = 1; i < AUDIT_SUMMARY_RECORDS; i++) {
        if (audit_summary(&log_, &now, 3, meter, true)) {
            return true;
        }
    }
    return audit_summary(&log_, &now, 3, meter, true);
}

static void test_init_wants_room(void **state)
{
    (void)state;
    static const u8 boot_id[16];
    struct audit_log log;

    assert_int_equal(audit_init(&log, slots, AUDIT_SLOTS_MIN - 1, boot_id),
                     RC_EINVAL);
}

static void test_full_is_refused_pool_by_pool(void **state)
{
    (void)state;
    u32 used = 1; /* boot */

    while (append(AUDIT_REFUSAL_SUMMARY) == RC_OK) {
        used++;
        drain();
        if (used == 600) {
            break; /* a drained log never gets full */
        }
    }
    assert_int_equal(used, 600);
    used = 0;
    while (append(AUDIT_GUEST_REFUSED) == RC_OK) {
        used++;
    }
    /* One slot stays for the seal that may be due. */
    assert_int_equal(used, SLOTS - POOLS - 1);
    while (append(AUDIT_DOMAIN_CREATED) == RC_OK) {
        used++;
    }
    assert_int_equal(used, SLOTS - AUDIT_POOL_STOP - 1);
    while (append(AUDIT_PANIC) == RC_OK) {
        used++;
    }
    assert_int_equal(used, SLOTS - 1);
    assert_int_equal(append(AUDIT_HOST_SHUTDOWN), RC_EAGAIN);
    drain();
    assert_true(events[AUDIT_DOMAIN_CREATED] == AUDIT_POOL_LIFE);
    assert_true(events[AUDIT_PANIC] == AUDIT_POOL_STOP);
    assert_int_equal(append(AUDIT_HOST_SHUTDOWN), RC_OK);
    drain();
}

static void test_an_act_keeps_its_second_slot(void **state)
{
    (void)state;
    struct audit_ticket ticket[SLOTS];
    struct audit_record note;
    u32 acts = 0;

    audit_note_init(&note, AUDIT_DOMAIN_STARTED);
    while (audit_begin(&log_, &now, &note, &ticket[acts]) == RC_OK) {
        acts++;
    }
    /* Each one took three, though only one is written; the last one asked for
     * one more. */
    assert_int_equal(acts, (SLOTS - 1 - AUDIT_POOL_STOP - 1) / 3);
    while (append(AUDIT_PANIC) == RC_OK) {
    }
    for (u32 i = acts; i > 0; i--) {
        const u64 intent = ticket[i - 1].intent;

        now.mono_ns += AUDIT_SEAL_NS; /* a seal is due each time */
        audit_end(&log_, &now, &note, &ticket[i - 1]);
        assert_true(log_.slot[(log_.next - 1) % SLOTS].corr == intent);
        audit_end(&log_, &now, &note, &ticket[i - 1]); /* nothing more */
    }
    assert_int_equal(log_.reserved, 0);
    assert_true((log_.next - log_.sent) == SLOTS - 1);
    drain();
    assert_true(outcomes == acts && events[AUDIT_SEAL] == acts);
}

static void refuse(struct audit_meter *meter, u32 nr)
{
    struct audit_record note;

    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    note.decision = AUDIT_DENIED;
    note.result = RC_ENOSYS;
    note.actor = 3;
    note.actor_incarnation = 1;
    note.arg[0] = nr;
    audit_refused(&log_, &now, &note, nr, meter);
    (void)audit_summary(&log_, &now, note.actor, meter, false);
}

static void test_a_flood_is_counted_exactly(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };
    u64 truth[AUDIT_CLASSES] = { 0 };
    u64 sum = 0;

    srand(11);
    now.mono_ns = 123456;
    for (u32 i = 0; i < 300000; i++) {
        const u32 nr = (u32)rand() % 70;

        now.mono_ns += (u64)rand() % 30000;
        refuse(&meter, nr);
        truth[nr < AUDIT_CLASS_OTHER ? nr : AUDIT_CLASS_OTHER]++;
        if (i % 20000 == 0) {
            drain();
        }
    }
    drain();
    assert_true(summarise(&meter));
    drain();
    for (u32 i = 0; i < AUDIT_CLASSES; i++) {
        assert_true(counted[i] == truth[i]);
        sum += counted[i];
    }
    assert_true(sum == 300000 && meter.ever == 300000);
    /* Some 4.5 s: a burst and ten a second became samples. */
    assert_in_range(events[AUDIT_GUEST_REFUSED], 8 + 43, 8 + 47);
    assert_true(suppressed + meter.suppressed + events[AUDIT_GUEST_REFUSED] ==
                300000);
}

static void test_a_flood_without_a_collector_loses_no_count(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };

    for (u32 i = 0; i < 200000; i++) {
        now.mono_ns += 1000000;
        refuse(&meter, i % AUDIT_CLASSES);
    }
    assert_true((log_.next - log_.sent) == SLOTS - POOLS);
    assert_true(meter.pending > 0);
    assert_false(summarise(&meter));
    /* A tenant's flood does not stand in the way of its end. */
    assert_int_equal(append(AUDIT_DOMAIN_CRASHED), RC_OK);
    assert_int_equal(append(AUDIT_DOMAIN_DESTROYED), RC_OK);
    drain();
    assert_true(summarise(&meter));
    drain();
    u64 sum = 0;

    for (u32 i = 0; i < AUDIT_CLASSES; i++) {
        sum += counted[i];
    }
    assert_true(sum == 200000);
}

static void test_a_quiet_domain_is_sampled_whole(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };

    for (u32 i = 0; i < 50; i++) {
        now.mono_ns += 150000000;
        refuse(&meter, 1);
    }
    drain();
    assert_true(events[AUDIT_GUEST_REFUSED] == 50);
    assert_true(suppressed == 0);
}

static void test_time_that_stands_still_or_jumps(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };

    for (u32 i = 0; i < 100; i++) {
        refuse(&meter, 2);
    }
    assert_true(meter.sampled == AUDIT_BURST);
    now.mono_ns = U64_MAX / 2;
    for (u32 i = 0; i < 100; i++) {
        refuse(&meter, 2);
    }
    drain();
    assert_true(events[AUDIT_GUEST_REFUSED] == 2 * AUDIT_BURST);
}

/* Two CPUs read the clock before they take the lock: what they give the log
 * may go back a little. The log's time does not, and no token comes of it. */
static void test_time_that_goes_back(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };
    struct audit_record out[SLOTS];
    u64 last = 0;

    for (u32 i = 0; i < 5000; i++) {
        now.mono_ns = 1000000000 + (u64)i * 1000000 - (i % 2) * 2000000;
        refuse(&meter, 3);
    }
    /* 5 s: a burst and ten a second; a summary a second. */
    const u32 count = audit_drain(&log_, out, SLOTS);

    for (u32 i = 0; i < count; i++) {
        look_at(&out[i]);
        assert_true(out[i].mono_ns >= last);
        last = out[i].mono_ns;
    }
    assert_in_range(events[AUDIT_GUEST_REFUSED], 8 + 48, 8 + 51);
    assert_in_range(events[AUDIT_REFUSAL_SUMMARY], 4, 5);
}

/* What an incarnation was refused is told before the next one is counted. */
static void test_a_restart_closes_the_counts(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };
    struct audit_record out[SLOTS];
    struct audit_record note;
    u64 refused[3] = { 0 };

    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    for (u32 i = 0; i < 300; i++) {
        note.actor = 3;
        note.actor_incarnation = i < 100 ? 1 : 2;
        audit_refused(&log_, &now, &note, i % 5, &meter);
        (void)audit_summary(&log_, &now, note.actor, &meter, false);
    }
    assert_true(summarise(&meter));
    const u32 count = audit_drain(&log_, out, SLOTS);

    for (u32 i = 0; i < count; i++) {
        if (out[i].event == AUDIT_REFUSAL_SUMMARY) {
            assert_in_range(out[i].actor_incarnation, 1, 2);
            refused[out[i].actor_incarnation] += out[i].arg[0];
        }
    }
    assert_true(refused[1] == 100 && refused[2] == 200);
}

static void test_fields(void **state)
{
    (void)state;
    struct audit_record note;
    u8 digest[32] = { 9 };

    audit_note_init(&note, AUDIT_DOMAIN_CREATED);
    assert_int_equal(audit_field_add(&note, AUDIT_FIELD_BUILD, digest, 32),
                     RC_OK);
    assert_int_equal(audit_field_add(&note, AUDIT_FIELD_POLICY, digest, 32),
                     RC_OK);
    assert_int_equal(audit_field_add(&note, AUDIT_FIELD_NAME, digest, 21),
                     RC_E2BIG);
    assert_int_equal(audit_field_add(&note, AUDIT_FIELD_NAME, digest, U32_MAX),
                     RC_E2BIG);
    assert_int_equal(audit_field_add(&note, AUDIT_FIELD_NAME, digest, 20),
                     RC_OK);
    assert_int_equal(note.bytes, AUDIT_RECORD_BYTES);
    assert_int_equal(audit_append(&log_, &now, &note), RC_OK);
    drain();
    assert_true(events[AUDIT_DOMAIN_CREATED] == 1);
}

/* Random use of everything: the chain holds, seq has no gap. */
static void test_soup(void **state)
{
    (void)state;
    struct audit_meter meter = { 0 };
    struct audit_ticket ticket = { 0 };
    struct audit_record note;
    u64 began = 0;

    srand(5);
    audit_note_init(&note, AUDIT_DOMAIN_STARTED);
    for (u32 i = 0; i < 100000; i++) {
        now.mono_ns += (u64)rand() % 2000000;
        switch (rand() % 5) {
        case 0:
            (void)!append((enum audit_event)(1 + rand() % 10));
            break;
        case 1:
            if (ticket.slots == 0 &&
                audit_begin(&log_, &now, &note, &ticket) == RC_OK) {
                began++;
            }
            break;
        case 2:
            audit_end(&log_, &now, &note, &ticket);
            break;
        case 3:
            refuse(&meter, (u32)rand() % 50);
            break;
        default:
            if (rand() % 40 == 0) {
                drain();
            }
            break;
        }
        assert_true((log_.next - log_.sent) + log_.reserved <= SLOTS);
    }
    audit_end(&log_, &now, &note, &ticket);
    drain();
    assert_true(outcomes == began && began > 1000);
    assert_true(reader.seq == log_.next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_init_wants_room, setup),
        cmocka_unit_test_setup(test_full_is_refused_pool_by_pool, setup),
        cmocka_unit_test_setup(test_an_act_keeps_its_second_slot, setup),
        cmocka_unit_test_setup(test_a_flood_is_counted_exactly, setup),
        cmocka_unit_test_setup(test_a_flood_without_a_collector_loses_no_count,
                               setup),
        cmocka_unit_test_setup(test_a_quiet_domain_is_sampled_whole, setup),
        cmocka_unit_test_setup(test_time_that_stands_still_or_jumps, setup),
        cmocka_unit_test_setup(test_time_that_goes_back, setup),
        cmocka_unit_test_setup(test_a_restart_closes_the_counts, setup),
        cmocka_unit_test_setup(test_fields, setup),
        cmocka_unit_test_setup(test_soup, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
