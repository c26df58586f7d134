/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CPU has, and the modes the hypervisor turns on and keeps on.
 */
#ifndef X86_CPUFEAT_H
#define X86_CPUFEAT_H

#include "core/base.h"

struct cpu_features {
    bool smep, smap, umip, fsgsbase, xsave, rdrand, mca;
    bool x2apic, tsc_deadline;
};

extern struct cpu_features cpu_features; /* [I] of the first CPU */

/* First CPU: look, and refuse to start when something is missing. */
void cpu_detect(void);
/* Every CPU: control registers and EFER. A secondary CPU that lacks what the
 * first has panics. */
void cpu_setup(void);
/* SYSCALL and SYSENTER registers; needs GDT and this CPU's stack. */
void cpu_setup_syscall(void);
/* Write CR4; what is pinned stays on whatever v says. */
void cpu_write_cr4(u64 v);
/* One line about the CPUs. */
void cpu_print(u32 count);

#endif
