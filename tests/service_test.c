/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lives of Domain0 and of tenants beside it: what it takes of a tenant's
 * offers, how it ends and comes back while tenants run, how it stops, ends and
 * starts them, and that it does not keep the host up.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "core/abi.h"
#include "core/gnttab.h"
#include "core/record.h"
#include "tests/life_fixture.h"

#define RING_VA (LINUX_BASE + 5 * PAGE_BYTES)

static struct domain *d0, *d1, *d2;
static u32 handle;

static void run_cpu(void)
{
    ns_t until = 0;

    host.now += 1000000;
    struct vcpu *v = sched_pick(0, host.now, &until);

    host_run(v);
    sched_left(0);
}

static void turns(void)
{
    for (u32 i = 0; i < 6; i++) {
        run_cpu();
        (void)work();
    }
}

static struct hc_call as(struct domain *d)
{
    return (struct hc_call){ .v = &d->vcpu[0] };
}

static void begin(void)
{
    struct mf_domain *p = plan_linux(0, 32 * MIB_FRAMES);

    p->role = MF_ROLE_DOMAIN0;
    p->rights = RIGHTS_ALL;
    p->on_crash = MF_RESTART;
    d0 = build(0, p);
    p = plan_grub(1, 16 * MIB_FRAMES);
    p->on_crash = MF_RESTART;
    d1 = build(1, p);
    d2 = build(2, plan_grub(2, 16 * MIB_FRAMES));
    run_cpu();
}

/* Domain0 takes the console's ring and port of d1. */
static void connect(void)
{
    host_run(&d0->vcpu[0]);
    struct hc_call c = as(d0);
    struct arg_evtchn_virq q = { .virq = VIRQ_DOM_EXC };
    struct arg_evtchn_interdomain e = { .remote_dom = 1,
                                        .remote_port = d1->console_port };
    struct arg_gnttab_map m = {
        .host_addr = RING_VA, .flags = 2, .ref = GRANT_REF_CONSOLE, .dom = 1
    };

    assert_int_equal(hc_evtchn_bind_virq(&c, &q), 0);
    assert_int_equal(hc_evtchn_bind_interdomain(&c, &e), 0);
    c.arg[0] = RING_VA;
    c.arg[1] = 0;
    d0->vcpu[0].budget = PGTABLE_BUDGET;
    assert_int_equal(hc_update_va_mapping(&c), 0);
    assert_int_equal(hc_grant_map(&c, &m), 0);
    assert_int_equal(m.status, GRANT_OKAY);
    handle = m.handle;
    assert_int_equal(d1->port[d1->console_port].state, EVTCHN_INTERDOMAIN);
    assert_int_equal(d1->grants.uses, 1);
}

static void unmap(void)
{
    host_run(&d0->vcpu[0]);
    struct hc_call c = as(d0);
    struct arg_gnttab_unmap u = { .host_addr = RING_VA, .handle = handle };

    assert_int_equal(hc_grant_unmap(&c, &u), 0);
    assert_int_equal(u.status, GRANT_OKAY);
}

static bool told(void)
{
    const port_t port = d0->vcpu[0].virq_port[VIRQ_DOM_EXC];
    const bool pending = evtchn_is_pending(d0, port);

    evtchn_clear_pending(d0, port);
    return pending;
}

/* Offers are for domain 0 alone; it offers itself nothing. */
static void test_offers(void **state)
{
    (void)state;
    begin();
    assert_int_equal(d0->console_port, 0);
    assert_int_equal(d0->store_port, 0);
    assert_int_equal(d0->grants.shared[0][0], 0);
    assert_int_equal(d1->grants.shared[0][GRANT_REF_CONSOLE],
                     d1->console_mfn.v << 32 | 1);
    assert_int_equal(d1->grants.shared[0][GRANT_REF_STORE],
                     d1->store_mfn.v << 32 | 1);
    struct hc_call c = as(d2);
    struct arg_evtchn_interdomain e = { .remote_dom = 1,
                                        .remote_port = d1->console_port };

    assert_int_equal(hc_evtchn_bind_interdomain(&c, &e), RC_EINVAL);
    connect();
}

