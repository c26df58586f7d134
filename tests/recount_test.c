/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount against every kind of damage: one field is changed behind the
 * back of the code that owns it, and the fault that follows has its name and
 * place; and cut in slices it says the same as in one go.
 */
#include "core/recount.h"
#include "core/schedcpu.h"
#include "tests/gnttab_fixture.h"

#define RW (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define RO (PTE_PRESENT | PTE_USER)
#define ANYWHERE U64_MAX
#define DATA 30u /* plain frame of m, mapped by entry 1 of l1, writable */

static struct recount_holds holds[HOST_FRAMES];
static struct recount r = { .holds = holds };

/* m: a root, a data page, two channels, a grant of g's mapped; g: one channel,
 * a frame given back. */
static int make(void **state)
{
    assert_int_equal(setup(state), 0);
    v->budget = 1 << 20;
    lock_take(&m->mm);
    assert_int_equal(
        pgtable_write(v, l1, 1, pte_make(host_mfn(m, DATA), RW), false), RC_OK);
    lock_drop(&m->mm);

    struct hc_call c = host_call(&g->vcpu[0], 0, 0, 0);
    struct arg_evtchn_unbound u = { .dom = DOMID_SELF, .remote_dom = m->id };
    assert_int_equal(hc_evtchn_alloc_unbound(&c, &u), 0);
    c = host_call(v, 0, 0, 0);
    struct arg_evtchn_interdomain i = { .remote_dom = g->id,
                                        .remote_port = u.port };
    assert_int_equal(hc_evtchn_bind_interdomain(&c, &i), 0);
    struct arg_evtchn_virq q = { .virq = VIRQ_TIMER, .vcpu = 0 };
    assert_int_equal(hc_evtchn_bind_virq(&c, &q), 0);
    assert_int_equal(q.port, i.local_port + 1);

    u32 h = 0;
    grant(9, PERMIT, m->id, 20);
    assert_int_equal(map(9, VA, MAP_RW, &h), GRANT_OKAY);
    return 0;
}

static enum rc run(struct domain *d)
{
    enum rc rc = RC_PREEMPT;
    recount_begin(&r, d);
    while (rc == RC_PREEMPT) {
        rc = recount_slice(&r);
    }
    assert_int_equal(host_locks_held(), 0);
    return rc;
}

static void sound(void)
{
    assert_int_equal(run(m), RC_OK);
    assert_int_equal(run(g), RC_OK);
}

/* d is at fault, and the fault is called so and is found there. */
static void finds(struct domain *d, const char *name, u64 where)
{
    assert_int_equal(run(d), RC_EIO);
    assert_string_equal(recount_text(r.fault), name);
    if (where != ANYWHERE) {
        assert_int_equal(r.where, where);
    }
}

static struct frame *data(void)
{
    return frame_at(host_mfn(m, DATA));
}

/* Change one thing, see the fault, change it back. */
#define DAMAGE(d, place, value, name, where)                                   \
    do {                                                                       \
        const __auto_type was = (place);                                       \
        (place) = (__typeof__(place))(value);                                  \
        finds(d, name, where);                                                 \
        (place) = was;                                                         \
        sound();                                                               \
    } while (false)

static void test_counts(void **state)
{
    (void)state;
    struct frame *f = data();
    const u64 at = host_mfn(m, DATA).v;
    sound();
    DAMAGE(m, f->refs, f->refs + 1, "REFS", at);
    DAMAGE(m, f->refs, f->refs - 1, "REFS", at);
    DAMAGE(m, f->types, f->types + 1, "TYPES", at);
    DAMAGE(m, f->types, f->types - 1, "TYPES", at);
    DAMAGE(m, frame_at(l1)->refs, 2, "REFS", l1.v);
    DAMAGE(m, frame_at(l1)->types, 2, "TYPES", l1.v);
    DAMAGE(m, frame_at(l1)->pinned, 1, "REFS", l1.v);
    DAMAGE(g, frame_at(host_mfn(g, 20))->refs, 0, "REFS", host_mfn(g, 20).v);
    DAMAGE(g, frame_at(host_mfn(g, 20))->types, 0, "TYPES", host_mfn(g, 20).v);
}

