/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal: tree and code as OpenSSL and the recursive text of RFC 6962 have
 * them, keys that are gone, and what somebody can do who holds the newest one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "audit/log.h"
#include "rf/logreader.h"

enum { SLOTS = 256, RECORDS = 120 };

static const u8 root_key[SHA256_BYTES] = { 9, 8, 7 };
static const u8 boot_id[16] = { 1, 2, 3 };
static struct audit_record slots[SLOTS];
static struct audit_log log_;
static struct audit_seal seal;
static struct audit_now now;
static u8 stored[RECORDS * AUDIT_RECORD_BYTES * 2];
static u64 size;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(audit_init(&log_, slots, SLOTS, boot_id), RC_OK);
    audit_seal_init(&seal, root_key, boot_id);
    memset(&now, 0, sizeof(now));
    size = 0;
    return 0;
}

static enum rc append(enum audit_event event, u64 arg)
{
    struct audit_record note;

    audit_note_init(&note, event);
    note.arg[0] = arg;
    return audit_append(&log_, &now, &note);
}

static void complete(struct audit_seal *s, struct audit_record *r)
{
    u32 steps = 0;

    while (!audit_seal_step(s, r)) {
        steps++;
        assert_true(steps < 2 * AUDIT_LEVELS + 8);
    }
}

static void drain(void)
{
    struct audit_record out;

    while (audit_drain(&log_, &out, 1) == 1) {
        complete(&seal, &out);
        memcpy(stored + size, &out, out.bytes);
        size += out.bytes;
    }
}

/* RECORDS records, four a second. */
static void make_log(void)
{
    assert_int_equal(append(AUDIT_BOOT, 1), RC_OK);
    for (u32 i = 2; i < RECORDS; i++) {
        now.mono_ns += AUDIT_SEAL_NS / 4;
        assert_int_equal(append(AUDIT_GUEST_REFUSED, i), RC_OK);
        drain();
    }
    assert_int_equal(append(AUDIT_HOST_SHUTDOWN, 0), RC_OK);
    audit_seal_due(&log_, &now, true);
    drain();
}

/* MTH of [RFC 6962 2.1], word for word, over leaves of 32 bytes. */
static void tree_of(u8 (*leaf)[SHA256_BYTES], u64 count, u8 *out)
{
    u8 text[1 + 2 * SHA256_BYTES];
    u64 k = 1;

    if (count == 1) {
        text[0] = 0;
        memcpy(text + 1, leaf, SHA256_BYTES);
        EVP_Digest(text, 1 + SHA256_BYTES, out, NULL, EVP_sha256(), NULL);
        return;
    }
    while (2 * k < count) {
        k *= 2;
    }
    text[0] = 1;
    tree_of(leaf, k, text + 1);
    tree_of(leaf + k, count - k, text + 1 + SHA256_BYTES);
    EVP_Digest(text, sizeof(text), out, NULL, EVP_sha256(), NULL);
}

static void test_the_tree_is_that_of_rfc_6962(void **state)
{
    (void)state;
    static u8 leaf[300][SHA256_BYTES];
    struct audit_tree tree = { .leaves = 0 };

    for (u32 n = 0; n < ARRAY_COUNT(leaf); n++) {
        u8 root[2][SHA256_BYTES];
        memset(leaf[n], (int)n, SHA256_BYTES);
        leaf[n][0] = (u8)(n >> 8);
        audit_tree_add(&tree, leaf[n]);
        while (tree.merges > 0) {
            audit_tree_merge(&tree);
        }
        audit_tree_root(&tree, root[0]);
        tree_of(leaf, n + 1, root[1]);
        assert_memory_equal(root[0], root[1], SHA256_BYTES);
    }
}

static void test_the_code_is_hmac_sha256(void **state)
{
    (void)state;
    u8 text[200];

    memset(text, 0x5a, sizeof(text));
    for (u32 bytes = 0; bytes < sizeof(text); bytes++) {
        u8 code[2][SHA256_BYTES];
        audit_hmac(root_key, text, bytes, code[0]);
        HMAC(EVP_sha256(), root_key, SHA256_BYTES, text, bytes, code[1], NULL);
        assert_memory_equal(code[0], code[1], SHA256_BYTES);
        text[bytes] = (u8)bytes;
    }
}