static void test_domain0_ends_and_comes_back(void **state)
{
    (void)state;
    begin();
    connect();
    domain_crash(d0, "test");
    turns();
    assert_int_equal(d0->state, DOMAIN_RUNNING);
    assert_int_equal(d0->incarnation, 2);
    assert_int_equal(d1->state, DOMAIN_RUNNING);
    assert_int_equal(d1->incarnation, 1);
    assert_int_equal(d1->grants.uses, 0);
    assert_int_equal(d1->port[d1->console_port].state, EVTCHN_UNBOUND);
    assert_int_equal(d1->port[d1->console_port].peer, 0);
    connect(); /* as if nothing had been */
    host_recount(d0);
    host_recount(d1);
}

static void test_an_ending_waits_for_domain0(void **state)
{
    (void)state;
    begin();
    connect();
    (void)told();
    domain_end(d1, SHUTDOWN_POWEROFF);
    assert_true(told());
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDING);
    unmap();
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDED);
    assert_true(told());
}

/* As it is with a Domain0 that hangs: its end lets go, too. */
static void test_an_ending_goes_on_when_domain0_ends(void **state)
{
    (void)state;
    begin();
    connect();
    domain_end(d1, SHUTDOWN_POWEROFF);
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDING);
    domain_crash(d0, "test");
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDED);
    assert_int_equal(d0->incarnation, 2);
}

static void test_destroyed_is_not_restarted(void **state)
{
    (void)state;
    begin();
    domain_pause(d1, true);
    run_cpu();
    domain_end(d1, ENDED_DESTROYED);
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDED);
    assert_int_equal(d1->incarnation, 1);
    turns();
    assert_int_equal(d1->state, DOMAIN_ENDED);
    assert_int_equal(domain_restart(d1), 0);
    assert_int_equal(domain_restart(d1), RC_EBUSY);
    turns();
    assert_int_equal(d1->state, DOMAIN_RUNNING);
    assert_int_equal(d1->incarnation, 2);
    assert_int_equal(d1->paused, 0); /* a new life */
    host_recount(d1);
}

/* Nobody of a paused domain runs; it is as it was when it goes on. */
static void test_paused(void **state)
{
    (void)state;
    begin();
    domain_pause(d1, true);
    for (u32 i = 0; i < 200; i++) {
        run_cpu();
        assert_true(host.current == NULL || host.current->domain != d1);
    }
    domain_pause(d1, false);
    bool ran = false;

    for (u32 i = 0; i < 200; i++) {
        run_cpu();
        ran = ran || (host.current != NULL && host.current->domain == d1);
    }
    assert_true(ran);
    assert_int_equal(d1->incarnation, 1);
}

/* The code the host ends with, when all tenants end; in a child. */
static u32 end_of_host(bool crash_domain0)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        static const u8 digest[32] = { 1 };

        record_boot(digest, digest, 3, true);
        begin();
        if (crash_domain0) {
            domain_crash(d0, "test");
            turns();
        }
        domain_end(d2, SHUTDOWN_POWEROFF);
        turns();
        if (d2->state != DOMAIN_ENDED || d0->state != DOMAIN_RUNNING) {
            _exit(97);
        }
        if (host_expect_panic()) {
            domain_end(d1, SHUTDOWN_POWEROFF);
            turns();
            _exit(99);
        }
        _exit((int)host.off_code);
    }
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (u32)WEXITSTATUS(status);
}

static void test_services_do_not_keep_the_host_up(void **state)
{
    (void)state;
    assert_int_equal(end_of_host(false), 0x10);
    assert_int_equal(end_of_host(true), 0x10);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_services_do_not_keep_the_host_up), /* counts crashes */
        TEST(test_offers),
        TEST(test_domain0_ends_and_comes_back),
        TEST(test_an_ending_waits_for_domain0),
        TEST(test_an_ending_goes_on_when_domain0_ends),
        TEST(test_destroyed_is_not_restarted),
        TEST(test_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