static void test_states(void **state)
{
    (void)state;
    struct frame *f = data();
    const u64 at = host_mfn(m, DATA).v;
    struct frame *idle = frame_at(host_mfn(m, 40));
    DAMAGE(m, f->type, FRAME_PLAIN, "TARGET", at);
    DAMAGE(m, f->state, FRAME_RELEASING, "TARGET", at);
    DAMAGE(m, f->type, FRAME_FREE, "FOREIGN", at);
    DAMAGE(m, f->type, FRAME_PRIVATE, "FOREIGN", at);
    DAMAGE(m, idle->type, FRAME_WRITABLE, "STATE", host_mfn(m, 40).v);
    DAMAGE(m, idle->state, FRAME_VALIDATING, "STATE", host_mfn(m, 40).v);
    DAMAGE(m, idle->type, FRAME_PRIVATE + 1, "STATE", host_mfn(m, 40).v);
    DAMAGE(m, idle->type, FRAME_FREE, "M2P", host_mfn(m, 40).v);
    DAMAGE(m, frame_at(l1)->type, FRAME_PLAIN, "TARGET", l1.v);
    DAMAGE(m, frame_at(l1)->state, FRAME_RELEASING, "TARGET", l1.v);
    /* Typed by an area alone, not by an entry. */
    v->info_frame = host_mfn(m, 40);
    idle->refs = 1;
    idle->types = 1;
    finds(m, "STATE", host_mfn(m, 40).v);
}

static void test_entries(void **state)
{
    (void)state;
    u64 *t = host_table(l1);
    const mfn_t l2 = host_mfn(m, 102);
    const u64 good = t[1];
    /* A table mapped writable, though all counts agree. */
    t[2] = pte_make(l2, RW);
    frame_at(l2)->refs++;
    frame_at(l2)->types++;
    finds(m, "TARGET", l2.v);
    t[2] = 0;
    frame_at(l2)->refs--;
    frame_at(l2)->types--;
    sound();

    DAMAGE(m, t[2], pte_make(host_mfn(m, 41), RO), "REFS", host_mfn(m, 41).v);
    DAMAGE(m, t[1], good & ~(u64)PTE_WRITE, "TYPES", host_mfn(m, DATA).v);
    DAMAGE(m, t[1], 0, "REFS", host_mfn(m, DATA).v);
    DAMAGE(m, t[1], good & ~(u64)PTE_USER, "ENTRY", l1.v);
    DAMAGE(m, t[1], good | PTE_GLOBAL, "ENTRY", l1.v);
    DAMAGE(m, t[1], good | PTE_PCD, "ENTRY", l1.v);
    DAMAGE(m, host_table(l2)[7], pte_make(host_mfn(m, 41), RW | PTE_LARGE),
           "ENTRY", l2.v);
    DAMAGE(m, host_table(l2)[7], pte_make(host_mfn(g, 41), RW), "FOREIGN",
           host_mfn(g, 41).v);
    DAMAGE(m, host_table(l2)[7], pte_make(m->shared_mfn, RW), "FOREIGN",
           m->shared_mfn.v);
    DAMAGE(m, host_table(l2)[7], pte_make(l2, RW), "TARGET", l2.v);

    DAMAGE(m, t[2], pte_make(host_mfn(g, 41), RO), "FOREIGN",
           host_mfn(g, 41).v);
    DAMAGE(m, t[2], pte_make(g->shared_mfn, RO), "FOREIGN", g->shared_mfn.v);
    DAMAGE(m, t[2], t[0], "FOREIGN", host_mfn(g, 20).v); /* one map, twice */
    DAMAGE(m, m->map[0].readonly, 1, "FOREIGN", host_mfn(g, 20).v);
    t[2] = pte_make(m->shared_mfn, RW);
    t[3] = pte_make(m->grants.shared_mfn[0], RW);
    host_table(host_mfn(m, 100))[256] = pte_make(host_mfn(g, 1), RW);
    t[4] = pte_make(host_mfn(g, 1), PTE_WRITE); /* not present */
    sound();
    m->grants.frame_count = 0;
    finds(m, "FOREIGN", m->grants.shared_mfn[0].v);
}

static void test_memory_and_free_list(void **state)
{
    (void)state;
    struct domain *const d = host_domain(3, 100, 1);
    const u64 first = host_mfn(d, 0).v;
    assert_int_equal(run(d), RC_OK);
    d->m2p[5]++;
    finds(d, "M2P", first + 5);
    d->m2p[5]--;
    d->m2p[101] = 7; /* of a FREE frame */
    finds(d, "M2P", first + 101);
    d->m2p[101] = PFN_INVALID;
    d->frames--;
    finds(d, "MEMORY", 0);
    d->frames++;
    assert_int_equal(run(d), RC_OK);

    assert_int_equal(d->free_head, 100);
    struct frame *const f = frame_at(host_mfn(d, 300));
    f->pfn = 100; /* a cycle */
    finds(d, "FREE_LIST", ANYWHERE);
    f->pfn = 302; /* one left out */
    finds(d, "FREE_LIST", 0);
    f->pfn = FRAME_NO_PFN; /* cut short */
    finds(d, "FREE_LIST", 0);
    f->pfn = 99; /* memory in it */
    finds(d, "FREE_LIST", first + 99);
    f->pfn = 1u << 30; /* out of the domain */
    finds(d, "FREE_LIST", first + (1u << 30));
    f->pfn = 301;
    frame_at(host_mfn(d, 301))->refs = 1;
    finds(d, "REFS", first + 301);
    frame_at(host_mfn(d, 301))->refs = 0;
    assert_int_equal(run(d), RC_OK);
}

