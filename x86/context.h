/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a vCPU that vcpu_op.initialise takes, in the pieces in
 * which it is fetched; tests/abi_test.c compares it with the public headers.
 * [XEN arch-x86/xen.h vcpu_guest_context]
 *
 *      0  FPU image (FXSAVE)        CONTEXT_FPU
 *    512  flags and registers       CONTEXT_REGS
 *    720  trap table, 256 entries   CONTEXT_TRAPS
 *   4816  tables and entry points   CONTEXT_TABLES
 *   5168                            CONTEXT_BYTES
 */
#ifndef X86_CONTEXT_H
#define X86_CONTEXT_H

#include "core/base.h"

#define CONTEXT_FPU 0
#define CONTEXT_REGS 512
#define CONTEXT_TRAPS 720
#define CONTEXT_TABLES 4816
#define CONTEXT_BYTES 5168

/* Bits of flags. */
#define CONTEXT_I387_VALID 1u
#define CONTEXT_IN_KERNEL 4u
#define CONTEXT_FAILSAFE_MASKS 8u
#define CONTEXT_SYSCALL_MASKS 16u

struct context_regs {
    u64 flags;
    u64 r15, r14, r13, r12, rbp, rbx;
    u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 error_and_vector;
    u64 rip;
    u64 cs; /* and the upcall mask */
    u64 rflags, rsp, ss, es, ds, fs, gs;
};

_Static_assert(sizeof(struct context_regs) == 208, "abi");
_Static_assert(CONTEXT_REGS + sizeof(struct context_regs) == CONTEXT_TRAPS,
               "abi");

struct context_tables {
    u64 ldt_base, ldt_entries;
    u64 gdt_frames[16], gdt_entries;
    u64 kernel_ss, kernel_sp;
    u64 ctrlreg[8];
    u64 debugreg[8];
    u64 event_address, failsafe_address, syscall_address;
    u64 vm_assist;
    u64 fs_base, gs_base_kernel, gs_base_user;
};

_Static_assert(CONTEXT_TABLES + sizeof(struct context_tables) == CONTEXT_BYTES,
               "abi");

#endif
