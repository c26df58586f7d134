/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first state of a vCPU: at launch, and by vcpu_op.initialise for the
 * others. The guest's description is 5 KiB; it is fetched in pieces and every
 * piece is made harmless before it is kept: selectors are ring 3's, rflags is
 * cut, MSR bases are canonical, the page-table root is validated, descriptor
 * tables are copied.
 *
 * initialise works on an EMPTY vCPU of the caller's own domain, whose private
 * pages are in the caller's address space. The page-table roots come last,
 * since that may be cut short (RC_PREEMPT) and asked for again: until the very
 * end the vCPU is not DOWN, and all earlier steps are overwritten by the retry.
 * [XEN arch-x86/xen.h vcpu_guest_context]
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "core/pgtable.h"
#include "x86/context.h"
#include "x86/hw.h"
#include "x86/private.h"
#include "x86/pvcpu.h"
#include "x86/seg.h"

#define TRAPS_AT_ONCE 16u
#define GENERAL_BYTES (15 * sizeof(u64)) /* general registers in one piece */

_Static_assert(offsetof(struct regs, error) == GENERAL_BYTES, "r15..rdi");
_Static_assert(offsetof(struct context_regs, error_and_vector) ==
                   offsetof(struct context_regs, r15) + GENERAL_BYTES,
               "r15..rdi");

void vcpustate_start(struct guest_state *s, u64 rip, u64 rsp, u64 start)
{
    hw_fill_bytes(s, 0, sizeof(*s));
    fpu_reset(s);
    s->regs.rip = rip;
    s->regs.rsp = rsp;
    s->regs.rsi = start;
    s->regs.cs = SEL_GUEST_CS64;
    s->regs.ss = SEL_GUEST_DS;
    s->regs.rflags = RFLAGS_IF | RFLAGS_ONE;
}

void vcpustate_reset(struct vcpu *v)
{
    memset(v->callback, 0, sizeof(v->callback));
    v->kernel_sp = 0;
    v->in_kernel = true;
    v->nmi_masked = false;
    atomic_store32(&v->nmi_pending, 0);
    v->iopl = 0;
    v->task_switched = false;
    v->cr4 = 0;
    v->fs_base = 0;
    v->gs_base_kernel = 0;
    v->gs_base_user = 0;
    memset(v->debugreg, 0, sizeof(v->debugreg));
    v->debugreg[6] = 0xffff0ff0;
    v->debugreg[7] = 0x400;
    v->gdt_frame = mfn(MFN_NONE);
    v->gdt_entries = 0;
    v->ldt_frame = mfn(MFN_NONE);
    v->ldt_entries = 0;
}

static u16 selector(u64 from)
{
    const u16 s = (u16)(from & 0xffff);
    return s > 3 ? s | SELECTOR_RPL : s;
}

