/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on the ways into the hypervisor and out of it: A34..A45.
 */
#include "guests/attack/attack.h"

#define SEL_HV_CS 0xe008u
#define SEL_HV_DS 0xe010u
#define SEL_TSS 0xe040u
#define FLAG_TF 0x100ull
#define FLAG_IF 0x200ull
#define FLAG_IOPL 0x3000ull
#define FLAG_NT 0x4000ull
#define FLAG_RF 0x10000ull
#define FLAG_VM 0x20000ull
#define FLAG_VIF 0x80000ull
#define FLAG_VIP 0x100000ull
#define HOLE 0x0000800000000000ull
#define NEW_USER_BASEPTR 15u
#define DR7_WATCH0 0x000d0001ull  /* DR0 on, writes, 4 bytes */
#define DR7_ACCESS0 0x00070001ull /* DR0 on, any access, 2 bytes */

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 other_stack(void)
{
    return va_of(scratch[7]) + PAGE_BYTES - 256;
}

/* ---- A34: selectors
 * ----------------------------------------------------------- */

void landing(void); /* flags in rax */
__asm__(".text\n"
        ".globl landing\n"
        "landing: pushfq\n\t"
        "popq %rax\n\t"
        "ud2\n");

/* rax r11 rcx flags rip cs rflags rsp ss */
static u64 *frame_page(void)
{
    return (u64 *)(void *)scratch[6];
}

static void go(u64 frame)
{
    raw_iret((const u64 *)frame);
}

static s64 return_with(u64 cs, u64 ss, u64 rflags, u64 rip)
{
    u64 *frame = frame_page();
    frame[3] = 0;
    frame[4] = rip;
    frame[5] = cs;
    frame[6] = rflags;
    frame[7] = other_stack();
    frame[8] = ss;
    return trapped(go, va_of(frame));
}

