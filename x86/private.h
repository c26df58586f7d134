/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of x86/ that face a guest share: the private pages of a vCPU,
 * its register frame, and each other's functions.
 *
 * A vCPU's private pages hold what would be a secret to other tenants. They are
 * mapped only in its own domain's tables, at private_va(); so they are reached
 * only while that domain's address space is loaded, or at creation through
 * another mapping that the creator makes.
 *
 * All functions run with interrupts off, on the CPU that runs v, with v's
 * kernel or user root loaded, unless they say otherwise.
 */
#ifndef X86_PRIVATE_H
#define X86_PRIVATE_H

#include "core/domain.h"
#include "core/vcpu.h"
#include "x86/cpu.h"
#include "x86/layout.h"
#include "x86/regs.h"
#include "x86/rflags.h"

/* Exception vectors [SDM 3A 6.3.1]. */
#define TRAP_DB 1u
#define TRAP_NMI 2u
#define TRAP_BP 3u
#define TRAP_OF 4u
#define TRAP_UD 6u
#define TRAP_NM 7u
#define TRAP_DF 8u
#define TRAP_GP 13u
#define TRAP_PF 14u
#define TRAP_MC 18u
#define TRAP_EXCEPTIONS 32u

/* Page-fault error code [SDM 3A 4.7]. */
#define PF_PRESENT 0x01u
#define PF_WRITE 0x02u
#define PF_USER 0x04u
#define PF_RESERVED 0x08u
#define PF_FETCH 0x10u

/* Flags a guest may choose; IF is always set for it, the rest is constant. */
#define RFLAGS_GUEST                                                           \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF |   \
     RFLAGS_DF | RFLAGS_OF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)
/* Flags that are clear when a guest's handler begins. */
#define RFLAGS_CLEARED_ON_ENTRY                                                \
    (RFLAGS_TF | RFLAGS_RF | RFLAGS_NT | RFLAGS_VM | RFLAGS_AC | RFLAGS_IOPL)

#define SELECTOR_RPL 3u
#define ERROR_IDT 2u /* in an error code: it names a vector */
#define FPU_AREA_BYTES 3840u

/* Page 0 of the private area. */
struct guest_state {
    struct regs regs; /* while the vCPU is on no CPU */
    u16 ds, es, fs, gs;
    u16 wanted[4];    /* ds, es, fs, gs before one of them failed to load */
    u32 failsafe_due; /* 1: tell the guest about that */
    u32 tsc_aux;
    u64 xcr0;
    _Alignas(64) u8 fpu[FPU_AREA_BYTES]; /* XSAVE, standard format */
};

_Static_assert(sizeof(struct guest_state) <= PAGE_BYTES, "one page");

static inline u64 private_va(const struct vcpu *v, u32 page)
{
    return PRIVATE_BASE + (u64)v->id * PRIVATE_STRIDE + (u64)page * PAGE_BYTES;
}

static inline struct guest_state *private_state(const struct vcpu *v)
{
    return (struct guest_state *)private_va(v, PRIVATE_STATE_PAGE);
}

static inline struct trap_info *private_traps(const struct vcpu *v)
{
    return (struct trap_info *)private_va(v, PRIVATE_TRAPS_PAGE);
}

static inline u64 *private_gdt(const struct vcpu *v)
{
    return (u64 *)private_va(v, PRIVATE_GDT_PAGE);
}

static inline u64 *private_ldt(const struct vcpu *v)
{
    return (u64 *)private_va(v, PRIVATE_LDT_PAGE);
}

/* Addresses a guest may own: canonical and outside the hypervisor's hole. */
static inline bool address_is_guest(u64 va)
{
    return va < 0x0000800000000000 || va >= HV_END;
}

static inline bool address_is_canonical(u64 va)
{
    return va < 0x0000800000000000 || va >= 0xffff800000000000;
}

/* ---- trap.c ----------------------------------------------------------------
 */

/* The current guest's registers, at the top of this CPU's main stack. */
struct regs *guest_regs(void);
/* Entry points of entry.S. */
void trap_from_guest(struct regs *r);
void trap_hypercall(struct regs *r);
void trap_from_host(struct regs *r);
void trap_iret_failed(struct regs *fault);
/* 1: the CPU has SMAP and it is on. */
extern u8 entry_smap;

/* ---- bounce.c --------------------------------------------------------------
 */

/* Deliver exception vector to the guest; error is used by those that have
 * one. No handler, or no stack for it: the domain ends. */
