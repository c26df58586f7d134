/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID policy: see cpuid.c and cpuid.def.
 */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include "core/base.h"

struct cpuid_regs {
    u32 a, b, c, d;
};

/* What else the answer depends on. */
struct cpuid_view {
    u32 vcpu;         /* number in its domain */
    u64 xcr0_mask;    /* components guests may have; 0: no XSAVE */
    u32 address_bits; /* machine addresses a guest may meet */
};

/* The guest's answer, made from the machine's. Pure. */
struct cpuid_regs cpuid_filter(u32 leaf, u32 sub, struct cpuid_regs native,
                               const struct cpuid_view *view);

#endif
