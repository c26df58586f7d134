/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: what it gets, what it cannot say, and that nothing waits for
 * one that is silent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit/collect.h"
#include "audit/seal.h"
#include "rf/logreader.h"

enum { SLOTS = 256, LIFE = 7 };

static struct audit_record slots[SLOTS], got;
static struct audit_log log_;
static struct audit_seal seal;
static struct audit_reader reader;
static struct audit_now now;
static u64 at; /* what the collector asks for next */

static enum rc append(enum audit_event event)
{
    struct audit_record note;

    audit_note_init(&note, event);
    return audit_append(&log_, &now, &note);
}

static int setup(void **state)
{
    static const u8 boot_id[16] = { 1 };
    static const u8 key[SHA256_BYTES] = { 2 };

    (void)state;
    assert_int_equal(audit_init(&log_, slots, SLOTS, boot_id), RC_OK);
    audit_seal_init(&seal, key, boot_id);
    audit_reader_init(&reader);
    audit_reader_key(&reader, key);
    now = (struct audit_now){ .mono_ns = 1000 };
    at = 0;
    log_.is_collected = true;
    log_.look_at = 0;
    assert_int_equal(append(AUDIT_BOOT), RC_OK);
    return 0;
}

/* The port takes at most so many records. */
static void send(u32 max)
{
    struct audit_record out;

    while (max-- > 0 && audit_drain(&log_, &out, 1) == 1) {
        while (!audit_seal_step(&seal, &out)) {
        }
        audit_ready(&log_, &out);
    }
}

/* Read, and check, all that there is. */
static u32 collect(u64 life)
{
    u32 count = 0;

    while (audit_read(&log_, life, &at, sizeof(got), &got) != 0) {
        struct audit_record r;
        u64 offset = 0;

        assert_int_equal(
            audit_next(&reader, (const u8 *)&got, got.bytes, &offset, &r),
            AUDIT_GOOD);
        count++;
    }
    return count;
}

static u32 fill(enum audit_event event)
{
    u32 count = 0;

    while (append(event) == RC_OK) {
        count++;
    }
    return count;
}

/* The last record of the event, of those that stand in the log. */
static const struct audit_record *last_of(enum audit_event event)
{
    for (u64 i = 1; i <= SLOTS && i <= log_.next; i++) {
        const struct audit_record *const r = &slots[(log_.next - i) % SLOTS];

        if (r->event == event) {
            return r;
        }
    }
    return NULL;
}

static void test_a_slot_is_free_when_it_has_left_and_is_acknowledged(void **s)
{
    (void)s;
    assert_true(fill(AUDIT_PRIVILEGE) > 0);
    assert_int_equal(collect(LIFE), 0); /* nothing has left */
    send(SLOTS);
    assert_int_equal(append(AUDIT_PRIVILEGE), RC_EAGAIN);
    assert_true(collect(LIFE) == log_.next && at == log_.next);
    assert_int_equal(append(AUDIT_PRIVILEGE), RC_EAGAIN);
    assert_int_equal(audit_ack(&log_, LIFE, at - 1), RC_OK);
    assert_int_equal(append(AUDIT_PRIVILEGE), RC_OK);
    assert_int_equal(audit_ack(&log_, LIFE, at), RC_OK);
    assert_int_equal(collect(LIFE), 0); /* that one has not left */
    send(1);
    assert_int_equal(collect(LIFE), 1);
}

static void test_what_it_cannot_say(void **s)
{
    (void)s;
    for (u32 i = 0; i < 8; i++) {
        assert_int_equal(append(AUDIT_GUEST_REFUSED), RC_OK);
    }
    send(4);
    assert_int_equal(audit_ack(&log_, LIFE, 0), RC_EPERM); /* has not read */
    at = 2;
    assert_int_equal(audit_read(&log_, LIFE, &at, sizeof(got), &got),
                     got.bytes);
    assert_true(got.seq == 2 && at == 3);
    assert_int_equal(audit_ack(&log_, LIFE, 3), RC_EINVAL); /* not 0 and 1 */
    at = 0;
    assert_int_equal(audit_read(&log_, LIFE, &at, 100, &got), 0);
    assert_int_equal(collect(LIFE), 4);
    assert_int_equal(audit_ack(&log_, LIFE, 5), RC_EINVAL);
    assert_int_equal(audit_ack(&log_, LIFE, U64_MAX), RC_EINVAL);
    assert_int_equal(audit_ack(&log_, LIFE, 4), RC_OK);
    assert_int_equal(audit_ack(&log_, LIFE, 3), RC_EINVAL);
    assert_int_equal(audit_ack(&log_, LIFE - 1, 4), RC_EPERM);
    at = U64_MAX;
    assert_int_equal(collect(LIFE), 0);
    at = 0; /* what is free is not given */
    send(SLOTS);
    assert_int_equal(audit_read(&log_, LIFE, &at, sizeof(got), &got),
                     got.bytes);
    assert_true(got.seq == 4);
}

