/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways into ring 0 and the one way out.
 *
 * From a guest (ring 3): the registers become a struct regs at the very top of
 * the CPU's main stack, everything but rsp is cleared so that no guest value
 * steers speculation, C runs, and exit_called leaves by IRETQ. SYSRET is never
 * used: it can fault in ring 0 on the guest's stack (XSA-7). CR3 is not changed
 * here: what a guest's own tables show of the hypervisor is no secret.
 *
 * From ring 0 (the idle loop, a fault that has a fixup, NMI, #DF, #MC, a #DB
 * deferred to an entry point by MOV SS): GS base is not trusted, since the
 * entry may have come between two instructions of this file. All our stacks
 * lie in the CPU's 2 MiB of PERCPU, which begins with its struct cpu, so rsp
 * tells which CPU this is; the old base is put back on the way out.
 *
 * IRETQ lets the next NMI in, and that one's frame would overwrite what is left
 * of the last one's on the NMI stack. So a machine check or #DB that came while
 * interrupts were off, perhaps in the handler of an NMI, goes back by POPFQ and
 * RET: with two words below the interrupted rsp. So nothing that is still needed
 * may ever lie below it. It is ours except where SYSCALL enters: there it may be
 * anything, and no NMI is in progress, so IRETQ will do.
 *
 * A fault of the last IRETQ is the guest's (a bad selector or address it asked
 * for): its registers are put together again and C decides.
 *
 * [SDM 3A 6.14, 5.8.8; 2B SYSCALL, SYSENTER, SWAPGS, IRET]
 */
#define __ASSEMBLER__ 1
#include "x86/cpu.h"
#include "x86/layout.h"
#include "x86/regs.h"

#define MSR_GS 0xc0000101
#define FRAME_CS 16   /* from rsp at a stub: error and vector, rip, cs */
#define FRAME_RIP 8
#define FRAME_RSP 24  /* from rsp at rip */
#define VECTOR_DB 1
#define VECTOR_MC 18
#define RFLAGS_IF_BYTE1 2
#define REGS_VECTOR 124 /* of struct regs */
#define REGS_RIP 128
#define REGS_RFLAGS 144
#define REGS_RSP 152
#define REGS_SS 160
#define FIRST_RIP 48 /* from rsp after PUSH_FIRST */
#define FIRST_RFLAGS 64
#define FIRST_RSP 72
#define BOUNCE_BYTES 56
#define INFO_UPCALL_MASK 1
#define CR4_FSGSBASE 0x10000
#define RFLAGS_BOUNCED 0x2008d5  /* RFLAGS_GUEST, and not cleared: bounce.c */
#define RFLAGS_CONSTANT 0x202

    .macro PUSH_FIRST
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    .endm

    .macro PUSH_OTHERS
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
    xorl %edi, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    xorl %ecx, %ecx
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    .endm

    /* AC from a guest would open its memory to stray accesses. SYSCALL clears
     * it, and DF [x86/cpu.c, FMASK]. */
    .macro CLEAR_FLAGS
    cmpb $0, entry_smap(%rip)
    je 1f
    clac
1:  cld
    .endm

    .macro PUSH_REGS
    PUSH_FIRST
    PUSH_OTHERS
    CLEAR_FLAGS
    .endm

    /* Leaves rsp at rip of the frame. */
    .macro POP_OTHERS
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
    .endm

    .macro POP_FIRST
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $8, %rsp
    .endm

    .macro POP_REGS
    POP_OTHERS
    POP_FIRST
    .endm

    /* A frame is an odd number of words: one more makes the call aligned. It
     * stays where exit_called is next. */
    .macro CALL_FIRST fn
    movq %rsp, %rdi
    subq $8, %rsp
    call \fn
    .endm

    .macro CALL_C fn
    CALL_FIRST \fn
    addq $8, %rsp
    .endm

    .text

/* ---- exceptions and interrupts ------------------------------------------- */

    .balign 16
trap_common:
    testb $3, FRAME_CS(%rsp)
    jz host_entry
    swapgs
    lfence                      /* no speculation with the guest's GS */
guest_entry:
    PUSH_REGS
    CALL_FIRST trap_from_guest
exit_called:
    leaq 8(%rsp), %rdi
    call guest_exit_work
    addq $8, %rsp
    swapgs
    POP_OTHERS
exit_first:
    POP_FIRST
iret_to_guest:
    iretq

host_entry:
    pushq %rax
    leaq iret_to_guest(%rip), %rax
    cmpq %rax, FRAME_RIP + 8(%rsp)
    popq %rax
    je iret_failed
