/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery: build on the guest kernel's stack the frame that the ABI gives a
 * handler, and make the vCPU go on in the handler [XEN xen-x86_64.h].
 *
 *   rsp -> rcx  r11  [ds es fs gs: failsafe]  [error code]
 *          rip  cs | upcall mask << 32  rflags  rsp  ss
 *
 * From guest user mode the frame goes to the stack that stack_switch named, in
 * the kernel's address space; from guest kernel mode below rsp. IF in the
 * frame's rflags is the virtual interrupt flag: no upcall mask. What the
 * handler starts with is built of constants; of rflags only what is harmless
 * stays.
 *
 * There is no way to tell a guest that its kernel stack is bad or its handler
 * missing: the domain ends. A vCPU whose domain has ended is left as it is and
 * leaves the CPU in guest_exit_work.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "x86/guestcopy.h"
#include "x86/private.h"

/* Vectors that push an error code: 8, 10..14, 17, 21. */
#define VECTORS_WITH_ERROR                                                     \
    ((1u << 8) | (1u << 10) | (1u << 11) | (1u << 12) | (1u << 13) |           \
     (1u << 14) | (1u << 17) | (1u << 21))

#define FRAME_FIRST 16u  /* bytes: rcx and r11 */
#define FRAME_RETURN 40u /* from rip up */

/* Into the kernel's mode, at the handler's address, with a frame on its stack
 * that has room for extra words, of which error is the last. What a handler's
 * address may be was checked when the guest named it. False: the domain ends.
 */
static bool deliver(struct vcpu *v, struct regs *r, u64 address, u32 extra,
                    u64 error)
{
    const bool from_user = !v->in_kernel;
    const u64 bytes = FRAME_FIRST + extra * 8u + FRAME_RETURN;
    const u64 sp = ((from_user ? v->kernel_sp : r->rsp) & ~0xfull) - bytes;
    if (address == 0) {
        domain_crash(v->domain, "no handler for an exception or event");
        return false;
    }
    ctxsw_to_kernel(v);
    const u64 masked = atomic_load8(&v->info->upcall_mask) != 0 ? 1 : 0;
    const u64 cs = (r->cs & (from_user ? 0xffff : 0xfffc)) | masked << 32;
    const u64 rflags =
        (r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (masked ^ 1) * RFLAGS_IF;
    const u64 frame[8] = { r->rcx, r->r11, error,  r->rip,
                           cs,     rflags, r->rsp, r->ss & 0xffff };
    const bool ok = window_open(sp, bytes) &&
                    hw_store_frame(sp, sp + bytes - FRAME_RETURN, frame);
    window_close();
    if (!ok) {
        domain_crash(v->domain, "kernel stack cannot take a frame");
        return false;
    }
    r->rip = address;
    r->cs = SEL_GUEST_CS64;
    r->rflags = (r->rflags & RFLAGS_GUEST & ~RFLAGS_CLEARED_ON_ENTRY) |
                RFLAGS_IF | RFLAGS_ONE;
    r->rsp = sp;
    r->ss = SEL_GUEST_DS;
    return true;
}

void bounce_trap(struct vcpu *v, struct regs *r, u32 vector, u32 error)
{
    const struct trap_info *t = &private_traps(v)[vector & 0xff];
    const bool with = vector < 32 && (VECTORS_WITH_ERROR >> vector & 1) != 0;
    if (deliver(v, r, t->address, with ? 1 : 0, error) && (t->flags & 4) != 0) {
        atomic_store8(&v->info->upcall_mask, 1);
    }
}

/* To a callback, which begins with DF clear. */
static bool call_back(struct vcpu *v, struct regs *r, enum callback_kind kind,
                      u32 extra, u64 last)
{
    const struct callback *to = &v->callback[kind];
    if (!deliver(v, r, to->address, extra, last)) {
        return false;
    }
    r->rflags &= ~RFLAGS_DF;
    if (to->mask_events) {
        atomic_store8(&v->info->upcall_mask, 1);
    }
    return true;
}

void bounce_callback(struct vcpu *v, struct regs *r, enum callback_kind kind)
{
    (void)call_back(v, r, kind, 0, 0);
}

void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 selectors[4])
{
    const u64 extra[4] = { selectors[0], selectors[1], selectors[2],
                           selectors[3] };
    if (call_back(v, r, CALLBACK_FAILSAFE, 4, extra[3]) &&
        !arch_store(gva(r->rsp + FRAME_FIRST), extra, sizeof(extra))) {
        domain_crash(v->domain, "kernel stack cannot take a frame");
    }
}

bool bounce_may_raise(const struct vcpu *v, u32 vector)
{
    const struct trap_info *t = &private_traps(v)[vector & 0xff];
    /* Rings 0 to 2 are the guest kernel's, which is never called ring 0. */
    const u32 level = v->in_kernel ? 1 : 3;
    return t->address != 0 && (t->flags & 3) >= level;
}
