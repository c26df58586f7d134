/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain's reader against damage: every bit flipped, records removed,
 * repeated, swapped, cut, spliced from another boot, and rewritten.
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
#include "rf/logreader.h"

/* Records stand in stored logs: their layout may not change. */
_Static_assert(sizeof(struct audit_count) == 8, "a count is one word");
_Static_assert(sizeof(struct audit_record) == AUDIT_RECORD_BYTES, "slot");
_Static_assert(offsetof(struct audit_record, seq) == 8, "layout");
_Static_assert(offsetof(struct audit_record, boot_id) == 16, "layout");
_Static_assert(offsetof(struct audit_record, mono_ns) == 32, "layout");
_Static_assert(offsetof(struct audit_record, cpu) == 48, "layout");
_Static_assert(offsetof(struct audit_record, event) == 52, "layout");
_Static_assert(offsetof(struct audit_record, result) == 56, "layout");
_Static_assert(offsetof(struct audit_record, actor) == 64, "layout");
_Static_assert(offsetof(struct audit_record, actor_incarnation) == 72, "same");
_Static_assert(offsetof(struct audit_record, corr) == 88, "layout");
_Static_assert(offsetof(struct audit_record, arg) == 96, "layout");
_Static_assert(offsetof(struct audit_record, check) == 120, "layout");
_Static_assert(offsetof(struct audit_record, prev) == 128, "layout");
_Static_assert(offsetof(struct audit_record, field) == 160, "layout");

enum { RECORDS = 40, SLOTS = 256 };

static const u8 key[SHA256_BYTES] = { 3, 1, 4 };

struct stored {
    u8 bytes[RECORDS * AUDIT_RECORD_BYTES];
    u64 size;
    u64 at[RECORDS + 1]; /* where each record starts */
    u8 head[SHA256_BYTES];
};

static void note_of(struct audit_record *note, u32 i)
{
    audit_note_init(note, i == 0 ? AUDIT_BOOT
                                 : (i == RECORDS - 2 ? AUDIT_HOST_SHUTDOWN
                                                     : AUDIT_GUEST_REFUSED));
    note->actor = (u16)(i % 3);
    note->arg[0] = i;
    note->result = -38;
    if (i % 4 == 0) {
        assert_int_equal(audit_field_add(note, AUDIT_FIELD_NAME, "web", i % 3),
                         RC_OK);
    }
}

static void make(struct stored *s, u8 boot)
{
    static struct audit_record slots[SLOTS];
    struct audit_record out[RECORDS];
    static struct audit_seal seal;
    struct audit_log log;
    struct audit_now now = { 0, 5, 0 };
    u8 boot_id[16];

    memset(boot_id, boot, sizeof(boot_id));
    assert_int_equal(audit_init(&log, slots, SLOTS, boot_id), RC_OK);
    audit_seal_init(&seal, key, boot_id);
    for (u32 i = 0; i + 1 < RECORDS; i++) {
        struct audit_record note;

        now = (struct audit_now){ 1000 * i, 5, (u16)(i % 2) };
        note_of(&note, i);
        assert_int_equal(audit_append(&log, &now, &note), RC_OK);
    }
    audit_seal_due(&log, &now, true);
    assert_int_equal(audit_drain(&log, out, RECORDS), RECORDS);
    s->size = 0;
    for (u32 i = 0; i < RECORDS; i++) {
        while (!audit_seal_step(&seal, &out[i])) {
        }
        s->at[i] = s->size;
        memcpy(s->bytes + s->size, &out[i], out[i].bytes);
        s->size += out[i].bytes;
    }
    s->at[RECORDS] = s->size;
    memcpy(s->head, seal.head, sizeof(s->head));
}

static void test_a_good_log(void **state)
{
    (void)state;
    struct stored s;

    make(&s, 1);
    const struct audit_verdict v = audit_verify(s.bytes, s.size, key);

    assert_int_equal(v.fault, AUDIT_GOOD);
    assert_int_equal(v.good, RECORDS);
    assert_int_equal(v.offset, s.size);
    assert_true(v.is_closed);
    assert_memory_equal(v.head, s.head, SHA256_BYTES);
}

