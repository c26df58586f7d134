/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86/paging.h for fuzz/schedules: where the blocks of the CPUs are.
 */
#ifndef SCHEDULES_MACHINE_PAGING_H
#define SCHEDULES_MACHINE_PAGING_H

#define percpu_block real_percpu_block
#include_next "x86/paging.h"
#undef percpu_block

struct cpu *percpu_block(u32 cpu);

#endif
