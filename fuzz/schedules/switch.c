/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What x86/ctxsw.c and x86/arch.c do that other CPUs can see, in their order;
 * compiled as what ships, so that switch points and races are here, too.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "x86/hw.h"
#include "x86/private.h"
#include "x86/smp.h"

u32 arch_cpu(void)
{
    return this_cpu()->id;
}

struct vcpu *arch_current(void)
{
    return this_cpu()->current;
}

void arch_resched(void)
{
    this_cpu()->resched = 1;
}

void arch_timer_arm(ns_t wanted)
{
    this_cpu()->timer_armed = wanted;
}

static mfn_t root_of_mode(const struct vcpu *v)
{
    return v->in_kernel ? v->kernel_root : v->user_root;
}

void arch_load_root(struct vcpu *v)
{
    if (this_cpu()->current == v) {
        tlb_load_root(root_of_mode(v).v << PAGE_BITS);
    }
}

void ctxsw_save(struct vcpu *v, const struct regs *r)
{
    (void)v;
    (void)r;
}

void ctxsw_load(struct vcpu *v, struct regs *r)
{
    struct cpu *cpu = this_cpu();

    (void)r;
    (void)atomic_or64(&v->domain->cpus, 1ull << cpu->id);
    cpu->current = v;
    tlb_load_root(root_of_mode(v).v << PAGE_BITS);
}

void ctxsw_unload(struct vcpu *v, struct regs *r)
{
    struct cpu *cpu = this_cpu();

    (void)r;
    cpu->current = NULL;
    tlb_load_root(0);
    (void)atomic_and64(&v->domain->cpus, ~(1ull << cpu->id));
}