static void take_regs(struct guest_state *s, const struct context_regs *c)
{
    struct regs *r = &s->regs;
    /* r15 to rdi, in the same order. */
    hw_copy_bytes(r, &c->r15, GENERAL_BYTES);
    r->rip = c->rip;
    r->rsp = c->rsp;
    r->cs = (c->cs & 0xffff) | SELECTOR_RPL;
    r->ss = (c->ss & 0xffff) | SELECTOR_RPL;
    r->rflags = (c->rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE;
    s->ds = selector(c->ds);
    s->es = selector(c->es);
    s->fs = selector(c->fs);
    s->gs = selector(c->gs);
}

/* What can be refused without having changed anything. */
static bool context_ok(const struct context_regs *c,
                       const struct context_tables *t)
{
    return (c->flags & CONTEXT_IN_KERNEL) != 0 && t->gdt_entries <= 512 &&
           t->ldt_entries == 0 && address_is_canonical(t->fs_base) &&
           address_is_canonical(t->gs_base_kernel) &&
           address_is_canonical(t->gs_base_user) &&
           address_is_canonical(c->rip) && address_is_guest(t->event_address) &&
           address_is_guest(t->failsafe_address) &&
           address_is_guest(t->syscall_address);
}

static void take_tables(struct vcpu *v, const struct context_regs *c,
                        const struct context_tables *t)
{
    v->callback[CALLBACK_EVENT].address = t->event_address;
    v->callback[CALLBACK_EVENT].mask_events = true;
    v->callback[CALLBACK_FAILSAFE].address = t->failsafe_address;
    v->callback[CALLBACK_FAILSAFE].mask_events =
        (c->flags & CONTEXT_FAILSAFE_MASKS) != 0;
    v->callback[CALLBACK_SYSCALL].address = t->syscall_address;
    v->callback[CALLBACK_SYSCALL].mask_events =
        (c->flags & CONTEXT_SYSCALL_MASKS) != 0;
    v->kernel_sp = t->kernel_sp;
    v->fs_base = t->fs_base;
    v->gs_base_kernel = t->gs_base_kernel;
    v->gs_base_user = t->gs_base_user;
    v->cr4 = t->ctrlreg[4] & pvcpu_cr4_allowed();
    v->task_switched = (t->ctrlreg[0] & CR0_TS) != 0;
    v->iopl = (u32)(c->rflags & RFLAGS_IOPL) >> 12; /* virtual, as set_iopl */
    for (u32 i = 0; i < ARRAY_COUNT(v->debugreg); i++) {
        u64 value = t->debugreg[i];
        if (pvcpu_debug_ok(i, &value) == RC_OK) {
            v->debugreg[i] = value;
        }
    }
}

/* The trap table, a part at a time. */
static enum rc take_traps(struct vcpu *v, u64 from)
{
    struct trap_info part[TRAPS_AT_ONCE];
    struct trap_info *table = private_traps(v);
    for (u32 i = 0; i < 256; i += TRAPS_AT_ONCE) {
        const u64 at = from + (u64)i * sizeof(part[0]);
        if (!arch_fetch(part, gva(at), sizeof(part))) {
            return RC_EFAULT;
        }
        for (u32 j = 0; j < TRAPS_AT_ONCE; j++) {
            table[i + j] = pvcpu_trap(&part[j]);
        }
    }
    return RC_OK;
}

/* Both roots, or neither: a refused kernel root gives the user root back. */
static enum rc take_roots(struct vcpu *v, const struct context_tables *t)
{
    const u64 user = t->ctrlreg[1] >> PAGE_BITS;
    enum rc rc = RC_OK;
    if (user != 0) {
        rc = pgtable_set_root(v, mfn(user), true);
    }
    if (rc != RC_OK) {
        return rc;
    }
    rc = pgtable_set_root(v, mfn(t->ctrlreg[3] >> PAGE_BITS), false);
    if (rc != RC_OK && rc != RC_PREEMPT && user != 0 &&
        pgtable_set_root(v, mfn(MFN_NONE), true) == RC_PREEMPT) {
        return RC_PREEMPT; /* once more, to the same end */
    }
    return rc;
}

static enum rc initialise(struct vcpu *v, u64 from,
                          const struct context_regs *c,
                          const struct context_tables *t)
{
    struct guest_state *s = private_state(v);
    u8 image[512];
    vcpustate_reset(v);
    vcpustate_start(s, c->rip, c->rsp, c->rsi);
    take_regs(s, c);
    if ((c->flags & CONTEXT_I387_VALID) != 0) {
        if (!arch_fetch(image, gva(from + CONTEXT_FPU), sizeof(image))) {
            return RC_EFAULT;
        }
        fpu_import(s, image);
    }
    enum rc rc = take_traps(v, from + CONTEXT_TRAPS);
    if (rc == RC_OK) {
        rc = seg_set_gdt(v, mfn(t->gdt_frames[0]), (u32)t->gdt_entries);
    }
    if (rc == RC_OK) {
        take_tables(v, c, t);
        arch_interrupts();
        rc = take_roots(v, t);
    }
    return rc;
}

/* One caller at a time fills in a vCPU, and nobody starts it meanwhile. */
static bool claim(struct vcpu *v)
{
    lock_take(&v->domain->mm);
    const bool ours = v->state == VCPU_EMPTY;
    if (ours) {
        v->state = VCPU_FILLING;
    }
    lock_drop(&v->domain->mm);
    return ours;
}

s64 hc_vcpu_initialise(struct hc_call *c)
{
    struct vcpu *v = vcpu_of(c->v->domain, (u32)c->arg[1]);
    const u64 from = c->arg[2];
    struct context_regs regs;
    struct context_tables tables;
    if (v == NULL) {
        return RC_ENOENT;
    }
    if (!arch_fetch(&regs, gva(from + CONTEXT_REGS), sizeof(regs)) ||
        !arch_fetch(&tables, gva(from + CONTEXT_TABLES), sizeof(tables))) {
        return RC_EFAULT;
    }
    if (!context_ok(&regs, &tables)) {
        return RC_EINVAL;
    }
    if (!claim(v)) {
        return RC_EEXIST;
    }
    /* Its tables are walked on the caller's account. */
    v->budget = c->v->budget;
    const enum rc rc = initialise(v, from, &regs, &tables);
    atomic_store32(&v->state, rc == RC_OK ? VCPU_DOWN : VCPU_EMPTY);
    return rc;
}