/* The next one begins where the last one was. */
static void test_its_death_loses_nothing(void **s)
{
    (void)s;
    assert_int_equal(append(AUDIT_GUEST_REFUSED), RC_OK);
    assert_int_equal(append(AUDIT_GUEST_REFUSED), RC_OK);
    send(SLOTS);
    assert_int_equal(collect(LIFE), 3);
    assert_int_equal(audit_ack(&log_, LIFE, 1), RC_OK);
    at = 0;
    assert_int_equal(audit_read(&log_, LIFE + 1, &at, sizeof(got), &got),
                     got.bytes);
    assert_true(got.seq == 1);
    assert_int_equal(audit_ack(&log_, LIFE + 1, 3), RC_EINVAL);
    assert_int_equal(audit_ack(&log_, LIFE + 1, 2), RC_OK);
    audit_look(&log_, &now, false);
    assert_true(last_of(AUDIT_COLLECTOR)->arg[0] == LIFE + 1);
}

static void look_after(u64 ns)
{
    now.mono_ns += ns;
    if (now.mono_ns >= log_.look_at) {
        audit_look(&log_, &now, false);
    }
    send(SLOTS);
}

static void test_one_that_is_silent_is_given_up(void **s)
{
    (void)s;
    send(SLOTS);
    look_after(0);
    look_after(AUDIT_COLLECT_NS - 1);
    assert_true(log_.is_collected);
    look_after(AUDIT_COLLECT_NS + 1);
    assert_false(log_.is_collected);
    assert_non_null(last_of(AUDIT_COLLECTOR));
    assert_true(last_of(AUDIT_COLLECTOR)->arg[0] == 0);
    assert_true(log_.look_at == U64_MAX);
    for (u32 i = 0; i < 2 * SLOTS; i++) { /* as without one */
        assert_int_equal(append(AUDIT_PRIVILEGE), RC_OK);
        send(SLOTS);
    }
    /* Its next life is waited for again, from here on. */
    assert_int_equal(append(AUDIT_PRIVILEGE), RC_OK);
    const u64 first = log_.next - 1;

    assert_int_equal(audit_read(&log_, LIFE, &at, sizeof(got), &got), 0);
    send(SLOTS);
    assert_int_equal(audit_read(&log_, LIFE, &at, sizeof(got), &got),
                     got.bytes);
    assert_true(got.seq == first && log_.is_collected);
}

static void test_one_that_is_slow_is_not(void **s)
{
    (void)s;
    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(append(AUDIT_PRIVILEGE), RC_OK);
        send(SLOTS);
        look_after(AUDIT_COLLECT_NS / 2 + 1);
        (void)collect(LIFE);
        assert_int_equal(audit_ack(&log_, LIFE, at), RC_OK);
    }
    assert_true(log_.is_collected);
    /* With a little at a time it does not stay. */
    for (u32 i = 0; i < 100 && log_.is_collected; i++) {
        for (u32 k = 0; k < 3; k++) {
            (void)append(AUDIT_GUEST_REFUSED);
        }
        send(SLOTS);
        look_after(AUDIT_COLLECT_NS);
        (void)collect(LIFE);
        assert_int_equal(audit_ack(&log_, LIFE, log_.acked + 1),
                         log_.is_collected ? RC_OK : RC_EPERM);
    }
    assert_false(log_.is_collected);
}

/* Lives, and the operator's stop, wait for nobody. */
static void test_no_life_waits_for_it(void **s)
{
    (void)s;
    struct audit_record note;
    struct audit_ticket ticket;

    send(SLOTS);
    (void)collect(LIFE);
    (void)fill(AUDIT_PRIVILEGE);
    send(SLOTS);
    for (u32 i = 0; i < 4 * SLOTS; i++) {
        assert_int_equal(append(AUDIT_DOMAIN_CRASHED), RC_OK);
        audit_note_init(&note, AUDIT_PRIVILEGE_STOP);
        assert_int_equal(audit_begin(&log_, &now, &note, &ticket), RC_OK);
        audit_end(&log_, &now, &note, &ticket);
        send(SLOTS);
        look_after(1);
    }
    assert_false(log_.is_collected);
    assert_true(log_.ready == log_.next); /* and all have left by the port */
}

/* As long as there is a free slot it is waited for. */
static void test_a_few_lives_do_it_no_harm(void **s)
{
    (void)s;
    send(SLOTS);
    (void)collect(LIFE);
    (void)fill(AUDIT_PRIVILEGE);
    send(SLOTS);
    for (u32 i = 0; i < AUDIT_POOL_LIFE; i++) {
        assert_int_equal(append(AUDIT_DOMAIN_CRASHED), RC_OK);
        send(SLOTS);
    }
    assert_true(log_.is_collected);
    assert_int_equal(collect(LIFE), (u32)(log_.next - 1));
    assert_int_equal(audit_ack(&log_, LIFE, at), RC_OK);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_slot_is_free_when_it_has_left_and_is_acknowledged),
        TEST(test_what_it_cannot_say),
        TEST(test_its_death_loses_nothing),
        TEST(test_one_that_is_silent_is_given_up),
        TEST(test_one_that_is_slow_is_not),
        TEST(test_no_life_waits_for_it),
        TEST(test_a_few_lives_do_it_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