void bounce_trap(struct vcpu *v, struct regs *r, u32 vector, u32 error);
/* Deliver through a callback that has an address. */
void bounce_callback(struct vcpu *v, struct regs *r, enum callback_kind kind);
/* Tell the guest that a selector or a return frame of its was bad. */
void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 selectors[4]);
/* May code of this mode raise the vector by INT n? */
bool bounce_may_raise(const struct vcpu *v, u32 vector);

/* ---- fixup.c ---------------------------------------------------------------
 */

/* Where to go on after a fault at rip, or 0. */
u64 fixup_find(u64 rip);

/* ---- iret.c -----------------------------------------------------------------
 */

/* The iret hypercall, of guest kernel mode: go on where the frame on its stack
 * says. No frame, or nowhere to go: the domain ends. */
void trap_iret(struct vcpu *v, struct regs *r);

/* ---- fault.c, ptwrite.c -----------------------------------------------------
 */

void fault_page(struct vcpu *v, struct regs *r, u64 address);
/* A write of the guest kernel to a read-only page: true when it was a write to
 * one of its L1 tables and has been done, or shall be tried again. */
bool ptwrite_emulate(struct vcpu *v, struct regs *r, u64 address);

/* ---- emul.c -----------------------------------------------------------------
 */

/* #GP and #UD from a guest: do the privileged instruction, or deliver. */
void emul_protection(struct vcpu *v, struct regs *r);
void emul_undefined(struct vcpu *v, struct regs *r);
/* Bytes at rip, at most 15; the number that could be read. Room for 16. */
u32 emul_fetch(const struct regs *r, u8 bytes[16]);
/* Is the code segment 64-bit code? */
bool seg_is_long(const struct vcpu *v, u64 cs);
/* rip goes past an instruction that was done for the guest. */
void emul_done(struct vcpu *v, struct regs *r, u32 length);

/* ---- cpuid.c, msr.c
 * ---------------------------------------------------------- */

void cpuid_emulate(const struct vcpu *v, struct regs *r);
/* False: #GP. */
bool msr_read(struct vcpu *v, u32 msr, u64 *value);
bool msr_write(struct vcpu *v, u32 msr, u64 value);

/* ---- fpu.c
 * -------------------------------------------------------------------- */

/* Choose the components; on each CPU. */
void fpu_init_cpu(void);
/* Components that guests may use, 0 without XSAVE. */
u64 fpu_mask(void);
/* Make the state of a new vCPU. Needs only s. */
void fpu_reset(struct guest_state *s);
/* Take the legacy image (512 bytes) as the state. Needs only s. */
void fpu_import(struct guest_state *s, const u8 image[512]);
void fpu_save(struct guest_state *s);
bool fpu_load(struct guest_state *s) MUST_CHECK;
/* XSETBV of the guest; false: #GP. */
bool fpu_set_xcr0(struct guest_state *s, u64 value) MUST_CHECK;

/* ---- ctxsw.c
 * ------------------------------------------------------------------- */

void ctxsw_save(struct vcpu *v, const struct regs *r);
void ctxsw_load(struct vcpu *v, struct regs *r);
/* Leave the address space of the domain; no vCPU is loaded after. */
void ctxsw_unload(struct vcpu *v, struct regs *r);
/* To guest kernel mode if v is not in it; from it to user mode: root, GS base.
 */
void ctxsw_to_kernel(struct vcpu *v);
void ctxsw_to_user(struct vcpu *v);
/* Write CR0.TS, CR4 and the debug registers as v wants them. */
void ctxsw_load_control(const struct vcpu *v);
void ctxsw_load_debug(const struct vcpu *v);
/* What the guest believes its CR4 to be. */
u64 ctxsw_guest_cr4(const struct vcpu *v);
void ctxsw_load_ldt(const struct vcpu *v);
void ctxsw_load_tsc_aux(const struct vcpu *v);

/* ---- vcpustate.c
 * ---------------------------------------------------------------- */

/* The first state of a vCPU that enters the kernel at rip, with the stack rsp
 * and rsi = start. Needs only s, by whatever mapping. */
void vcpustate_start(struct guest_state *s, u64 rip, u64 rsp, u64 start);
/* v's own control fields at that moment; v is DOWN or EMPTY. */
void vcpustate_reset(struct vcpu *v);

/* ---- exit.c
 * ---------------------------------------------------------------------- */

void guest_exit_work(struct regs *r);
void cpu_loop_begin(struct regs *r);
void stack_wipe(void);

#endif
