/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts that public advisories describe and no other test makes; a test's
 * name begins with the numbers. Which advisory is what: docs/advisories.md.
 */
#include "core/evtchn.h"
#include "tests/call_fixture.h"

#define NR_GRANT 20u
#define NR_EVTCHN 32u
#define DECREASE 1u
#define POPULATE 6u
#define ARGS_AT 0x8000u
#define OTHER 2u

static s64 reserve(u32 op, u32 order, u32 flags, u16 domid)
{
    const struct arg_memory_reservation r = { .extent_start = GUEST(LIST_AT),
                                              .nr_extents = 1,
                                              .extent_order = order,
                                              .mem_flags = flags,
                                              .domid = domid };
    memcpy(host_guest(ARGS_AT), &r, sizeof(r));
    return call(NR_MEMORY, op, GUEST(ARGS_AT), 0, 0);
}

static u64 *list(void)
{
    return host_guest(LIST_AT);
}

/* Nodes, exactness, memory on demand: flags mean nothing here. */
static void test_14_231_flags_of_a_reservation(void **state)
{
    (void)state;
    for (u32 i = 0; i <= 32; i++) {
        const u32 flags = i < 32 ? 1u << i : U32_MAX;
        list()[0] = host_mfn(d, 20).v;
        assert_int_equal(reserve(DECREASE, 0, flags, DOMID_SELF), 1);
        list()[0] = 20;
        assert_int_equal(reserve(POPULATE, 0, flags, DOMID_SELF), 1);
        assert_int_equal(list()[0], host_mfn(d, 20).v);
        assert_int_equal(frame_n(20)->type, FRAME_PLAIN);
    }
}

static void test_31_158_only_single_pages(void **state)
{
    (void)state;
    for (u32 order = 1; order < 70; order++) {
        list()[0] = host_mfn(d, 512).v;
        assert_int_equal(reserve(DECREASE, order, 0, DOMID_SELF), RC_EINVAL);
        assert_int_equal(reserve(POPULATE, order, 0, DOMID_SELF), RC_EINVAL);
    }
    assert_int_equal(reserve(DECREASE, U32_MAX, 0, DOMID_SELF), RC_EINVAL);
    assert_int_equal(d->frames, FRAMES);
    assert_int_equal(frame_n(512)->type, FRAME_PLAIN);
}

static s64 offer(u16 dom, u16 remote, port_t *port)
{
    const struct arg_evtchn_unbound a = { .dom = dom, .remote_dom = remote };
    memcpy(host_guest(ARGS_AT), &a, sizeof(a));
    const s64 rc = call(NR_EVTCHN, 6, GUEST(ARGS_AT), 0, 0);
    struct arg_evtchn_unbound back;
    memcpy(&back, host_guest(ARGS_AT), sizeof(back));
    *port = back.port;
    return rc;
}

static u32 ports_in_use(const struct domain *of)
{
    u32 count = 0;
    for (port_t p = 0; p < of->port_count; p++) {
        count += of->port[p].state != EVTCHN_FREE ? 1 : 0;
    }
    return count;
}

static void test_47_a_refused_offer_leaves_no_port(void **state)
{
    (void)state;
    const struct domain *other = host_domain(OTHER, FRAMES, 1);
    port_t port = 0;
    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(offer(OTHER, DOMID_SELF, &port), RC_EPERM);
        assert_int_equal(port, 0);
    }
    assert_int_equal(ports_in_use(d), 0);
    assert_int_equal(ports_in_use(other), 0);
}

/* What a call can name is the caller. */
static void test_127_no_call_names_another(void **state)
{
    (void)state;
    struct domain *other = host_domain(OTHER, FRAMES, 1);
    port_t port = 0;
    const struct arg_mmuext_op op = { .cmd = UNPIN };
    memcpy(host_guest(LIST_AT), &op, sizeof(op));
    assert_int_equal(call(NR_MMUEXT, GUEST(LIST_AT), 1, 0, OTHER), RC_EPERM);
    assert_int_equal(call(NR_MMU, GUEST(LIST_AT), 1, 0, OTHER), RC_EPERM);
    assert_int_equal(offer(OTHER, 1, &port), RC_EPERM);
    list()[0] = host_mfn(other, 20).v;
    assert_int_equal(reserve(DECREASE, 0, 0, OTHER), 0);
    assert_int_equal(reserve(DECREASE, 0, 0, DOMID_SELF), 0);
    list()[0] = 20;
    assert_int_equal(reserve(POPULATE, 0, 0, OTHER), 0);
    const struct arg_gnttab_setup setup_other = { .dom = OTHER };
    memcpy(host_guest(ARGS_AT), &setup_other, sizeof(setup_other));
    assert_int_equal(call(NR_GRANT, 2, GUEST(ARGS_AT), 1, 0), 0);
    struct arg_gnttab_setup back;
    memcpy(&back, host_guest(ARGS_AT), sizeof(back));
    assert_int_equal(back.status, GRANT_DENIED);
    assert_int_equal(other->frames, FRAMES);
    host_recount(other);
}

