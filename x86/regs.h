/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a guest as entry.S leaves them at the top of the CPU's main
 * stack. There is exactly one such frame per CPU while the hypervisor runs on
 * behalf of a guest; at a world switch it is copied to the vCPU's private page
 * and overwritten with the next vCPU's.
 *
 * cs, ss, rip, rsp, rflags are what the hardware pushed; IF is always 1 in a
 * guest's rflags. entry says how we came in (ENTRY_*), vector and error are
 * those of an exception.
 */
#ifndef X86_REGS_H
#define X86_REGS_H

#ifndef __ASSEMBLER__
#include "core/base.h"

struct regs {
    u64 r15, r14, r13, r12, rbp, rbx;
    u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u32 error;
    u32 vector; /* 0..255; 0x100 for the system call instruction */
    u64 rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct regs) == 168, "entry.S knows this layout");
#endif

#define REGS_BYTES 168
#define VECTOR_SYSCALL 0x100
#define VECTOR_SYSCALL32 0x101
#define VECTOR_SYSENTER 0x102

/* Interrupt vectors we program. */
#define VEC_TIMER 0xf0
#define VEC_KICK 0xf1  /* look at your flags before you return to a guest */
#define VEC_FLUSH 0xf2 /* a TLB flush was asked of this CPU */
#define VEC_SERIAL 0xf3
#define VEC_HALT 0xf4 /* panic elsewhere: stop */
#define VEC_SPURIOUS 0xff

#endif