paranoid_entry:
    PUSH_REGS
    movl $MSR_GS, %ecx
    rdmsr
    movl %eax, %r12d
    movl %edx, %r13d
    movq %rsp, %rax
    andq $-PERCPU_STRIDE, %rax
    movq %rax, %rdx
    shrq $32, %rdx
    wrmsr
    CALL_C trap_from_host
    movl $MSR_GS, %ecx
    movl %r12d, %eax
    movl %r13d, %edx
    wrmsr
    movl REGS_VECTOR(%rsp), %eax
    cmpl $VECTOR_MC, %eax
    je 1f
    cmpl $VECTOR_DB, %eax
    jne 2f
1:  testb $RFLAGS_IF_BYTE1, REGS_RFLAGS + 1(%rsp)
    jnz 2f
    leaq entry_syscall(%rip), %rax
    movq REGS_RIP(%rsp), %rcx
    movq %rcx, %rdx
    subq %rax, %rdx
    cmpq $(entry_sysenter - entry_syscall), %rdx
    jb 2f
    movq REGS_RSP(%rsp), %rax
    movq %rcx, -8(%rax)
    movq REGS_RFLAGS(%rsp), %rcx
    movq %rcx, -16(%rax)
    subq $16, REGS_RSP(%rsp)
    movw REGS_SS(%rsp), %ss
    POP_REGS
    movq FRAME_RSP(%rsp), %rsp
    popfq
    ret
    int3
2:  POP_REGS
    iretq

/* IRETQ to the guest faulted: GS is the guest's, its general registers are
 * live, and its iret frame is where it was. */
iret_failed:
    swapgs
    PUSH_REGS
    CALL_C trap_iret_failed
    movq %gs:CPU_OFF_STACK_TOP, %rax
    leaq -REGS_BYTES-8(%rax), %rsp  /* at once: what lies below may be lost */
    jmp exit_called

/*
 * #DB, NMI and #MC have their own stacks; one from a guest goes on as any other
 * exception. It leaves by the one way out, too: the selectors of its frame may
 * not be good any more, since another vCPU can change the descriptors, and only
 * there is a fault of IRETQ the guest's.
 */
stacked_entry:
    testb $3, FRAME_CS(%rsp)
    jz paranoid_entry
    swapgs
    lfence
    pushq %rax
    movq %rsp, %rax
    movq %gs:CPU_OFF_STACK_TOP, %rsp
    pushq 48(%rax)
    pushq 40(%rax)
    pushq 32(%rax)
    pushq 24(%rax)
    pushq 16(%rax)
    pushq 8(%rax)
    movq (%rax), %rax
    jmp guest_entry

/* One stub a vector: make the frame uniform, and go on. */
    .altmacro
    .macro STUB n
    .balign 16
stub_\n:
    .if \n == 8 || \n == 10 || \n == 11 || \n == 12 || \n == 13 || \n == 14 || \n == 17 || \n == 21 || \n == 29 || \n == 30
    .else
    pushq $0
    .endif
    movl $\n, 4(%rsp)
    .if \n == 1 || \n == 2 || \n == 18
    jmp stacked_entry
    .elseif \n == 8
    jmp paranoid_entry
    .else
    jmp trap_common
    .endif
    .endm

    .macro STUB_ADDRESS n
    .quad stub_\n
    .endm

    .set n, 0
    .rept 256
    STUB %n
    .set n, n + 1
    .endr
    .noaltmacro

/* ---- system call instructions --------------------------------------------- */

    .macro SYSCALL_ENTRY cs, vector
    swapgs
    movq %rsp, %gs:CPU_OFF_SCRATCH
    movq %gs:CPU_OFF_STACK_TOP, %rsp
    pushq $SEL_GUEST_DS
    pushq %gs:CPU_OFF_SCRATCH
    pushq %r11
    pushq $\cs
    pushq %rcx
    pushq $0
    movl $\vector, 4(%rsp)
    .endm

    .balign 16
    .globl entry_syscall
entry_syscall:
    SYSCALL_ENTRY SEL_GUEST_CS64, VECTOR_SYSCALL
    PUSH_FIRST
    movq %gs:CPU_OFF_CURRENT, %rdi
    cmpb $0, VCPU_OFF_IN_KERNEL(%rdi)
    je straight_bounce
    PUSH_OTHERS
    CALL_FIRST trap_hypercall
    jmp exit_called

    .balign 16
    .globl entry_syscall32
entry_syscall32:
    SYSCALL_ENTRY SEL_GUEST_CS32, VECTOR_SYSCALL32
    jmp guest_entry

/* SYSENTER keeps neither rip, rsp nor rflags, and does not clear NT and TF. */
    .balign 16
    .globl entry_sysenter
