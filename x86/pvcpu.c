/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls on the virtual processor itself: trap table, callbacks, stack,
 * task-switched flag, debug registers, IOPL, NMI. All act on the caller, except
 * NMI; nothing here takes a lock.
 *
 * Debug registers [SDM 3B 17.2]: a watchpoint must stay clear of the
 * hypervisor's addresses even under the largest address mask a processor has
 * (4 GiB, XSA-444), GD would make ring 0 fault, and I/O watchpoints mean
 * nothing here. Reserved bits are made what the processor demands.
 */
#include "x86/pvcpu.h"

#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/nospec.h"
#include "core/sched.h"
#include "x86/cpufeat.h"
#include "x86/hw.h"
#include "x86/private.h"

#define WATCH_MASK_BYTES 0x100000000ull
#define DR6_WRITABLE 0xe00full
#define DR6_ONES 0xffff0ff0ull
#define DR7_ONE 0x400ull
#define DR7_GD 0x2000ull
#define DR7_RESERVED 0xffffffff0000d800ull /* bits 11, 12, 14, 15, 32.. */
#define DR7_KIND_SHIFT 16u
#define DR7_KIND_IO 2u

/* ---- traps and callbacks ----------------------------------------------------
 */

struct trap_info pvcpu_trap(const struct trap_info *from)
{
    struct trap_info t = { .vector = from->vector };
    if (address_is_guest(from->address)) {
        t.flags = from->flags & 7;
        t.cs = SEL_GUEST_CS64;
        t.address = from->address;
    }
    return t;
}

s64 hc_set_trap_table(struct hc_call *c)
{
    struct trap_info *table = private_traps(c->v);
    u64 from = c->arg[0];
    if (from == 0) {
        for (u32 i = 0; i < 256; i++) {
            table[i] = (struct trap_info){ .vector = (u8)i };
        }
        return RC_OK;
    }
    /* Ends at the empty entry, or when each vector could have been set. */
    struct trap_info set[256];
    u32 count = 0;
    for (;; count++, from += sizeof(set[0])) {
        struct trap_info t;
        if (!arch_fetch(&t, gva(from), sizeof(t))) {
            return RC_EFAULT;
        }
        if (t.address == 0) {
            break;
        }
        if (count == ARRAY_COUNT(set) || !address_is_guest(t.address)) {
            return RC_EINVAL;
        }
        set[count] = pvcpu_trap(&t);
        if (count % 64 == 63) {
            arch_interrupts();
        }
    }
    for (u32 i = 0; i < count; i++) {
        table[set[i].vector] = set[i];
    }
    return RC_OK;
}

static s64 callback_set(struct vcpu *v, enum callback_kind kind,
                        const struct arg_callback *a)
{
    if (!address_is_guest(a->address)) {
        return RC_EINVAL;
    }
    v->callback[kind].address = a->address;
    v->callback[kind].mask_events =
        kind == CALLBACK_EVENT || (a->flags & 1) != 0;
    return RC_OK;
}

#define HC_CALLBACK(name, kind)                                                \
    s64 name(struct hc_call *c, struct arg_callback *a)                        \
    {                                                                          \
        return callback_set(c->v, kind, a);                                    \
    }
HC_CALLBACK(hc_callback_event, CALLBACK_EVENT)
HC_CALLBACK(hc_callback_failsafe, CALLBACK_FAILSAFE)
HC_CALLBACK(hc_callback_syscall, CALLBACK_SYSCALL)
HC_CALLBACK(hc_callback_sysenter, CALLBACK_SYSENTER)
HC_CALLBACK(hc_callback_syscall32, CALLBACK_SYSCALL32)

s64 hc_stack_switch(struct hc_call *c)
{
    /* ss is ours to choose; the address is checked when it is used. */
    c->v->kernel_sp = c->arg[1];
    return RC_OK;
}

s64 hc_fpu_taskswitch(struct hc_call *c)
{
    c->v->task_switched = c->arg[0] != 0;
    ctxsw_load_control(c->v);
    return RC_OK;
}

s64 hc_set_iopl(struct hc_call *c, struct arg_set_iopl *a)
{
    if (a->iopl > 3) {
        return RC_EINVAL;
    }
    c->v->iopl = a->iopl;
    return RC_OK;
}

s64 hc_vcpu_send_nmi(struct hc_call *c)
{
    struct vcpu *target = vcpu_of(c->v->domain, c->arg[1]);
    if (target == NULL) {
        return RC_ENOENT;
    }
    atomic_store32(&target->nmi_pending, 1);
    sched_notify(target);
    return RC_OK;
}

/* ---- control and debug registers
 * ------------------------------------------------ */

u64 pvcpu_cr4_allowed(void)
{
    return cpu_features.fsgsbase ? CR4_FSGSBASE : 0;
}

static bool watch_address_ok(u64 address)
{
    /* The range it may cover lies in the guest's part. */
    const u64 first = address & ~(WATCH_MASK_BYTES - 1);
    return address_is_guest(first) &&
           address_is_guest(first + (WATCH_MASK_BYTES - 1));
}

static enum rc control_ok(u64 *value)
{
    u64 v = (*value & ~DR7_RESERVED) | DR7_ONE;
    if ((v & DR7_GD) != 0) {
        return RC_EPERM;
    }
    for (u32 i = 0; i < 4; i++) {
        if ((v >> (DR7_KIND_SHIFT + 4 * i) & 3) == DR7_KIND_IO) {
            return RC_EPERM;
        }
    }
    *value = v;
    return RC_OK;
}

enum rc pvcpu_debug_ok(u64 n, u64 *value)
{
    switch (n) {
    case 0:
    case 1:
    case 2:
    case 3:
        return watch_address_ok(*value) ? RC_OK : RC_EPERM;
    case 6:
        *value = (*value & DR6_WRITABLE) | DR6_ONES;
        return RC_OK;
    case 7:
        return control_ok(value);
    default:
        return RC_EINVAL;
    }
}

static u64 debug_index(u64 n)
{
    return n == 4 || n == 5 ? n + 2 : n; /* old names of 6 and 7 */
}

bool pvcpu_read_debug(const struct vcpu *v, u64 n, u64 *value)
{
    const u64 i = debug_index(n);
    if (i > 7) {
        return false;
    }
    *value = v->debugreg[index_clamp(i, 8)];
    return true;
}

enum rc pvcpu_write_debug(struct vcpu *v, u64 n, u64 value)
{
    const u64 i = debug_index(n);
    u64 checked = value;
    const enum rc rc = pvcpu_debug_ok(i, &checked);
    if (rc != RC_OK) {
        return rc;
    }
    v->debugreg[index_clamp(i, 8)] = checked;
    if (i != 6) {
        ctxsw_load_debug(v);
    }
    return RC_OK;
}

s64 hc_set_debugreg(struct hc_call *c)
{
    return pvcpu_write_debug(c->v, c->arg[0], c->arg[1]);
}

s64 hc_get_debugreg(struct hc_call *c)
{
    u64 value;
    return pvcpu_read_debug(c->v, c->arg[0], &value) ? (s64)value : RC_EINVAL;
}