static void test_holders(void **state)
{
    (void)state;
    const u64 l4 = host_mfn(m, 100).v;
    DAMAGE(m, v->kernel_root, mfn(MFN_NONE), "REFS", l4);
    DAMAGE(m, v->user_root, mfn(l4), "REFS", l4);
    DAMAGE(m, v->time_frame[1], host_mfn(m, 41), "REFS", host_mfn(m, 41).v);
    DAMAGE(m, v->runstate_frame[0], host_mfn(g, 41), "FOREIGN",
           host_mfn(g, 41).v);
    DAMAGE(m, v->info_frame, mfn(HOST_FRAMES + 7), "FOREIGN", HOST_FRAMES + 7);
    sound();
}

static void test_grants(void **state)
{
    (void)state;
    struct active_grant *a = &g->grants.active[9];
    struct maptrack *t = &m->map[0];
    assert_int_equal(t->state, MAPTRACK_MAPPED);
    /* From either side. */
    DAMAGE(g, a->writers, 2, "GRANT", 9);
    DAMAGE(m, a->writers, 2, "GRANT", 9);
    DAMAGE(g, a->readers, 1, "GRANT", 9);
    DAMAGE(m, a->writers, 0, "GRANT", 9);
    DAMAGE(g, a->writers, 0, "GRANT", 1024); /* in the sum */
    DAMAGE(g, a->user, 5, "GRANT", 9);
    DAMAGE(g, a->user, 2, "GRANT", 9);
    DAMAGE(m, a->frame, host_mfn(g, 21).v, "GRANT", 9);
    DAMAGE(g, t->ref, 8, "GRANT", 9);
    DAMAGE(m, t->ref, 8, "GRANT", 8);
    DAMAGE(m, t->ref, 5000000, "GRANT", 5000000);
    DAMAGE(m, t->granter, 1, "GRANT", 9);
    DAMAGE(m, t->granter, 7, "GRANT", 9);
    DAMAGE(g, t->readonly, 1, "GRANT", 9);
    DAMAGE(g, g->grants.uses, 2, "GRANT", 1024);
    a->readers = 0xffffffff; /* their sum is 0 */
    finds(g, "GRANT", 9);
    a->readers = 0;
    sound();
    /* An orphan; and a use that no record stands behind. */
    struct maptrack *spare = &m->map[1];
    const struct maptrack was = *spare;
    *spare = *t;
    finds(m, "GRANT", 9);
    finds(g, "GRANT", 9);
    *spare = was;
    sound();
    m->map[0].state = MAPTRACK_FREE;
    host_table(l1)[0] = 0;
    finds(g, "GRANT", 9);
    assert_int_equal(run(m), RC_OK);
}

static void test_ports(void **state)
{
    (void)state;
    struct evtchn *e = &m->port[1];
    assert_int_equal(e->state, EVTCHN_INTERDOMAIN);
    assert_int_equal(m->port[2].state, EVTCHN_VIRQ);
    DAMAGE(m, g->port[1].peer_port, 2, "PORT", 1); /* does not point back */
    DAMAGE(m, g->port[1].peer, 3, "PORT", 1);
    DAMAGE(m, g->port[1].state, EVTCHN_UNBOUND, "PORT", 1);
    DAMAGE(g, e->state, EVTCHN_FREE, "PORT", 1);
    DAMAGE(m, e->peer, 9, "PORT", 1);
    DAMAGE(m, e->peer_port, 1u << 20, "PORT", 1);
    DAMAGE(m, e->vcpu, 1, "PORT", 1);
    DAMAGE(m, e->state, 77, "PORT", 1);
    DAMAGE(m, m->port[2].virq, VIRQ_TIMER + 1, "PORT", 2);
    DAMAGE(m, m->port[2].virq, 200, "PORT", 2);
    DAMAGE(m, m->port[2].state, EVTCHN_IPI, "PORT", 2);
    DAMAGE(m, v->virq_port[VIRQ_TIMER], 0, "PORT", 2);
    DAMAGE(m, v->virq_port[VIRQ_DEBUG], 2, "PORT", 2);
    DAMAGE(m, v->virq_port[VIRQ_DEBUG], 1, "PORT", 1);
    DAMAGE(m, v->virq_port[VIRQ_DEBUG], 9999, "PORT", 9999);
}

