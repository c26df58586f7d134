/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of hypercall 55 as Domain0 makes them, through dispatch: what they
 * answer, whom they reach, that nothing happens without its record, and that a
 * record says what happened.
 */
#include "tests/control_fixture.h"

static void test_info(void **state)
{
    (void)state;
    struct arg_domain_info a;

    e->console_port = 3;
    e->store_port = 4;
    e->refused = 17;
    e->vcpu[0].sched.run_ns = 5000;
    e->vcpu[1].sched.run_ns = 600;
    assert_int_equal(info(1, &a), 0);
    assert_int_equal(a.state, DOMAIN_RUNNING);
    assert_int_equal(a.incarnation, 1);
    assert_int_equal(a.cpu_ns, 5600);
    assert_int_equal(a.refused, 17);
    assert_int_equal(a.frames, FRAMES);
    assert_int_equal(a.frames_max, FRAMES);
    assert_int_equal(a.vcpus, 2);
    assert_int_equal(a.role, MF_ROLE_TENANT);
    assert_int_equal(a.console_port, 3);
    assert_int_equal(a.store_port, 4);
    assert_string_equal((const char *)a.name, "dom1");
    assert_int_equal(info(0, &a), 0); /* itself, too */
    assert_int_equal(info(2, &a), RC_ESRCH);
    assert_int_equal(info(1023, &a), RC_ESRCH);
    assert_int_equal(info(0xffff, &a), RC_ESRCH);
    e->permits = 0;
    assert_int_equal(info(1, &a), RC_EPERM);
    assert_int_equal(a.incarnation, 0); /* not a byte */
    assert_int_equal(records(AUDIT_RIGHT_USED), 1);
}

static void test_pause(void **state)
{
    (void)state;
    struct arg_domain_info a;

    assert_int_equal(on(PAUSE, 1), 0);
    assert_int_equal(info(1, &a), 0);
    assert_int_equal(a.state, DOMAIN_PAUSED);
    assert_int_equal(e->state, DOMAIN_RUNNING);
    assert_int_equal(e->paused, 1);
    assert_int_equal(on(PAUSE, 1), 0);
    assert_int_equal(on(UNPAUSE, 1), 0);
    assert_int_equal(e->paused, 0);
    assert_int_equal(info(1, &a), 0);
    assert_int_equal(a.state, DOMAIN_RUNNING);
    e->state = DOMAIN_ENDED;
    assert_int_equal(on(PAUSE, 1), RC_EBUSY);
    assert_int_equal(on(UNPAUSE, 1), RC_EBUSY);
}

static void test_destroy_and_start(void **state)
{
    (void)state;
    assert_int_equal(on(START, 1), RC_EBUSY);
    assert_int_equal(on(PAUSE, 1), 0);
    assert_int_equal(on(DESTROY, 1), 0);
    assert_int_equal(e->state, DOMAIN_ENDING);
    assert_int_equal(e->end_reason, ENDED_DESTROYED);
    assert_int_equal(on(DESTROY, 1), RC_EBUSY);
    assert_int_equal(on(START, 1), RC_EBUSY);
    e->state = DOMAIN_FROZEN;
    assert_int_equal(on(START, 1), RC_EBUSY);
    e->state = DOMAIN_ENDED;
    assert_int_equal(on(START, 1), 0);
    assert_int_equal(e->state, DOMAIN_STARTING);
    assert_int_equal(on(START, 1), RC_EBUSY);
    assert_int_equal(on(DESTROY, 1), RC_EBUSY);
}

