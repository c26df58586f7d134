/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_op and set_timer_op through dispatch: sleeping loses no event, polls
 * end, timers fire once, domains end for the reason they give.
 */
#include "tests/call_fixture.h"

#define NR_TIMER 15u
#define NR_SCHED 29u
#define YIELD 0u
#define BLOCK 1u
#define SHUTDOWN 2u
#define POLL 3u
#define ARGS_AT 0x8000u
#define PORTS_AT 0x9000u
#define MS 1000000ull

static struct vcpu *pick(void)
{
    ns_t until = 0;
    struct vcpu *next = sched_pick(0, host.now, &until);
    sched_left(0);
    host_run(next);
    return next;
}

/* v runs on CPU 0; its port 1 is for its own interrupts. */
static int setup_running(void **state)
{
    setup(state);
    sched_online(v);
    assert_ptr_equal(pick(), v);
    struct hc_call c = host_call(v, 7, 0, 0);
    struct arg_evtchn_ipi a = { .vcpu = 0 };
    return (int)hc_evtchn_bind_ipi(&c, &a);
}

static s64 op(u32 sub, u64 arg)
{
    return call(NR_SCHED, sub, arg, 0, 0);
}

static s64 poll(u32 count, u64 timeout)
{
    const struct arg_sched_poll a = { .ports = GUEST(PORTS_AT),
                                      .nr_ports = count,
                                      .timeout = timeout };
    memcpy(host_guest(ARGS_AT), &a, sizeof(a));
    return op(POLL, GUEST(ARGS_AT));
}

static port_t *ports(void)
{
    return host_guest(PORTS_AT);
}

static void test_block_sleeps(void **state)
{
    (void)state;
    v->info->upcall_mask = 1;
    assert_int_equal(op(BLOCK, 0), 0);
    assert_int_equal(v->info->upcall_mask, 0);
    assert_null(pick());
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    evtchn_notify(d, 1);
    assert_int_equal(v->sched.state, SCHED_RUNNABLE);
    assert_ptr_equal(pick(), v);
    assert_true(evtchn_collect(v));
}

static void test_block_with_an_event_goes_on(void **state)
{
    (void)state;
    v->info->upcall_mask = 1;
    evtchn_notify(d, 1);
    assert_int_equal(op(BLOCK, 0), 0);
    assert_ptr_equal(pick(), v);
    assert_int_equal(v->info->upcall_pending, 1);
}

static void test_block_with_an_nmi_goes_on(void **state)
{
    (void)state;
    v->nmi_pending = 1;
    assert_int_equal(op(BLOCK, 0), 0);
    assert_ptr_equal(pick(), v);
    v->nmi_masked = true;
    assert_int_equal(op(BLOCK, 0), 0);
    assert_null(pick());
}

static void test_event_between_asking_and_sleeping(void **state)
{
    (void)state;
    assert_int_equal(op(BLOCK, 0), 0);
    host.cpu = 1; /* another CPU sends it, before ours has picked */
    evtchn_notify(d, 1);
    host.cpu = 0;
    assert_ptr_equal(pick(), v);
}

static void test_yield(void **state)
{
    (void)state;
    assert_int_equal(op(YIELD, 0), 0);
    assert_ptr_equal(pick(), v); /* nobody else is there */
    sched_online(&d->vcpu[1]);
    host.now += MS;
    assert_int_equal(op(YIELD, 0), 0);
    assert_ptr_equal(pick(), &d->vcpu[1]);
}

static void test_A32_poll_arguments(void **state)
{
    (void)state;
    ports()[0] = 1;
    assert_int_equal(poll(129, 0), RC_EINVAL);
    assert_int_equal(poll(U32_MAX, 0), RC_EINVAL);
    ports()[1] = d->port_count;
    assert_int_equal(poll(2, 0), RC_EINVAL);
    ports()[1] = U32_MAX;
    assert_int_equal(poll(2, 0), RC_EINVAL);
    host.fetch_fails_at = 2;
    assert_int_equal(poll(1, 0), RC_EFAULT);
    const struct arg_sched_poll a = { .nr_ports = 1 }; /* no list */
    memcpy(host_guest(ARGS_AT), &a, sizeof(a));
    assert_int_equal(op(POLL, GUEST(ARGS_AT)), RC_EFAULT);
    assert_ptr_equal(pick(), v); /* it sleeps for none of these */
    assert_int_equal(v->poll_count, 0);
}

static void test_poll_ends_at_once(void **state)
{
    (void)state;
    ports()[0] = 1;
    assert_int_equal(poll(1, host.now), 0);
    assert_int_equal(poll(1, 1), 0);
    assert_ptr_equal(pick(), v);
    d->shared->evtchn_mask[0] = U64_MAX;
    evtchn_notify(d, 1);
    assert_int_equal(poll(1, 0), 0);
    assert_ptr_equal(pick(), v);
    assert_int_equal(v->poll_count, 0);
}

