/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More attacks on processor state: bases, every privileged instruction, MSRs
 * and control registers bit by bit, images of XRSTOR, what CPUID shows. A44,
 * A50..A55.
 */
#include "guests/attack/attack.h"

#define HOLE 0x0000800000000000ull
#define INT_OPCODE 0xcdu

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- A44: bases and stacks -------------------------------------------------
 */

s64 attack_base_odd(void)
{
    static const u64 bad[] = { HOLE, 0xffff7fffffffffffull, 1ull << 63 };
    for (u64 which = 0; which < 3; which++) {
        for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
            if (hypercall(25, which, bad[i], 0, 0, 0) != -EINVAL) {
                return (s64)which * 10 + i + 1;
            }
        }
        /* What is in the hypervisor is only a number. */
        if (hypercall(25, which, HV_START, 0, 0, 0) != 0 ||
            hypercall(25, which, 0, 0, 0, 0) != 0) {
            return (s64)which * 10 + 9;
        }
    }
    return 0;
}

/* Each selector there is, for the user's GS: a bad one becomes null. */
s64 attack_gs_selectors(void)
{
    for (u64 selector = 0; selector < 0x10000; selector += 5) {
        if (call_segbase_gs_sel(selector, 0, 0, 0) != 0) {
            return (s64)selector + 1;
        }
    }
    return call_segbase_gs_sel(0, 0, 0, 0);
}

/* ---- A50: instructions -----------------------------------------------------
 */

/* Run bytes from scratch page 4, with rdi at page 5. */
static void run_code(u64 unused)
{
    void (*f)(u64) = (void (*)(u64))(uintptr_t)va_of(scratch[4]);
    (void)unused;
    f(va_of(scratch[5]));
}

static s64 trapped_code(const u8 *bytes, u32 count)
{
    u8 *const code = scratch[4];
    for (u32 i = 0; i < count; i++) {
        code[i] = bytes[i];
    }
    code[count] = 0xc3;
    barrier();
    return trapped(run_code, 0);
}

static const struct {
    u8 count;
    u8 bytes[6];
} privileged[] = {
    { 3, { 0x0f, 0x01, 0x17 } },             /* lgdt */
    { 3, { 0x0f, 0x01, 0x1f } },             /* lidt */
    { 3, { 0x0f, 0x00, 0xd7 } },             /* lldt */
    { 3, { 0x0f, 0x00, 0xdf } },             /* ltr */
    { 3, { 0x0f, 0x01, 0xf7 } },             /* lmsw */
    { 2, { 0x0f, 0x08 } },                   /* invd */
    { 2, { 0x0f, 0x33 } },                   /* rdpmc */
    { 3, { 0x0f, 0x01, 0xf8 } },             /* swapgs */
    { 3, { 0x48, 0x0f, 0x07 } },             /* sysretq */
    { 3, { 0x48, 0x0f, 0x35 } },             /* sysexitq */
    { 2, { 0x0f, 0xaa } },                   /* rsm */
    { 2, { 0x0f, 0x37 } },                   /* getsec */
    { 3, { 0x0f, 0x01, 0xc1 } },             /* vmcall */
    { 3, { 0x0f, 0x01, 0xc2 } },             /* vmlaunch */
    { 3, { 0x0f, 0x01, 0xc4 } },             /* vmxoff */
    { 3, { 0x0f, 0x01, 0xc5 } },             /* pconfig */
    { 3, { 0x0f, 0x01, 0xc8 } },             /* monitor */
    { 3, { 0x0f, 0x01, 0xc9 } },             /* mwait */
    { 3, { 0x0f, 0x01, 0xca } },             /* clac */
    { 3, { 0x0f, 0x01, 0xcb } },             /* stac */
    { 3, { 0x0f, 0x01, 0xcf } },             /* encls */
    { 3, { 0x0f, 0x01, 0xd8 } },             /* vmrun */
    { 3, { 0x0f, 0x01, 0xd9 } },             /* vmmcall */
    { 3, { 0x0f, 0x01, 0xda } },             /* vmload */
    { 3, { 0x0f, 0x01, 0xdc } },             /* stgi */
    { 3, { 0x0f, 0x01, 0xdd } },             /* clgi */
    { 3, { 0x0f, 0x01, 0xde } },             /* skinit */
    { 3, { 0x0f, 0x01, 0xdf } },             /* invlpga */
    { 3, { 0x0f, 0xc7, 0x2f } },             /* xsaves */
    { 3, { 0x0f, 0xc7, 0x1f } },             /* xrstors */
    { 5, { 0x66, 0x0f, 0x38, 0x80, 0x07 } }, /* invept */
    { 5, { 0x66, 0x0f, 0x38, 0x82, 0x07 } }, /* invpcid */
    { 4, { 0x44, 0x0f, 0x20, 0xc0 } },       /* mov cr8, rax */
    { 3, { 0x0f, 0x20, 0xc8 } },             /* mov cr1, rax */
    { 3, { 0x0f, 0x22, 0xff } },             /* mov rdi, cr7 */
    { 2, { 0xe4, 0x60 } },                   /* in */
    { 2, { 0xe6, 0x64 } },                   /* out */
    { 1, { 0x6c } },                         /* insb */
    { 2, { 0xf3, 0x6e } },                   /* rep outsb */
    { 1, { 0xfa } },                         /* cli */
    { 1, { 0xfb } },                         /* sti */
    { 1, { 0xf4 } },                         /* hlt */
};

