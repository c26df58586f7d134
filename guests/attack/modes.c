/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that end the attacker: see modes.def.
 */
#include "guests/attack/attack.h"

#define NEW_USER_BASEPTR 15u
#define HOLE 0x0000800000000000ull
#define HV_STACKS 0xffff828000000040ull /* into the block of CPU 0 */
#define HV_AFTER 0xffff880000000000ull
#define FLAG_IF 0x200u
#define CR4_FSGSBASE 0x10000ull

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

void undefined(void);
__asm__(".text\n"
        ".globl undefined\n"
        "undefined: ud2\n");

void user_call(void);
__asm__(".text\n"
        ".globl user_call\n"
        "user_call: syscall\n");

static void to_user_at(void (*code)(void))
{
    static u64 frame[9];
    frame[4] = (u64)(uintptr_t)code;
    frame[5] = CS_KERNEL;
    frame[7] = va_of(scratch[7]) + PAGE_BYTES - 256;
    frame[6] = FLAG_IF;
    frame[8] = SS_KERNEL;
    raw_iret(frame);
}

static void to_user(void)
{
    to_user_at(undefined);
}

/* The hypercall, with the stack pointer given; never comes back. */
static void call_with_stack(u64 rsp, u64 nr, u64 a, u64 b)
{
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "syscall\n\t"
                     "ud2"
                     :
                     : "r"(rsp), "a"(nr), "D"(a), "S"(b)
                     : "memory");
}

void mode_iret_unmapped(void)
{
    iret_at(0x10000);
}

void mode_iret_hole(void)
{
    iret_at(HOLE);
}

void mode_iret_hv(void)
{
    iret_at(HV_START + 0x2000);
}

void mode_iret_nobody(void)
{
    to_user();
}

static void bad_stack(u64 top, void (*code)(void))
{
    const u64 root = table_of(va_of(scratch[0]), 4);
    (void)mmu_ext(NEW_USER_BASEPTR, root, 0);
    (void)call_stack_switch(SS_KERNEL, top, 0, 0);
    to_user_at(code);
}

void mode_stack_hv(void)
{
    bad_stack(HV_STACKS, undefined);
}

/* With FSGSBASE on and no event masked, a system call takes the short way. */
void mode_call_stack_hv(void)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(CR4_FSGSBASE));
    bad_stack(HV_STACKS, user_call);
}

void mode_call_stack_nowhere(void)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(CR4_FSGSBASE));
    bad_stack(HV_AFTER + 0x10000, user_call);
}

void mode_stack_readonly(void)
{
    (void)page_protect(scratch[1], P_RO);
    __asm__ volatile("mov %0, %%rsp\n\tud2"
                     :
                     : "r"(va_of(scratch[1]) + PAGE_BYTES));
}

void mode_no_handler(void)
{
    (void)call_set_trap_table(0, 0, 0, 0);
    __asm__ volatile("ud2");
}

void mode_handler_nowhere(void)
{
    struct trap_info table[2] = {
        { .vector = PF, .cs = CS_KERNEL, .address = 0x10000 }
    };
    (void)call_set_trap_table(va_of(table), 0, 0, 0);
    *(volatile u64 *)0x20000 = 0;
}

void mode_no_failsafe(void)
{
    struct arg_callback a = { .type = 1, .address = 0 };
    u64 frame[9] = { 0 };
    (void)call_callback_failsafe(0, &a);
    frame[5] = 0xe008;
    raw_iret(frame);
}

void mode_sysenter(void)
{
    __asm__ volatile("sysenter");
}

void mode_event_nowhere(void)
{
    struct arg_evtchn_ipi ipi = { .vcpu = 0 };
    (void)call_evtchn_bind_ipi(0, &ipi);
    struct arg_evtchn_port p = { *(volatile u32 *)&ipi.port };
    (void)call_evtchn_unmask(0, &p);
    (void)call_evtchn_send(0, &p);
    shared->vcpu_info[0].upcall_mask = 0;
    call_with_stack(0x10000, 17, 0, 0);
}

void mode_nmi_nowhere(void)
{
    call_with_stack(HOLE, 24, 11, 0);
}

void mode_root_gone(void)
{
    (void)mmu_write(entry_of(VIRT_BASE, 4), 0);
}

/* The console ends; the domain goes on, and says so by the other way. */
void mode_console_ring(void)
{
    static const char text[] = "ATTACK console_ring: still alive\n";
    struct console_ring *r = page_of_frame(start_info->console_mfn);
    struct arg_evtchn_port p = { start_info->console_evtchn };
    r->out_prod = r->out_cons + 0x80000000u;
    barrier();
    (void)call_evtchn_send(0, &p);
    (void)call_console_write(sizeof(text) - 1, va_of(text), 0, 0);
    guest_end(SHUTDOWN_POWEROFF);
}

void mode_all_down(void)
{
    (void)call_vcpu_down(0, 0, 0, 0);
}
