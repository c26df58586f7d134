/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of the guest that is on a CPU, for the operations of ops.def. Each
 * goes through dispatch, with its arguments in the guest memory of its CPU, and
 * is made again where it was cut.
 */
#ifndef FUZZ_SCHEDULES_CALLS_H
#define FUZZ_SCHEDULES_CALLS_H

#include <string.h>

#include "core/abi.h"
#include "fuzz/schedules/ops.h"

#define PAGE(n) ((u64)(n) * PAGE_BYTES)

#define OP(name, doc) void op_##name(u32 cpu);
#include "fuzz/schedules/ops.def"
#undef OP

/* A result, for the outcome of the run. */
void note(u32 cpu, s64 result);
/* The CPU's arguments: offset in guest memory; put there, their address. */
u32 at_of(u32 cpu);
u64 put(u32 cpu, const void *arg, u32 bytes);
/* The vCPU that is on the CPU, and the n-th frame of its domain. */
struct vcpu *me(u32 cpu);
mfn_t own(u32 cpu, u64 pfn_number);
/* An entry that maps it writable. */
u64 writable(mfn_t m);

s64 call(struct vcpu *v, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3);
s64 plain(u32 cpu, u32 nr, u64 a0, u64 a1);
/* With one structure as argument 1. */
s64 with(u32 cpu, u32 nr, u64 sub, const void *arg, u32 bytes);
s64 map_page(u32 cpu, u64 page, u64 pte);
s64 mmuext(u32 cpu, u32 cmd, u64 arg1);
s64 mmu_update(u32 cpu, u64 pfn_number, u32 index, u64 pte);
/* The guest writes at the page, several times. */
void touch(u32 cpu, u64 page, u32 times);
/* Domain 2 maps grant 8 there. */
void map_grant(u32 cpu, u64 va);

/* An operation of one call. */
#define ONE(name, result)                                                      \
    void op_##name(u32 cpu)                                                    \
    {                                                                          \
        note(cpu, result);                                                     \
    }

#endif