s64 attack_instructions(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(privileged); i++) {
        const s64 r = trapped_code(privileged[i].bytes, privileged[i].count);
        if (r != TRAPPED + GP && r != TRAPPED + UD) {
            return i + 1;
        }
    }
    return 0;
}

/* Where the tables are: a processor with UMIP does not tell. */
s64 attack_table_places(void)
{
    static const u8 stores[][3] = {
        { 0x0f, 0x01, 0x07 }, { 0x0f, 0x01, 0x0f }, { 0x0f, 0x00, 0x07 },
        { 0x0f, 0x00, 0x0f }, { 0x0f, 0x01, 0x27 },
    };
    s64 told = 0;
    for (u32 i = 0; i < ARRAY_COUNT(stores); i++) {
        const s64 r = trapped_code(stores[i], sizeof(stores[i]));
        told += r == 0 ? 1 : 0;
        if (r != 0 && r != TRAPPED + GP) {
            return i + 100;
        }
    }
    /* One without it tells all. */
    return told == (s64)ARRAY_COUNT(stores) ? 0 : told;
}

/* INT of every vector: the guest gets its own #GP, but for 3 and 4, which its
 * table opens. */
s64 attack_int_all(void)
{
    for (u32 vector = 0; vector < 256; vector++) {
        const u8 code[2] = { INT_OPCODE, (u8)vector };
        const s64 wanted =
            TRAPPED + (vector == 3 || vector == 4 ? (s64)vector : (s64)GP);
        if (trapped_code(code, sizeof(code)) != wanted) {
            return vector + 1;
        }
    }
    return 0;
}

/* ---- A51, A52: MSRs and control registers ----------------------------------
 */

static void do_rdmsr(u64 msr)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((u32)msr));
}

