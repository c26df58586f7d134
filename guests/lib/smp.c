/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other vCPUs: see smp.h. An exception that a vCPU may meet needs no frame,
 * since it never goes back: it begins in vcpu_entry on a fresh stack. Events
 * stay masked, as a vCPU's are at the start.
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

struct order {
    void (*volatile wanted)(void);
    void (*volatile running)(void);
    u8 (*volatile pages)[PAGE_BYTES];
    volatile bool may_fault;
};

u32 vcpu_count = 1;
static struct order orders[VCPUS];
static struct context context;

void vcpu_loop(void);

void vcpu_loop(void)
{
    struct room *const own = room();
    struct order *const order = &orders[me()];
    if (order->running == NULL) {
        traps_setup(); /* not each time it begins anew */
    }
    own->try_stack = 0;
    for (;;) {
        void (*const f)(void) = order->wanted;
        own->pages = f != NULL ? order->pages : own->own;
        own->may_fault = order->may_fault;
        __atomic_store_n(&order->running, f, __ATOMIC_SEQ_CST);
        if (f != NULL) {
            f();
        } else {
            (void)call_sched_yield(0, 0, 0, 0);
        }
    }
}

static s64 start_one(u32 number)
{
    struct room *const own = &rooms[number];
    fill(&context, 0, sizeof(context));
    context.flags = VGCF_IN_KERNEL;
    context.rip = (u64)(uintptr_t)vcpu_entry;
    context.cs = CS_KERNEL;
    context.ss = SS_KERNEL;
    context.rsp = (u64)(uintptr_t)own->stack + sizeof(own->stack) - 16;
    context.kernel_ss = SS_KERNEL;
    context.kernel_sp = (u64)(uintptr_t)own->user_stack + PAGE_BYTES;
    context.ctrlreg[3] = table_of(context.rip, 4) << PAGE_BITS;
    for (u32 n = 0; n < 32; n++) {
        context.traps[n] = (struct trap_info){ .vector = (u8)n,
                                               .cs = CS_KERNEL,
                                               .address = trap_stubs[n] };
    }
    const s64 rc = call_vcpu_initialise(number, (u64)(uintptr_t)&context, 0, 0);
    return rc != 0 ? rc : call_vcpu_up(number, 0, 0, 0);
}

s64 vcpus_start(u32 count)
{
    s64 rc = 0;
    while (rc == 0 && vcpu_count < count) {
        rc = start_one(vcpu_count);
        vcpu_count += rc == 0 ? 1 : 0;
    }
    return rc;
}

/* What a vCPU may meet after it has stopped is what it might meet before: it
 * may still hold a segment that is gone. */
static void order_all(void (*f)(void), u8 (*pages)[PAGE_BYTES], bool may_fault)
{
    for (u32 i = 1; i < vcpu_count; i++) {
        if (f != NULL) {
            orders[i].may_fault = may_fault;
            orders[i].pages = pages != NULL ? pages : rooms[i].own;
        }
        __atomic_store_n(&orders[i].wanted, f, __ATOMIC_SEQ_CST);
    }
    for (u32 i = 1; i < vcpu_count; i++) {
        while (orders[i].running != f) {
            (void)call_sched_yield(0, 0, 0, 0);
        }
    }
}

void others_run(void (*f)(void))
{
    order_all(f, NULL, false);
}

void others_stop(void)
{
    order_all(NULL, NULL, false);
}

s64 second_start(void)
{
    return vcpu_count > 1 ? 0 : vcpus_start(2);
}

void second_run(void (*f)(void))
{
    order_all(f, room()->pages, true);
}

void second_stop(void)
{
    order_all(NULL, NULL, false);
}
