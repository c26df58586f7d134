/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on processor state: descriptor tables, privileged instructions,
 * registers of others. A47..A54.
 */
#include "guests/attack/attack.h"

#define SET_LDT 13u
#define GATE_CALL 0x0000ec000008f000ull /* to selector 8, ring 3 may use it */
#define TSS_64 0x0000890000000067ull
#define CODE_LONG_BIG 0x00effb000000ffffull
#define CODE_RING0 0x00af9b000000ffffull
#define DATA_RING0 0x00cf93000000ffffull
#define DATA_RING3 0x00cff3000000ffffull
#define MSR_EFER 0xc0000080u
#define CR4_SHOWN 0x50628ull /* DE PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- A47, A48: descriptor tables --------------------------------------------
 */

static s64 set_gdt(u64 frame, u32 entries)
{
    u64 list[1] = { frame };
    return call_set_gdt(va_of(list), entries, 0, 0);
}

static s64 gdt_with(u64 descriptor)
{
    u64 *table = (u64 *)(void *)scratch[1];
    table[1] = descriptor;
    return set_gdt(frame_of_page(table), 16);
}

s64 attack_gdt_gate(void)
{
    return gdt_with(GATE_CALL);
}

s64 attack_gdt_tss(void)
{
    return gdt_with(TSS_64);
}

s64 attack_gdt_long_big(void)
{
    return gdt_with(CODE_LONG_BIG);
}

static void load_ds(u64 selector)
{
    __asm__ volatile("mov %w0, %%ds" : : "r"(selector));
}

static s64 ds_works(u64 selector)
{
    const s64 r = trapped(load_ds, selector);
    load_ds(0);
    return r;
}

s64 attack_gdt_ring0(void)
{
    u64 *table = (u64 *)(void *)scratch[1];
    table[2] = CODE_RING0;
    s64 rc = gdt_with(DATA_RING0);
    if (rc == 0) {
        rc = ds_works(0x0b);
    }
    const s64 end = set_gdt(0, 0);
    return rc != 0 ? rc : end;
}

s64 attack_desc_gate(void)
{
    return call_update_descriptor(frame_of_page(scratch[1]) << PAGE_BITS,
                                  GATE_CALL, 0, 0);
}

s64 attack_gdt_long(void)
{
    return set_gdt(frame_of_page(scratch[1]), 513);
}

s64 attack_gdt_foreign(void)
{
    return set_gdt(start_info->shared_info >> PAGE_BITS, 16) == -EINVAL
               ? set_gdt(0x100, 16)
               : 1;
}

s64 attack_desc_odd(void)
{
    return call_update_descriptor((frame_of_page(scratch[1]) << PAGE_BITS) + 4,
                                  0, 0, 0);
}

s64 attack_desc_table(void)
{
    return call_update_descriptor(table_of(va_of(scratch[1]), 2) << PAGE_BITS,
                                  0, 0, 0);
}

s64 attack_ldt_long(void)
{
    return mmu_ext(SET_LDT, va_of(scratch[1]), 8193);
}

s64 attack_ldt_hv(void)
{
    return mmu_ext(SET_LDT, HV_START, 16);
}

s64 attack_gdt_behind(void)
{
    u64 *table = (u64 *)(void *)scratch[1];
    s64 rc = gdt_with(DATA_RING3);
    if (rc == 0) {
        table[1] = GATE_CALL;
        table[3] = TSS_64;
        rc = ds_works(0x0b);
    }
    const s64 end = set_gdt(0, 0);
    return rc != 0 ? rc : end;
}

/* ---- A50: ports and the interrupt flag
 * ------------------------------------------- */

static s64 set_iopl(u32 level)
{
    struct arg_set_iopl a = { level };
    return call_set_iopl(0, &a);
}

static void do_cli(u64 unused)
{
    (void)unused;
    __asm__ volatile("cli");
}

static void do_out(u64 port)
{
    __asm__ volatile("outb %%al, %%dx" : : "a"(6), "d"((u16)port));
}

static void do_hlt(u64 unused)
{
    (void)unused;
    __asm__ volatile("hlt");
}

s64 attack_iopl_four(void)
{
    return set_iopl(4);
}

s64 attack_cli_iopl0(void)
{
    return trapped(do_cli, 0);
}

s64 attack_port_iopl0(void)
{
    return trapped(do_out, 0xcf9);
}

s64 attack_port_iopl1(void)
{
    static const u16 ports[] = { 0xcf9, 0x64, 0x92, 0x604, 0xb004, 0xf4 };
    if (set_iopl(1) != 0) {
        return 1;
    }
    for (u32 i = 0; i < ARRAY_COUNT(ports); i++) {
        const s64 r = trapped(do_out, ports[i]);
        if (r != 0) {
            return r;
        }
    }
    return trapped(do_cli, 0);
}

void program_cli(void);
void program_cr0(void);
__asm__(".text\n"
        ".globl program_cli\n"
        "program_cli: cli\n\t"
        "ud2\n"
        ".globl program_cr0\n"
        "program_cr0: mov %cr0, %rax\n\t"
        "ud2\n");

s64 attack_user_cli(void)
{
    return set_iopl(1) == 0 ? trapped_in_user(program_cli) : 1;
}

s64 attack_halt(void)
{
    return trapped(do_hlt, 0);
}