static void test_every_flipped_bit_is_found_in_its_record(void **state)
{
    (void)state;
    struct stored s;
    u32 record = 0;

    make(&s, 1);
    for (u64 bit = 0; bit < 8 * s.size; bit++) {
        while (bit / 8 >= s.at[record + 1]) {
            record++;
        }
        s.bytes[bit / 8] ^= (u8)(1u << bit % 8);
        const struct audit_verdict v = audit_verify(s.bytes, s.size, key);

        assert_int_not_equal(v.fault, AUDIT_GOOD);
        assert_int_equal(v.good, record);
        assert_int_equal(v.offset, s.at[record]);
        s.bytes[bit / 8] ^= (u8)(1u << bit % 8);
    }
}

static void test_a_removed_record_is_found(void **state)
{
    (void)state;
    struct stored s;
    struct stored cut;

    make(&s, 1);
    for (u32 i = 0; i + 1 < RECORDS; i++) {
        const u64 rest = s.size - s.at[i + 1];

        memcpy(cut.bytes, s.bytes, s.at[i]);
        memcpy(cut.bytes + s.at[i], s.bytes + s.at[i + 1], rest);
        const struct audit_verdict v =
            audit_verify(cut.bytes, s.at[i] + rest, key);

        assert_int_equal(v.fault, AUDIT_FAULT_SEQ);
        assert_int_equal(v.good, i);
    }
}

static void test_a_repeated_or_swapped_record_is_found(void **state)
{
    (void)state;
    struct stored s;
    static u8 twice[sizeof(s.bytes) + AUDIT_RECORD_BYTES];

    make(&s, 1);
    for (u32 i = 0; i < RECORDS; i++) {
        const u64 bytes = s.at[i + 1] - s.at[i];

        memcpy(twice, s.bytes, s.at[i + 1]);
        memcpy(twice + s.at[i + 1], s.bytes + s.at[i], s.size - s.at[i]);
        struct audit_verdict v = audit_verify(twice, s.size + bytes, key);

        assert_int_equal(v.fault, AUDIT_FAULT_SEQ);
        assert_int_equal(v.good, i + 1);
        if (i + 1 < RECORDS) {
            const u64 next = s.at[i + 2] - s.at[i + 1];

            memcpy(twice, s.bytes, s.size);
            memcpy(twice + s.at[i], s.bytes + s.at[i + 1], next);
            memcpy(twice + s.at[i] + next, s.bytes + s.at[i], bytes);
            v = audit_verify(twice, s.size, key);
            assert_int_equal(v.fault, AUDIT_FAULT_SEQ);
            assert_int_equal(v.good, i);
        }
    }
}

static void test_every_cut(void **state)
{
    (void)state;
    struct stored s;
    u32 record = 0;

    make(&s, 1);
    for (u64 bytes = 0; bytes < s.size; bytes++) {
        /* A copy that ends where the file does. */
        u8 *const cut = malloc(bytes + 1);

        assert_non_null(cut);
        memcpy(cut + 1, s.bytes, bytes);
        const struct audit_verdict v = audit_verify(cut + 1, bytes, key);

        while (bytes >= s.at[record + 1]) {
            record++;
        }
        assert_int_equal(v.good, record);
        if (bytes == s.at[record] && bytes > 0) {
            /* Between records: not damage, but not closed either. */
            assert_int_equal(v.fault, AUDIT_GOOD);
            assert_false(v.is_closed);
        } else {
            assert_int_equal(v.fault, AUDIT_FAULT_TRUNCATED);
        }
        free(cut);
    }
}