static void test_poll_is_ended_by_a_masked_port(void **state)
{
    (void)state;
    d->shared->evtchn_mask[0] = U64_MAX;
    v->info->upcall_mask = 1;
    for (u32 count = 1; count <= 128; count += 127) {
        for (u32 i = 0; i < count; i++) {
            ports()[i] = 1; /* the same again and again */
        }
        assert_int_equal(poll(count, 0), 0);
        assert_null(pick());
        assert_int_equal(v->info->upcall_mask, 1);
        evtchn_notify(d, 1);
        assert_ptr_equal(pick(), v);
        assert_int_equal(v->poll_count, 0);
        d->shared->evtchn_pending[0] = 0;
    }
}

static void test_poll_times_out(void **state)
{
    (void)state;
    ports()[0] = 1;
    const ns_t end = host.now + 5 * MS;
    assert_int_equal(poll(1, end), 0);
    assert_null(pick());
    assert_int_equal(sched_cpus[0].timer_first, end);
    host.now = end - 1;
    sched_timers_run(0, host.now);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    host.now = end;
    sched_timers_run(0, host.now);
    assert_ptr_equal(pick(), v);
    assert_int_equal(v->poll_count, 0);
    assert_int_equal(poll(1, U64_MAX), 0); /* in centuries */
    assert_null(pick());
    evtchn_notify(d, 1);
    assert_ptr_equal(pick(), v);
}

static void test_timer(void **state)
{
    (void)state;
    struct hc_call c = host_call(v, 1, 0, 0);
    struct arg_evtchn_virq a = { .virq = VIRQ_TIMER, .vcpu = 0 };
    assert_int_equal(hc_evtchn_bind_virq(&c, &a), 0);
    assert_int_equal(call(NR_TIMER, host.now + MS, 0, 0, 0), 0);
    assert_int_equal(sched_cpus[0].timer_first, host.now + MS);
    assert_int_equal(host.timer_at, host.now + MS);
    sched_timers_run(0, host.now);
    assert_false(evtchn_is_pending(d, a.port));
    sched_timers_run(0, host.now + MS);
    assert_true(evtchn_is_pending(d, a.port));
    assert_int_equal(sched_cpus[0].timer_first, NS_NEVER); /* once */
    d->shared->evtchn_pending[0] = 0;
    /* Set, and stopped. */
    assert_int_equal(call(NR_TIMER, host.now + MS, 0, 0, 0), 0);
    assert_int_equal(call(NR_TIMER, 0, 0, 0, 0), 0);
    assert_int_equal(sched_cpus[0].timer_first, NS_NEVER);
}

static void test_A63_times_that_make_no_sense(void **state)
{
    (void)state;
    struct hc_call c = host_call(v, 1, 0, 0);
    struct arg_evtchn_virq a = { .virq = VIRQ_TIMER, .vcpu = 0 };
    assert_int_equal(hc_evtchn_bind_virq(&c, &a), 0);
    const u64 never[] = { U64_MAX, 1ull << 63, U64_MAX - 1 };
    for (u32 i = 0; i < ARRAY_COUNT(never); i++) {
        assert_int_equal(call(NR_TIMER, never[i], 0, 0, 0), 0);
        sched_timers_run(0, host.now);
        assert_false(evtchn_is_pending(d, a.port));
    }
    for (u32 i = 0; i < 1000; i++) {
        assert_int_equal(call(NR_TIMER, 1 + i, 0, 0, 0), 0);
    }
    sched_timers_run(0, host.now); /* what is past fires, once */
    assert_true(evtchn_is_pending(d, a.port));
    assert_int_equal(sched_cpus[0].timer_first, NS_NEVER);
}

static s64 shutdown(u32 reason)
{
    memcpy(host_guest(ARGS_AT), &reason, sizeof(reason));
    return op(SHUTDOWN, GUEST(ARGS_AT));
}

static void test_shutdown_reasons(void **state)
{
    (void)state;
    const u32 wrong[] = { SHUTDOWN_SUSPEND, 4, 5, 6, U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(shutdown(wrong[i]), RC_EINVAL);
        assert_int_equal(d->state, DOMAIN_RUNNING);
    }
    const u32 right[] = { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT, SHUTDOWN_CRASH };
    for (u32 i = 0; i < ARRAY_COUNT(right); i++) {
        setup_running(NULL);
        assert_int_equal(shutdown(right[i]), 0);
        assert_int_equal(d->state, DOMAIN_ENDING);
        assert_int_equal(d->end_reason, right[i]);
        assert_null(pick());
        assert_true(sched_is_off(v));
    }
}

#define RUNNING(f) cmocka_unit_test_setup_teardown(f, setup_running, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUNNING(test_block_sleeps),
        RUNNING(test_block_with_an_event_goes_on),
        RUNNING(test_block_with_an_nmi_goes_on),
        RUNNING(test_event_between_asking_and_sleeping),
        RUNNING(test_yield),
        RUNNING(test_A32_poll_arguments),
        RUNNING(test_poll_ends_at_once),
        RUNNING(test_poll_is_ended_by_a_masked_port),
        RUNNING(test_poll_times_out),
        RUNNING(test_timer),
        RUNNING(test_A63_times_that_make_no_sense),
        RUNNING(test_shutdown_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