s64 attack_iret_cs0(void)
{
    return return_with(SEL_HV_CS, SS_KERNEL, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_cs_null(void)
{
    return return_with(0, SS_KERNEL, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_cs_ldt(void)
{
    return return_with(0x0c, SS_KERNEL, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_cs_tss(void)
{
    return return_with(SEL_TSS, SS_KERNEL, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_ss_null(void)
{
    return return_with(CS_KERNEL & ~3u, 0, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_ss_cs(void)
{
    return return_with(CS_KERNEL & ~3u, CS_KERNEL, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_ss0(void)
{
    return return_with(CS_KERNEL & ~3u, SEL_HV_DS, 0, (u64)(uintptr_t)landing);
}

s64 attack_iret_in_list(void)
{
    struct multicall_entry e = { .op = 23 };
    const s64 rc = call_multicall(va_of(&e), 1, 0, 0);
    return rc != 0 ? rc - 100 : *(volatile s64 *)&e.result;
}

/* ---- A35, A37: flags and addresses
 * ----------------------------------------------- */

s64 attack_iret_flags(void)
{
    const u64 wanted =
        FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_VIF | FLAG_VIP;
    const s64 r = return_with(CS_KERNEL & ~3u, SS_KERNEL, wanted,
                              (u64)(uintptr_t)landing);
    if (r != TRAPPED + UD) {
        return r;
    }
    const u64 never = FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP;
    const u64 flags = room()->seen.rax;
    if ((flags & never) != 0) {
        return 1;
    }
    return (flags & FLAG_IF) != 0 ? 0 : 2;
}

static s64 any_exception(s64 r)
{
    return r == TRAPPED + GP || r == TRAPPED + PF || r == TRAPPED + FAILSAFE
               ? 0
               : r;
}

s64 attack_edge_rip(void)
{
    return any_exception(return_with(CS_KERNEL & ~3u, SS_KERNEL, 0, HOLE));
}

static void jump_to(u64 va)
{
    __asm__ volatile("jmp *%%rdx" : : "a"(17), "D"(0), "S"(0), "d"(va));
}

s64 attack_edge_syscall(void)
{
    static const u64 top = HOLE - PAGE_BYTES;
    u64 *l3 = (u64 *)(void *)scratch[1];
    u64 *l2 = (u64 *)(void *)scratch[2];
    u64 *l1 = (u64 *)(void *)scratch[3];
    u8 *code = scratch[4];
    code[4094] = 0x0f;
    code[4095] = 0x05;
    l1[511] = frame_of_page(code) << PAGE_BITS | P_RO;
    l2[511] = frame_of_page(l1) << PAGE_BITS | P_TABLE;
    l3[511] = frame_of_page(l2) << PAGE_BITS | P_TABLE;
    (void)page_protect(l1, P_RO);
    (void)page_protect(l2, P_RO);
    (void)page_protect(l3, P_RO);
    const u64 entry = entry_of(top, 4);
    s64 rc = mmu_write(entry, frame_of_page(l3) << PAGE_BITS | P_TABLE);
    if (rc != 0) {
        return rc;
    }
    const s64 r = any_exception(trapped(jump_to, HOLE - 2));
    rc = mmu_write(entry, 0);
    return rc != 0 ? rc : r;
}

/* ---- A40: entry points
 * -------------------------------------------------------------- */

s64 attack_callback_hv(void)
{
    struct arg_callback a = { .type = 0, .address = HV_START };
    return call_callback_event(0, &a);
}

s64 attack_callback_hole(void)
{
    struct arg_callback a = { .type = 1, .address = HOLE };
    return call_callback_failsafe(0, &a);
}

s64 attack_trap_hv(void)
{
    struct trap_info t[2] = {
        { .vector = 13, .cs = CS_KERNEL, .address = HV_START + 0x1000 }
    };
    return call_set_trap_table(va_of(t), 0, 0, 0);
}

/* ---- A42: watchpoints that fire where they should not
 * ---------------------------------- */

static s64 watch(const volatile void *where, u64 control)
{
    const s64 rc = call_set_debugreg(0, va_of(where), 0, 0);
    return rc != 0 ? rc : call_set_debugreg(7, control, 0, 0);
}

static void movss_int3(u64 at)
{
    __asm__ volatile("mov (%0), %%ss\n\tint3" : : "r"(at) : "memory");
}

static void movss_syscall(u64 at)
{
    __asm__ volatile("mov (%1), %%ss\n\tsyscall"
                     :
                     : "a"(17), "r"(at), "D"(0), "S"(0)
                     : "rcx", "r11", "memory");
}

s64 attack_movss_int3(void)
{
    volatile u16 *word = (volatile u16 *)(void *)scratch[1];
    *word = SS_KERNEL;
    if (watch(word, DR7_ACCESS0) != 0) {
        return 1;
    }
    const s64 r = trapped(movss_int3, va_of(word));
    return r == TRAPPED + DB || r == TRAPPED + 3 ? 0 : r;
}

s64 attack_movss_syscall(void)
{
    volatile u16 *word = (volatile u16 *)(void *)scratch[1];
    *word = SS_KERNEL;
    if (watch(word, DR7_ACCESS0) != 0) {
        return 1;
    }
    const s64 r = trapped(movss_syscall, va_of(word));
    return r == TRAPPED + DB ? 0 : r;
}

s64 attack_watch_frame(void)
{
    /* The exception of landing is delivered right below its stack. */
    if (watch((const void *)(other_stack() - 32), DR7_WATCH0) != 0) {
        return 1;
    }
    const s64 r =
        return_with(CS_KERNEL & ~3u, SS_KERNEL, 0, (u64)(uintptr_t)landing);
    return r == TRAPPED + UD || r == TRAPPED + DB ? 0 : r;
}

/* ---- A43: debug registers
 * ------------------------------------------------------------------ */

s64 attack_debug_hv(void)
{
    return call_set_debugreg(0, HV_START + 0x2800000000ull, 0, 0);
}

s64 attack_debug_mask(void)
{
    return call_set_debugreg(1, HV_START - 8, 0, 0) == -EPERM
               ? call_set_debugreg(1, HOLE - 8, 0, 0) == 0
                     ? call_set_debugreg(1, HV_END - 8, 0, 0)
                     : 2
               : 1;
}

s64 attack_debug_hole(void)
{
    return call_set_debugreg(2, HOLE, 0, 0);
}

s64 attack_debug_gd(void)
{
    return call_set_debugreg(7, 0x2000, 0, 0);
}

s64 attack_debug_io(void)
{
    return call_set_debugreg(7, 0x00020001, 0, 0);
}

s64 attack_debug_number(void)
{
    return call_set_debugreg(8, 0, 0, 0);
}

/* ---- programs
 * -------------------------------------------------------------
 */

static s64 in_user(void (*f)(void), u64 rflags)
{
    u64 *frame = frame_page();
    frame[4] = (u64)(uintptr_t)f;
    frame[5] = CS_KERNEL; /* privilege 3: a program */
    frame[6] = rflags;
    frame[7] = other_stack();
    frame[8] = SS_KERNEL;
    if (mmu_ext(NEW_USER_BASEPTR, table_of(va_of(scratch[0]), 4), 0) != 0) {
        return 1;
    }
    const s64 r = trapped(go, va_of(frame));
    return mmu_ext(NEW_USER_BASEPTR, 0, 0) == 0 ? r : 2;
}

s64 trapped_in_user(void (*f)(void))
{
    return in_user(f, 0);
}

void program_sysenter(void);
void program_syscall(void);
void program_lret(void);
void program_int3(void);
__asm__(".text\n"
        ".globl program_sysenter\n"
        "program_sysenter: sysenter\n\t"
        "ud2\n"
        ".globl program_syscall\n"
        "program_syscall: syscall\n\t"
        "ud2\n"
        ".globl program_lret\n"
        "program_lret: pushq $0xe008\n\t"
        "pushq $0\n\t"
        "lretq\n"
        ".globl program_int3\n"
        "program_int3: int3\n\t"
        "ud2\n");

/* The fault is the instruction's: rip names it, the error code the vector. */
s64 attack_user_int3(void)
{
    struct trap_info t[2] = {
        { .vector = 3, .cs = CS_KERNEL, .address = trap_stubs[3] }
    };
    (void)call_set_trap_table(va_of(t), 0, 0, 0);
    const s64 r = trapped_in_user(program_int3);
    traps_setup();
    return room()->seen.rip != (u64)(uintptr_t)program_int3 ? 1
           : room()->seen.error != (3 << 3 | 2)             ? 2
                                                            : r;
}

/* A processor without the instruction in this mode says #UD. */
s64 attack_user_sysenter(void)
{
    const s64 r = trapped_in_user(program_sysenter);
    return r == TRAPPED + UD ? TRAPPED + GP : r;
}

s64 attack_user_step(void)
{
    return in_user(program_syscall, FLAG_TF);
}

/* QEMU 7.2 pops the words with supervisor rights, which SMAP refuses: #PF. */
s64 attack_user_lret(void)
{
    const s64 r = trapped_in_user(program_lret);
    return r == TRAPPED + PF ? TRAPPED + GP : r;
}