/* The writer's steps, at every size, seal what the reader computes at once. */
static void test_seals_at_every_size(void **state)
{
    (void)state;
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;

    assert_int_equal(append(AUDIT_BOOT, 0), RC_OK);
    for (u32 i = 0; i < 70; i++) {
        for (u32 k = 0; k <= i % 3; k++) {
            assert_int_equal(append(AUDIT_DOMAIN_CREATED, k), RC_OK);
        }
        audit_seal_due(&log_, &now, true);
        drain();
    }
    audit_reader_init(&reader);
    audit_reader_key(&reader, root_key);
    while (at < size) {
        assert_int_equal(audit_next(&reader, stored, size, &at, &r),
                         AUDIT_GOOD);
    }
    assert_true(reader.epoch == 70 && reader.sealed == reader.seq - 1);
    assert_memory_equal(reader.root, seal.root, SHA256_BYTES);
    assert_memory_equal(reader.head, seal.head, SHA256_BYTES);
    assert_memory_equal(reader.key, seal.key, SHA256_BYTES);
}

/* No trace of an earlier key in what the host keeps. */
static void test_an_old_key_is_gone(void **state)
{
    (void)state;
    u8 key[SHA256_BYTES];

    memcpy(key, seal.key, sizeof(key));
    assert_int_equal(append(AUDIT_BOOT, 0), RC_OK);
    for (u32 e = 0; e < 5; e++) {
        assert_memory_equal(key, seal.key, sizeof(key));
        assert_int_equal(append(AUDIT_DOMAIN_CREATED, e), RC_OK);
        audit_seal_due(&log_, &now, true);
        drain();
        for (u32 at = 0; at + sizeof(key) <= sizeof(seal); at++) {
            assert_memory_not_equal((u8 *)&seal + at, key, sizeof(key));
        }
        audit_hmac(key, "next", 4, key);
    }
}

/* A second after the first unsealed record, a seal: from the timer, or in front
 * of the next record, or behind 1,023; never one of nothing. */
static void test_when_a_seal_is_due(void **state)
{
    (void)state;
    assert_true(log_.seal_at == U64_MAX);
    assert_int_equal(append(AUDIT_BOOT, 0), RC_OK);
    assert_true(log_.seal_at == AUDIT_SEAL_NS);
    now.mono_ns = AUDIT_SEAL_NS - 1;
    audit_seal_due(&log_, &now, false);
    assert_true(log_.next == 1);
    now.mono_ns++;
    audit_seal_due(&log_, &now, false);
    assert_true(log_.next == 2 && slots[1].event == AUDIT_SEAL);
    audit_seal_due(&log_, &now, true);
    assert_true(log_.next == 2 && log_.seal_at == U64_MAX);
    assert_int_equal(append(AUDIT_DOMAIN_CREATED, 0), RC_OK);
    now.mono_ns += AUDIT_SEAL_NS;
    assert_int_equal(append(AUDIT_DOMAIN_CREATED, 1), RC_OK);
    assert_true(log_.next == 5 && slots[3].event == AUDIT_SEAL);
    drain();
    const u64 first = log_.next;
    for (u32 i = 0; i < AUDIT_SEAL_RECORDS - 2; i++) {
        assert_int_equal(append(AUDIT_DOMAIN_CREATED, i), RC_OK);
        (void)audit_drain(&log_, &(struct audit_record){ 0 }, 1);
    }
    assert_true(log_.next == first + AUDIT_SEAL_RECORDS - 2);
    assert_int_equal(append(AUDIT_DOMAIN_CREATED, 0), RC_OK);
    assert_true(log_.next == first + AUDIT_SEAL_RECORDS);
}

/* What waits in the ring, unchained, is what leaves it: nothing that others are
 * recorded for in between changes a byte of it. */
