/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch: which vCPU's registers the CPU holds.
 *
 * Saving puts everything into the vCPU's private page while its own address
 * space is loaded; loading changes the address space first and takes it from
 * the next vCPU's page. Between domains only the hypervisor's own tables are
 * shared, so at no time can the CPU reach the state of two tenants.
 *
 * What is live in registers while a guest runs, beside the frame on the stack:
 * FS base and the GS base of the current mode (the latter in KERNEL_GS_BASE
 * while we run), the data selectors, floating point state, CR4.FSGSBASE,
 * CR0.TS, debug registers, TSC_AUX, GDTR and LDTR. The GS base of the other
 * mode is in struct vcpu.
 *
 * A bit in domain.cpus is set before the CPU loads a root of the domain and
 * cleared after it has loaded another: whoever changes tables sees every CPU
 * that can use them.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "x86/cpufeat.h"
#include "x86/desc_tables.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/paging.h"
#include "x86/private.h"
#include "x86/smp.h"
#include "x86/speculation.h"

#define MSR_TSC_AUX 0xc0000103u
#define CPUID_80000001_D_RDTSCP (1u << 27)
#define DR6_DEFAULT 0xffff0ff0ull
#define DR7_DEFAULT 0x400ull
#define DR7_ENABLES 0xffull
#define GDT_LIMIT 0xffff

/* Per CPU: what the rarely changed registers hold. */
static u8 debug_live[CPU_MAX];
static u32 loaded_tsc_aux[CPU_MAX];
/* Per CPU: whose vCPU ran last. Never read through. */
static const struct domain *last_domain[CPU_MAX];

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

/* The GS base of the guest that is not to be seen now becomes base; what it
 * was. A load of GS by the guest may have changed it, so it is always read. */
static u64 other_gs_base_swap(const struct vcpu *v, u64 base)
{
    if ((v->cr4 & CR4_FSGSBASE) != 0) {
        return hw_swap_other_gs_base(base);
    }
    const u64 was = hw_rdmsr(MSR_KERNEL_GS_BASE);
    hw_wrmsr(MSR_KERNEL_GS_BASE, base);
    return was;
}

/* Into the other mode of v, in the tables of that mode. */
static void mode_tables(const struct vcpu *v, mfn_t root)
{
    if (v->kernel_root.v != v->user_root.v) {
        tlb_load_root(root.v << PAGE_BITS);
    }
}

void ctxsw_to_kernel(struct vcpu *v)
{
    if (!v->in_kernel) {
        v->gs_base_user = other_gs_base_swap(v, v->gs_base_kernel);
        v->in_kernel = true;
        mode_tables(v, v->kernel_root);
    }
}

void ctxsw_to_user(struct vcpu *v)
{
    v->gs_base_kernel = other_gs_base_swap(v, v->gs_base_user);
    v->in_kernel = false;
    mode_tables(v, v->user_root);
}

void ctxsw_load_control(const struct vcpu *v)
{
    struct cpu *cpu = this_cpu();
    const u64 cr4 = (cpu->cr4 & ~CR4_FSGSBASE) | (v->cr4 & CR4_FSGSBASE);
    if (cr4 != cpu->cr4) {
        cpu_write_cr4(cr4);
    }
    if (v->task_switched) {
        hw_write_cr0(hw_read_cr0() | CR0_TS);
    } else {
        hw_clts();
    }
}

u64 ctxsw_guest_cr4(const struct vcpu *v)
{
    const u64 shown = CR4_PAE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    return shown | v->cr4 | (fpu_mask() != 0 ? CR4_OSXSAVE : 0);
}

