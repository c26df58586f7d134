/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: every transition of core/evtchn.h, the errors a guest
 * relies on, delivery, and what a hostile tenant tries (sends on ports that
 * are not its own, exhausts ports, scribbles over its bitmaps).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/abi.h"
#include "core/evtchn.h"
#include "tests/host_arch.h"

static struct domain *a, *b;

/* Each vCPU runs on a CPU of its own, so that telling it is a kick. */
static u32 cpu_of(const struct domain *d, u32 vcpu)
{
    return (d->id * 8u) + vcpu;
}

static void place(struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        d->vcpu[i].sched.state = SCHED_RUNNING;
        d->vcpu[i].sched.cpu = cpu_of(d, i);
    }
}

/* How often the vCPU was told of an event. */
static u32 told(const struct domain *d, u32 vcpu)
{
    return host.kicks[cpu_of(d, vcpu)];
}

static int setup(void **state)
{
    (void)state;
    host_reset();
    a = host_domain(1, 256, 2);
    b = host_domain(2, 256, 1);
    place(a);
    place(b);
    host_run(&a->vcpu[0]);
    return 0;
}

static int no_locks(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    return 0;
}

static s64 call_unbound(struct domain *d, u16 dom, u16 peer, port_t *port)
{
    struct hc_call c = host_call(&d->vcpu[0], 6, 0, 0);
    struct arg_evtchn_unbound arg = { .dom = dom, .remote_dom = peer };
    const s64 rc = hc_evtchn_alloc_unbound(&c, &arg);
    *port = arg.port;
    return rc;
}

static s64 call_interdomain(struct domain *d, u16 peer, port_t remote,
                            port_t *port)
{
    struct hc_call c = host_call(&d->vcpu[0], 0, 0, 0);
    struct arg_evtchn_interdomain arg = { .remote_dom = peer,
                                          .remote_port = remote };
    const s64 rc = hc_evtchn_bind_interdomain(&c, &arg);
    *port = arg.local_port;
    return rc;
}

static s64 call_virq(struct domain *d, u32 virq, u32 vcpu, port_t *port)
{
    struct hc_call c = host_call(&d->vcpu[0], 1, 0, 0);
    struct arg_evtchn_virq arg = { .virq = virq, .vcpu = vcpu };
    const s64 rc = hc_evtchn_bind_virq(&c, &arg);
    *port = arg.port;
    return rc;
}

static s64 call_ipi(struct domain *d, u32 vcpu, port_t *port)
{
    struct hc_call c = host_call(&d->vcpu[0], 7, 0, 0);
    struct arg_evtchn_ipi arg = { .vcpu = vcpu };
    const s64 rc = hc_evtchn_bind_ipi(&c, &arg);
    *port = arg.port;
    return rc;
}

static s64 call_port(s64 (*handler)(struct hc_call *, struct arg_evtchn_port *),
                     struct domain *d, u32 port)
{
    struct hc_call c = host_call(&d->vcpu[0], 0, 0, 0);
    struct arg_evtchn_port arg = { .port = port };
    return handler(&c, &arg);
}

static s64 call_vcpu(struct domain *d, u32 port, u32 vcpu)
{
    struct hc_call c = host_call(&d->vcpu[0], 8, 0, 0);
    struct arg_evtchn_vcpu arg = { .port = port, .vcpu = vcpu };
    return hc_evtchn_bind_vcpu(&c, &arg);
}

static void connect(port_t *pa, port_t *pb)
{
    assert_int_equal(call_unbound(a, DOMID_SELF, b->id, pa), 0);
    assert_int_equal(call_interdomain(b, a->id, *pa, pb), 0);
}

static void test_interdomain_both_ways(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    connect(&pa, &pb);
    /* Binding shows the binder one event, since it may have missed some. */
    assert_true(evtchn_is_pending(b, pb));
    assert_int_equal(told(b, 0), 1);
    assert_false(evtchn_is_pending(a, pa));

    assert_int_equal(call_port(hc_evtchn_send, b, pb), 0);
    assert_true(evtchn_is_pending(a, pa));
    assert_int_equal(told(a, 0), 1);
    /* A second one adds nothing. */
    assert_int_equal(call_port(hc_evtchn_send, b, pb), 0);
    assert_int_equal(told(a, 0), 1);

    host_run(&a->vcpu[0]);
    a->vcpu[0].info->upcall_mask = 0;
    assert_true(evtchn_collect(&a->vcpu[0]));
    assert_int_equal(a->vcpu[0].info->pending_sel, 1ull << (pa / 64));
    assert_int_equal(a->vcpu[0].info->upcall_pending, 1);
    assert_int_equal(a->vcpu[0].pend_sel, 0);
}

