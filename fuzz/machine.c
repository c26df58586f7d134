/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor of fuzz/machine/x86/, and what files of x86/ that are not
 * fuzzed would do: changing modes is a note, loading registers is nothing.
 */
#include "fuzz/machine.h"

#include <string.h>

#include "core/arch.h"
#include "fuzz/fuzz.h"
#include "tests/host_arch.h"
#include "x86/apic.h"
#include "x86/cpufeat.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/mce.h"
#include "x86/panic.h"
#include "x86/private.h"

#define DOMAINS 4u
#define VCPUS 2u

struct machine machine;
struct cpu_features cpu_features = { .fsgsbase = true };

static struct cpu cpu;
static struct {
    u8 bytes[PAGE_BYTES];
} __attribute__((aligned(4096))) stack, pages[DOMAINS][VCPUS][4];

void machine_reset(void)
{
    memset(&machine, 0, sizeof(machine));
    memset(&cpu, 0, sizeof(cpu));
    memset(pages, 0, sizeof(pages));
    memset(&stack, 0, sizeof(stack));
    cpu.self = &cpu;
    cpu.stack_top = (u64)&stack + PAGE_BYTES;
}

struct regs *machine_run(struct vcpu *v)
{
    cpu.current = v;
    host_run(v);
    return guest_regs();
}

void *machine_page(const struct vcpu *v, u32 page)
{
    const u32 n = page == PRIVATE_GDT_PAGE ? 3 : page;

    if (n > 3 || v->domain->id >= DOMAINS || v->id >= VCPUS) {
        fuzz_fail("a private page that there is not");
    }
    return pages[v->domain->id][v->id][n].bytes;
}

/* ---- instructions -----------------------------------------------------------
 */

struct cpu *this_cpu(void)
{
    return &cpu;
}

u64 hw_rdmsr(u32 msr)
{
    return msr == MSR_FS_BASE          ? machine.fs_base
           : msr == MSR_KERNEL_GS_BASE ? machine.kernel_gs_base
                                       : 0x0007040600070406ull;
}

/* The processor refuses a base that is not canonical: with #GP in ring 0. */
void hw_wrmsr(u32 msr, u64 value)
{
    if (!address_is_canonical(value)) {
        fuzz_fail("WRMSR %x of %llx faults", msr, (unsigned long long)value);
    }
    if (msr == MSR_FS_BASE) {
        machine.fs_base = value;
    } else if (msr == MSR_KERNEL_GS_BASE) {
        machine.kernel_gs_base = value;
    } else {
        fuzz_fail("MSR %x is written on a guest's word", msr);
    }
}

u64 hw_read_cr2(void)
{
    return machine.cr2;
}

void hw_invlpg(u64 va)
{
    if (!address_is_guest(va)) {
        fuzz_fail("INVLPG of %llx", (unsigned long long)va);
    }
}

struct hw_cpuid hw_cpuid(u32 leaf, u32 sub)
{
    struct hw_cpuid r = { 0xd, leaf ^ 0x756e6547, 0xffffffff, ~sub };

    r.a = leaf == 0x80000000u ? 0x80000008u : r.a;
    return r;
}

u64 hw_rdtsc(void)
{
    return host.now;
}

bool hw_load_gs(u16 selector, u16 flat, u64 own, u64 *base)
{
    (void)flat;
    if (own != (u64)&cpu || (selector > 3 && (selector & 3) != 3)) {
        fuzz_fail("GS is loaded with %x", selector);
    }
    *base = 0;
    return selector <= 3;
}

u64 hw_read_dr6(void)
{
    return machine.dr6;
}

void hw_write_dr6(u64 value)
{
    machine.dr6 = value;
}

bool hw_copy_2(void *to, const void *from)
{
    return arch_fetch(to, gva((u64)from), 2);
}

bool hw_load_frame(u64 w[9], const void *from)
{
    return arch_fetch(w, gva((u64)from), 9 * sizeof(u64));
}

bool hw_store_frame(u64 sp, u64 ret, const u64 w[8])
{
    u64 words[16] = { 0 };
    const u64 at = (ret - sp) / sizeof(u64);

    words[at - 1] = w[2];
    memcpy(words, w, 2 * sizeof(u64));
    memcpy(&words[at], &w[3], 5 * sizeof(u64));
    return arch_store(gva(sp), words, (at + 5) * sizeof(u64));
}

/* ---- other files of x86/
 * ------------------------------------------------------ */

void ctxsw_to_kernel(struct vcpu *v)
{
    v->in_kernel = true;
}

void ctxsw_to_user(struct vcpu *v)
{
    v->in_kernel = false;
}

void ctxsw_load_control(const struct vcpu *v)
{
    (void)v;
}

void ctxsw_load_debug(const struct vcpu *v)
{
    if ((v->debugreg[7] & 0x2000) != 0) {
        fuzz_fail("DR7.GD");
    }
}

u64 ctxsw_guest_cr4(const struct vcpu *v)
{
    return v->cr4;
}

void ctxsw_load_ldt(const struct vcpu *v)
{
    (void)v;
}

void ctxsw_load_tsc_aux(const struct vcpu *v)
{
    (void)v;
}

u64 fpu_mask(void)
{
    return 7;
}

void fpu_reset(struct guest_state *s)
{
    s->xcr0 = 1;
}

void fpu_import(struct guest_state *s, const u8 image[512])
{
    memcpy(s->fpu, image, 512);
}

bool fpu_set_xcr0(struct guest_state *s, u64 value)
{
    const bool good = (value & 1) != 0 && (value & ~7ull) == 0;

    s->xcr0 = good ? value : s->xcr0;
    return good;
}

/* ---- interrupts
 * ---------------------------------------------------------------- */

void irq_timer(void)
{
}

void apic_eoi(void)
{
}

void irq_flush(void)
{
}

void irq_serial(void)
{
}

void panic_regs(const char *what, const struct regs *r)
{
    fuzz_fail("panic: %s, vector %u at %llx", what, r->vector,
              (unsigned long long)r->rip);
}

u64 fixup_find(u64 rip)
{
    (void)rip;
    return 0;
}

enum mce_damage mce_look(void)
{
    return (machine.dr6 & 1) != 0 ? MCE_LOST : MCE_HARMLESS;
}
