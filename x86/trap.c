/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where entry.S brings everything: one switch for what comes from a guest, one
 * for what comes from ring 0.
 *
 * From a guest, r is the one register frame of this CPU, and interrupts are
 * off. What is done here changes r and the vCPU; guest_exit_work follows.
 *
 * From ring 0 there may come: an interrupt while the CPU sleeps in the idle
 * loop; a fault of an instruction that the fixup table knows; an NMI; a #DB
 * that the guest's debug registers or MOV SS caused on our side, which is
 * dropped (XSA-260); a machine check that has harmed nothing. Anything else is
 * our mistake, or the end.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/dispatch.h"
#include "x86/apic.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/mce.h"
#include "x86/panic.h"
#include "x86/private.h"

#define OPCODE_HLT 0xf4u

u8 entry_smap;

struct regs *guest_regs(void)
{
    return (struct regs *)(this_cpu()->stack_top - REGS_BYTES);
}

/* An interrupt of ours; false when the vector is none of them. */
static bool interrupt(u32 vector)
{
    switch (vector) {
    case VEC_TIMER:
        irq_timer();
        return true;
    case VEC_KICK:
        apic_eoi();
        this_cpu()->resched = 1;
        return true;
    case VEC_FLUSH:
        irq_flush();
        return true;
    case VEC_SERIAL:
        irq_serial();
        return true;
    case VEC_HALT:
        hw_halt();
    default:
        /* Spurious ones are not to be acknowledged [SDM 3A 10.9]. */
        return vector >= TRAP_EXCEPTIONS;
    }
}