/* Those of the ABI that are not in the table, and numbers beyond. */
static void test_167_operations_that_are_not_there(void **state)
{
    (void)state;
    static const u32 absent[] = { 1, 10, 11, 12, 14, 16, 17, 18, 19, 20, 255 };
    for (u32 i = 0; i < ARRAY_COUNT(absent); i++) {
        for (u32 bit = 0; bit < 64; bit++) {
            const s64 rc = mmuext(absent[i], 1ull << bit, 1);
            assert_true(rc == RC_ENOSYS || rc == RC_EINVAL);
        }
    }
    assert_int_equal(mmuext(U32_MAX, U64_MAX, U64_MAX), RC_EINVAL);
    assert_int_equal(host.x86_calls, 0);
}

static void test_251_numbers_in_the_machine_to_phys_view(void **state)
{
    (void)state;
    const u64 at = (host_mfn(d, 30).v << PAGE_BITS) | 1;
    for (u32 bit = 0; bit < 64; bit++) {
        const u64 numbers[] = { 1ull << bit, (1ull << bit) - 1,
                                ~(1ull << bit) };
        for (u32 i = 0; i < ARRAY_COUNT(numbers); i++) {
            const s64 rc = mmu(at, numbers[i]);
            assert_true(rc == 0 || rc == RC_EPERM || rc == RC_EINVAL);
            assert_int_equal(d->m2p[30], frame_n(30)->pfn);
        }
    }
    assert_int_equal(frame_n(30)->refs, 0);
}

static s64 bind_virq(u32 virq, u32 vcpu, port_t *port)
{
    const struct arg_evtchn_virq a = { .virq = virq, .vcpu = vcpu };
    memcpy(host_guest(ARGS_AT), &a, sizeof(a));
    const s64 rc = call(NR_EVTCHN, 1, GUEST(ARGS_AT), 0, 0);
    struct arg_evtchn_virq back;
    memcpy(&back, host_guest(ARGS_AT), sizeof(back));
    *port = back.port;
    return rc;
}

static void test_496_a_failed_binding_undoes_nothing(void **state)
{
    (void)state;
    port_t timer = 0;
    port_t port = 0;
    assert_int_equal(bind_virq(0, 0, &timer), 0);
    while (offer(DOMID_SELF, OTHER, &port) == 0) {
    }
    const u32 used = ports_in_use(d);
    assert_int_equal(bind_virq(0, 0, &port), RC_EEXIST);
    assert_int_equal(bind_virq(0, 1, &port), RC_ENOSPC);
    assert_int_equal(bind_virq(1, 0, &port), RC_ENOSPC);
    assert_int_equal(bind_virq(0, 9, &port), RC_ENOENT);
    assert_int_equal(ports_in_use(d), used);
    assert_int_equal(d->port[timer].state, EVTCHN_VIRQ);
    assert_int_equal(v->virq_port[0], timer);
    assert_int_equal(d->vcpu[1].virq_port[0], 0);
    evtchn_raise_virq(v, 0);
    assert_true(evtchn_is_pending(d, timer));
}

/* All ports in use at the end: each slice closes what its budget says. */
static void test_344_ports_are_closed_in_slices(void **state)
{
    (void)state;
    port_t p = 0;
    while (offer(DOMID_SELF, OTHER, &p) == 0) {
    }
    u32 open = ports_in_use(d);
    assert_int_equal(open, d->port_count - 1);
    d->state = DOMAIN_ENDING;
    while (!evtchn_close_some(d, 10)) {
        open -= 10;
        assert_int_equal(ports_in_use(d), open);
    }
    assert_in_range(open, 1, 10);
    assert_int_equal(ports_in_use(d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_14_231_flags_of_a_reservation),
        TEST(test_31_158_only_single_pages),
        TEST(test_47_a_refused_offer_leaves_no_port),
        TEST(test_127_no_call_names_another),
        TEST(test_167_operations_that_are_not_there),
        TEST(test_251_numbers_in_the_machine_to_phys_view),
        TEST(test_344_ports_are_closed_in_slices),
        TEST(test_496_a_failed_binding_undoes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
