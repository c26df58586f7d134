/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return from a handler: hypercall 23. The frame on the guest kernel's stack
 * says where to: privilege level 3 in cs means guest user mode, anything else
 * the guest kernel. Nothing of it is believed: RPL becomes 3, rflags is cut to
 * what a guest may choose, and the addresses are left to IRETQ, whose fault is
 * delivered to the guest (trap_iret_failed).
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "x86/private.h"

#define VGCF_IN_SYSCALL 0x100u

/* [XEN arch-x86/xen-x86_64.h] struct iret_context */
struct iret_frame {
    u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct iret_frame) == 72, "abi");

s64 hc_iret(struct hc_call *c)
{
    struct vcpu *v = c->v;
    struct regs *r = guest_regs();
    if (c->in_multicall) {
        return RC_EINVAL;
    }
    struct iret_frame f;
    if (!arch_fetch(&f, gva(r->rsp), sizeof(f))) {
        domain_crash(v->domain, "iret without a frame");
        return 0;
    }
    const bool to_user = (f.cs & SELECTOR_RPL) == SELECTOR_RPL;
    if (to_user && v->user_root.v == MFN_NONE) {
        domain_crash(v->domain, "iret to user mode without a user root");
        return 0;
    }
    const bool in_syscall = (f.flags & VGCF_IN_SYSCALL) != 0;
    r->rip = f.rip;
    r->cs = in_syscall ? SEL_GUEST_CS64 : (f.cs & 0xffff) | SELECTOR_RPL;
    r->rflags = (f.rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE;
    r->rsp = f.rsp;
    r->ss = in_syscall ? SEL_GUEST_DS : (f.ss & 0xffff) | SELECTOR_RPL;
    if (!in_syscall) {
        r->r11 = f.r11;
        r->rcx = f.rcx;
    }
    const u8 mask = (f.rflags & RFLAGS_IF) != 0 ? 0 : 1;
    atomic_store8(&v->info->upcall_mask, mask);
    v->nmi_masked = false;
    ctxsw_set_mode(v, !to_user);
    /* rax is the interrupted code's, not a result: any value is possible. */
    r->rax = f.rax;
    r->vector = VECTOR_RETURNED;
    return RC_OK;
}
