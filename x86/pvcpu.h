/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual registers of a vCPU: see pvcpu.c.
 */
#ifndef X86_PVCPU_H
#define X86_PVCPU_H

#include "core/ids.h"
#include "core/rc.h"

struct vcpu;

/* Virtual debug register n of the current vCPU; false: there is none. */
bool pvcpu_read_debug(const struct vcpu *v, u64 n, u64 *value) MUST_CHECK;
/* RC_EINVAL: a reserved bit; RC_EPERM: an address outside the guest's. */
enum rc pvcpu_write_debug(struct vcpu *v, u64 n, u64 value) MUST_CHECK;
/* Is the value one a guest may have in register n? It may be changed. */
enum rc pvcpu_debug_ok(u64 n, u64 *value) MUST_CHECK;

/* Bits of CR4 that the CPU lets us give to guests. */
u64 pvcpu_cr4_allowed(void);

/* The entry of a trap table as we keep it: with a handler that a guest may
 * have, else empty. */
struct trap_info;
struct trap_info pvcpu_trap(const struct trap_info *from);

#endif
