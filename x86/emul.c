/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileged instructions that a guest kernel executes although it runs in ring
 * 3. Each faults with #GP; the few that guests need are done here on the vCPU's
 * virtual state, the rest is the guest's own #GP. Nothing is ever executed from
 * the guest's bytes, and no port, control register or MSR of the machine is
 * touched on its word, but for FS and GS base and CR4.FSGSBASE.
 *
 * Ports do not exist: reads give all ones and writes vanish, if the virtual
 * IOPL allows the access at all. CLI and STI do nothing, under the same
 * condition: the virtual interrupt flag is upcall_mask.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/pgtable.h"
#include "x86/decode.h"
#include "x86/guestcopy.h"
#include "x86/hw.h"
#include "x86/private.h"
#include "x86/pte.h"
#include "x86/pvcpu.h"

#define CR0_GUEST 0x80050033ull /* PG AM WP NE ET MP PE */
#define OPCODE_INT 0xcdu
#define CODE_RDMSR 0x320fu /* 0f 32 */
#define ERROR_EXTERNAL 1u
#define PIT_FIRST 0x40u
#define PIT_LAST 0x42u
#define DR6_SINGLE_STEP 0x4000ull

u32 emul_fetch(const struct regs *r, u8 bytes[INSN_ROOM])
{
    const u64 rip = r->rip;
    const u64 to_page_end = PAGE_BYTES - (rip & (PAGE_BYTES - 1));
    /* Whole words, where that asks for no other page. */
    const bool room = to_page_end >= INSN_ROOM;
    if (arch_fetch(bytes, gva(rip), room ? INSN_ROOM : INSN_BYTES_MAX)) {
        return INSN_BYTES_MAX;
    }
    /* Perhaps only the next page is missing. */
    if (to_page_end >= INSN_BYTES_MAX ||
        !arch_fetch(bytes, gva(rip), to_page_end)) {
        return 0;
    }
    return (u32)to_page_end;
}

void emul_done(struct vcpu *v, struct regs *r, u32 length)
{
    const bool step = (r->rflags & RFLAGS_TF) != 0;
    r->rip += length;
    r->rflags &= ~RFLAGS_RF;
    if (step) {
        v->debugreg[6] |= DR6_SINGLE_STEP;
        bounce_trap(v, r, TRAP_DB, 0);
    }
}

/* The functions below do an instruction: false is the guest's #GP. One that is
 * to be executed once more gets the length 0. */

static bool read_control(const struct vcpu *v, u64 *to, const struct insn *in)
{
    switch (in->reg) {
    case 0:
        *to = CR0_GUEST | (v->task_switched ? CR0_TS : 0);
        return true;
    case 2:
        *to = atomic_load64(&v->info->cr2);
        return true;
    case 3:
        *to = v->kernel_root.v << PAGE_BITS;
        return true;
    case 4:
        *to = ctxsw_guest_cr4(v);
        return true;
    default:
        return false;
    }
}

static bool set_task_switched(struct vcpu *v, bool on)
{
    v->task_switched = on;
    ctxsw_load_control(v);
    return true;
}

static bool write_root(struct vcpu *v, u64 value, struct insn *in)
{
    v->budget = PGTABLE_BUDGET;
    const enum rc rc =
        pgtable_set_root(v, mfn((value & PTE_FRAME) >> PAGE_BITS), false);
    if (rc == RC_PREEMPT) {
        in->length = 0;
    }
    return rc == RC_OK || rc == RC_PREEMPT;
}

static bool write_control(struct vcpu *v, u64 value, struct insn *in)
{
    switch (in->reg) {
    case 0:
        return ((value ^ CR0_GUEST) & ~CR0_TS) == 0 &&
               set_task_switched(v, (value & CR0_TS) != 0);
    case 2:
        atomic_store64(&v->info->cr2, value);
        return true;
    case 3:
        return write_root(v, value, in);
    case 4:
        /* What it may not have is dropped, not refused: see A.7. */
        v->cr4 = value & CR4_FSGSBASE & pvcpu_cr4_allowed();
        ctxsw_load_control(v);
        return true;
    default:
        return false;
    }
}

static u64 rdx_rax(const struct regs *r)
{
    return (r->rax & U32_MAX) | r->rdx << 32;
}

static bool read_msr(struct vcpu *v, struct regs *r)
{
    u64 value = 0;
    /* Before the guest has a #GP handler there is nobody to tell. */
    if (!msr_read(v, (u32)r->rcx, &value) &&
        private_traps(v)[TRAP_GP].address != 0) {
        return false;
    }
    r->rax = value & U32_MAX;
    r->rdx = value >> 32;
    return true;
}

/* All ones, as from an empty bus. The counters of the old timer chip read as
 * zero instead: Linux polls one for as long as it reads all ones, and gives up
 * at once otherwise. */
