/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private slots of domains; see domtables.c.
 */
#ifndef X86_DOMTABLES_H
#define X86_DOMTABLES_H

#include "core/domain.h"
#include "x86/layout.h"

/* The L1 entry for page (0..63) of vCPU vcpu's private area. */
u64 *private_entry(const struct domain *d, u32 vcpu, u32 page);

/* The vCPU's own frames: 0 state, 1 traps, 2 LDT, 3 GDT. */
mfn_t private_frame(const struct domain *d, u32 vcpu, u32 which);

#endif
