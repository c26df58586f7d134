/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that act on a guest's behalf: those that may fault on what the
 * guest gave us, each with its entry in the fixup table, and the state that is
 * switched between guests. Nothing here faults without a fixup, so a guest
 * cannot make ring 0 fault (XSA-53, 193, 333). STAC and CLAC are only here.
 *
 * hw.h has all other instructions.
 */
#ifndef X86_HWFAULT_H
#define X86_HWFAULT_H

#include "core/base.h"

/* A fault at from goes on at to; fixup.c finds the pair. */
#define HW_FIXUP(from, to)                                                     \
    ".pushsection .fixup_table, \"a\"\n\t"                                     \
    ".quad " #from ", " #to "\n\t"                                             \
    ".popsection\n\t"

/* One instruction that may fault, and goes on at the label bad then. */
#define HW_FIXUP_BAD(from)                                                     \
    ".pushsection .fixup_table, \"a\"\n\t"                                     \
    ".quad " #from ", %l[bad]\n\t"                                             \
    ".popsection\n\t"
#define HW_MAY_FAULT(instruction) "1: " instruction "\n\t" HW_FIXUP_BAD(1b)

/* Sleep until an interrupt, which is taken; interrupts are off again after.
 * STI holds interrupts back until HLT. An NMI or a machine check in between
 * ends that with its IRETQ, and an interrupt can come before HLT:
 * trap_from_host goes on behind it, lest the CPU sleep through what it was
 * told. */
