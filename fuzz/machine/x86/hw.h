/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor of the fuzz targets that run files of x86/: the constants of
 * x86/hw.h, and functions of fuzz/machine.c where instructions would be.
 */
#ifndef FUZZ_MACHINE_HW_H
#define FUZZ_MACHINE_HW_H

#define hw_rdmsr real_rdmsr
#define hw_wrmsr real_wrmsr
#define hw_read_cr2 real_read_cr2
#define hw_invlpg real_invlpg
#define hw_cpuid(leaf, sub) real_cpuid(leaf, sub)
#define hw_rdtsc real_rdtsc
#define this_cpu real_this_cpu
#include_next "x86/hw.h"
#undef hw_rdmsr
#undef hw_wrmsr
#undef hw_read_cr2
#undef hw_invlpg
#undef hw_cpuid
#undef hw_rdtsc
#undef this_cpu

u64 hw_rdmsr(u32 msr);
void hw_wrmsr(u32 msr, u64 value);
u64 hw_read_cr2(void);
void hw_invlpg(u64 va);
struct hw_cpuid hw_cpuid(u32 leaf, u32 sub);
u64 hw_rdtsc(void);
struct cpu *this_cpu(void);

#endif