entry_sysenter:
    swapgs
    movq %gs:CPU_OFF_STACK_TOP, %rsp
    pushq $2
    popfq
    pushq $SEL_GUEST_DS
    pushq $0
    pushq $0x202
    pushq $SEL_GUEST_CS32
    pushq $0
    pushq $0
    movl $VECTOR_SYSENTER, 4(%rsp)
    jmp guest_entry

/*
 * The system call of a guest's user mode, as bounce_callback does it, for the
 * common case; rdi is the vCPU. Whatever is not common goes on in C, which
 * begins anew, also when the guest's stack cannot be written. rcx and r11 are
 * the guest's; nothing but the stores of the frame uses them, and no
 * instruction here branches by or to what the guest gave. Nothing can be due
 * on the way out: who wants something of this CPU sends an interrupt, and
 * events are masked as before or more.
 */
    .macro TO_GUEST value, at
1:  movq \value, \at(%rsi)
    .pushsection .fixup_table, "a"
    .quad 1b, bounce_in_c
    .popsection
    .endm

straight_bounce:
    movq VCPU_OFF_INFO(%rdi), %rax
    cmpb $0, INFO_UPCALL_MASK(%rax)
    jne bounce_in_c
    testl $CR4_FSGSBASE, VCPU_OFF_CR4(%rdi)
    jz bounce_in_c
    cmpq $0, VCPU_OFF_SYSCALL(%rdi)
    je bounce_in_c
    movq VCPU_OFF_KERNEL_SP(%rdi), %rsi
    andq $-16, %rsi
    subq $BOUNCE_BYTES, %rsi
    movabsq $HV_END, %rdx       /* a kernel with its stack below: in C */
    cmpq %rdx, %rsi
    jb bounce_in_c
    movq tlb_clock(%rip), %rdx
    movq VCPU_OFF_KERNEL_ROOT(%rdi), %rax
    shlq $12, %rax
    movq %rax, %cr3             /* no speculation with rsi before the check */
    movq %rax, %gs:CPU_OFF_CR3
    movq %rdx, %gs:CPU_OFF_TLB_SEEN
    movq %gs:CPU_OFF_SCRATCH, %rdx
guest_copy_bounce:
    cmpb $0, entry_smap(%rip)
    je 2f
    stac
2:  TO_GUEST %rcx, 0
    TO_GUEST %r11, 8
    TO_GUEST %rcx, 16
    TO_GUEST $SEL_GUEST_CS64, 24
    TO_GUEST %r11, 32
    TO_GUEST %rdx, 40
    TO_GUEST $SEL_GUEST_DS, 48
    cmpb $0, entry_smap(%rip)
    je bounce_into_kernel
    clac
bounce_into_kernel:
    movq VCPU_OFF_INFO(%rdi), %rax
    movb VCPU_OFF_SYSCALL_MASKS(%rdi), %dl
    movb %dl, INFO_UPCALL_MASK(%rax)
    movb $1, VCPU_OFF_IN_KERNEL(%rdi)
    movq VCPU_OFF_SYSCALL(%rdi), %rax
    movq %rax, FIRST_RIP(%rsp)
    movl %r11d, %edx
    andl $RFLAGS_BOUNCED, %edx
    orl $RFLAGS_CONSTANT, %edx
    movq %rdx, FIRST_RFLAGS(%rsp)
    movq %rsi, FIRST_RSP(%rsp)
    movq VCPU_OFF_GS_KERNEL(%rdi), %rdx
    swapgs
    rdgsbase %rax
    movq %rax, VCPU_OFF_GS_USER(%rdi)
    wrgsbase %rdx
    jmp exit_first
bounce_in_c:
    PUSH_OTHERS
    CLEAR_FLAGS
    CALL_FIRST trap_from_guest
    jmp exit_called

/* ---- where a CPU begins to run guests -------------------------------------- */

    .globl cpu_loop
cpu_loop:
    cli
    movq %gs:CPU_OFF_STACK_TOP, %rsp
    subq $REGS_BYTES, %rsp
    xorl %ebp, %ebp
    CALL_FIRST cpu_loop_begin
    jmp exit_called

/* Clear the 1 KiB below the caller's frame: what deeper calls left there. */
    .globl stack_wipe
stack_wipe:
    leaq -1024(%rsp), %rdi
    movl $128, %ecx
    xorl %eax, %eax
    rep stosq
    ret
    int3                        /* nothing runs on behind a return */

    .section .rodata
    .balign 8
    .globl trap_entry_table
trap_entry_table:
    .altmacro
    .set n, 0
    .rept 256
    STUB_ADDRESS %n
    .set n, n + 1
    .endr

    .section .note.GNU-stack, "", @progbits