/* Who may on whom: the holder's rights, the object's permits, never oneself. */
static void test_who_may(void **state)
{
    (void)state;
    static const u64 needs[] = { RIGHT_MASK(OBSERVE), RIGHT_MASK(PAUSE),
                                 RIGHT_MASK(PAUSE), RIGHT_MASK(DESTROY),
                                 RIGHT_MASK(START) };
    struct arg_domain_info a = { .domid = 1 };

    for (u64 sub = PAUSE; sub <= START; sub++) {
        assert_int_equal(on(sub, 0), RC_EPERM);
        assert_int_equal(on(sub, 2), RC_ESRCH);
    }
    for (u64 sub = INFO; sub <= START; sub++) {
        const u64 before = d->refused;

        d->rights = RIGHTS_ALL & ~needs[sub];
        assert_int_equal(act(sub, &a, sizeof(a)), RC_EPERM);
        d->rights = RIGHTS_ALL;
        e->permits = POLICY_PERMITS & ~needs[sub];
        assert_int_equal(act(sub, &a, sizeof(a)), RC_EPERM);
        e->permits = POLICY_PERMITS;
        assert_int_equal(d->refused, before + 2);
    }
    assert_int_equal(e->state, DOMAIN_RUNNING);
    assert_int_equal(e->paused, 0);
    for (u64 sub = INFO; sub <= REPORT; sub++) { /* a tenant: nothing of it */
        const u64 arg[4] = { sub, GUEST(AT), 0, 0 };

        assert_int_equal(call_as(&e->vcpu[0], NR, arg), RC_EPERM);
    }
    assert_int_equal(e->refused, REPORT + 1);
    assert_int_equal(call(NR, ACK + 1, GUEST(AT), 0, 0), RC_ENOSYS);
}

static void test_rights_are_dropped_for_good(void **state)
{
    (void)state;
    struct arg_rights a = { RIGHT_MASK(DESTROY) | 1ull << 63 };

    assert_int_equal(act(DROP, &a, sizeof(a)), 0);
    assert_true(d->rights == (RIGHTS_ALL & ~RIGHT_MASK(DESTROY)));
    assert_int_equal(on(DESTROY, 1), RC_EPERM);
    a.mask = U64_MAX;
    assert_int_equal(act(DROP, &a, sizeof(a)), 0);
    assert_true(d->rights == 0);
    assert_int_equal(act(DROP, &a, sizeof(a)), RC_EPERM);
    assert_int_equal(records(AUDIT_PRIVILEGE), 4);
}

/* An intent before, an outcome after that names it and says what came of it. */
static void test_acts_are_recorded(void **state)
{
    (void)state;
    struct audit_record intent;
    struct audit_record outcome;

    assert_int_equal(on(PAUSE, 1), 0);
    assert_int_equal(on(DESTROY, 1), 0);
    assert_int_equal(on(DESTROY, 1), RC_EBUSY);
    assert_int_equal(on(START, 1), RC_EBUSY);
    for (u32 i = 0; i < 4; i++) {
        const u16 event = i < 3 ? AUDIT_PRIVILEGE_STOP : (u16)AUDIT_PRIVILEGE;
        const u32 at = i < 3 ? 2 * i : 0;

        assert_true(find(event, at, &intent));
        assert_true(find(event, at + 1, &outcome));
        assert_int_equal(intent.phase, AUDIT_INTENT);
        assert_int_equal(outcome.phase, AUDIT_OUTCOME);
        assert_int_equal(outcome.corr, intent.seq);
        assert_int_equal(intent.actor, 0);
        assert_int_equal(intent.target, 1);
        assert_int_equal(intent.result, 0);
        assert_int_equal(intent.target_incarnation, 1);
        assert_int_equal(intent.arg[0], i == 0   ? RIGHT_PAUSE
                                        : i == 3 ? RIGHT_START
                                                 : RIGHT_DESTROY);
        assert_int_equal(outcome.result, i < 2 ? 0 : RC_EBUSY);
        assert_int_equal(outcome.decision,
                         i < 2 ? AUDIT_ALLOWED : AUDIT_FAILED);
        assert_int_equal(intent.field[0], AUDIT_FIELD_ARGS);
        assert_int_equal(intent.field[4], 1); /* the domain's number */
    }
    /* Between a destruction's two records its domain's end is recorded. */
    assert_true(find(AUDIT_PRIVILEGE_STOP, 2, &intent));
    assert_true(find(AUDIT_DOMAIN_SHUTDOWN, 0, &outcome));
    assert_int_equal(outcome.seq, intent.seq + 1);
}

