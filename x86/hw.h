/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction C cannot say: ports, model-specific and control registers,
 * TLB, descriptor tables. This is the only file with inline assembly, so that
 * the rest of x86/ also builds on a host with tests/fake_hw.h in its place.
 */
#ifndef X86_HW_H
#define X86_HW_H

#include "core/base.h"
#include "x86/cpu.h"

/* ---- ports --------------------------------------------------------------- */

static inline void hw_out8(u16 port, u8 v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void hw_out16(u16 port, u16 v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void hw_out32(u16 port, u32 v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline u8 hw_in8(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* count bytes to one port. */
static inline void hw_out8_many(u16 port, const u8 *bytes, u64 count)
{
    __asm__ volatile("rep outsb"
                     : "+S"(bytes), "+c"(count)
                     : "d"(port)
                     : "memory");
}

/* ---- model-specific registers ------------------------------------------ */

#define MSR_APIC_BASE 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_SYSENTER_CS 0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
/* Register r of the local APIC: MSR_X2APIC + r / 16. */
#define MSR_X2APIC 0x800u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE 0x001ull
#define EFER_LME 0x100ull
#define EFER_NXE 0x800ull

static inline u64 hw_rdmsr(u32 msr)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return ((u64)high << 32) | low;
}

static inline void hw_wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
                     : "memory");
}

/* Set the base that SWAPGS would bring, and say what it was, with CR4.FSGSBASE
 * on: the same as by KERNEL_GS_BASE, and cheaper. In one piece, since GS is
 * not ours in between. */
static inline u64 hw_swap_other_gs_base(u64 base)
{
    u64 was;
    __asm__ volatile("swapgs\n\t"
                     "rdgsbase %0\n\t"
                     "wrgsbase %1\n\t"
                     "swapgs"
                     : "=&r"(was)
                     : "r"(base)
                     : "memory");
    return was;
}

/* ---- control registers ------------------------------------------------- */

#define CR0_MP 0x00000002ull
#define CR0_TS 0x00000008ull
#define CR0_NE 0x00000020ull
#define CR0_WP 0x00010000ull
#define CR0_PE 0x00000001ull
#define CR0_ET 0x00000010ull
#define CR0_PG 0x80000000ull

#define CR4_DE 0x000008ull
#define CR4_PAE 0x000020ull
#define CR4_MCE 0x000040ull
#define CR4_OSFXSR 0x000200ull
#define CR4_OSXMMEXCPT 0x000400ull
#define CR4_UMIP 0x000800ull
#define CR4_FSGSBASE 0x010000ull
#define CR4_OSXSAVE 0x040000ull
#define CR4_SMEP 0x100000ull
#define CR4_SMAP 0x200000ull

#define HW_CONTROL_REGISTER(n)                                                 \
    static inline u64 hw_read_cr##n(void)                                      \
    {                                                                          \
        u64 v;                                                                 \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                      \
        return v;                                                              \
    }                                                                          \
    static inline void hw_write_cr##n(u64 v)                                   \
    {                                                                          \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");             \
    }

HW_CONTROL_REGISTER(0)
HW_CONTROL_REGISTER(2)
HW_CONTROL_REGISTER(3)
HW_CONTROL_REGISTER(4) /* cpu_write_cr4 keeps the pinned bits: use that one */

static inline void hw_invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* ---- descriptor tables ------------------------------------------------- */

struct hw_table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

static inline void hw_lgdt(u64 base, u16 limit)
{
    const struct hw_table_pointer p = { limit, base };
    __asm__ volatile("lgdt %0" : : "m"(p) : "memory");
}

static inline void hw_lidt(u64 base, u16 limit)
{
    const struct hw_table_pointer p = { limit, base };
    __asm__ volatile("lidt %0" : : "m"(p) : "memory");
}

static inline void hw_ltr(u16 selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void hw_lldt(u16 selector)
{
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

/* Load CS with the selector by a far return, SS with ss, the data segments
 * with the null selector. GS base is lost by that: set it anew. */
static inline void hw_load_segments(u64 cs, u32 ss)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %1, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs"
                     :
                     : "r"(cs), "r"(ss)
                     : "rax", "memory");
}

/* With a selector that can be written this only sets ZF; processors that say
 * MD_CLEAR overwrite their buffers too. Its operand must be in memory. */
static inline void hw_verw(u16 selector)
{
    const u16 place = selector;
    __asm__ volatile("verw %0" : : "m"(place) : "cc", "memory");
}

/* Let 32 calls push out what the return predictor kept, and a division what the
 * divider did. The word behind each call is never run. */
static inline void hw_forget_results(void)
{
    u32 low = 1;
    u32 high = 0;
    __asm__ volatile(".rept 32\n\tcall 1f\n\tint3\n1:\n\t.endr\n\t"
                     "addq $256, %%rsp\n\tdivl %2"
                     : "+a"(low), "+d"(high)
                     : "r"(1)
                     : "cc", "memory");
}

/* ---- identification, time, random -------------------------------------- */

struct hw_cpuid {
    u32 a, b, c, d;
};

static inline struct hw_cpuid hw_cpuid(u32 leaf, u32 sub)
{
    struct hw_cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "a"(leaf), "c"(sub));
    return r;
}

/* A leaf, or zeros where the processor does not have it. */
static inline struct hw_cpuid hw_cpuid_leaf(u32 leaf)
{
    const struct hw_cpuid none = { 0, 0, 0, 0 };
    return hw_cpuid(leaf & 0x80000000, 0).a >= leaf ? hw_cpuid(leaf, 0) : none;
}

/* LFENCE keeps the read from moving up before earlier loads. */
static inline u64 hw_rdtsc(void)
{
    u32 low;
    u32 high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return ((u64)high << 32) | low;
}

/* False: the generator had nothing to give. Only when CPUID reports it. */
static inline bool hw_rdrand(u64 *v)
{
    bool ok;
    __asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
    return ok;
}

/* ---- waiting ----------------------------------------------------------- */

static inline void hw_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void hw_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* Let pending interrupts in, and close the door again. */
static inline void hw_take_interrupts(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" ::: "memory");
}

/* Stop this CPU; an NMI may wake it, so again. */
static inline void NO_RETURN hw_halt(void)
{
    for (;;) {
        __asm__ volatile("cli\n\thlt" : : : "memory");
    }
}

/* All earlier memory accesses are done before anything later begins. */
static inline void hw_fence(void)
{
    __asm__ volatile("mfence\n\tlfence" : : : "memory");
}

/* Keep the compiler from moving memory accesses across. */
static inline void hw_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

/* ---- stacks, memory ---------------------------------------------------- */

/* Where start-up goes on (x86/main.c). */
void main_on_own_stack(void) NO_RETURN;

/* Go on there, on another stack, for good. A call by name: ring 0 has no
 * indirect branch that a guest could train. */
static inline void NO_RETURN hw_continue_on(u64 stack_top)
{
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call main_on_own_stack\n\t"
                     "ud2"
                     :
                     : "r"(stack_top)
                     : "memory");
    __builtin_unreachable();
}

/* Eight bytes at a time, then the rest: where the processor has no fast byte
 * strings (and in an emulator) that is eight times less work. */
static inline void hw_copy_bytes(void *to, const void *from, u64 bytes)
{
    u64 words = bytes / 8;
    u64 rest = bytes % 8;
    __asm__ volatile("rep movsq\n\t"
                     "movq %3, %%rcx\n\t"
                     "rep movsb"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : "r"(rest)
                     : "memory");
}

static inline void hw_fill_bytes(void *to, u8 value, u64 bytes)
{
    u64 words = bytes / 8;
    u64 rest = bytes % 8;
    __asm__ volatile("rep stosq\n\t"
                     "movq %3, %%rcx\n\t"
                     "rep stosb"
                     : "+D"(to), "+c"(words)
                     : "a"(0x0101010101010101ull * value), "r"(rest)
                     : "memory");
}

/* The block of the CPU that runs this; GS base points at it. */
static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__("movq %%gs:0, %0" : "=r"(c));
    return c;
}

#endif
