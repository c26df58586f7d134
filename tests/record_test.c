/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/ tells the log, as it leaves by the audit port: read back and
 * verified by the operator's own reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/chain.h"
#include "audit/log.h"
#include "core/record.h"
#include "policy/manifest.h"
#include "rf/logreader.h"
#include "tests/host_arch.h"

static const u8 digest[32] = { 7 };
static struct domain *d;
static struct audit_record last, sample; /* that count_of has read */

static int setup(void **state)
{
    (void)state;
    host_reset();
    record_boot(digest, digest, 2, true);
    d = host_domain(1, 64, 1);
    d->audit = MF_AUDIT_ALL;
    host_run(&d->vcpu[0]);
    return 0;
}

static void drain(void)
{
    for (u32 i = 0; i < 100000 && !record_drain(3); i++) {
    }
    assert_true(record_drain(1));
    assert_false(record_waiting());
}

/* Records of the event among those that came out; all of them are sound. */
static u64 count_of(u16 event)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 count = 0;
    u64 at = 0;
    audit_reader_init(&reader);
    audit_reader_key(&reader, digest);
    while (at < host.audit_bytes) {
        assert_int_equal(
            audit_next(&reader, host_audit, host.audit_bytes, &at, &r),
            AUDIT_GOOD);
        count += r.event == event ? 1 : 0;
        last = r;
        sample = r.event == AUDIT_GUEST_REFUSED ? r : sample;
    }
    return count;
}

/* The first record of that event. */
static struct audit_record first_of(u16 event)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    audit_reader_init(&reader);
    audit_reader_key(&reader, digest);
    do {
        assert_int_equal(
            audit_next(&reader, host_audit, host.audit_bytes, &at, &r),
            AUDIT_GOOD);
    } while (r.event != event);
    return r;
}

/* Name, last calls and reason stand in this order, each after its length. */
static void test_an_end_says_why_and_after_what(void **state)
{
    (void)state;
    const u64 calls[2] = { 0x1223ff, 0x0106aa };
    const char why[] = "a reason that is longer than what is left of the room";
    const u32 at = 4 + (u32)strlen(d->name);
    const u32 room = AUDIT_FIELD_ROOM - at - 4 - (u32)sizeof(calls) - 4;
    d->vcpu[0].recent_nr = calls[0];
    d->vcpu[0].recent_sub = calls[1];
    record_crash(d, 0x1234, why);
    drain();
    const struct audit_record r = first_of(AUDIT_DOMAIN_CRASHED);
    assert_int_equal(r.arg[0], ENDED_KILLED);
    assert_int_equal(r.arg[1], 0x1234);
    assert_int_equal(r.actor, d->id);
    assert_int_equal(r.actor_vcpu, 0);
    assert_int_equal(r.field[at], AUDIT_FIELD_CALLS);
    assert_memory_equal(r.field + at + 4, calls, sizeof(calls));
    const u8 *const reason = r.field + at + 4 + sizeof(calls);
    assert_int_equal(reason[0], AUDIT_FIELD_REASON);
    assert_int_equal(reason[2], room < strlen(why) ? room : strlen(why));
    assert_memory_equal(reason + 4, why, reason[2]);
}

static void test_a_life_is_recorded(void **state)
{
    (void)state;
    record_life(d, AUDIT_DOMAIN_CREATED, 64);
    record_life(d, AUDIT_DOMAIN_STARTED, 1);
    record_crash(d, 0x1234, "test");
    record_life(d, AUDIT_DOMAIN_SHUTDOWN, ENDED_KILLED);
    record_life(d, AUDIT_DOMAIN_RESTARTED, 2);
    record_life(d, AUDIT_DOMAIN_DESTROYED, ENDED_KILLED);
    assert_true(record_waiting());
    record_host_end(0x11);
    host.audit_at_most = 7; /* a port that takes few bytes at a time */
    drain();
    assert_int_equal(count_of(AUDIT_BOOT), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_CREATED), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_STARTED), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_CRASHED), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_SHUTDOWN), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_RESTARTED), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_DESTROYED), 1);
    assert_int_equal(count_of(AUDIT_HOST_SHUTDOWN), 1);
    const struct audit_verdict verdict =
        audit_verify(host_audit, host.audit_bytes, digest);
    assert_int_equal(verdict.fault, AUDIT_GOOD);
    assert_int_equal(verdict.good, 10); /* a seal before the last record, too */
    assert_int_equal(verdict.sealed, 9);
    assert_true(verdict.is_closed);
}