/* No slot, no act: the caller is told to come again, and nothing has changed.
 */
static void test_nothing_happens_unrecorded(void **state)
{
    (void)state;
    struct arg_rights a = { RIGHT_MASK(INFO) };
    struct arg_domain_info i;

    fill_log(AUDIT_PRIVILEGE);
    assert_int_equal(act(DROP, &a, sizeof(a)), RC_EAGAIN);
    assert_true(d->rights == RIGHTS_ALL);
    e->state = DOMAIN_ENDED;
    assert_int_equal(on(START, 1), RC_EAGAIN);
    assert_int_equal(e->state, DOMAIN_ENDED);
    e->state = DOMAIN_RUNNING;
    assert_int_equal(info(1, &i), RC_EAGAIN);
    assert_int_equal(i.state, 0);
    assert_int_equal(on(PAUSE, 1), 0); /* slots are kept for stopping */
    fill_log(AUDIT_PRIVILEGE_STOP);
    assert_int_equal(on(UNPAUSE, 1), RC_EAGAIN);
    assert_int_equal(e->paused, 1);
    assert_int_equal(on(DESTROY, 1), RC_EAGAIN);
    assert_int_equal(e->state, DOMAIN_RUNNING);
    host.audit_stuck = false;
    while (!record_drain(64)) {
    }
    assert_int_equal(on(DESTROY, 1), 0);
    assert_int_equal(info(1, &i), 0); /* and is recorded now */
    assert_int_equal(i.state, DOMAIN_ENDING);
}

static void test_first_uses_are_recorded_once_a_life(void **state)
{
    (void)state;
    struct arg_domain_info a;
    struct arg_serial s = { .channel = 1 };

    for (u32 i = 0; i < 5; i++) {
        assert_int_equal(info(1, &a), 0);
        assert_int_equal(act(SERIAL_WRITE, &s, sizeof(s)), 0);
    }
    assert_int_equal(records(AUDIT_RIGHT_USED), 2);
    d->rights_used = 0; /* as domain_begin does */
    assert_int_equal(info(1, &a), 0);
    assert_int_equal(records(AUDIT_RIGHT_USED), 3);
}

static void test_reports(void **state)
{
    (void)state;
    struct arg_net_report a = { .domid = 1, .rule = 4, .count = 9 };
    struct audit_record r;

    memcpy(a.text, "tcp 10.0.0.2:40112 -> 10.0.0.3:22", 33);
    assert_int_equal(act(REPORT, &a, sizeof(a)), 0);
    assert_int_equal(act(REPORT, &a, sizeof(a)), RC_EAGAIN);
    host.now += 10000000;
    assert_int_equal(act(REPORT, &a, sizeof(a)), 0);
    assert_int_equal(records(AUDIT_NET_DENIED), 2);
    assert_true(find(AUDIT_NET_DENIED, 0, &r));
    assert_int_equal(r.phase, AUDIT_ATOMIC);
    assert_memory_equal(r.field + 4, &a, sizeof(a));
    fill_log(AUDIT_PRIVILEGE);
    host.now += 10000000;
    assert_int_equal(act(REPORT, &a, sizeof(a)), RC_EAGAIN);
}

static void test_the_line(void **state)
{
    (void)state;
    struct arg_serial a = { .channel = 2, .bytes = 5, .buffer = GUEST(AT2) };

    memcpy(host_guest(AT2), "hello", 5);
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), 5);
    assert_memory_equal(host.console[2].bytes, "hello", 5);
    host.line_full = true;
    host.line_room = 2;
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), 2);
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), 0);
    a.bytes = 257;
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), RC_EINVAL);
    a.bytes = 5;
    a.buffer = GUEST(HOST_GUEST_BYTES - 2);
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), RC_EFAULT);
    a.channel = 0x4000;
    assert_int_equal(act(SERIAL_WRITE, &a, sizeof(a)), RC_EINVAL);
    host.typed = "abcdefg";
    a = (struct arg_serial){ .bytes = 4, .buffer = GUEST(AT2) };
    assert_int_equal(act(SERIAL_READ, &a, sizeof(a)), 4);
    assert_memory_equal(host_guest(AT2), "abcdo", 5);
    assert_int_equal(act(SERIAL_READ, &a, sizeof(a)), 3);
    assert_int_equal(act(SERIAL_READ, &a, sizeof(a)), 0);
}