static void test_bind_needs_consent(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    port_t px = 0;
    struct domain *x = host_domain(3, 256, 1);
    assert_int_equal(call_unbound(a, a->id, b->id, &pa), 0);
    assert_int_equal(call_interdomain(x, a->id, pa, &px), RC_EINVAL);
    assert_int_equal(call_interdomain(b, 7, pa, &pb), RC_ESRCH);
    assert_int_equal(call_interdomain(b, 0xfffe, pa, &pb), RC_ESRCH);
    assert_int_equal(call_interdomain(b, a->id, 0, &pb), RC_EINVAL);
    assert_int_equal(call_interdomain(b, a->id, 4096, &pb), RC_EINVAL);
    assert_int_equal(call_interdomain(b, a->id, U32_MAX, &pb), RC_EINVAL);
    assert_int_equal(call_interdomain(b, a->id, pa, &pb), 0);
    assert_int_equal(call_interdomain(b, a->id, pa, &px), RC_EINVAL);
    /* A domain that ends is not there. */
    assert_int_equal(call_unbound(a, a->id, b->id, &pa), 0);
    a->state = DOMAIN_ENDING;
    assert_int_equal(call_interdomain(b, a->id, pa, &pb), RC_ESRCH);
    a->state = DOMAIN_RUNNING;
    /* Ports are made for oneself only. */
    assert_int_equal(call_unbound(a, b->id, a->id, &pa), RC_EPERM);
}

static void test_close_leaves_peer_unbound(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    connect(&pa, &pb);
    assert_int_equal(call_port(hc_evtchn_close, b, pb), 0);
    assert_int_equal(b->port[pb].state, EVTCHN_FREE);
    assert_false(evtchn_is_pending(b, pb));
    assert_int_equal(a->port[pa].state, EVTCHN_UNBOUND);
    assert_int_equal(a->port[pa].peer, b->id);
    assert_int_equal(call_port(hc_evtchn_send, a, pa), 0);
    assert_false(evtchn_is_pending(b, pb));
    assert_int_equal(call_port(hc_evtchn_close, b, pb), RC_EINVAL);
    /* The peer may bind again; the other side may close first. */
    assert_int_equal(call_interdomain(b, a->id, pa, &pb), 0);
    assert_int_equal(call_port(hc_evtchn_close, a, pa), 0);
    assert_int_equal(b->port[pb].state, EVTCHN_UNBOUND);
}

static void test_loopback(void **state)
{
    (void)state;
    port_t p = 0;
    port_t q = 0;
    assert_int_equal(call_unbound(a, DOMID_SELF, DOMID_SELF, &p), 0);
    assert_int_equal(call_interdomain(a, DOMID_SELF, p, &q), 0);
    assert_int_equal(call_port(hc_evtchn_send, a, q), 0);
    assert_true(evtchn_is_pending(a, p));
    assert_int_equal(call_port(hc_evtchn_close, a, p), 0);
    assert_int_equal(a->port[q].state, EVTCHN_UNBOUND);
    assert_int_equal(call_port(hc_evtchn_close, a, q), 0);
}

static void test_virq(void **state)
{
    (void)state;
    port_t p = 0;
    port_t q = 0;
    assert_int_equal(call_virq(a, VIRQ_COUNT, 0, &p), RC_EINVAL);
    assert_int_equal(call_virq(a, U32_MAX, 0, &p), RC_EINVAL);
    assert_int_equal(call_virq(a, 2, 0, &p), RC_EPERM);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 2, &p), RC_ENOENT);
    assert_int_equal(call_virq(a, VIRQ_TIMER, U32_MAX, &p), RC_ENOENT);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 1, &p), 0);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 1, &q), RC_EEXIST);
    assert_int_equal(call_virq(a, VIRQ_DEBUG, 1, &q), 0);
    evtchn_raise_virq(&a->vcpu[0], VIRQ_TIMER);
    assert_int_equal(told(a, 0), 0);
    evtchn_raise_virq(&a->vcpu[1], VIRQ_TIMER);
    assert_int_equal(told(a, 1), 1);
    assert_true(evtchn_is_pending(a, p));
    /* Nobody can send on it or move it; closing frees the interrupt. */
    assert_int_equal(call_port(hc_evtchn_send, a, p), RC_EINVAL);
    assert_int_equal(call_vcpu(a, p, 0), RC_EINVAL);
    assert_int_equal(call_port(hc_evtchn_close, a, p), 0);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 1, &p), 0);
}

static void test_ipi(void **state)
{
    (void)state;
    port_t p = 0;
    assert_int_equal(call_ipi(a, 2, &p), RC_ENOENT);
    assert_int_equal(call_ipi(a, 1, &p), 0);
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    assert_int_equal(told(a, 1), 1);
    assert_int_equal(a->vcpu[1].pend_sel, 1ull << (p / 64));
    assert_int_equal(call_vcpu(a, p, 0), RC_EINVAL);
}

