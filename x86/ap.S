/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secondary CPU's way from real mode to C. smp_start copies ap_begin..ap_end
 * to a page below 1 MiB, fills in the fields at its end and sends the start-up
 * interrupt with the page's number; CS:IP is page<<8 : 0.
 *
 * The code is independent of the page: addresses are computed from CS. It uses
 * the boot tables only until the idle root is loaded, a few instructions after
 * the first jump to an IMAGE address.
 */
#include "x86/cpu.h"
#include "x86/layout.h"

    .section .rodata
    .balign 16
    .globl ap_begin, ap_end, ap_field_root, ap_field_base
    .code16
ap_begin:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    xorl %ebx, %ebx
    movw %ax, %bx
    shll $4, %ebx /* linear address of the page */
    /* Far pointers and the GDT pointer hold page-relative numbers. */
    leal (ap_32 - ap_begin)(%ebx), %eax
    movl %eax, ap_far32 - ap_begin
    leal (ap_64 - ap_begin)(%ebx), %eax
    movl %eax, ap_far64 - ap_begin
    leal (ap_gdt - ap_begin)(%ebx), %eax
    movl %eax, ap_gdt_base - ap_begin
    lgdtl ap_gdt_pointer - ap_begin
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *(ap_far32 - ap_begin)

    .code32
ap_32:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl (ap_field_root - ap_begin)(%ebx), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax /* LME, NXE: smp_start has checked NX */
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax /* caches on */
    orl $0x80010001, %eax
    movl %eax, %cr0
    ljmpl *(ap_far64 - ap_begin)(%ebx)

    .code64
ap_64:
    movq (ap_field_base - ap_begin)(%rbx), %rdi
    movabsq $ap_high, %rax
    jmp *%rax

    .balign 8
ap_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08: 32-bit code */
    .quad 0x00cf93000000ffff /* 0x10: data */
    .quad 0x00af9b000000ffff /* 0x18: 64-bit code */
ap_gdt_pointer:
    .word 31
ap_gdt_base:
    .long 0
ap_far32:
    .long 0
    .word 0x08
ap_far64:
    .long 0
    .word 0x18
    .balign 8
ap_field_root:
    .quad 0 /* physical address of the boot L4 */
ap_field_base:
    .quad 0 /* address of the CPU's block */
ap_end:

    .text
    .code64
/* rdi: the CPU's block. Its stack and it are mapped by the idle root only. */
ap_high:
    movq ap_idle_root(%rip), %rax
    movq %rax, %cr3
    movq %rdi, %rax
    movq %rdi, %rdx
    shrq $32, %rdx
    movl $0xc0000101, %ecx
    wrmsr
    movq CPU_OFF_STACK_TOP(%rdi), %rsp
    xorl %ebp, %ebp
    call main_secondary
    ud2

    .section .note.GNU-stack, "", @progbits
