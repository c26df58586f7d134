/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page faults of guests. Most are the guest's own business and go to its
 * handler, with the address in its vcpu_info and the user bit of the error code
 * telling guest user from guest kernel (all of it is ring 3 to the processor).
 *
 * Writes of the guest kernel to a present, read-only page may be page-table
 * writes: ptwrite.c. Addresses in the hypervisor's part of the address space
 * always look present and protected there, so that a guest cannot learn by its
 * faults what is mapped; the machine-to-phys window is the guest's to read and
 * shows its holes.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "x86/private.h"

static u32 error_for_guest(const struct vcpu *v, u32 error, u64 address)
{
    u32 e = error & (PF_PRESENT | PF_WRITE | PF_FETCH);
    if (!v->in_kernel) {
        e |= PF_USER;
    }
    if (address >= PRIVATE_BASE && address < HV_END) {
        e |= PF_PRESENT;
    }
    return e;
}

struct return_frame {
    u64 rip, cs, rflags, rsp, ss;
};

/*
 * QEMU 7.2 pops the frame of a ring-3 IRETQ with supervisor rights, which SMAP
 * refuses: a fault of ring 3 without the user bit, which no processor raises
 * for a stack. Do the return for the guest; it can only reach ring 3, and any
 * bad value in it is caught where every guest frame is (trap_iret_failed).
 */
static NO_INLINE bool iretq_emulate(struct regs *r)
{
    struct return_frame f;
    u8 code[2];
    if (!arch_fetch(code, gva(r->rip), sizeof(code)) || code[0] != 0x48 ||
        code[1] != 0xcf || !arch_fetch(&f, gva(r->rsp), sizeof(f))) {
        return false;
    }
    r->rip = f.rip;
    r->cs = (f.cs & 0xffff) | SELECTOR_RPL;
    r->rflags = (f.rflags & RFLAGS_GUEST) | RFLAGS_IF | RFLAGS_ONE;
    r->rsp = f.rsp;
    r->ss = (f.ss & 0xffff) | SELECTOR_RPL;
    return true;
}

void fault_page(struct vcpu *v, struct regs *r, u64 address)
{
    const u32 error = r->error;
    if ((error & PF_USER) == 0 && address_is_guest(address) &&
        iretq_emulate(r)) {
        return;
    }
    if ((error & PF_RESERVED) != 0) {
        /* No entry with a reserved bit is ever accepted. */
        domain_crash(v->domain, "page fault by a reserved bit");
        return;
    }
    const u32 kind = error & (PF_PRESENT | PF_WRITE | PF_FETCH);
    if (v->in_kernel && kind == (PF_PRESENT | PF_WRITE) &&
        address_is_guest(address) && ptwrite_emulate(v, r, address)) {
        return;
    }
    atomic_store64(&v->info->cr2, address);
    bounce_trap(v, r, TRAP_PF, error_for_guest(v, error, address));
}