#define VCPU_AT(field, at)                                                     \
    _Static_assert(offsetof(struct vcpu, field) == VCPU_OFF_##at, "entry.S")
VCPU_AT(info, INFO);
VCPU_AT(kernel_sp, KERNEL_SP);
VCPU_AT(kernel_root, KERNEL_ROOT);
VCPU_AT(gs_base_kernel, GS_KERNEL);
VCPU_AT(gs_base_user, GS_USER);
VCPU_AT(cr4, CR4);
VCPU_AT(in_kernel, IN_KERNEL);
VCPU_AT(callback[CALLBACK_SYSCALL].address, SYSCALL);
VCPU_AT(callback[CALLBACK_SYSCALL].mask_events, SYSCALL_MASKS);

static NO_INLINE void hypercall(struct vcpu *v, struct regs *r)
{
    struct hc_call c = {
        .v = v,
        .arg = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
        .nr = r->rax > U32_MAX ? U32_MAX : (u32)r->rax,
        .in_multicall = false,
    };
    const s64 result = dispatch(&c);
    if (result == RC_PREEMPT) {
        /* Again from the SYSCALL instruction, with what is left to do. */
        r->rdi = c.arg[0];
        r->rsi = c.arg[1];
        r->rdx = c.arg[2];
        r->r10 = c.arg[3];
        r->r8 = c.arg[4];
        r->r9 = c.arg[5];
        r->rip -= 2;
        return;
    }
    r->rax = (u64)result;
}

void trap_hypercall(struct regs *r)
{
    struct vcpu *v = this_cpu()->current;
    if (r->rax == NR_IRET) {
        trap_iret(v, r);
    } else {
        hypercall(v, r);
    }
}

/* A system call of user mode, or one that no guest kernel makes. */
static void trap_syscall(struct vcpu *v, struct regs *r)
{
    const enum callback_kind kind =
        r->vector == VECTOR_SYSCALL    ? CALLBACK_SYSCALL
        : r->vector == VECTOR_SYSENTER ? CALLBACK_SYSENTER
                                       : CALLBACK_SYSCALL32;
    if (v->callback[kind].address != 0) {
        bounce_callback(v, r, kind);
        return;
    }
    if (kind == CALLBACK_SYSENTER) {
        bounce_trap(v, r, TRAP_GP, 0);
        return;
    }
    r->rip -= 2; /* the instruction does not exist */
    bounce_trap(v, r, TRAP_UD, 0);
}

static void trap_debug(struct vcpu *v, struct regs *r)
{
    const u64 status = hw_read_dr6();
    hw_write_dr6(0xffff0ff0);
    v->debugreg[6] = (status & 0xe00f) | 0xffff0ff0;
    bounce_trap(v, r, TRAP_DB, 0);
}

/* INT3 and INTO come by gates that are open to ring 3: whether a program may
 * use them is for the guest's trap table to say. If not, #GP at the
 * instruction, of one byte or, as INT n, of two. */
static void trap_software(struct vcpu *v, struct regs *r)
{
    u8 last = 0;
    if (v->in_kernel || bounce_may_raise(v, r->vector)) {
        bounce_trap(v, r, r->vector, 0);
        return;
    }
    const bool read = arch_fetch(&last, gva(r->rip - 1), 1);
    r->rip -= read && last == r->vector ? 2 : 1;
    bounce_trap(v, r, TRAP_GP, r->vector << 3 | ERROR_IDT);
}

/* While a guest ran: what is lost was its own. */
static void trap_machine_check(struct vcpu *v, const struct regs *r)
{
    const enum mce_damage damage = mce_look();
    if (damage == MCE_FATAL) {
        panic_regs("machine check", r);
    }
    if (damage == MCE_LOST) {
        domain_crash(v->domain, "machine check");
    }
}

static NO_INLINE void trap_others(struct vcpu *v, struct regs *r)
{
    switch (r->vector) {
    case VECTOR_SYSCALL:
    case VECTOR_SYSCALL32:
    case VECTOR_SYSENTER:
        trap_syscall(v, r);
        return;
    case TRAP_UD:
        emul_undefined(v, r);
        return;
    case TRAP_NM:
        v->task_switched = false;
        ctxsw_load_control(v);
        bounce_trap(v, r, TRAP_NM, 0);
        return;
    case TRAP_DB:
        trap_debug(v, r);
        return;
    case TRAP_BP:
    case TRAP_OF:
        trap_software(v, r);
        return;
    case TRAP_NMI:
        return; /* the machine's, and no guest's business */
    case TRAP_MC:
        trap_machine_check(v, r);
        return;
    default:
        if (!interrupt(r->vector)) {
            bounce_trap(v, r, r->vector, r->error);
        }
    }
}

void trap_from_guest(struct regs *r)
{
    struct vcpu *v = this_cpu()->current;
    if (v == NULL) {
        panic_regs("a guest runs that nobody chose", r);
    }
    if (r->vector == TRAP_PF) {
        fault_page(v, r, hw_read_cr2()); /* before anything can fault */
    } else if (r->vector == TRAP_GP) {
        emul_protection(v, r);
    } else {
        trap_others(v, r);
    }
}

void trap_from_host(struct regs *r)
{
    switch (r->vector) {
    case TRAP_NMI:
        return;
    case TRAP_DB:
        hw_write_dr6(0xffff0ff0);
        r->rflags &= ~RFLAGS_TF;
        return;
    case TRAP_DF:
        panic_regs("double fault", r);
    case TRAP_MC:
        if (mce_look() != MCE_HARMLESS) {
            panic_regs("machine check", r);
        }
        return;
    default:
        break;
    }
    if (r->vector >= TRAP_EXCEPTIONS) {
        (void)interrupt(r->vector);
        r->rip += *(const u8 *)r->rip == OPCODE_HLT ? 1 : 0; /* hw_sleep */
        return;
    }
    const u64 to = fixup_find(r->rip);
    if (to == 0) {
        panic_regs("exception in ring 0", r);
    }
    r->rip = to;
}

/*
 * IRETQ refused the frame. fault lies below the guest's own iret frame, which
 * is still in its place; put the general registers under it again. The two
 * overlap.
 */
void trap_iret_failed(struct regs *fault)
{
    struct regs copy;
    hw_copy_bytes(&copy, fault, sizeof(copy));
    struct regs *r = guest_regs();
    const struct regs target = *r;
    *r = copy;
    r->rip = target.rip;
    r->cs = target.cs;
    r->rflags = target.rflags;
    r->rsp = target.rsp;
    r->ss = target.ss;
    struct vcpu *v = this_cpu()->current;
    if (v == NULL || copy.vector >= TRAP_EXCEPTIONS) {
        panic_regs("the return to a guest was interrupted", r);
    }
    if (v->callback[CALLBACK_FAILSAFE].address == 0) {
        domain_crash(v->domain, "return to a bad frame, no failsafe callback");
        return;
    }
    const u16 selectors[4] = { hw_read_ds(), hw_read_es(), hw_read_fs(),
                               hw_read_gs() };
    bounce_failsafe(v, r, selectors);
}