/* ---- A51: model-specific registers
 * --------------------------------------------------- */

static void do_rdmsr(u64 msr)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((u32)msr));
    (void)low;
    (void)high;
}

static void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static s64 msr_count(u32 first, u32 count)
{
    s64 answered = 0;
    for (u32 i = 0; i < count; i++) {
        answered += trapped(do_rdmsr, first + i) == 0 ? 1 : 0;
    }
    return answered;
}

s64 attack_msr_reads(void)
{
    return msr_count(0, 0x2000) + msr_count(0xc0000000u, 0x2000) +
           msr_count(0xc0010000u, 0x1000);
}

static void efer_clear(u64 unused)
{
    (void)unused;
    wrmsr(MSR_EFER, 0x501);
}

static void tsc_clear(u64 unused)
{
    (void)unused;
    wrmsr(0x10, 0);
}

static void star_write(u64 value)
{
    wrmsr(0xc0000082u, value);
}

static void base_write(u64 value)
{
    wrmsr(0xc0000101u, value);
}

s64 attack_msr_efer(void)
{
    return trapped(efer_clear, 0);
}

s64 attack_msr_tsc(void)
{
    return trapped(tsc_clear, 0);
}

s64 attack_msr_star(void)
{
    return trapped(star_write, va_of(scratch[1]));
}

s64 attack_msr_base(void)
{
    return trapped(base_write, 0x0000800000000000ull);
}

/* ---- A52, A53: control registers
 * -------------------------------------------------------- */

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

static void write_cr8(u64 value)
{
    __asm__ volatile("mov %0, %%cr8" : : "r"(value));
}

static void do_lgdt(u64 at)
{
    __asm__ volatile("lgdt (%0)" : : "r"(at));
}

static u64 read_cr4(void)
{
    u64 value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

s64 attack_cr0_wp(void)
{
    return trapped(write_cr0, 0x80040033ull);
}

s64 attack_cr3_bad(void)
{
    return trapped(write_cr3, 0x100000);
}

s64 attack_cr4_all(void)
{
    const u64 before = read_cr4();
    const s64 r = trapped(write_cr4, U64_MAX);
    const u64 after = read_cr4();
    (void)trapped(write_cr4, before);
    return r != 0 ? r : (s64)(after & ~CR4_SHOWN);
}

s64 attack_cr8(void)
{
    return trapped(write_cr8, 15);
}

s64 attack_user_cr0(void)
{
    return trapped_in_user(program_cr0);
}

s64 attack_lgdt(void)
{
    return trapped(do_lgdt, va_of(scratch[1]));
}

static void xsetbv(u32 index, u64 value)
{
    __asm__ volatile("xsetbv"
                     :
                     : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void xcr0_write(u64 value)
{
    xsetbv(0, value);
}

static void xcr1_write(u64 value)
{
    xsetbv(1, value);
}

/* A processor without XSAVE says #UD. */
static s64 refused(s64 r)
{
    return r == TRAPPED + UD ? TRAPPED + GP : r;
}

s64 attack_xcr0_zero(void)
{
    return refused(trapped(xcr0_write, 0));
}

s64 attack_xcr0_avx(void)
{
    return refused(trapped(xcr0_write, 5));
}

s64 attack_xcr0_all(void)
{
    return refused(trapped(xcr0_write, U64_MAX));
}

s64 attack_xcr1(void)
{
    return refused(trapped(xcr1_write, 1));
}

/* ---- A54: what others left
 * ------------------------------------------------------------------ */

#define XMM_WORDS(n)                                                           \
    {                                                                          \
        u64 low;                                                               \
        u64 high;                                                              \
        __asm__ volatile("movq %%xmm" #n ", %0\n\t"                            \
                         "movhlps %%xmm" #n ", %%xmm" #n "\n\t"                \
                         "movq %%xmm" #n ", %1"                                \
                         : "=r"(low), "=r"(high));                             \
        all |= low | high;                                                     \
    }

static u64 read_msr(u32 msr)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (u64)high << 32;
}

/* This guest never uses any of it: it is what the first load gave. */
static s64 state_is_clean(void)
{
    u64 all = 0;
    XMM_WORDS(0)
    XMM_WORDS(1)
    XMM_WORDS(2)
    XMM_WORDS(3)
    XMM_WORDS(4)
    XMM_WORDS(5)
    XMM_WORDS(6)
    XMM_WORDS(7)
    XMM_WORDS(8)
    XMM_WORDS(9)
    XMM_WORDS(10)
    XMM_WORDS(11)
    XMM_WORDS(12)
    XMM_WORDS(13)
    XMM_WORDS(14)
    XMM_WORDS(15)
    if (all != 0) {
        return 1;
    }
    for (u32 n = 0; n < 4; n++) {
        /* The attacks before have set their own. */
        (void)call_set_debugreg(n, 0, 0, 0);
    }
    return read_msr(0xc0000100u) != 0 || read_msr(0xc0000101u) != 0 ||
                   read_msr(0xc0000102u) != 0
               ? 2
               : 0;
}

s64 attack_first_state(void)
{
    return state_is_clean();
}

s64 attack_later_state(void)
{
    for (u32 i = 0; i < 20; i++) {
        guest_wait(100);
        const s64 r = state_is_clean();
        if (r != 0) {
            return r;
        }
    }
    return 0;
}
