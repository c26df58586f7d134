/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The per-CPU block, at the first page of the CPU's PERCPU area. While the
 * hypervisor runs, GS base points here; while a guest runs, KERNEL_GS_BASE
 * does. entry.S knows the offsets of the first fields (checked below).
 *
 * All fields are written by their own CPU only, except those marked [a], which
 * other CPUs set with atomic operations.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#define CPU_OFF_SELF 0
#define CPU_OFF_STACK_TOP 8
#define CPU_OFF_SCRATCH 16
#define CPU_OFF_CURRENT 24
#define CPU_OFF_CANARY 40 /* gcc's fixed place for the stack protector */
#define CPU_OFF_CR3 56
#define CPU_OFF_TLB_SEEN 72
/* Of struct vcpu, checked in trap.c. */
#define VCPU_OFF_INFO 16
#define VCPU_OFF_KERNEL_SP 24
#define VCPU_OFF_KERNEL_ROOT 32
#define VCPU_OFF_GS_KERNEL 40
#define VCPU_OFF_GS_USER 48
#define VCPU_OFF_CR4 56
#define VCPU_OFF_IN_KERNEL 64
#define VCPU_OFF_SYSCALL 104
#define VCPU_OFF_SYSCALL_MASKS 112

#ifndef __ASSEMBLER__
#include "core/ids.h"

struct vcpu;

struct cpu {
    struct cpu *self;
    u64 stack_top;        /* end of the main stack; regs end here */
    u64 scratch;          /* rsp while entry.S changes stacks */
    struct vcpu *current; /* whose registers are on the stack; NULL: idle */
    u64 zero;
    u64 canary;
    u32 id; /* 0..CPU_MAX-1 */
    u32 apic_id;
    u64 cr3; /* what the CPU has loaded */
    u64 cr4;
    u64 tlb_seen;     /* [a] value of the TLB clock at our last full flush */
    u32 flush_asked;  /* [a] 1: another CPU waits for us to flush */
    u32 kicked;       /* [a] 1: look for work before returning to a guest */
    u32 resched;      /* 1: pick again before returning to a guest */
    ns_t timer_armed; /* deadline programmed, NS_NEVER for none */
    u64 *temp_table;  /* the L1 table behind the temporary slots */
    u64 tss[14];      /* hardware TSS, 104 bytes */
};

_Static_assert(offsetof(struct cpu, self) == CPU_OFF_SELF, "entry.S");
_Static_assert(offsetof(struct cpu, stack_top) == CPU_OFF_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct cpu, scratch) == CPU_OFF_SCRATCH, "entry.S");
_Static_assert(offsetof(struct cpu, current) == CPU_OFF_CURRENT, "entry.S");
_Static_assert(offsetof(struct cpu, cr3) == CPU_OFF_CR3, "entry.S");
_Static_assert(offsetof(struct cpu, tlb_seen) == CPU_OFF_TLB_SEEN, "entry.S");
_Static_assert(offsetof(struct cpu, canary) == CPU_OFF_CANARY, "gcc");

#endif
#endif
