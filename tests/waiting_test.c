/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An act that finds no room in the log waits, alone or in a list, and is
 * refused in the end; the collector's calls, which make room.
 */
#include "tests/control_fixture.h"

/* One call as the processor makes it: cut short it stays in *c. */
static struct hc_call drop_call(void)
{
    const struct arg_rights a = { RIGHT_MASK(INFO) };

    memcpy(host_guest(AT), &a, sizeof(a));
    struct hc_call c = host_call(v, DROP, GUEST(AT), 0);

    c.nr = NR;
    return c;
}

static void drain(void)
{
    host.audit_stuck = false;
    while (!record_drain(64)) {
    }
}

/* Room in time: the act happens, once, with one intent and one outcome. */
static void test_an_act_waits_for_room(void **state)
{
    (void)state;
    struct hc_call c = drop_call();
    const struct hc_call first = c;

    fill_log(AUDIT_PRIVILEGE);
    for (u32 i = 0; i < 4; i++) {
        assert_int_equal(dispatch(&c), RC_PREEMPT);
        assert_memory_equal(c.arg, first.arg, sizeof(c.arg));
        assert_true(v->sched.held_until > host.now); /* others may run */
        assert_true(d->rights == RIGHTS_ALL);
        host.now += 1000000000;
    }
    drain();
    const u32 before = records(AUDIT_PRIVILEGE);

    assert_int_equal(dispatch(&c), 0);
    assert_true(d->rights == (RIGHTS_ALL & ~RIGHT_MASK(INFO)));
    assert_int_equal(records(AUDIT_PRIVILEGE), before + 2);
    assert_int_equal(records(AUDIT_TURNED_AWAY), 0);
    assert_true(v->patience == 0);
}

static void test_an_act_waits_five_seconds(void **state)
{
    (void)state;
    struct hc_call c = drop_call();
    struct audit_record r;

    fill_log(AUDIT_PRIVILEGE_STOP);
    for (u32 i = 0; i < 2; i++) { /* and the next one as long */
        const ns_t before = host.now;

        while (dispatch(&c) == RC_PREEMPT) {
            host.now = v->sched.held_until;
        }
        assert_in_range(host.now - before, 5000000000, 5010000000);
        assert_int_equal(dispatch(&c), RC_PREEMPT);
        v->patience = 0;
    }
    assert_true(d->rights == RIGHTS_ALL);
    record_summaries(host.now); /* there is no room for this, either */
    drain();
    assert_int_equal(records(AUDIT_TURNED_AWAY), 0);
    host.now = record_summaries_at();
    record_summaries(host.now);
    drain();
    assert_int_equal(records(AUDIT_TURNED_AWAY), 1);
    assert_true(find(AUDIT_TURNED_AWAY, 0, &r));
    assert_true(r.arg[0] == 2 && r.arg[1] == 2);
    host.now += 2000000000;
    record_summaries(host.now);
    drain();
    assert_int_equal(records(AUDIT_TURNED_AWAY), 1);
}

/* In a list the acts before it are not made again. */
static void test_a_list_waits_for_room(void **state)
{
    (void)state;
    const struct arg_rights a = { RIGHT_MASK(INFO) };
    struct multicall_entry list[2] = { { .op = NR, .args = { UNPAUSE } },
                                       { .op = NR, .args = { DROP } } };
    struct hc_call c = host_call(v, GUEST(LIST_AT), 2, 0);

    c.nr = NR_MULTICALL;
    memcpy(host_guest(AT), &a, sizeof(a));
    memcpy(host_guest(AT2), &(struct arg_domain_of){ 1 }, 2);
    list[0].args[1] = GUEST(AT2);
    list[1].args[1] = GUEST(AT);
    memcpy(host_guest(LIST_AT), list, sizeof(list));
    fill_log(AUDIT_PRIVILEGE);
    for (u32 i = 0; i < 6; i++) {
        assert_int_equal(dispatch(&c), RC_PREEMPT);
        host.now += 10000000;
    }
    assert_true(c.arg[0] == GUEST(LIST_AT) + sizeof(list[0]) && c.arg[1] == 1);
    drain();
    assert_int_equal(dispatch(&c), 0);
    memcpy(list, host_guest(LIST_AT), sizeof(list));
    assert_true(list[0].result == 0 && list[1].result == 0);
    assert_true(d->rights == (RIGHTS_ALL & ~RIGHT_MASK(INFO)));
    assert_int_equal(records(AUDIT_PRIVILEGE_STOP), 2);
}

/* As it left by the port, in whole records; without a record of the reading. */
static void test_the_log_is_collected(void **state)
{
    (void)state;
    struct arg_audit_read a = { .seq = 0, .buffer = GUEST(AT2), .bytes = 600 };
    struct arg_audit_ack k = { 0 };
    u64 bytes = 0;

    record_log.is_collected = true;
    for (u32 i = 0; i < 40; i++) {
        assert_int_equal(on(PAUSE, 1), 0);
    }
    drain();
    const u64 before = record_log.next;

    for (;;) { /* 600 bytes are two records or three */
        assert_int_equal(act(AUDIT_READ, &a, sizeof(a)), 0);
        memcpy(&a, host_guest(AT), sizeof(a));
        if (a.bytes == 0) {
            break;
        }
        assert_memory_equal(host_audit + bytes, host_guest(AT2), a.bytes);
        bytes += a.bytes;
        a.bytes = 600;
    }
    assert_true(bytes == host.audit_bytes && a.seq == before);
    assert_true(record_log.next == before);
    a = (struct arg_audit_read){ .bytes = 4096, .buffer = GUEST(AT2) };
    assert_int_equal(act(AUDIT_READ, &a, sizeof(a)), 0);
    memcpy(&a, host_guest(AT), sizeof(a));
    assert_true(a.seq == 16); /* a call's share */
    a = (struct arg_audit_read){ .bytes = 4097, .buffer = GUEST(AT2) };
    assert_int_equal(act(AUDIT_READ, &a, sizeof(a)), RC_EINVAL);
    a = (struct arg_audit_read){ .bytes = 4096, .buffer = 1ull << 63 };
    assert_int_equal(act(AUDIT_READ, &a, sizeof(a)), RC_EFAULT);
    k.seq = before + 1;
    assert_int_equal(act(ACK, &k, sizeof(k)), RC_EINVAL);
    k.seq = before;
    assert_int_equal(act(ACK, &k, sizeof(k)), 0);
    assert_true(record_log.acked == before);
    d->rights = RIGHTS_ALL & ~RIGHT_MASK(COLLECT);
    assert_int_equal(act(ACK, &k, sizeof(k)), RC_EPERM);
    assert_int_equal(act(AUDIT_READ, &a, sizeof(a)), RC_EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_act_waits_for_room),
        CASE(test_an_act_waits_five_seconds),
        CASE(test_a_list_waits_for_room),
        CASE(test_the_log_is_collected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