void ctxsw_load_debug(const struct vcpu *v)
{
    u8 *live = &debug_live[this_cpu()->id];
    if ((v->debugreg[7] & DR7_ENABLES) != 0) {
        hw_write_dr7(DR7_DEFAULT);
        hw_write_dr0(v->debugreg[0]);
        hw_write_dr1(v->debugreg[1]);
        hw_write_dr2(v->debugreg[2]);
        hw_write_dr3(v->debugreg[3]);
        hw_write_dr6(DR6_DEFAULT);
        hw_write_dr7(v->debugreg[7]);
        *live = 1;
    } else if (*live != 0) {
        hw_write_dr7(DR7_DEFAULT);
        hw_write_dr0(0);
        hw_write_dr1(0);
        hw_write_dr2(0);
        hw_write_dr3(0);
        *live = 0;
    }
}

void ctxsw_load_ldt(const struct vcpu *v)
{
    hw_lldt(v->ldt_entries != 0 ? SEL_LDT_OF(v->id) : 0);
}

void ctxsw_load_tsc_aux(const struct vcpu *v)
{
    const struct guest_state *s = private_state(v);
    u32 *loaded = &loaded_tsc_aux[this_cpu()->id];
    if (*loaded != s->tsc_aux &&
        (hw_cpuid(0x80000001, 0).d & CPUID_80000001_D_RDTSCP) != 0) {
        hw_wrmsr(MSR_TSC_AUX, s->tsc_aux);
        *loaded = s->tsc_aux;
    }
}

void ctxsw_save(struct vcpu *v, const struct regs *r)
{
    struct guest_state *s = private_state(v);
    s->regs = *r;
    s->ds = hw_read_ds();
    s->es = hw_read_es();
    s->fs = hw_read_fs();
    s->gs = hw_read_gs();
    v->fs_base = hw_rdmsr(MSR_FS_BASE);
    const u64 gs_base = hw_rdmsr(MSR_KERNEL_GS_BASE);
    if (v->in_kernel) {
        v->gs_base_kernel = gs_base;
    } else {
        v->gs_base_user = gs_base;
    }
    fpu_save(s);
}

static void load_selectors(const struct vcpu *v, struct guest_state *s)
{
    u64 base;
    bool ok = hw_load_ds(s->ds);
    ok = hw_load_es(s->es) && ok;
    ok = hw_load_fs(s->fs) && ok;
    ok = hw_load_gs(s->gs, SEL_GUEST_DS, (u64)this_cpu(), &base) && ok;
    if (!ok && v->callback[CALLBACK_FAILSAFE].address != 0) {
        s->wanted[0] = s->ds;
        s->wanted[1] = s->es;
        s->wanted[2] = s->fs;
        s->wanted[3] = s->gs;
        s->failsafe_due = 1;
    }
    hw_wrmsr(MSR_FS_BASE, v->fs_base);
    hw_wrmsr(MSR_KERNEL_GS_BASE,
             v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
}

void ctxsw_load(struct vcpu *v, struct regs *r)
{
    struct cpu *cpu = this_cpu();
    (void)atomic_or64(&v->domain->cpus, 1ull << cpu->id);
    cpu->current = v;
    if (last_domain[cpu->id] != v->domain) {
        last_domain[cpu->id] = v->domain;
        speculation_domain_switch();
    }
    tlb_load_root(root_of_mode(v).v << PAGE_BITS);
    hw_lgdt(private_va(v, PRIVATE_GDT_PAGE), GDT_LIMIT);
    ctxsw_load_ldt(v);
    struct guest_state *s = private_state(v);
    *r = s->regs;
    if (!fpu_load(s)) {
        domain_crash(v->domain, "floating point state cannot be loaded");
    }
    load_selectors(v, s);
    ctxsw_load_control(v);
    ctxsw_load_debug(v);
    ctxsw_load_tsc_aux(v);
}

void ctxsw_unload(struct vcpu *v, struct regs *r)
{
    struct cpu *cpu = this_cpu();
    hw_fill_bytes(r, 0, REGS_BYTES);
    stack_wipe();
    gdt_load_own();
    hw_lldt(0);
    cpu->current = NULL;
    tlb_load_root(paging_own_cr3());
    (void)atomic_and64(&v->domain->cpus, ~(1ull << cpu->id));
}
