/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86/private.h for fuzz/schedules: a vCPU's private pages, of which nothing is
 * used but that no handler is there and no register waits to be loaded.
 */
#ifndef SCHEDULES_MACHINE_PRIVATE_H
#define SCHEDULES_MACHINE_PRIVATE_H

#define private_state real_private_state
#define private_traps real_private_traps
#include_next "x86/private.h"
#undef private_state
#undef private_traps

struct guest_state *private_state(const struct vcpu *v);
struct trap_info *private_traps(const struct vcpu *v);

#endif
