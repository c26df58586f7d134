/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests that make hypercalls the way a guest does: a domain d with two
 * vCPUs, v current, arguments in the guest buffer, everything through
 * dispatch(). The tree of tables under v's root has its L1 table for VA in
 * frame L1_PFN; pfn n is the n-th frame.
 */
#ifndef TESTS_CALL_FIXTURE_H
#define TESTS_CALL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/dispatch.h"
#include "core/pgtable.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "policy/policy.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define NR_MMU 1u
#define NR_MEMORY 12u
#define NR_MULTICALL 13u
#define NR_UPDATE_VA 14u
#define NR_MMUEXT 26u

#define FRAMES 1024u
#define VA 0x600000000ull
#define L4_PFN 100u
#define L1_PFN 103u
#define RO (PTE_PRESENT | PTE_USER)
#define RW (PTE_PRESENT | PTE_USER | PTE_WRITE)
#define LIST_AT 0x1000u /* offsets in the guest buffer */
#define DONE_AT 0x40000u
#define GUEST(offset) (HOST_GUEST_BASE + (offset))

static struct domain *d;
static struct vcpu *v;
static u32 cuts; /* how often the last call was cut short */

static int setup(void **state)
{
    (void)state;
    host_reset();
    memset(sched_cpus, 0, sizeof(sched_cpus));
    sched_init(1);
    d = host_domain(1, FRAMES, 2);
    d->rights = RIGHTS_ALL;
    v = &d->vcpu[0];
    host_run(v);
    (void)host_build_root(v, VA, L4_PFN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(host_locks_held(), 0);
    host_recount(d);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline struct frame *frame_n(u64 n)
{
    return frame_at(host_mfn(d, n));
}

static inline u64 entry(u64 n, u64 flags)
{
    return pte_make(host_mfn(d, n), flags);
}

/* A call as by vCPU who, made again as often as it is cut short. */
static inline s64 call_as(struct vcpu *who, u32 nr, const u64 arg[4])
{
    struct hc_call c = host_call(who, arg[0], arg[1], arg[2]);
    c.arg[3] = arg[3];
    c.nr = nr;
    s64 result = RC_PREEMPT;
    for (cuts = 0; cuts < 100000; cuts++) {
        result = dispatch(&c);
        if (result != RC_PREEMPT) {
            return result;
        }
        if (who->patience != 0) { /* it rests, for room in the log */
            host.now += 100000000;
        }
        host_recount(d);
    }
    fail_msg("call %u never ends", nr);
    return result;
}

static inline s64 call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
    const u64 arg[4] = { a0, a1, a2, a3 };
    return call_as(v, nr, arg);
}

static inline u32 done(void)
{
    u32 n = 0;
    memcpy(&n, host_guest(DONE_AT), sizeof(n));
    return n;
}

/* One element of mmu_update; sub in the low bits of ptr. */
static inline s64 mmu(u64 ptr, u64 value)
{
    const struct arg_mmu_update a = { ptr, value };
    memcpy(host_guest(LIST_AT), &a, sizeof(a));
    const s64 rc = call(NR_MMU, GUEST(LIST_AT), 1, GUEST(DONE_AT), DOMID_SELF);
    host_recount(d);
    assert_int_equal(done(), rc == 0 ? 1 : 0);
    return rc;
}

/* Entry index of the table in frame table_pfn becomes pte. */
static inline s64 put(u64 table_pfn, u32 index, u64 pte)
{
    return mmu((host_mfn(d, table_pfn).v << PAGE_BITS) + (u64)index * 8, pte);
}

static inline s64 mmuext_as(struct vcpu *who, u32 cmd, u64 arg1, u64 arg2)
{
    const struct arg_mmuext_op a = { .cmd = cmd, .arg1 = arg1, .arg2 = arg2 };
    memcpy(host_guest(LIST_AT), &a, sizeof(a));
    const u64 arg[4] = { GUEST(LIST_AT), 1, GUEST(DONE_AT), DOMID_SELF };
    const s64 rc = call_as(who, NR_MMUEXT, arg);
    host_recount(d);
    return rc;
}

static inline s64 mmuext(u32 cmd, u64 arg1, u64 arg2)
{
    return mmuext_as(v, cmd, arg1, arg2);
}

#define PIN_L1 0u
#define PIN_L3 2u
#define PIN_L4 3u
#define UNPIN 4u
#define NEW_BASEPTR 5u
#define NEW_USER_BASEPTR 15u

static inline s64 pin(u32 cmd, u64 n)
{
    return mmuext(cmd, host_mfn(d, n).v, 0);
}

#endif
