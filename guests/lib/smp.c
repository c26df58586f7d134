/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second vCPU: see smp.h. Its exceptions need no frame, since it never goes
 * back: the handler is a jump to the loop on a fresh stack. Its events stay
 * masked, as a vCPU's are at the start.
 */
#include "guests/lib/smp.h"

#include "guests/lib/guest.h"

#define VGCF_IN_KERNEL 4u

/* [XEN arch-x86/xen.h vcpu_guest_context] */
struct context {
    u8 fpu[512];
    u64 flags;
    u64 general[15];
    u64 error_and_vector;
    u64 rip, cs, rflags, rsp, ss, es, ds, fs, gs;
    struct trap_info traps[256];
    u64 ldt_base, ldt_entries;
    u64 gdt_frames[16], gdt_entries;
    u64 kernel_ss, kernel_sp;
    u64 ctrlreg[8];
    u64 debugreg[8];
    u64 event_address, failsafe_address, syscall_address;
    u64 vm_assist;
    u64 fs_base, gs_base_kernel, gs_base_user;
};

_Static_assert(sizeof(struct context) == 5168, "abi");

void second_entry(void);
void second_loop(void);
__asm__(".text\n"
        ".globl second_entry\n"
        "second_entry: cld\n\t"
        "lea second_stack+8192(%rip), %rsp\n\t"
        "xor %ebp, %ebp\n\t"
        "call second_loop\n\t"
        "ud2\n");

u8 second_stack[8192] __attribute__((aligned(4096)));
static void (*volatile wanted)(void);
static void (*volatile running)(void);
static struct context context;

void second_loop(void)
{
    for (;;) {
        void (*const f)(void) = wanted;
        __atomic_store_n(&running, f, __ATOMIC_SEQ_CST);
        if (f != NULL) {
            f();
        } else {
            (void)call_sched_yield(0, 0, 0, 0);
        }
    }
}

s64 second_start(void)
{
    static bool up;
    const u64 entry = (u64)(uintptr_t)second_entry;
    if (up) {
        return 0;
    }
    context.flags = VGCF_IN_KERNEL;
    context.rip = entry;
    context.cs = CS_KERNEL;
    context.ss = SS_KERNEL;
    context.rsp = (u64)(uintptr_t)second_stack + sizeof(second_stack);
    for (u32 n = 0; n < 256; n++) {
        context.traps[n] = (struct trap_info){ .vector = (u8)n,
                                               .cs = CS_KERNEL,
                                               .address = entry };
    }
    context.kernel_ss = SS_KERNEL;
    context.kernel_sp = context.rsp;
    context.event_address = entry;
    context.failsafe_address = entry;
    context.syscall_address = entry;
    context.ctrlreg[3] = table_of(entry, 4) << PAGE_BITS;
    s64 rc = call_vcpu_initialise(1, (u64)(uintptr_t)&context, 0, 0);
    if (rc == 0) {
        rc = call_vcpu_up(1, 0, 0, 0);
    }
    up = rc == 0;
    return rc;
}

void second_run(void (*f)(void))
{
    __atomic_store_n(&wanted, f, __ATOMIC_SEQ_CST);
    while (running != f) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
}

void second_stop(void)
{
    second_run(NULL);
}
