/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processor for files of x86/ on a host: see fuzz/machine/x86/.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include "core/base.h"

struct regs;
struct vcpu;

struct machine {
    u64 fs_base, kernel_gs_base, cr2, dr6;
    bool no_page; /* a copy is to fail as if rip's page were not there */
};

extern struct machine machine;

/* Everything zero, no vCPU on it. */
void machine_reset(void);
/* v's registers are these; the frame that trap_from_guest gets. */
struct regs *machine_run(struct vcpu *v);
void *machine_page(const struct vcpu *v, u32 page);

#endif
