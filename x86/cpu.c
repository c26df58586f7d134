/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU features and modes. SMEP, SMAP and UMIP are on wherever the CPU has them,
 * and CR4 is only ever written through cpu_write_cr4, which keeps them on.
 * PGE stays off: nothing is global, a CR3 load flushes everything.
 */
#include "x86/cpufeat.h"

#include "core/arch.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/layout.h"
#include "x86/panic.h"
#include "x86/print.h"
#include "x86/speculation.h"

#define RFLAGS_STATUS 0x8d5ull    /* CF PF AF ZF SF OF */
#define RFLAGS_CONTROL 0x47700ull /* TF IF DF IOPL NT AC */
#define RFLAGS_RF 0x10000ull
#define RFLAGS_ID 0x200000ull

struct cpu_features cpu_features SEALED;
static u64 cr4_pinned SEALED;

static bool bit(u32 word, u32 n)
{
    return (word >> n & 1) != 0;
}

static void require(bool has, const char *what)
{
    if (!has) {
        cannot_start("the CPU has no %s", what);
    }
}

void cpu_detect(void)
{
    const struct hw_cpuid l1 = hw_cpuid(1, 0);
    const struct hw_cpuid l7 = hw_cpuid_leaf(7);
    const struct hw_cpuid e1 = hw_cpuid(0x80000001, 0);
    require(bit(e1.d, 20), "NX (no-execute pages)");
    require(bit(e1.d, 11), "SYSCALL");
    require(bit(l1.d, 4), "time-stamp counter");
    require(bit(l1.d, 9), "local APIC");
    require(bit(l1.d, 24), "FXSAVE");
    require(bit(l1.d, 26), "SSE2");
    cpu_features.smep = bit(l7.b, 7);
    cpu_features.smap = bit(l7.b, 20);
    cpu_features.umip = bit(l7.c, 2);
    cpu_features.fsgsbase = bit(l7.b, 0);
    cpu_features.xsave = bit(l1.c, 26);
    cpu_features.rdrand = bit(l1.c, 30);
    cpu_features.mca = bit(l1.d, 14);
    cpu_features.x2apic = bit(l1.c, 21);
    cpu_features.tsc_deadline = bit(l1.c, 24);
    cr4_pinned = CR4_PAE | CR4_DE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4_pinned |= cpu_features.smep ? CR4_SMEP : 0;
    cr4_pinned |= cpu_features.smap ? CR4_SMAP : 0;
    cr4_pinned |= cpu_features.umip ? CR4_UMIP : 0;
    cr4_pinned |= cpu_features.xsave ? CR4_OSXSAVE : 0;
    speculation_detect();
}

void cpu_write_cr4(u64 v)
{
    const u64 value = v | cr4_pinned;
    this_cpu()->cr4 = value;
    hw_write_cr4(value);
}

void cpu_setup(void)
{
    const struct hw_cpuid e1 = hw_cpuid(0x80000001, 0);
    CHECK(bit(e1.d, 20) && bit(e1.d, 11));
    hw_write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    cpu_write_cr4(0);
    hw_wrmsr(MSR_EFER, (hw_rdmsr(MSR_EFER) & (EFER_LME | 0x400)) | EFER_LME |
                           EFER_NXE | EFER_SCE);
}

void cpu_setup_syscall(void)
{
    hw_wrmsr(MSR_STAR, ((u64)SEL_GUEST_CS32 << 48) | ((u64)SEL_HV_CS << 32));
    hw_wrmsr(MSR_LSTAR, (u64)(uintptr_t)entry_syscall);
    hw_wrmsr(MSR_CSTAR, (u64)(uintptr_t)entry_syscall32);
    hw_wrmsr(MSR_FMASK, RFLAGS_STATUS | RFLAGS_CONTROL | RFLAGS_RF | RFLAGS_ID);
    hw_wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
    hw_wrmsr(MSR_SYSENTER_ESP, this_cpu()->stack_top);
    hw_wrmsr(MSR_SYSENTER_EIP, (u64)(uintptr_t)entry_sysenter);
}

u64 arch_random(void)
{
    u64 v = 0;
    if (cpu_features.rdrand) {
        for (u32 i = 0; i < 10; i++) {
            if (hw_rdrand(&v)) {
                return v;
            }
        }
    }
    /* Weak, but different at each start: the low bits of the counter, spread
     * by a multiplication [Knuth 6.4]. */
    return hw_rdtsc() * 0x9e3779b97f4a7c15ull;
}

void cpu_print(u32 count)
{
    arch_log("cpu: %u CPU%s,%s%s%s NX%s%s%s\n", count, count == 1 ? "" : "s",
             cpu_features.smep ? " SMEP" : "", cpu_features.smap ? " SMAP" : "",
             cpu_features.umip ? " UMIP" : "",
             cpu_features.x2apic ? " x2APIC" : " xAPIC",
             cpu_features.tsc_deadline ? " TSC-deadline" : "",
             speculation_text());
}
