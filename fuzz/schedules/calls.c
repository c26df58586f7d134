/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of guests: see calls.h.
 */
#include "fuzz/schedules/calls.h"

#include "core/atomic.h"
#include "core/dispatch.h"
#include "tests/host_arch.h"
#include "x86/hw.h"
#include "x86/pte.h"

#define CUT (-1000) /* the result of a call that nobody will hear */

struct outcome ops_outcome;

void note(u32 cpu, s64 result)
{
    struct outcome *o = &ops_outcome;

    if (o->count[cpu] < RESULTS_MAX) {
        o->result[cpu][o->count[cpu]] = result;
    }
    o->count[cpu]++;
}

u32 at_of(u32 cpu)
{
    return 0x2000u + cpu * 0x4000u;
}

u64 put(u32 cpu, const void *arg, u32 bytes)
{
    memcpy(host_guest(at_of(cpu)), arg, bytes);
    return HOST_GUEST_BASE + at_of(cpu);
}

s64 call(struct vcpu *v, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
    struct hc_call c = { .v = v, .nr = nr, .arg = { a0, a1, a2, a3 } };
    s64 result = dispatch(&c);

    while (result == RC_PREEMPT) {
        hw_take_interrupts();
        if (atomic_load64(&v->domain->state) != DOMAIN_RUNNING ||
            atomic_load32(&v->sched.stop_asked) != 0) {
            return CUT; /* it would leave its CPU here */
        }
        result = dispatch(&c);
    }
    return result;
}

struct vcpu *me(u32 cpu)
{
    return processors_current(cpu);
}

s64 plain(u32 cpu, u32 nr, u64 a0, u64 a1)
{
    return call(me(cpu), nr, a0, a1, 0, 0);
}

/* A call with one structure as argument 1. */
s64 with(u32 cpu, u32 nr, u64 sub, const void *arg, u32 bytes)
{
    return call(me(cpu), nr, sub, put(cpu, arg, bytes), 1, 0);
}

mfn_t own(u32 cpu, u64 pfn_number)
{
    return host_mfn(me(cpu)->domain, pfn_number);
}

u64 writable(mfn_t m)
{
    return pte_make(m, PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
}

s64 map_page(u32 cpu, u64 page, u64 pte)
{
    return call(me(cpu), 14, PAGE(page), pte, 0, 0);
}

s64 mmuext(u32 cpu, u32 cmd, u64 arg1)
{
    const struct arg_mmuext_op a = { .cmd = cmd, .arg1 = arg1 };

    return call(me(cpu), 26, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF);
}

s64 mmu_update(u32 cpu, u64 pfn_number, u32 index, u64 pte)
{
    const struct arg_mmu_update a = {
        .ptr = (own(cpu, pfn_number).v << PAGE_BITS) + 8ull * index, .val = pte
    };

    return call(me(cpu), 1, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF);
}

void touch(u32 cpu, u64 page, u32 times)
{
    for (u32 i = 0; i < times; i++) {
        cpus_point(NULL, TOUCH_SWAP);
        hw_take_interrupts();
        (void)tlb_touch(PAGE(page), true);
    }
    (void)cpu;
}
