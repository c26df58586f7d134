/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small guest's first instructions, its exception stubs and the two ways out
 * of them.
 *
 * The stubs make every frame the same (struct trap_frame of guest.h) and go
 * back by the iret hypercall. try_call runs a function that may fault: the
 * handler makes the vCPU go on in try_recover, which leaves try_call with 1.
 */
        .set    ROOM_STACK, 49152       /* struct room of guest.h */
        .set    ROOM_TRY, 53248
        .set    ROOM_MASK, -65536

        .section .note.Xen, "a", @note
        .macro  note type, size
        .long   4, \size, \type
        .asciz  "Xen"
        .endm

        note    6, 8                    /* GUEST_OS */
        .asciz  "guests\0"
        note    5, 8                    /* XEN_VERSION */
        .asciz  "xen-3.0"
        note    3, 8                    /* VIRT_BASE */
        .quad   0xffffffff80000000
        note    1, 8                    /* ENTRY */
        .quad   _start
        note    8, 8                    /* LOADER */
        .asciz  "generic"

        .text
        .globl  _start
_start:
        lea     rooms+ROOM_STACK(%rip), %rsp
        mov     %rsi, %rdi
        xor     %ebp, %ebp
        call    guest_start
1:      jmp     1b

/* Where a vCPU of smp.h begins, first and again: rsp is in its room. */
        .globl  vcpu_entry
vcpu_entry:
        cld
        and     $ROOM_MASK, %rsp
        add     $ROOM_STACK, %rsp
        xor     %ebp, %ebp
        call    vcpu_loop
        ud2

/* ---- exceptions ---------------------------------------------------------- */

        .altmacro
        .macro  STUB n
        .balign 16
trap_stub_\n:
        pop     %rcx
        pop     %r11
        .if \n == 8 || \n == 10 || \n == 11 || \n == 12 || \n == 13 || \n == 14 || \n == 17 || \n == 21
        .else
        push    $0
        .endif
        push    $\n
        jmp     trap_common
        .endm

        .set    n, 0
        .rept   256
        STUB    %n
        .set    n, n + 1
        .endr

/* Events: as a vector of our own, 256. */
        .globl  event_entry
event_entry:
        pop     %rcx
        pop     %r11
        push    $0
        push    $256
        jmp     trap_common

/* The system call instruction in user mode: 257. */
        .globl  syscall_entry
syscall_entry:
        pop     %rcx
        pop     %r11
        push    $0
        push    $257
        jmp     trap_common

/* A return that failed: four selectors come before the frame. 258. */
        .globl  failsafe_entry
failsafe_entry:
        pop     %rcx
        pop     %r11
        add     $32, %rsp
        push    $0
        push    $258

trap_common:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    trap_handle
        mov     %rbp, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        push    $0
        push    %rcx
        push    %r11
        push    %rax
        mov     $23, %eax
        syscall
        ud2

/* ---- a function that may fault -------------------------------------------- */

/* u64 try_call(void (*f)(u64), u64 argument) */
        .globl  try_call
try_call:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        mov     %rsp, %rax
        and     $ROOM_MASK, %rax
        mov     %rsp, ROOM_TRY(%rax)
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        xor     %eax, %eax
        jmp     2f
        .globl  try_recover
try_recover:
        and     $ROOM_MASK, %rsp
        mov     ROOM_TRY(%rsp), %rsp
        cld
        mov     $1, %eax
2:      mov     %rsp, %rcx
        and     $ROOM_MASK, %rcx
        movq    $0, ROOM_TRY(%rcx)
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* void raw_iret(const u64 frame[9]): the iret hypercall with that frame. */
        .globl  raw_iret
raw_iret:
        mov     %rdi, %rsp
        mov     $23, %eax
        syscall
        ud2

/* void iret_at(u64 rsp): the same with any stack pointer. */
        .globl  iret_at
iret_at:
        mov     %rdi, %rsp
        mov     $23, %eax
        syscall
        ud2

        .section .rodata
        .balign 8
        .globl  trap_stubs
trap_stubs:
        .macro  STUB_ADDRESS n
        .quad   trap_stub_\n
        .endm
        .set    n, 0
        .rept   256
        STUB_ADDRESS %n
        .set    n, n + 1
        .endr

        .section .note.GNU-stack, "", @progbits
