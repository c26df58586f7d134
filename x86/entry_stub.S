/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-in for entry.S until it is merged: exceptions panic, interrupts work.
 */
#include "x86/regs.h"

    .section .text
    .macro push_all
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .endm
stub_common:
    push_all
    movq %rsp, %rdi
    cld
    call stub_trap
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $8, %rsp
    iretq

    .altmacro
    .macro stub n
stub_\n:
    .if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21)
    movl $\n, 4(%rsp)
    .else
    pushq $0
    movl $\n, 4(%rsp)
    .endif
    jmp stub_common
    .pushsection .rodata
    .quad stub_\n
    .popsection
    .endm

    .section .rodata
    .balign 8
    .globl trap_entry_table
trap_entry_table:
    .text
    .set i, 0
    .rept 256
    stub %i
    .set i, i + 1
    .endr

    .globl entry_syscall, entry_syscall32, entry_sysenter
entry_syscall:
entry_syscall32:
entry_sysenter:
    ud2
    .section .note.GNU-stack, "", @progbits