static void test_what_waits_is_what_leaves(void **state)
{
    (void)state;
    struct audit_record before[SLOTS];
    struct audit_meter meter = { 0 };
    struct audit_record note;

    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(append(i == 0 ? AUDIT_BOOT : AUDIT_DOMAIN_CREATED, i),
                         RC_OK);
    }
    memcpy(before, slots, sizeof(before));
    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    for (u32 i = 0; i < 100000; i++) {
        now.mono_ns += 1000000;
        audit_refused(&log_, &now, &note, i % 60, &meter);
        (void)audit_summary(&log_, &now, 3, &meter, false);
    }
    assert_true(log_.next > 150);
    for (u32 i = 0; i < 100; i++) {
        struct audit_record out;
        assert_int_equal(audit_drain(&log_, &out, 1), 1);
        assert_memory_equal(&out, &before[i], sizeof(out));
        assert_true(out.seq == i);
    }
}

/* Somebody changes record `changed`, chains all anew, and makes the codes of
 * the seals behind it with the newest key; with `lie`, they also claim its
 * epoch. */
static struct audit_verdict forge(u64 changed, bool lie)
{
    static u8 forged[sizeof(stored)];
    struct audit_seal anew;
    u64 at = 0;

    memcpy(forged, stored, size);
    audit_seal_init(&anew, root_key, boot_id);
    while (at < size) {
        struct audit_record r = { .bytes = 0 };
        const u16 bytes = (u16)(forged[at + 6] | forged[at + 7] << 8);
        memcpy(&r, forged + at, bytes);
        r.check = 0;
        if (r.event == AUDIT_SEAL) {
            memset(r.field + AUDIT_MAC_AT, 0, SHA256_BYTES);
        }
        if (r.seq == changed) {
            r.arg[2] = 4711;
            /* From here on the old keys are not to be had. */
            memcpy(anew.key, seal.key, SHA256_BYTES);
            anew.epoch = lie ? seal.epoch : anew.epoch;
        }
        if (r.seq > changed) {
            memcpy(anew.key, seal.key, SHA256_BYTES);
        }
        complete(&anew, &r);
        memcpy(forged + at, &r, bytes);
        at += bytes;
    }
    return audit_verify(forged, size, root_key);
}

static void test_the_newest_key_seals_nothing_of_before(void **state)
{
    (void)state;
    make_log();
    const struct audit_verdict good = audit_verify(stored, size, root_key);
    assert_true(good.fault == AUDIT_GOOD && good.is_closed);
    assert_true(good.epochs > 20);
    for (u64 changed = 0; changed + 1 < good.good; changed++) {
        const struct audit_verdict honest = forge(changed, false);
        const struct audit_verdict lying = forge(changed, true);
        assert_int_equal(honest.fault, AUDIT_FAULT_CODE);
        assert_true(honest.good >= changed && honest.good < changed + 6);
        assert_int_equal(lying.fault, AUDIT_FAULT_SEAL);
    }
}

/* Without a key only the head tells a log that was made anew. */
static void test_without_a_key_a_new_log_is_as_good(void **state)
{
    (void)state;
    make_log();
    const struct audit_verdict v = audit_verify(stored, size, NULL);
    u8 other_key[SHA256_BYTES] = { 1 };

    assert_int_equal(v.fault, AUDIT_GOOD);
    assert_int_equal(audit_verify(stored, size, other_key).fault,
                     AUDIT_FAULT_CODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_tree_is_that_of_rfc_6962, setup),
        cmocka_unit_test_setup(test_the_code_is_hmac_sha256, setup),
        cmocka_unit_test_setup(test_seals_at_every_size, setup),
        cmocka_unit_test_setup(test_an_old_key_is_gone, setup),
        cmocka_unit_test_setup(test_when_a_seal_is_due, setup),
        cmocka_unit_test_setup(test_what_waits_is_what_leaves, setup),
        cmocka_unit_test_setup(test_the_newest_key_seals_nothing_of_before,
                               setup),
        cmocka_unit_test_setup(test_without_a_key_a_new_log_is_as_good, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
