/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private pages of the vCPUs of fuzz targets: arrays of fuzz/machine.c in
 * place of addresses that only a kernel can have.
 */
#ifndef FUZZ_MACHINE_PRIVATE_H
#define FUZZ_MACHINE_PRIVATE_H

#define private_state real_private_state
#define private_traps real_private_traps
#define private_gdt real_private_gdt
#define private_ldt real_private_ldt
#include_next "x86/private.h"
#undef private_state
#undef private_traps
#undef private_gdt
#undef private_ldt

void *machine_page(const struct vcpu *v, u32 page);

static inline struct guest_state *private_state(const struct vcpu *v)
{
    return machine_page(v, PRIVATE_STATE_PAGE);
}

static inline struct trap_info *private_traps(const struct vcpu *v)
{
    return machine_page(v, PRIVATE_TRAPS_PAGE);
}

static inline u64 *private_gdt(const struct vcpu *v)
{
    return machine_page(v, PRIVATE_GDT_PAGE);
}

static inline u64 *private_ldt(const struct vcpu *v)
{
    return machine_page(v, PRIVATE_LDT_PAGE);
}

#endif