static void do_wrmsr(u64 msr, u64 value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"((u32)msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void wrmsr_zero(u64 msr)
{
    do_wrmsr(msr, 0);
}

static void wrmsr_odd(u64 msr)
{
    do_wrmsr(msr, 1ull << 63);
}

static bool in_sweep(u32 msr)
{
    return msr < 0x2000 || (msr >= 0xc0000000u && msr < 0xc0002000u);
}

/* Others than A51.1 reads: of hypervisors, of vendors, 100,000 at random. */
s64 attack_msr_far(void)
{
    static const u32 from[] = { 0x40000000u, 0x4b564d00u, 0x80000000u,
                                0xc0011000u, 0xc0010000u, 0xfffffc00u };
    u32 x = 0x2545f491u;
    s64 answered = 0;
    for (u32 i = 0; i < ARRAY_COUNT(from); i++) {
        for (u32 n = 0; n < 0x400; n++) {
            answered += trapped(do_rdmsr, from[i] + n) == 0 ? 1 : 0;
        }
    }
    for (u32 i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        answered += !in_sweep(x) && trapped(do_rdmsr, x) == 0 ? 1 : 0;
    }
    return answered;
}

/* Three are dropped, four are the vCPU's own, and none takes the odd value but
 * those that drop it. */
s64 attack_msr_writes(void)
{
    static const u32 from[] = { 0, 0xc0000000u, 0xc0010000u };
    s64 taken = 0;
    for (u32 i = 0; i < ARRAY_COUNT(from); i++) {
        for (u32 n = 0; n < 0x1000; n++) {
            taken += trapped(wrmsr_zero, from[i] + n) == 0 ? 1 : 0;
            taken += trapped(wrmsr_odd, from[i] + n) == 0 ? 100 : 0;
        }
    }
    return taken;
}

static void write_cr0(u64 value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value));
}

