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

struct frame_words {
    u64 word[16];
    u32 count;
    bool from_user;
};

static void frame_add(struct frame_words *f, u64 word)
{
    f->word[f->count] = word;
    f->count += 1;
}

/* Into the kernel's mode; what all frames start with. */
static struct frame_words frame_begin(struct vcpu *v, const struct regs *r)
{
    struct frame_words f = { .from_user = !v->in_kernel };
    ctxsw_set_mode(v, true);
    frame_add(&f, r->rcx);
    frame_add(&f, r->r11);
    return f;
}

/* The part from rip up, which all frames end with. */
static void frame_add_return(struct frame_words *f, const struct vcpu *v,
                             const struct regs *r)
{
    const bool masked = atomic_load8(&v->info->upcall_mask) != 0;
    const u64 cs = f->from_user ? r->cs & 0xffff : r->cs & 0xfffc;
    const u64 rflags = r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);
    frame_add(f, r->rip);
    frame_add(f, cs | (masked ? 1ull << 32 : 0));
    frame_add(f, rflags | (masked ? 0 : RFLAGS_IF));
    frame_add(f, r->rsp);
    frame_add(f, r->ss & 0xffff);
}

/* End the frame, put it on the kernel stack and enter the handler, with these
 * flags clear. */
static void frame_deliver(struct vcpu *v, struct regs *r, struct frame_words *f,
                          const struct callback *handler, u64 cleared)
{
    frame_add_return(f, v, r);
    if (!address_is_guest(handler->address) || handler->address == 0) {
        domain_crash(v->domain, "no handler for an exception or event");
        return;
    }
    const u64 top = (f->from_user ? v->kernel_sp : r->rsp) & ~0xfull;
    const u64 sp = top - (u64)f->count * 8;
    if (!arch_store(gva(sp), f->word, (u64)f->count * 8)) {
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
    struct frame_words f = frame_begin(v, r);
    if (vector < 32 && (VECTORS_WITH_ERROR >> vector & 1) != 0) {
        frame_add(&f, error);
    }
    frame_deliver(v, r, &f, &handler, RFLAGS_CLEARED_ON_ENTRY);
}

void bounce_callback(struct vcpu *v, struct regs *r, enum callback_kind kind)
{
    struct frame_words f = frame_begin(v, r);
    frame_deliver(v, r, &f, &v->callback[kind],
                  RFLAGS_CLEARED_ON_ENTRY | RFLAGS_DF);
}

void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 selectors[4])
{
    struct frame_words f = frame_begin(v, r);
    for (u32 i = 0; i < 4; i++) {
        frame_add(&f, selectors[i]);
    }
    frame_deliver(v, r, &f, &v->callback[CALLBACK_FAILSAFE],
                  RFLAGS_CLEARED_ON_ENTRY);
}

bool bounce_may_raise(const struct vcpu *v, u32 vector)
{
    const struct trap_info *t = &private_traps(v)[vector & 0xff];
    /* Rings 0 to 2 are the guest kernel's, which is never called ring 0. */
    const u32 level = v->in_kernel ? 1 : 3;
    return t->address != 0 && (t->flags & 3) >= level;
}
