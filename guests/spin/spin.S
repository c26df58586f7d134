/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile neighbour in its smallest form: says one line, then holds its CPU
 * for ever, with events masked (a vCPU starts that way) and no handler
 * registered. It can be stopped only from outside.
 */
        .section .note.Xen, "a", @note
        .macro  note type, size
        .long   4, \size, \type
        .asciz  "Xen"
        .endm

        note    6, 5                    /* GUEST_OS */
        .asciz  "spin"
        .align  4
        note    5, 8                    /* XEN_VERSION */
        .asciz  "xen-3.0"
        .align  4
        note    3, 8                    /* VIRT_BASE */
        .quad   0xffffffff80000000
        note    1, 8                    /* ENTRY */
        .quad   _start
        note    8, 8                    /* LOADER */
        .asciz  "generic"
        .align  4

        .text
        .globl  _start
_start:
        mov     $18, %eax               /* console_io */
        xor     %edi, %edi              /* write */
        mov     $line_end - line, %esi
        mov     $line, %rdx
        syscall
forever:
        jmp     forever

line:
        .ascii  "spin: holding the CPU\n"
line_end:
