/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two test programs of grant tables share: a granter g, a mapper m
 * whose vCPU v has an L1 table, calls as the mapper, and a teardown that finds
 * every frame as it was.
 */
#ifndef TESTS_GNTTAB_FIXTURE_H
#define TESTS_GNTTAB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/gnttab.h"
#include "core/pgtable.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define PERMIT 1u
#define READONLY 4u
#define READING 8u
#define WRITING 16u
#define MAP_RW 2u
#define MAP_RO 6u
#define VA 0x600000000ull

static struct domain *g, *m; /* granter, mapper */
static struct vcpu *v;
static mfn_t l1;

static int setup(void **state)
{
    (void)state;
    host_reset();
    m = host_domain(1, 512, 1);
    g = host_domain(2, 512, 1);
    v = &m->vcpu[0];
    host_run(v);
    l1 = host_build_root(v, VA, 100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    host_recount(m);
    host_recount(g);
    assert_int_equal(g->grants.uses, 0);
    for (u64 i = 0; i < 100; i++) {
        const struct frame *f = frame_at(host_mfn(g, i));
        assert_int_equal(f->refs, f->type <= FRAME_L4 ? 1 : 0);
    }
    for (u32 i = 0; i < 1024; i++) {
        assert_int_equal(g->grants.active[i].readers, 0);
        assert_int_equal(g->grants.active[i].writers, 0);
    }
    return 0;
}

static inline void grant(u32 ref, u32 flags, u32 domid, u64 pfn_number)
{
    g->grants.shared[ref / 512][ref % 512] =
        host_mfn(g, pfn_number).v << 32 | domid << 16 | flags;
}

static inline u32 marks(u32 ref)
{
    return (u32)g->grants.shared[ref / 512][ref % 512] & (READING | WRITING);
}

static inline s16 map(u32 ref, u64 va, u32 flags, u32 *handle)
{
    struct hc_call c = host_call(v, 0, 0, 0);
    struct arg_gnttab_map a = {
        .host_addr = va, .flags = flags, .ref = ref, .dom = g->id
    };
    assert_int_equal(hc_grant_map(&c, &a), 0);
    *handle = a.handle;
    if (a.status == 0) {
        assert_int_equal(a.dev_bus_addr % PAGE_BYTES, 0);
    }
    return a.status;
}

static inline s16 unmap(u32 handle, u64 va)
{
    struct hc_call c = host_call(v, 1, 0, 0);
    struct arg_gnttab_unmap a = { .host_addr = va, .handle = handle };
    assert_int_equal(hc_grant_unmap(&c, &a), 0);
    return a.status;
}

static inline u64 entry(u64 va)
{
    return host_table(l1)[pte_index(va, 1)];
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