static inline void hw_sleep(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

/* ---- guest memory ---------------------------------------------------------
 */

/* Loads after it wait for the branches before it. */
static inline void hw_speculation_barrier(void)
{
    __asm__ volatile("lfence" : : : "memory");
}

static inline void hw_stac(void)
{
    __asm__ volatile("stac" : : : "memory");
}

static inline void hw_clac(void)
{
    __asm__ volatile("clac" : : : "memory");
}

/* Copy bytes; the number that was not copied because of a fault. */
static inline u64 hw_copy_checked(void *to, const void *from, u64 bytes)
{
    u64 words = bytes >> 3;
    const u64 rest = bytes & 7;
    __asm__ volatile("1: rep movsq\n\t"
                     "movq %[rest], %%rcx\n\t"
                     "2: rep movsb\n\t"
                     "jmp 4f\n"
                     "3: incq %%rcx\n"
                     "4:\n\t" HW_FIXUP(1b, 3b) HW_FIXUP(2b, 3b)
                     : "+D"(to), "+S"(from), "+c"(words)
                     : [rest] "r"(rest)
                     : "memory");
    return words;
}

/* Copies of 2 and 4 bytes and of 1, 2, 4 or 8 words, without a loop. False on
 * a fault: what lies behind it is not copied. */
#define HW_COPY_ONE(at, size, part)                                            \
    "1: mov" #size " " #at "(%[from]), %%" #part "\n\t"                        \
    "2: mov" #size " %%" #part ", " #at "(%[to])\n\t" HW_FIXUP_BAD(1b)         \
        HW_FIXUP_BAD(2b)
#define HW_COPY_SIZED(bytes, parts)                                            \
    static inline bool hw_copy_##bytes(void *to, const void *from)             \
    {                                                                          \
        __asm__ goto volatile(parts                                            \
                              :                                                \
                              : [from] "r"(from), [to] "r"(to)                 \
                              : "rax", "memory"                                \
                              : bad);                                          \
        return true;                                                           \
    bad:                                                                       \
        return false;                                                          \
    }
#define HW_COPY_WORD(at) HW_COPY_ONE(at, q, rax)

HW_COPY_SIZED(2, HW_COPY_ONE(0, w, ax))
HW_COPY_SIZED(4, HW_COPY_ONE(0, l, eax))
HW_COPY_SIZED(8, HW_COPY_WORD(0))
HW_COPY_SIZED(16, HW_COPY_WORD(0) HW_COPY_WORD(8))
HW_COPY_SIZED(32,
              HW_COPY_WORD(0) HW_COPY_WORD(8) HW_COPY_WORD(16) HW_COPY_WORD(24))
HW_COPY_SIZED(64, HW_COPY_WORD(0) HW_COPY_WORD(8) HW_COPY_WORD(16)
                      HW_COPY_WORD(24) HW_COPY_WORD(32) HW_COPY_WORD(40)
                          HW_COPY_WORD(48) HW_COPY_WORD(56))

/* Words of a frame between a guest's stack and registers: w[0..8] from the
 * return frame of iret.c; what bounce.c makes, of which w[2], an error code,
 * lies below ret and is overwritten by w[1] where a frame has none. */
#define HW_WORD_AT(operands) HW_MAY_FAULT("movq " operands)
#define HW_LOAD_WORD(n) HW_WORD_AT(#n "*8(%[from]), %[w" #n "]")
#define HW_LOADED(n) [w##n] "=&r"(w##n)
#define HW_STORED(n) [w##n] "r"(w[n])
static inline bool hw_load_frame(u64 w[9], const void *from)
{
    u64 w0, w1, w2, w3, w4, w5, w6, w7, w8;
    __asm__ goto volatile(
        HW_LOAD_WORD(0) HW_LOAD_WORD(1) HW_LOAD_WORD(2) HW_LOAD_WORD(3)
            HW_LOAD_WORD(4) HW_LOAD_WORD(5) HW_LOAD_WORD(6) HW_LOAD_WORD(7)
                HW_LOAD_WORD(8)
        : HW_LOADED(0), HW_LOADED(1), HW_LOADED(2), HW_LOADED(3), HW_LOADED(4),
          HW_LOADED(5), HW_LOADED(6), HW_LOADED(7), HW_LOADED(8)
        : [from] "r"(from)
        : "memory"
        : bad);
    /* One by one: gcc 12 does not take the elements for operands. */
    const u64 all[9] = { w0, w1, w2, w3, w4, w5, w6, w7, w8 };
    __builtin_memcpy(w, all, sizeof(all));
    return true;
bad:
    return false;
}

static inline bool hw_store_frame(u64 sp, u64 ret, const u64 w[8])
{
    __asm__ goto volatile(
        HW_WORD_AT("%[w2], -8(%[ret])") HW_WORD_AT("%[w0], (%[sp])")
            HW_WORD_AT("%[w1], 8(%[sp])") HW_WORD_AT("%[w3], (%[ret])")
                HW_WORD_AT("%[w4], 8(%[ret])") HW_WORD_AT("%[w5], 16(%[ret])")
                    HW_WORD_AT("%[w6], 24(%[ret])")
                        HW_WORD_AT("%[w7], 32(%[ret])")
        :
        : [sp] "r"(sp), [ret] "r"(ret), HW_STORED(0), HW_STORED(1),
          HW_STORED(2), HW_STORED(3), HW_STORED(4), HW_STORED(5), HW_STORED(6),
          HW_STORED(7)
        : "memory"
        : bad);
    return true;
bad:
    return false;
}

/* ---- segment registers ----------------------------------------------------
 */

/* Load a selector; on a fault load the null selector and say false. */
#define HW_LOAD_SEGMENT(name)                                                  \
    static inline bool hw_load_##name(u16 selector)                            \
    {                                                                          \
        __asm__ goto volatile(HW_MAY_FAULT("movl %0, %%" #name)                \
                              :                                                \
                              : "r"((u32)selector)                             \
                              : "memory"                                       \
                              : bad);                                          \
        return true;                                                           \
    bad:                                                                       \
        __asm__ volatile("movl %0, %%" #name : : "r"(0) : "memory");           \
        return false;                                                          \
    }                                                                          \
    static inline u16 hw_read_##name(void)                                     \
    {                                                                          \
        u32 value;                                                             \
        __asm__ volatile("movl %%" #name ", %0" : "=r"(value));                \
        return (u16)value;                                                     \
    }

HW_LOAD_SEGMENT(ds)
HW_LOAD_SEGMENT(es)
HW_LOAD_SEGMENT(fs)

static inline u16 hw_read_gs(void)
{
    u32 value;
    __asm__ volatile("movl %%gs, %0" : "=r"(value));
    return (u16)value;
}

/*
 * Load GS with the selector and put our own GS base (own) back in one piece:
 * nothing in between may use GS. base is what the descriptor gave. A flat
 * selector goes first, because loading a null selector leaves the old base, our
 * own, on some processors [APM 2 4.5.3].
 */
static inline bool hw_load_gs(u16 selector, u16 flat, u64 own, u64 *base)
{
    u32 value = selector;
    u32 bad = 0;
    u64 seen;
    __asm__ volatile("movl %[flat], %%gs\n"
                     "1: movl %[value], %%gs\n\t"
                     "jmp 3f\n"
                     "2: xorl %[value], %[value]\n\t"
                     "movl %[value], %%gs\n\t"
                     "movl $1, %[bad]\n"
                     "3: movl $0xc0000101, %%ecx\n\t"
                     "rdmsr\n\t"
                     "shlq $32, %%rdx\n\t"
                     "orq %%rdx, %%rax\n\t"
                     "movq %%rax, %[seen]\n\t"
                     "movq %[own], %%rax\n\t"
                     "movq %[own], %%rdx\n\t"
                     "shrq $32, %%rdx\n\t"
                     "wrmsr\n\t" HW_FIXUP(1b, 2b)
                     : [value] "+r"(value), [bad] "+r"(bad), [seen] "=&r"(seen)
                     : [flat] "r"((u32)flat), [own] "r"(own)
                     : "rax", "rcx", "rdx", "memory");
    *base = seen;
    return bad == 0;
}

/* ---- floating point state --------------------------------------------------
 */

static inline void hw_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

static inline void hw_xsetbv(u64 value)
{
    __asm__ volatile("xsetbv"
                     :
                     : "c"(0), "a"((u32)value), "d"((u32)(value >> 32))
                     : "memory");
}

static inline void hw_xsave(void *area, u64 mask)
{
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
}

static inline bool hw_xrstor(const void *area, u64 mask)
{
    __asm__ goto volatile(HW_MAY_FAULT("xrstor64 (%0)")
                          :
                          : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                          : "memory"
                          : bad);
    return true;
bad:
    return false;
}

static inline void hw_fxsave(void *area)
{
    __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline bool hw_fxrstor(const void *area)
{
    __asm__ goto volatile(HW_MAY_FAULT("fxrstor64 (%0)")
                          :
                          : "r"(area)
                          : "memory"
                          : bad);
    return true;
bad:
    return false;
}

/* Overwrite the x87 last-instruction pointers, which some processors do not
 * restore while no exception is pending (XSA-52). */
static inline void hw_x87_forget(void)
{
    const u32 zero = 0;
    __asm__ volatile("fnclex\n\tffree %%st(7)\n\tfildl %0"
                     :
                     : "m"(zero)
                     : "memory");
}

/* ---- debug registers -------------------------------------------------------
 */

#define HW_DEBUG_REGISTER(n)                                                   \
    static inline u64 hw_read_dr##n(void)                                      \
    {                                                                          \
        u64 value;                                                             \
        __asm__ volatile("movq %%dr" #n ", %0" : "=r"(value));                 \
        return value;                                                          \
    }                                                                          \
    static inline void hw_write_dr##n(u64 value)                               \
    {                                                                          \
        __asm__ volatile("movq %0, %%dr" #n : : "r"(value) : "memory");        \
    }

HW_DEBUG_REGISTER(0)
HW_DEBUG_REGISTER(1)
HW_DEBUG_REGISTER(2)
HW_DEBUG_REGISTER(3)
HW_DEBUG_REGISTER(6)
HW_DEBUG_REGISTER(7)

#endif
