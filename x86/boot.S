/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the loader to C: 32-bit protected mode without paging, interrupts off,
 * to long mode on the boot tables.
 *
 *   GRUB (multiboot2)   eax = 0x36d76289, ebx = information
 *   QEMU, Xen (PVH)     ebx = start info, eax undefined
 *
 * The boot tables map the first 4 GiB of physical memory three times with
 * 2 MiB pages: at 0, at LINEAR_BASE and at IMAGE_BASE. They are writable and
 * executable, serve until paging_init, then once more for each CPU that
 * starts, and are wiped when the last one has.
 *
 * The only check made here is the one without which C cannot run: long mode.
 */
#include "x86/cpu.h"
#include "x86/layout.h"

#define MB2_MAGIC 0xe85250d6
#define ELFNOTE_PHYS32_ENTRY 18 /* [XEN elfnote.h] */
#define SEL_BOOT_CODE 0x08
#define SEL_BOOT_DATA 0x10

    .section .boot.header, "a"
    .balign 8
mb2_header:
    .long MB2_MAGIC
    .long 0 /* i386 protected mode */
    .long mb2_header_end - mb2_header
    .long -(MB2_MAGIC + 0 + (mb2_header_end - mb2_header))
    /* Entry address. */
    .balign 8
    .word 3, 0
    .long 12
    .long boot_entry_mb2
    /* Modules on page boundaries. */
    .balign 8
    .word 6, 0
    .long 8
    /* What we need told: module, memory map. */
    .balign 8
    .word 1, 0
    .long 16
    .long 3, 6
    /* End. */
    .balign 8
    .word 0, 0
    .long 8
mb2_header_end:

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long boot_entry_pvh

    .section .boot.text, "ax"
    .code32
    .globl boot_entry_mb2, boot_entry_pvh
boot_entry_pvh:
    xorl %eax, %eax
boot_entry_mb2:
    cli
    cld
    movl %eax, boot_magic
    movl %ebx, boot_info
    movl $boot_stack_end, %esp

    /* CPUID, extended leaf, long mode. */
    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $0x200000, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %ecx, %eax
    testl $0x200000, %eax
    jz no_long_mode
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $0x20000000, %edx
    jz no_long_mode
    movl %edx, %ebp

    /* Four L2 tables of 2 MiB pages. */
    movl $boot_l2, %edi
    movl $0x083, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $boot_l3, %edi
    movl $boot_l2 + 3, %eax
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b
    movl $boot_l3 + 3, boot_l4
    movl $boot_l3 + 3, boot_l4 + 8 * LINEAR_SLOT
    movl $boot_l3 + 3, boot_l4 + 8 * IMAGE_SLOT

    movl %cr4, %eax
    orl $0x20, %eax /* PAE */
    movl %eax, %cr4
    movl $boot_l4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax /* LME */
    testl $0x100000, %ebp
    jz 3f
    orl $0x800, %eax /* NXE, when the CPU has it; C refuses without */
3:  wrmsr
    movl %cr0, %eax
    orl $0x80010001, %eax /* PG, WP, PE */
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $SEL_BOOT_CODE, $boot_long

/* "cannot start" by polled output; the UART is as the firmware left it. */
no_long_mode:
    movl $no_long_text, %esi
    movw $0x3fb, %dx
    movb $0x03, %al
    outb %al, %dx
4:  lodsb
    testb %al, %al
    jz 6f
    movb %al, %bl
    movw $0x3fd, %dx
    movl $100000, %ecx
5:  inb %dx, %al
    testb $0x20, %al
    loopz 5b
    movb %bl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 4b
6:  hlt
    jmp 6b

    .code64
boot_long:
    movl $SEL_BOOT_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $boot_high, %rax
    jmp *%rax

    .section .boot.rodata, "a"
no_long_text:
    .asciz "ringfence: cannot start: the CPU has no long mode\r\n"
    .balign 8
    .globl boot_gdt_pointer
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_pointer:
    .word 23
    .quad boot_gdt

    .section .boot.bss, "aw", @nobits
    .balign 4096
    .globl boot_l4, boot_l3, boot_l2, boot_magic, boot_info
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096
boot_stack:
    .skip 4096
boot_stack_end:
boot_magic:
    .long 0
boot_info:
    .long 0

/* ---- at IMAGE addresses from here ---------------------------------------- */
    .text
boot_high:
    leaq early_stack_end(%rip), %rsp
    /* GS base: the early CPU block, for the stack protector. */
    leaq early_cpu(%rip), %rax
    movq %rax, CPU_OFF_SELF(%rax)
    movq %rax, %rdx
    shrq $32, %rdx
    movl $0xc0000101, %ecx
    wrmsr
    xorl %ebp, %ebp
    movl boot_magic, %edi
    movl boot_info, %esi
    call main_early
    ud2

    .section .rodata
    .balign 8
    .globl boot_l4_phys
boot_l4_phys: /* the boot L4 for who cannot reach so far */
    .quad boot_l4

    .bss
    .balign 4096
early_stack:
    .skip 16384
early_stack_end:
    .globl early_cpu
early_cpu:
    .skip 4096

    .section .note.GNU-stack, "", @progbits
