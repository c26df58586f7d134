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
#include "x86/private.h"

/* Vectors that push an error code: 8, 10..14, 17, 21. */
#define VECTORS_WITH_ERROR                                                     \
    ((1u << 8) | (1u << 10) | (1u << 11) | (1u << 12) | (1u << 13) |           \
     (1u << 14) | (1u << 17) | (1u << 21))

#define FRAME_WORDS_MAX 12u
#define FRAME_RETURN 5u /* of them, from rip up */

/* Into the kernel's mode, with a frame on its stack and these flags clear. What
 * a handler's address may be was checked when the guest named it. */
static void deliver(struct vcpu *v, struct regs *r,
                    const struct callback *handler, const u64 *extra, u32 count,
                    u64 cleared)
{
    const bool from_user = !v->in_kernel;
    const u64 masked = atomic_load8(&v->info->upcall_mask) != 0 ? 1 : 0;
    const u64 rflags = r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);
    u64 frame[FRAME_WORDS_MAX];
    u64 *word = &frame[FRAME_WORDS_MAX - FRAME_RETURN];
    word[0] = r->rip;
    word[1] = (r->cs & (from_user ? 0xffff : 0xfffc)) | masked << 32;
    word[2] = rflags | (masked ^ 1) * RFLAGS_IF;
    word[3] = r->rsp;
    word[4] = r->ss & 0xffff;
    while (count > 0) {
        count--;
        word--;
        *word = extra[count];
    }
    word -= 2;
    word[0] = r->rcx;
    word[1] = r->r11;
    if (handler->address == 0) {
        domain_crash(v->domain, "no handler for an exception or event");
        return;
    }
    const u64 bytes = sizeof(u64) * (u64)(&frame[FRAME_WORDS_MAX] - word);
    const u64 sp = ((from_user ? v->kernel_sp : r->rsp) & ~0xfull) - bytes;
    ctxsw_set_mode(v, true);
    if (!arch_store(gva(sp), word, bytes)) {
        domain_crash(v->domain, "kernel stack cannot take a frame");
        return;
    }
    if (handler->mask_events) {
        atomic_store8(&v->info->upcall_mask, 1);
    }
    r->rip = handler->address;
    r->cs = SEL_GUEST_CS64;
    r->rflags = (r->rflags & RFLAGS_GUEST & ~cleared) | RFLAGS_IF | RFLAGS_ONE;
    r->rsp = sp;
    r->ss = SEL_GUEST_DS;
}

void bounce_trap(struct vcpu *v, struct regs *r, u32 vector, u32 error)
{
    const struct trap_info *t = &private_traps(v)[vector & 0xff];
    const struct callback handler = { t->address, (t->flags & 4) != 0 };
    const bool with = vector < 32 && (VECTORS_WITH_ERROR >> vector & 1) != 0;
    const u64 extra = error;
    deliver(v, r, &handler, &extra, with ? 1 : 0, RFLAGS_CLEARED_ON_ENTRY);
}

void bounce_callback(struct vcpu *v, struct regs *r, enum callback_kind kind)
{
    deliver(v, r, &v->callback[kind], NULL, 0,
            RFLAGS_CLEARED_ON_ENTRY | RFLAGS_DF);
}

void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 selectors[4])
{
    const u64 extra[4] = { selectors[0], selectors[1], selectors[2],
                           selectors[3] };
    deliver(v, r, &v->callback[CALLBACK_FAILSAFE], extra, 4,
            RFLAGS_CLEARED_ON_ENTRY);
}

bool bounce_may_raise(const struct vcpu *v, u32 vector)
{
    const struct trap_info *t = &private_traps(v)[vector & 0xff];
    /* Rings 0 to 2 are the guest kernel's, which is never called ring 0. */
    const u32 level = v->in_kernel ? 1 : 3;
    return t->address != 0 && (t->flags & 3) >= level;
}