/* A domain of many frames: no slice is longer than it may be, a fault at the
 * far end is found, and what others do meanwhile does not matter. */
static void test_slices(void **state)
{
    (void)state;
    struct domain *const d = host_domain(3, 10000, 1);
    struct frame *const far = frame_at(host_mfn(d, 9999));
    for (u64 i = 0; i < 12; i++) { /* full tables */
        for (u32 k = 0; k < TABLE_ENTRIES; k++) {
            host_table(host_mfn(d, i))[k] = pte_make(host_mfn(d, 50 + i), RO);
        }
        d->vcpu[0].budget = 1 << 20;
        lock_take(&d->mm);
        assert_int_equal(pgtable_get(&d->vcpu[0], host_mfn(d, i), 1), RC_OK);
        assert_int_equal(frame_pin(frame_at(host_mfn(d, i))), RC_OK);
        lock_drop(&d->mm);
    }
    for (u32 wrong = 0; wrong < 2; wrong++) {
        u32 slices = 0;
        enum rc rc = RC_PREEMPT;
        far->refs = wrong;
        recount_begin(&r, d);
        while (rc == RC_PREEMPT) {
            rc = recount_slice(&r);
            assert_true(r.cost < RECOUNT_SLICE + CHUNK_FRAMES);
            slices++;
            u32 h = 0;
            assert_int_equal(map(9, VA + 0x9000, MAP_RW, &h), GRANT_OKAY);
            assert_int_equal(unmap(h, VA + 0x9000), GRANT_OKAY);
        }
        assert_int_equal(rc, wrong != 0 ? RC_EIO : RC_OK);
        assert_int_equal(r.where, wrong != 0 ? host_mfn(d, 9999).v : 0);
        assert_true(slices >= 3 * 10 + 6); /* three long phases */
    }
}

/* A change between two slices, wherever it comes, voids the pass; the next one
 * sees the new state; what was wrong and is right again is not called a fault
 * by a pass that saw half of each. */
static void test_change_between_slices(void **state)
{
    (void)state;
    u32 voided = 0;
    /* Nothing has been read yet in the slices that forget the last pass. */
    recount_begin(&r, m);
    const u32 before = (u32)r.frames / RECOUNT_SLICE + 1;
    for (u32 at = before; at < before + 8; at++) {
        recount_begin(&r, m);
        enum rc rc = RC_PREEMPT;
        for (u32 i = 0; i < at && rc == RC_PREEMPT; i++) {
            rc = recount_slice(&r);
        }
        if (rc != RC_PREEMPT) {
            break;
        }
        lock_take(&m->mm);
        assert_int_equal(pgtable_write(v, l1, 5 + at,
                                       pte_make(host_mfn(m, 60 + at), RW),
                                       false),
                         RC_OK);
        lock_drop(&m->mm);
        rc = recount_slice(&r);
        assert_int_equal(rc, RC_EAGAIN);
        assert_int_equal(r.fault, RECOUNT_NONE);
        voided++;
        sound();
    }
    assert_true(voided > 5);
    recount_begin(&r, m);
    assert_int_equal(recount_slice(&r), RC_PREEMPT);
    m->state = DOMAIN_ENDING;
    assert_int_equal(recount_slice(&r), RC_EAGAIN);
    m->state = DOMAIN_RUNNING;
}

/* An exchange of a leaf for an equal one changes no count, and no verdict. */
static void test_equal_leaf(void **state)
{
    (void)state;
    lock_take(&m->mm);
    assert_int_equal(pgtable_write(v, l1, 1,
                                   pte_make(host_mfn(m, DATA), RW | PTE_NX),
                                   false),
                     RC_OK);
    lock_drop(&m->mm);
    host_table(l1)[1] |= PTE_ACCESSED | PTE_DIRTY; /* the processor */
    sound();
}

#define CASE(f) cmocka_unit_test_setup(f, make)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_counts),
        CASE(test_states),
        CASE(test_entries),
        CASE(test_memory_and_free_list),
        CASE(test_holders),
        CASE(test_grants),
        CASE(test_ports),
        CASE(test_slices),
        CASE(test_change_between_slices),
        CASE(test_equal_leaf),
    };
    (void)teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