/* A68: exact totals, few records. */
static void test_an_end_is_recorded(void **state)
{
    (void)state;
    domain_end(d, SHUTDOWN_POWEROFF);
    drain();
    assert_int_equal(count_of(AUDIT_DOMAIN_SHUTDOWN), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_CRASHED), 0);
    struct domain *other = host_domain(2, 64, 1);
    other->audit = MF_AUDIT_ALL;
    domain_crash(other, "test");
    drain();
    assert_int_equal(count_of(AUDIT_DOMAIN_CRASHED), 1);
    assert_int_equal(count_of(AUDIT_DOMAIN_SHUTDOWN), 2);
}

static void test_A68_refusals_are_counted(void **state)
{
    (void)state;
    for (u32 i = 0; i < 20000; i++) {
        (void)record_refusal(&d->vcpu[0], 200, 0, POLICY_DENY_NO_SUCH_CALL);
        host.now += 100;
    }
    assert_int_equal(d->refused, 20000);
    record_host_end(0x10);
    drain();
    assert_true(count_of(AUDIT_GUEST_REFUSED) >= 1);
    assert_true(count_of(AUDIT_GUEST_REFUSED) < 100);
    assert_true(count_of(AUDIT_REFUSAL_SUMMARY) >= 1);
    assert_int_equal(audit_verify(host_audit, host.audit_bytes, digest).fault,
                     AUDIT_GOOD);
}

/* The counts behind a burst follow a second later, without another refusal,
 * and with the reason. */
static void test_A68_a_summary_waits_for_nobody(void **state)
{
    (void)state;
    host.now = record_summaries_at(); /* a seal over the boot record */
    record_summaries(host.now);
    assert_int_equal(record_summaries_at(), NS_NEVER);
    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(
            record_refusal(&d->vcpu[0], 20, 0, POLICY_DENY_RIGHT_NOT_HELD),
            RC_EPERM);
    }
    assert_true(host.rescheds > 0); /* the CPU arms its timer anew */
    assert_int_equal(record_summaries_at(), host.now + 1000000000);
    record_summaries(host.now);
    drain();
    assert_int_equal(count_of(AUDIT_REFUSAL_SUMMARY), 0);
    host.now = record_summaries_at();
    record_summaries(host.now);
    drain();
    assert_int_equal(count_of(AUDIT_REFUSAL_SUMMARY), 1);
    assert_int_equal(record_summaries_at(), host.now + AUDIT_SEAL_NS);
    assert_int_equal(last.arg[0], 100);
    assert_int_equal(sample.reason, POLICY_DENY_RIGHT_NOT_HELD);
    assert_int_equal(sample.result, RC_EPERM);
}

static void test_the_manifest_says_what_is_recorded(void **state)
{
    (void)state;
    d->audit = 0;
    record_life(d, AUDIT_DOMAIN_STARTED, 1);
    (void)record_refusal(&d->vcpu[0], 200, 0, POLICY_DENY_NO_SUCH_CALL);
    drain();
    assert_int_equal(count_of(AUDIT_DOMAIN_STARTED), 0);
    assert_int_equal(count_of(AUDIT_GUEST_REFUSED), 0);
    assert_int_equal(d->refused, 1);
}

