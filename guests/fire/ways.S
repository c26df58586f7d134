/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the hypervisor, each taken with a known value in every register.
 * What they hold afterwards is kept for fire.c to compare: general registers in
 * the order of FILL, flags, a word by FS, a word by GS.
 *
 * A WAY is a function of the guest's kernel. A PROGRAM runs in user mode and
 * ends by a system call.
 */
        .set    FLAGS, 0x8d7            /* carry to overflow, all set */

        .macro  EACH do
        \do     rax, 1
        \do     rbx, 2
        \do     rcx, 3
        \do     rdx, 4
        \do     rsi, 5
        \do     rdi, 6
        \do     rbp, 7
        \do     r8, 8
        \do     r9, 9
        \do     r10, 10
        \do     r11, 11
        \do     r12, 12
        \do     r13, 13
        \do     r14, 14
        \do     r15, 15
        .endm

        .macro  FILL_ONE reg, n
        movabs  $(0x1111111111111111 * \n), %\reg
        .endm

        .macro  KEEP_ONE reg, n
        mov     %\reg, kept + 8 * (\n - 1)(%rip)
        .endm

        .macro  FILL
        pushq   $FLAGS
        EACH    FILL_ONE
        popfq
        .endm

        .macro  KEEP
        EACH    KEEP_ONE
        pushfq
        popq    kept + 8 * 15(%rip)
        mov     %fs:0, %rax
        mov     %rax, kept + 8 * 16(%rip)
        mov     %gs:0, %rax
        mov     %rax, kept + 8 * 17(%rip)
        .endm

        .macro  WAY name, what:vararg
        .globl  way_\name
way_\name:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        FILL
        \what
        KEEP
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .endm

        .macro  PROGRAM name, what:vararg
        .globl  program_\name
program_\name:
        FILL
        \what
        KEEP
        syscall
        ud2
        .endm

        .macro  VERSION
        mov     $17, %eax               /* version */
        mov     $0, %edi
        mov     $0, %esi
        syscall
        .endm

        .macro  SPIN
        mov     $200, %ecx
1:      nop
        loop    1b
        .endm

        .macro  XEN_CPUID
        mov     $0, %eax
        mov     $0, %ecx
        ud2
        .ascii  "xen"
        cpuid
        .endm

        .macro  WATCHED_CALL
        mov     $17, %eax
        mov     $0, %edi
        mov     $0, %esi
        mov     stack_selector(%rip), %ss
        syscall
        .endm

        .text
        WAY     hypercall VERSION
        WAY     int3 int3
        WAY     spin SPIN
        WAY     cpuid XEN_CPUID
        WAY     control mov %cr0, %rax
        WAY     float fnop
        WAY     watched WATCHED_CALL
        WAY     target call fire_target

        .globl  fire_target             /* where tests/fire meets a guest */
fire_target:
        nop
        ret

        PROGRAM call nop
        PROGRAM spin SPIN
        PROGRAM int3 int3
        PROGRAM cpuid XEN_CPUID
        PROGRAM target call fire_target

        .globl  program_fault
program_fault:
        FILL
        mov     0x1000, %rbx
        ud2

        .globl  program_sysenter
program_sysenter:
        FILL
        sysenter
        ud2

/* A 32-bit program, copied below 4 GiB: SYSCALL. */
        .globl  program_32
program_32:
        syscall
        ud2

        .section .note.GNU-stack, "", @progbits
