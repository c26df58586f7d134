/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soup: two vCPUs of a hostile domain make random memory calls through
 * dispatch, each cut at random places, one going on between the other's parts;
 * now and then a copy fails or the domain starts anew. After each step every
 * count is what its holders say, and another domain is as it was.
 */
#include "tests/call_fixture.h"

#define SOUP_FRAMES 40u
#define STEPS 4000u
#define ROUNDS 12u

static struct hc_call open_call[2]; /* cut, to be made again */
static bool is_open[2];
static u64 sum_before;

static u32 any(u32 n)
{
    return (u32)random() % n;
}

static u64 any_frame(void)
{
    const u32 kind = any(40);
    if (kind == 0) {
        return host_mfn(d, CHUNK_FRAMES + 5).v; /* perhaps the victim's */
    }
    if (kind == 1) {
        return d->shared_mfn.v;
    }
    return host_mfn(d, any(SOUP_FRAMES)).v;
}

static u64 any_entry(void)
{
    static const u64 flags[] = { RW,          RO,
                                 RW | PTE_NX, RW | PTE_LARGE,
                                 0,           PTE_PRESENT | PTE_GLOBAL,
                                 RO | PTE_PCD };
    if (any(4) == 0) {
        return 0;
    }
    return pte_make(mfn(any_frame()), flags[any(3 + any(5))]);
}

static u32 any_index(void)
{
    static const u32 index[] = { 0, 1, 170, 255, 256, 271, 272, 511 };
    return index[any(ARRAY_COUNT(index))];
}

static void fill_list(u32 at, u32 count)
{
    struct arg_mmu_update *u = host_guest(at);
    for (u32 i = 0; i < count; i++) {
        u[i].ptr = (any_frame() << PAGE_BITS) + any_index() * 8 + any(3);
        u[i].val = any_entry();
    }
}

static void fill_ext(u32 at, u32 count)
{
    static const u32 cmd[] = { 0, 0, 2, 3, 3, 4, 4, 5, 15, 6, 9 };
    struct arg_mmuext_op *e = host_guest(at);
    for (u32 i = 0; i < count; i++) {
        e[i].cmd = cmd[any(ARRAY_COUNT(cmd))];
        e[i].arg1 = any(20) == 0 ? 0 : any_frame();
        e[i].arg2 = GUEST(0x60000);
    }
}

/* A call by vCPU who, arguments in a part of the buffer of its own. */
static struct hc_call any_call(u32 who)
{
    const u32 at = 0x10000 + who * 0x10000;
    struct hc_call c = { .v = &d->vcpu[who] };
    const u32 count = 1 + any(6);
    u64 *const words = host_guest(at + 0x8000);
    for (u32 i = 0; i < count; i++) {
        words[i] = any_frame();
    }
    c.arg[0] = GUEST(at);
    c.arg[1] = count;
    c.arg[3] = DOMID_SELF;
    switch (any(6)) {
    case 0:
    case 1:
        c.nr = NR_MMU;
        fill_list(at, count);
        break;
    case 2:
        c.nr = NR_MMUEXT;
        fill_ext(at, count);
        break;
    case 3: {
        struct arg_memory_reservation *r = host_guest(at);
        *r =
            (struct arg_memory_reservation){ .extent_start = GUEST(at + 0x8000),
                                             .nr_extents = count,
                                             .domid = DOMID_SELF };
        c.nr = NR_MEMORY;
        c.arg[0] = any(2) == 0 ? 1 : 6;
        c.arg[1] = GUEST(at);
        if (c.arg[0] == 6) {
            words[0] = any(SOUP_FRAMES);
        }
        break;
    }
    case 4:
        c.nr = NR_UPDATE_VA;
        c.arg[0] = (u64)any_index() << 12 | (u64)any_index() << 21;
        c.arg[1] = any_entry();
        c.arg[2] = any(3);
        break;
    default:
        c.nr = 24;
        c.arg[0] = any(2) == 0 ? 5 : 13;
        c.arg[1] = who;
        c.arg[2] = GUEST(at);
        words[0] = any(3) == 0 ? 0 : (u64)any_index() << 12 | 0xff0;
        memcpy(host_guest(at), words, 8);
        break;
    }
    return c;
}

static u64 sum_of(const struct domain *victim)
{
    u64 sum = 0;
    for (u64 i = 0; i < 64; i++) {
        const struct frame *f = frame_at(host_mfn(victim, i));
        const u64 *words = host_frame(host_mfn(victim, i));
        sum = sum * 31 + words[i] + f->refs + f->type;
    }
    return sum;
}

static void step(void)
{
    const u32 who = any(2);
    host_run(&d->vcpu[who]);
    if (!is_open[who] || any(50) == 0) { /* or forget the one that is cut */
        open_call[who] = any_call(who);
    }
    host.fetch_fails_at = any(40) == 0 ? 1 + any(5) : 0;
    d->vcpu[who].budget = (s32)any(120);
    is_open[who] = dispatch_entry(&open_call[who]) == RC_PREEMPT;
    host.fetch_fails_at = 0;
    assert_int_equal(host_locks_held(), 0);
    host_recount(d);
}

static void test_soup(void **state)
{
    (void)state;
    for (u32 round = 0; round < ROUNDS; round++) {
        srandom(round + 1);
        host_reset();
        memset(sched_cpus, 0, sizeof(sched_cpus));
        sched_init(1);
        memset(is_open, 0, sizeof(is_open));
        d = host_domain(1, SOUP_FRAMES, 2);
        struct domain *victim = host_domain(2, 64, 1);
        d->rights = RIGHTS_ALL;
        d->cpus = 3;
        sum_before = sum_of(victim);
        (void)host_build_root(&d->vcpu[0], 0, 4);
        u32 unfinished = 0;
        for (u32 i = 0; i < STEPS; i++) {
            step();
            unfinished += is_open[0] ? 1 : 0;
        }
        assert_true(unfinished > 0);
        assert_int_equal(sum_of(victim), sum_before);
        host_recount(victim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_soup) };
    (void)setup;
    (void)teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