static void test_each_record_moves_the_head(void **state)
{
    (void)state;
    drain();
    const u64 before = record_head_word(0);
    record_life(d, AUDIT_DOMAIN_STARTED, 1);
    drain();
    assert_int_not_equal(record_head_word(0), before);
    host_audit[host.audit_bytes - 20] ^= 1; /* and a change is seen */
    assert_int_not_equal(
        audit_verify(host_audit, host.audit_bytes, digest).fault, AUDIT_GOOD);
}

static void test_a_stuck_port_keeps_its_records(void **state)
{
    (void)state;
    host.audit_stuck = true;
    for (u32 i = 0; i < 100; i++) {
        record_life(d, AUDIT_DOMAIN_STARTED, i);
    }
    assert_false(record_drain(64));
    assert_int_equal(host.audit_bytes, 0);
    host.audit_stuck = false;
    drain();
    assert_int_equal(count_of(AUDIT_DOMAIN_STARTED), 100);
    assert_int_equal(audit_verify(host_audit, host.audit_bytes, digest).fault,
                     AUDIT_GOOD);
}

/* The last record comes after all others; a log that a stopped CPU holds is
 * left alone, in bounded time. */
static void test_a_panic_is_the_last_record(void **state)
{
    (void)state;
    record_life(d, AUDIT_DOMAIN_STARTED, 1);
    host.audit_at_most = 7;
    host.may_wait = true;
    assert_true(record_panic(0x1234));
    assert_int_equal(count_of(AUDIT_DOMAIN_STARTED), 1);
    assert_int_equal(count_of(AUDIT_PANIC), 1);
    const struct audit_verdict v =
        audit_verify(host_audit, host.audit_bytes, digest);
    assert_int_equal(v.fault, AUDIT_GOOD);
    assert_true(v.is_closed && v.sealed == v.good - 1);
    assert_false(record_panic(0x1234)); /* the sender never comes back */
    assert_int_equal(count_of(AUDIT_PANIC), 1);
}

/* Each tree head, in order; a seal waits for the TPM, and all behind it. */
static void test_a_tpm_holds_the_seals(void **state)
{
    (void)state;
    host.has_tpm = true;
    for (u32 i = 0; i < 5; i++) {
        host.now += AUDIT_SEAL_NS;
        record_life(d, AUDIT_DOMAIN_STARTED, i);
    }
    record_host_end(0x10);
    drain();
    assert_true(host.tpm_steps >= 5 * 5);
    u8 pcr[2 * SHA256_BYTES] = { 0 };
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    audit_reader_init(&reader);
    while (at < host.audit_bytes) {
        assert_int_equal(
            audit_next(&reader, host_audit, host.audit_bytes, &at, &r),
            AUDIT_GOOD);
        if (r.event == AUDIT_SEAL) {
            memcpy(pcr + SHA256_BYTES, reader.root, SHA256_BYTES);
            audit_hash(pcr, sizeof(pcr), NULL, 0, NULL, 0, pcr);
        }
    }
    assert_memory_equal(pcr, host.pcr, SHA256_BYTES);
}

/* In a child: a process has one panic. */
static void test_a_panic_does_not_wait_for_the_port_for_ever(void **state)
{
    (void)state;
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        host.audit_stuck = true;
        host.may_wait = true;
        const ns_t before = host.now;
        _exit(!record_panic(0x1234) && host.now - before > 1000000000 ? 7 : 8);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 7 << 8);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_life_is_recorded),
        TEST(test_an_end_says_why_and_after_what),
        TEST(test_an_end_is_recorded),
        TEST(test_A68_refusals_are_counted),
        TEST(test_A68_a_summary_waits_for_nobody),
        TEST(test_the_manifest_says_what_is_recorded),
        TEST(test_each_record_moves_the_head),
        TEST(test_a_stuck_port_keeps_its_records),
        TEST(test_a_panic_does_not_wait_for_the_port_for_ever),
        TEST(test_a_tpm_holds_the_seals),
        TEST(test_a_panic_is_the_last_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
