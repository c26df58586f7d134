/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing leaks: after each of many lives a domain's records (frames, M2P,
 * ports, grants, map records, counts) are byte for byte what they were after
 * its first, and the hypervisor has taken no memory since. CYCLES in the
 * environment says how many lives; 100 without.
 */
#include "core/evtchn.h"
#include "core/gnttab.h"
#include "tests/life_fixture.h"

#define FRAMES_COUNT (32u * MIB_FRAMES)

struct image {
    struct frame frame[FRAMES_COUNT];
    u64 m2p[FRAMES_COUNT];
    struct evtchn port[64];
    struct maptrack map[4];
    u64 frames, grant_uses;
    u32 free_head, map_free, grant_frames;
};

static struct image first, now;

/* What of it may differ between two lives: when a frame last changed its use,
 * and for what, and how often a map record was used. */
static void take_image(const struct domain *d, struct image *to)
{
    memset(to, 0, sizeof(*to));
    for (u32 i = 0; i < FRAMES_COUNT; i++) {
        to->frame[i] = *frame_at(host_mfn(d, i));
        to->frame[i].stamp = 0;
        to->frame[i].was = 0;
    }
    memcpy(to->m2p, d->m2p, sizeof(to->m2p));
    memcpy(to->port, d->port, sizeof(to->port));
    memcpy(to->map, d->map, sizeof(to->map));
    for (u32 i = 0; i < ARRAY_COUNT(to->map); i++) {
        to->map[i].generation = 0;
    }
    to->frames = d->frames;
    to->grant_uses = d->grants.uses;
    to->free_head = d->free_head;
    to->map_free = d->map_free;
    to->grant_frames = d->grants.frame_count;
}

/* Take of everything, and leave it so. */
static void live(struct domain *d, u32 life)
{
    struct vcpu *v = &d->vcpu[0];
    host_run(v);
    for (u32 i = 0; i < 20 + life % 40; i++) {
        struct hc_call c = host_call(v, 0, 0, 0);
        struct arg_evtchn_unbound a = { .dom = DOMID_SELF,
                                        .remote_dom = DOMID_SELF };
        (void)hc_evtchn_alloc_unbound(&c, &a);
    }
    lock_take(&d->mm);
    for (u32 i = 0; i < 50; i++) {
        struct frame *f = frame_at(host_mfn(d, 6000 + i));
        if (frame_ref_writable(f) != RC_OK) {
            fail();
        }
        f = frame_at(host_mfn(d, 6100 + i));
        v->budget = (s32)(1 + life % 100);
        (void)!pgtable_get(v, host_mfn(d, 6100 + i), FRAME_L1 + i % 4);
    }
    d->grants.frame_count = d->grants.frame_max;
    lock_drop(&d->mm);
    memset(host_frame(host_mfn(d, 7000)), 0x5a, 4 * PAGE_BYTES);
}

static void run_cpu(void)
{
    ns_t until = 0;
    host.now += 1000000;
    host_run(sched_pick(0, host.now, &until));
    sched_left(0);
}

static u32 cycles(void)
{
    const char *text = getenv("CYCLES");
    const u32 count = text != NULL ? (u32)strtoul(text, NULL, 10) : 0;
    return count != 0 ? count : 100;
}

static void test_lives_leave_nothing(void **state)
{
    (void)state;
    static const u32 reasons[] = { SHUTDOWN_REBOOT, SHUTDOWN_CRASH,
                                   ENDED_KILLED };
    struct mf_domain *p = plan_linux(1, FRAMES_COUNT);
    p->on_crash = MF_RESTART;
    p->grant_frames = 2;
    struct domain *d = build(1, p);
    const struct domain *other = build(2, plan_grub(2, 16 * MIB_FRAMES));
    take_image(d, &first);
    const u64 pool = host_pool_used();
    const u32 count = cycles();
    for (u32 life = 0; life < count; life++) {
        run_cpu();
        live(d, life);
        domain_end(d, reasons[life % 3]);
        while (d->state != DOMAIN_RUNNING) {
            run_cpu();
            (void)work();
        }
        take_image(d, &now);
        assert_memory_equal(&now, &first, sizeof(now));
        host_recount(d);
    }
    assert_int_equal(host_pool_used(), pool);
    assert_int_equal(d->incarnation, count + 1);
    assert_int_equal(other->state, DOMAIN_RUNNING);
    print_message("lives: %u, differences: 0\n", count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lives_leave_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
