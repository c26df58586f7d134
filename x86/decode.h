/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder: 64-bit code, and of it only what guests need done
 * for them. Pure: bytes in, a description out; it reads no memory and no
 * registers, so it is tested and fuzzed on the host.
 *
 * Two families: privileged instructions (A.7 of the ABI notes: port access,
 * CPUID, MSRs, control and debug registers, a few without operands), and
 * instructions that write one integer to memory, which is how a guest writes to
 * its page tables. Everything else is DECODE_UNKNOWN and will be the guest's
 * own fault. [SDM 2A 2, appendix A]
 */
#ifndef X86_DECODE_H
#define X86_DECODE_H

#include "core/base.h"

struct regs;

#define INSN_BYTES_MAX 15u
#define INSN_ROOM 16u /* two words */
#define INSN_NO_REG 0xffu

enum insn_op {
    INSN_NONE,
    /* One memory operand, written: dst op= src. */
    INSN_MOV,
    INSN_OR,
    INSN_AND,
    INSN_XCHG,
    INSN_CMPXCHG,
    INSN_BTS,
    INSN_BTR,
    /* Privileged. */
    INSN_CPUID,
    INSN_RDMSR,
    INSN_WRMSR,
    INSN_IN,
    INSN_OUT,
    INSN_CLI,
    INSN_STI,
    INSN_READ_CR,
    INSN_WRITE_CR,
    INSN_READ_DR,
    INSN_WRITE_DR,
    INSN_CLTS,
    INSN_XSETBV,
    INSN_WBINVD,
    INSN_INVLPG
};

struct insn {
    u8 op;          /* enum insn_op */
    u8 length;      /* bytes of the whole instruction */
    u8 size;        /* operand bytes: 1, 2, 4, 8 */
    u8 reg;         /* register operand, 0..15, or CR or DR number */
    u8 rm;          /* register in the r/m place (READ_CR and the like) */
    bool high_byte; /* reg is AH, CH, DH, BH (reg - 4) */
    bool immediate; /* src is imm, not reg; IN and OUT: port is imm */
    bool lock;
    bool segment;   /* FS or GS override */
    bool address32; /* 32-bit effective address */
    bool rip_relative;
    u8 base;  /* INSN_NO_REG: none */
    u8 index; /* INSN_NO_REG: none */
    u8 scale; /* shift, 0..3 */
    u64 imm;  /* sign-extended */
    u64 disp; /* sign-extended */
};

enum decode_result {
    DECODE_OK,
    DECODE_SHORT, /* more bytes are needed */
    DECODE_UNKNOWN
};

/* Decode the instruction at bytes[0..count), count <= 15. */
enum decode_result decode(const u8 *bytes, u32 count,
                          struct insn *insn) MUST_CHECK;

/* Effective address of the memory operand, without segment base; r holds the
 * registers at the instruction. */
u64 decode_address(const struct insn *insn, struct regs *r);

/* General register n (0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi,
 * 8.. r8..r15). */
u64 *regs_general(struct regs *r, u32 n);

#endif