static void test_a_splice_from_another_boot(void **state)
{
    (void)state;
    struct stored a;
    struct stored b;

    make(&a, 1);
    make(&b, 2);
    for (u32 i = 1; i < RECORDS; i++) {
        memcpy(a.bytes + a.at[i], b.bytes + b.at[i], b.size - b.at[i]);
        const struct audit_verdict v = audit_verify(a.bytes, a.size, key);

        assert_int_equal(v.fault, AUDIT_FAULT_BOOT);
        assert_int_equal(v.good, i);
        make(&a, 1);
    }
}

/* Somebody changes a record and its check value, but not those after it. */
static void test_a_rewritten_record(void **state)
{
    (void)state;
    struct stored s;

    make(&s, 1);
    for (u32 i = 0; i < RECORDS; i++) {
        struct audit_record r;
        struct audit_record before;
        const u64 bytes = s.at[i + 1] - s.at[i];

        memset(&r, 0, sizeof(r));
        memcpy(&r, s.bytes + s.at[i], bytes);
        before = r;
        r.arg[2] = 4711;
        r.check = audit_check_value(&r);
        memcpy(s.bytes + s.at[i], &r, bytes);
        const struct audit_verdict v = audit_verify(s.bytes, s.size, key);

        if (i + 1 < RECORDS) {
            assert_int_equal(v.fault, AUDIT_FAULT_CHAIN);
            assert_int_equal(v.good, i + 1);
        } else {
            assert_int_equal(v.fault, AUDIT_FAULT_CODE);
            assert_int_equal(v.good, i);
        }
        memcpy(s.bytes + s.at[i], &before, bytes);
    }
}

static void test_noise(void **state)
{
    (void)state;
    struct stored s;
    u8 head[SHA256_BYTES];

    make(&s, 1);
    memcpy(head, s.head, sizeof(head));
    srand(3);
    for (u32 round = 0; round < 20000; round++) {
        struct audit_reader reader;
        struct audit_record r;
        u8 bytes[AUDIT_RECORD_BYTES];
        u64 at = 0;

        memcpy(bytes, s.bytes, sizeof(bytes));
        for (u32 i = 0; i < 6; i++) {
            bytes[4 + (u32)rand() % 252] = (u8)rand();
        }
        /* Give it the check value it wants, so that the rest is reached. */
        memcpy(&r, bytes, sizeof(r));
        if (r.bytes >= AUDIT_HEADER_BYTES && r.bytes <= AUDIT_RECORD_BYTES) {
            r.check = audit_check_value(&r);
            memcpy(bytes, &r, sizeof(r));
        }
        audit_reader_init(&reader);
        audit_reader_key(&reader, key);
        const enum audit_fault f =
            audit_next(&reader, bytes, sizeof(bytes), &at, &r);

        assert_true((u32)f < AUDIT_FAULT_COUNT);
        assert_true(at <= sizeof(bytes));
    }
}

static void test_every_event_and_fault_has_words(void **state)
{
    (void)state;
    for (u32 e = 0; e < AUDIT_EVENT_COUNT; e++) {
        if (audit_event_name(e) == NULL) {
            continue; /* numbers may be left out */
        }
        assert_true(strlen(audit_event_name(e)) > 3);
        assert_true(strlen(audit_event_doc(e)) > 3);
        for (u32 a = 0; a < 3; a++) {
            assert_non_null(audit_event_arg(e, a));
        }
        assert_null(audit_event_arg(e, 3));
    }
    assert_null(audit_event_name(AUDIT_EVENT_COUNT));
    assert_null(audit_event_arg(AUDIT_EVENT_COUNT, 0));
    for (u32 f = 0; f <= AUDIT_FAULT_COUNT; f++) {
        assert_non_null(audit_fault_text((enum audit_fault)f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_log),
        cmocka_unit_test(test_every_flipped_bit_is_found_in_its_record),
        cmocka_unit_test(test_a_removed_record_is_found),
        cmocka_unit_test(test_a_repeated_or_swapped_record_is_found),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_a_splice_from_another_boot),
        cmocka_unit_test(test_a_rewritten_record),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_every_event_and_fault_has_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