static bool read_port(struct regs *r, const struct insn *in)
{
    const u32 size = in->size;
    const u64 port = in->immediate ? in->imm : r->rdx & 0xffff;
    if (size == 1 && port >= PIT_FIRST && port <= PIT_LAST) {
        r->rax &= ~0xffull;
    } else if (size == 4) {
        r->rax = U32_MAX;
    } else {
        r->rax |= size == 1 ? 0xff : 0xffff;
    }
    return true;
}

/* IOPL-sensitive instructions: the guest kernel counts as ring 1. */
static bool iopl_allows(const struct vcpu *v)
{
    return v->iopl >= (v->in_kernel ? 1u : 3u);
}

static bool kernel_only(struct vcpu *v, struct regs *r, struct insn *in)
{
    u64 *const rm = regs_general(r, in->rm);
    switch (in->op) {
    case INSN_RDMSR:
        return read_msr(v, r);
    case INSN_WRMSR:
        return msr_write(v, (u32)r->rcx, rdx_rax(r));
    case INSN_READ_CR:
        return read_control(v, rm, in);
    case INSN_WRITE_CR:
        return write_control(v, *rm, in);
    case INSN_READ_DR:
        return pvcpu_read_debug(v, in->reg, rm);
    case INSN_WRITE_DR:
        return pvcpu_write_debug(v, in->reg, *rm) == RC_OK;
    case INSN_CLTS:
        return set_task_switched(v, false);
    case INSN_XSETBV:
        return (u32)r->rcx == 0 && fpu_set_xcr0(private_state(v), rdx_rax(r));
    case INSN_WBINVD:
        return true; /* a guest has no memory that is not coherent */
    case INSN_INVLPG: {
        const u64 va = decode_address(in, r);
        if (!in->segment && address_is_guest(va)) {
            hw_invlpg(va);
        }
        return true;
    }
    default:
        return false;
    }
}

static bool execute(struct vcpu *v, struct regs *r, struct insn *in)
{
    switch (in->op) {
    case INSN_CPUID:
        cpuid_emulate(v, r);
        return true;
    case INSN_IN:
        return iopl_allows(v) && read_port(r, in);
    case INSN_OUT:
    case INSN_CLI:
    case INSN_STI:
        return iopl_allows(v);
    default:
        return v->in_kernel && kernel_only(v, r, in);
    }
}

/* What each switch of processes takes: not worth the decoder. */
static bool emulate_rdmsr(struct vcpu *v, struct regs *r)
{
    u16 code = 0;
    const bool ok = v->in_kernel && (r->cs & 0xffff) == SEL_GUEST_CS64 &&
                    window_open(r->rip, sizeof(code)) &&
                    hw_copy_2(&code, (const void *)r->rip);
    window_close();
    if (!ok || code != CODE_RDMSR || !read_msr(v, r)) {
        return false;
    }
    emul_done(v, r, sizeof(code));
    return true;
}

/* True: the instruction has been done, or shall be tried again. */
static NO_INLINE bool emulate(struct vcpu *v, struct regs *r)
{
    u8 bytes[INSN_ROOM];
    struct insn in;
    if (!seg_is_long(v, r->cs) ||
        decode(bytes, emul_fetch(r, bytes), &in) != DECODE_OK ||
        !execute(v, r, &in)) {
        return false;
    }
    if (in.length != 0) {
        emul_done(v, r, in.length);
    }
    return true;
}

/* INT n reaches a gate of ours that ring 3 may not use: #GP that names it. The
 * vector is taken from the instruction, since QEMU 7.2 scales the one in the
 * error code by the wrong size of a gate. */
static NO_INLINE bool software_interrupt(struct vcpu *v, struct regs *r)
{
    u8 bytes[2];
    if ((r->error & (ERROR_IDT | ERROR_EXTERNAL)) != ERROR_IDT ||
        !arch_fetch(bytes, gva(r->rip), sizeof(bytes)) ||
        bytes[0] != OPCODE_INT) {
        return false;
    }
    const u32 vector = bytes[1];
    if (!bounce_may_raise(v, vector)) {
        return false;
    }
    r->rip += 2;
    bounce_trap(v, r, vector, 0);
    return true;
}

void emul_protection(struct vcpu *v, struct regs *r)
{
    if (r->error == 0 ? emulate_rdmsr(v, r) || emulate(v, r)
                      : software_interrupt(v, r)) {
        return;
    }
    bounce_trap(v, r, TRAP_GP, r->error);
}

/* UD2, "xen", CPUID: the guest asks for our answer to CPUID. */
void emul_undefined(struct vcpu *v, struct regs *r)
{
    static const u8 forced[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
    u8 bytes[INSN_ROOM];
    const u32 count = emul_fetch(r, bytes);
    if (count >= sizeof(forced) &&
        __builtin_memcmp(bytes, forced, sizeof(forced)) == 0) {
        cpuid_emulate(v, r);
        emul_done(v, r, sizeof(forced));
        return;
    }
    bounce_trap(v, r, TRAP_UD, 0);
}
