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
#include "core/dispatch.h"
#include "core/domain.h"
#include "x86/guestcopy.h"

#define VGCF_IN_SYSCALL 0x100u

/* [XEN arch-x86/xen-x86_64.h] struct iret_context, in words */
enum { F_RAX, F_R11, F_RCX, F_FLAGS, F_RIP, F_CS, F_RFLAGS, F_RSP, F_SS };

void trap_iret(struct vcpu *v, struct regs *r)
{
    u64 f[9];
    const enum rc rc = dispatch_ask_iret(v);
    if (rc != RC_OK) {
        r->rax = (u64)(s64)rc;
        return;
    }
    const bool ok = window_open(r->rsp, sizeof(f)) &&
                    hw_load_frame(f, (const void *)r->rsp);
    window_close();
    if (!ok) {
        domain_crash(v->domain, "iret without a frame");
        return;
    }
    const bool to_user = (f[F_CS] & SELECTOR_RPL) == SELECTOR_RPL;
    if (to_user && v->user_root.v == MFN_NONE) {
        domain_crash(v->domain, "iret to user mode without a user root");
        return;
    }
    const bool in_syscall = (f[F_FLAGS] & VGCF_IN_SYSCALL) != 0;
    r->rip = f[F_RIP];
    r->cs = in_syscall ? SEL_GUEST_CS64 : (f[F_CS] & 0xffff) | SELECTOR_RPL;
    r->rflags = (f[F_RFLAGS] & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE;
    r->rsp = f[F_RSP];
    r->ss = in_syscall ? SEL_GUEST_DS : (f[F_SS] & 0xffff) | SELECTOR_RPL;
    if (!in_syscall) {
        r->r11 = f[F_R11];
        r->rcx = f[F_RCX];
    }
    const u8 mask = (f[F_RFLAGS] & RFLAGS_IF) != 0 ? 0 : 1;
    atomic_store8(&v->info->upcall_mask, mask);
    v->nmi_masked = false;
    if (to_user) {
        ctxsw_to_user(v);
    }
    /* rax is the interrupted code's, not a result: any value is possible. */
    r->rax = f[F_RAX];
}

/* By the table it comes only as an entry of a list, which has no frame. */
s64 hc_iret(struct hc_call *c)
{
    (void)c;
    return RC_EINVAL;
}