static void test_A28_send_on_what_is_not_mine(void **state)
{
    (void)state;
    port_t pa = 0;
    assert_int_equal(call_unbound(a, DOMID_SELF, b->id, &pa), 0);
    assert_int_equal(call_port(hc_evtchn_send, a, pa), 0);
    const u32 bad[] = { 0,      pa + 1, a->port_count - 1, a->port_count,
                        4095,   4096,   0x7fffffff,        0x80000000,
                        U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(call_port(hc_evtchn_send, a, bad[i]), RC_EINVAL);
        assert_int_equal(call_port(hc_evtchn_close, a, bad[i]), RC_EINVAL);
        assert_int_equal(call_vcpu(a, bad[i], 0), RC_EINVAL);
    }
    for (u32 w = 0; w < PORT_WORDS; w++) {
        assert_int_equal(a->shared->evtchn_pending[w], 0);
        assert_int_equal(b->shared->evtchn_pending[w], 0);
    }
}

static void test_A29_all_ports_in_use(void **state)
{
    (void)state;
    port_t p = 0;
    for (u32 i = 1; i < a->port_count; i++) {
        assert_int_equal(call_unbound(a, DOMID_SELF, b->id, &p), 0);
        assert_int_equal(p, i);
    }
    assert_int_equal(call_unbound(a, DOMID_SELF, b->id, &p), RC_ENOSPC);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 0, &p), RC_ENOSPC);
    assert_int_equal(a->vcpu[0].virq_port[VIRQ_TIMER], 0);
    assert_int_equal(call_ipi(a, 0, &p), RC_ENOSPC);
    port_t pb = 0;
    assert_int_equal(call_unbound(b, DOMID_SELF, a->id, &pb), 0);
    assert_int_equal(call_interdomain(a, b->id, pb, &p), RC_ENOSPC);
    assert_int_equal(b->port[pb].state, EVTCHN_UNBOUND);
    assert_int_equal(call_port(hc_evtchn_close, a, 77), 0);
    assert_int_equal(call_interdomain(a, b->id, pb, &p), 0);
    assert_int_equal(p, 77);
}

static void test_mask_and_unmask(void **state)
{
    (void)state;
    port_t p = 0;
    assert_int_equal(call_ipi(a, 0, &p), 0);
    a->shared->evtchn_mask[p / 64] = U64_MAX;
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    assert_true(evtchn_is_pending(a, p));
    assert_int_equal(told(a, 0), 0);
    assert_int_equal(a->vcpu[0].pend_sel, 0);
    assert_int_equal(call_port(hc_evtchn_unmask, a, p), 0);
    assert_int_equal(a->shared->evtchn_mask[p / 64], ~(1ull << (p % 64)));
    assert_int_equal(told(a, 0), 1);
    assert_int_equal(a->vcpu[0].pend_sel, 1ull << (p / 64));
    /* Unmasking what is not masked delivers nothing. */
    assert_int_equal(call_port(hc_evtchn_unmask, a, p), 0);
    assert_int_equal(told(a, 0), 1);
    assert_int_equal(call_port(hc_evtchn_unmask, a, 0), RC_EINVAL);
    assert_int_equal(call_port(hc_evtchn_unmask, a, a->port_count), RC_EINVAL);
}

static void test_pollers_wake_on_masked_ports(void **state)
{
    (void)state;
    port_t p = 0;
    assert_int_equal(call_ipi(a, 0, &p), 0);
    a->shared->evtchn_mask[p / 64] = U64_MAX;
    a->vcpu[1].poll_count = 1;
    a->vcpu[1].poll_port = p + 1;
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    assert_int_equal(told(a, 1), 0);
    evtchn_clear_pending(a, p);
    a->vcpu[1].poll_port = p;
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    assert_int_equal(told(a, 1), 1);
    evtchn_clear_pending(a, p);
    a->vcpu[1].poll_count = 2;
    a->vcpu[1].poll_port = 0;
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    assert_int_equal(told(a, 1), 2);
}

static void test_bind_vcpu_moves_delivery(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    connect(&pa, &pb);
    assert_int_equal(call_vcpu(a, pa, 2), RC_ENOENT);
    assert_int_equal(call_vcpu(a, pa, 1), 0);
    assert_int_equal(call_port(hc_evtchn_send, b, pb), 0);
    assert_int_equal(told(a, 0), 0);
    assert_int_equal(told(a, 1), 1);
}