/* Emergency output: 4096 bytes at once, then as many as its rate has paid. */
static void test_emergency_output_is_limited(void **state)
{
    (void)state;
    memset(host_guest(AT2), 'x', 8192);
    e->console_rate = 1000;
    const u64 all[4] = { 0, 4096, GUEST(AT2), 0 };
    const u64 some[4] = { 0, 300, GUEST(AT2), 0 };
    const u64 more[4] = { 0, 4097, GUEST(AT2), 0 };

    assert_int_equal(call_as(&e->vcpu[0], 18, all), 0);
    assert_int_equal(host.console[1].count, 4096);
    assert_int_equal(call_as(&e->vcpu[0], 18, some), 0);
    assert_int_equal(host.console[1].count, 4096);
    host.now += 250000000;
    assert_int_equal(call_as(&e->vcpu[1], 18, some), 0);
    assert_int_equal(host.console[1].count, 4096 + 250);
    host.now += 3600000000000;
    assert_int_equal(call_as(&e->vcpu[0], 18, all), 0);
    assert_int_equal(call_as(&e->vcpu[0], 18, some), 0);
    assert_int_equal(host.console[1].count, 2 * 4096 + 250);
    assert_int_equal(call_as(&e->vcpu[0], 18, more), RC_E2BIG);
    assert_int_equal(call(18, 0, 5, GUEST(AT2), 0), 0); /* its own bucket */
    assert_int_equal(host.console[0].count, 5);
}

/* The host's own interrupts are for who holds the right to ask about it, as
 * long as he is the service for it. */
static void test_virqs_of_the_host(void **state)
{
    (void)state;
    static const struct {
        u32 virq;
        u64 right;
    } of[] = { { VIRQ_CONSOLE, RIGHT_MASK(CONSOLES) },
               { VIRQ_DOM_EXC, RIGHT_MASK(OBSERVE) },
               { VIRQ_RULES, RIGHT_MASK(RULES_READ) } };

    for (u32 virq = 0; virq < VIRQ_COUNT; virq++) {
        struct hc_call c = { .v = &e->vcpu[0] };
        struct arg_evtchn_virq a = { .virq = virq };
        const bool own = virq == VIRQ_TIMER || virq == VIRQ_DEBUG;

        assert_int_equal(hc_evtchn_bind_virq(&c, &a), own ? 0 : RC_EPERM);
    }
    domain_service[MF_ROLE_DOMAIN0] = d;
    for (u32 i = 0; i < ARRAY_COUNT(of); i++) {
        struct hc_call c = { .v = v };
        struct arg_evtchn_virq a = { .virq = of[i].virq };

        d->rights = RIGHTS_ALL & ~of[i].right;
        assert_int_equal(hc_evtchn_bind_virq(&c, &a), RC_EPERM);
        d->rights = of[i].right;
        assert_int_equal(hc_evtchn_bind_virq(&c, &a), 0);
        domain_tell(of[(i + 1) % ARRAY_COUNT(of)].virq);
        assert_false(evtchn_is_pending(d, a.port));
        domain_tell(of[i].virq);
        assert_true(evtchn_is_pending(d, a.port));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_info),
        CASE(test_pause),
        CASE(test_destroy_and_start),
        CASE(test_who_may),
        CASE(test_rights_are_dropped_for_good),
        CASE(test_acts_are_recorded),
        CASE(test_nothing_happens_unrecorded),
        CASE(test_first_uses_are_recorded_once_a_life),
        CASE(test_reports),
        CASE(test_the_line),
        CASE(test_virqs_of_the_host),
        CASE(test_emergency_output_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