static void write_cr3(u64 value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static void write_cr4(u64 value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

static u64 read_cr0(void)
{
    u64 value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static u64 read_cr4(void)
{
    u64 value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

/* Only the task-switched flag is the guest's. */
s64 attack_cr0_bits(void)
{
    const u64 old = read_cr0();
    for (u32 bit = 0; bit < 64; bit++) {
        const s64 r = trapped(write_cr0, old ^ 1ull << bit);
        if (r != (bit == 3 ? 0 : TRAPPED + GP)) {
            return bit + 1;
        }
        if (trapped(write_cr0, old) != 0) {
            return bit + 101;
        }
    }
    return 0;
}

s64 attack_cr4_bits(void)
{
    const u64 old = read_cr4();
    for (u32 bit = 0; bit < 64; bit++) {
        (void)trapped(write_cr4, old ^ 1ull << bit);
        const u64 now = read_cr4();
        if (((now ^ old) & ~(1ull << 16)) != 0) {
            return bit + 1;
        }
    }
    return trapped(write_cr4, old);
}

/* The number of an address space, "do not flush", and an address too long. */
s64 attack_cr3_bits(void)
{
    const u64 root = table_of(va_of(scratch[0]), 4) << PAGE_BITS;
    for (u32 bit = 0; bit < 64; bit++) {
        const bool inside = bit >= PAGE_BITS && bit < 52;
        if (inside && bit < 40) {
            continue; /* perhaps another root of ours */
        }
        const s64 r = trapped(write_cr3, root | 1ull << bit);
        if (r != (inside ? TRAPPED + GP : 0)) {
            return bit + 1;
        }
    }
    return 0;
}

/* ---- A53, A54: vector state ------------------------------------------------
 */

static void do_xrstor(u64 at)
{
    __asm__ volatile("xrstor64 (%0)"
                     :
                     : "r"(at), "a"(U32_MAX), "d"(U32_MAX)
                     : "memory");
}

static void do_fxrstor(u64 at)
{
    __asm__ volatile("fxrstor64 (%0)" : : "r"(at) : "memory");
}

static void do_xsave(u64 at)
{
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(at), "a"(U32_MAX), "d"(U32_MAX)
                     : "memory");
}

/* A processor without it has nothing to refuse. */
static s64 refused(s64 r)
{
    return r == TRAPPED + UD ? TRAPPED + GP : r;
}

static s64 xrstor_with(u32 word, u64 value)
{
    u64 *const image = (u64 *)(void *)scratch[1];
    fill(image, 0, PAGE_BYTES);
    image[word] = value;
    return refused(trapped(do_xrstor, va_of(image)));
}

s64 attack_xrstor_header(void)
{
    for (u32 bit = 3; bit < 64; bit++) {
        /* 5 to 7 may be there: AVX-512. */
        if (bit > 8 && xrstor_with(64, 1ull << bit) != TRAPPED + GP) {
            return bit;
        }
    }
    return xrstor_with(66, 1) == TRAPPED + GP ? 0 : 66;
}

/* Compact form: not there, or a form with bits of components that are not. */
s64 attack_xrstor_compact(void)
{
    for (u32 bit = 9; bit < 63; bit++) {
        if (xrstor_with(65, 1ull << 63 | 1ull << bit) != TRAPPED + GP) {
            return bit;
        }
    }
    return xrstor_with(65, 1);
}

/* QEMU 7.2 takes what a processor refuses: then the hypervisor saves it and
 * loads it again, as it does at each change of vCPUs. */
s64 attack_xrstor_mxcsr(void)
{
    u64 *const image = (u64 *)(void *)scratch[1];
    u32 *const good = (u32 *)(void *)scratch[2];
    image[3] = U32_MAX; /* MXCSR */
    image[64] = 2;      /* of SSE */
    const s64 first = refused(trapped(do_xrstor, va_of(image)));
    guest_wait(100);
    const s64 second = trapped(do_fxrstor, va_of(image));
    guest_wait(100);
    good[0] = 0x037f;
    good[6] = 0x1f80;
    const s64 back = trapped(do_fxrstor, va_of(good));
    return (first == 0 || first == TRAPPED + GP) &&
                   (second == 0 || second == TRAPPED + GP)
               ? back
               : 1;
}

s64 attack_xrstor_odd(void)
{
    return refused(trapped(do_xrstor, va_of(scratch[1]) + 8));
}

/* This guest computes nothing there: all is as a reset leaves it. */
s64 attack_whole_state(void)
{
    u8 *const image = scratch[1];
    const s64 r = trapped(do_xsave, va_of(image));
    if (r != 0) {
        return r == TRAPPED + UD ? 0 : r;
    }
    for (u32 i = 0; i < 2688; i++) {
        const bool control = i < 2 || (i >= 24 && i < 32); /* FCW, MXCSR */
        const bool header = i >= 512 && i < 528;
        if (!control && !header && *(volatile u8 *)&image[i] != 0) {
            return i + 1;
        }
    }
    return 0;
}

/* ---- A55: what CPUID shows of the machine ----------------------------------
 */

static s64 cpuid(u32 leaf, u32 sub, u32 out[4])
{
    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(sub));
    return 0;
}

/* Bits that a guest must not see: VMX, PDCM, x2APIC, TSC deadline, DS, HLE,
 * RTM, MPX, SGX, PT, PKU, shadow stacks, SVM, performance counters. */
s64 attack_cpuid_hidden(void)
{
    static const struct {
        u32 leaf, word, bits;
    } hidden[] = { { 1, 2, 1u << 5 | 1u << 15 | 1u << 21 | 1u << 24 },
                   { 1, 3, 1u << 21 },
                   { 7, 1, 1u << 2 | 1u << 4 | 1u << 11 | 1u << 14 | 1u << 25 },
                   { 7, 2, 1u << 2 | 1u << 3 | 1u << 7 },
                   { 0xa, 0, U32_MAX },
                   { 0x14, 0, U32_MAX },
                   { 0x80000001u, 2, 1u << 2 | 1u << 10 | 1u << 23 },
                   { 0x8000000au, 0, U32_MAX } };
    u32 out[4];
    for (u32 i = 0; i < ARRAY_COUNT(hidden); i++) {
        (void)cpuid(hidden[i].leaf, 0, out);
        if ((out[hidden[i].word] & hidden[i].bits) != 0) {
            return i + 1;
        }
    }
    return 0;
}

s64 attack_cpuid_all(void)
{
    static const u32 from[] = { 0, 0x40000000u, 0x80000000u, 0xfffffe00u };
    u32 out[4];
    for (u32 i = 0; i < ARRAY_COUNT(from); i++) {
        for (u32 n = 0; n < 0x200; n++) {
            for (u32 sub = 0; sub < 70; sub += 23) {
                (void)cpuid(from[i] + n, sub, out);
            }
        }
    }
    return 0;
}