static void test_collect_masked_upcall(void **state)
{
    (void)state;
    port_t p = 0;
    struct vcpu *v = &a->vcpu[0];
    assert_int_equal(call_ipi(a, 0, &p), 0);
    assert_false(evtchn_collect(v));
    assert_int_equal(call_port(hc_evtchn_send, a, p), 0);
    v->info->upcall_mask = 1;
    assert_false(evtchn_collect(v));
    assert_int_equal(v->info->upcall_pending, 1);
    v->info->upcall_mask = 0;
    assert_true(evtchn_collect(v));
    v->info->upcall_pending = 0;
    assert_false(evtchn_collect(v));
}

static void test_A30_scribbled_bitmaps(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    connect(&pa, &pb);
    for (u32 w = 0; w < PORT_WORDS; w++) {
        a->shared->evtchn_pending[w] = U64_MAX;
        a->shared->evtchn_mask[w] = U64_MAX;
    }
    /* A guest that says everything is pending gets no more events. */
    assert_int_equal(call_port(hc_evtchn_send, b, pb), 0);
    assert_int_equal(told(a, 0), 0);
    assert_int_equal(told(b, 0), 1);
    for (port_t p = 1; p < a->port_count; p++) {
        (void)call_port(hc_evtchn_unmask, a, p);
        (void)call_port(hc_evtchn_close, a, p);
    }
    assert_int_equal(b->port[pb].state, EVTCHN_UNBOUND);
}

static void test_close_all(void **state)
{
    (void)state;
    port_t pa = 0;
    port_t pb = 0;
    port_t p = 0;
    connect(&pa, &pb);
    assert_int_equal(call_virq(a, VIRQ_TIMER, 0, &p), 0);
    assert_int_equal(call_ipi(a, 0, &p), 0);
    assert_int_not_equal(evtchn_offer(a, b->id), 0);
    evtchn_notify(a, 0);
    evtchn_notify(a, a->port_count);
    a->state = DOMAIN_ENDING;
    assert_true(evtchn_close_some(a, 64));
    for (p = 1; p < a->port_count; p++) {
        assert_int_equal(a->port[p].state, EVTCHN_FREE);
    }
    assert_int_equal(a->vcpu[0].virq_port[VIRQ_TIMER], 0);
    assert_int_equal(b->port[pb].state, EVTCHN_UNBOUND);
}

/* Two domains, random calls, and after each one: channels name each other. */
static void test_soup(void **state)
{
    (void)state;
    u64 seed = 12345;
    struct domain *d[2] = { a, b };
    for (u32 n = 0; n < 50000; n++) {
        seed = (seed * 6364136223846793005ull) + 1442695040888963407ull;
        const u32 r = (u32)(seed >> 33);
        struct domain *me = d[r & 1u];
        struct domain *other = d[~r & 1u];
        const u32 port = (r >> 8) % 20;
        port_t p = 0;
        switch ((r >> 1) % 8) {
        case 0:
            (void)call_unbound(me, DOMID_SELF, other->id, &p);
            break;
        case 1:
            (void)call_interdomain(me, other->id, port, &p);
            break;
        case 2:
        case 3:
            (void)call_port(hc_evtchn_close, me, port);
            break;
        case 4:
            (void)call_virq(me, port % 3, 0, &p);
            break;
        case 5:
            (void)call_ipi(me, 0, &p);
            break;
        case 6:
            (void)call_vcpu(me, port, 0);
            break;
        default:
            (void)call_port(hc_evtchn_send, me, port);
            break;
        }
        for (u32 i = 0; i < 2; i++) {
            for (p = 1; p < d[i]->port_count; p++) {
                const struct evtchn *e = &d[i]->port[p];
                if (e->state == EVTCHN_INTERDOMAIN) {
                    const struct evtchn *o =
                        &domain_by_id(e->peer)->port[e->peer_port];
                    assert_int_equal(o->state, EVTCHN_INTERDOMAIN);
                    assert_int_equal(o->peer, d[i]->id);
                    assert_int_equal(o->peer_port, p);
                } else if (e->state == EVTCHN_VIRQ) {
                    assert_int_equal(d[i]->vcpu[e->vcpu].virq_port[e->virq], p);
                }
            }
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, no_locks)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_interdomain_both_ways),
        TEST(test_bind_needs_consent),
        TEST(test_close_leaves_peer_unbound),
        TEST(test_loopback),
        TEST(test_virq),
        TEST(test_ipi),
        TEST(test_A28_send_on_what_is_not_mine),
        TEST(test_A29_all_ports_in_use),
        TEST(test_mask_and_unmask),
        TEST(test_pollers_wake_on_masked_ports),
        TEST(test_bind_vcpu_moves_delivery),
        TEST(test_collect_masked_upcall),
        TEST(test_A30_scribbled_bitmaps),
        TEST(test_close_all),
        TEST(test_soup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
