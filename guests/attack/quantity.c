/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More attacks by time, numbers and quantities, and on vCPUs that begin: A39,
 * A63..A69.
 */
#include "guests/attack/attack.h"

#define E2BIG 7
#define HOLE 0x0000800000000000ull
#define CONTEXT_BYTES 5168u
#define XS_HEADER_BYTES 16u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- A39: the first state of a vCPU ----------------------------------------
 */

/* Places in the description of a vCPU [XEN arch-x86/xen.h]. */
enum {
    AT_FLAGS = 512,
    AT_RIP = 648,
    AT_LDT_ENTRIES = 4824,
    AT_GDT_FRAME = 4832,
    AT_GDT_ENTRIES = 4960,
    AT_CR1 = 4992,
    AT_CR3 = 5008,
    AT_EVENT = 5112,
    AT_FAILSAFE = 5120,
    AT_SYSCALL = 5128,
    AT_FS_BASE = 5144,
    AT_GS_KERNEL = 5152,
    AT_GS_USER = 5160
};

/* Two pages hold it. The root is good unless word says otherwise. */
static s64 initialise(u32 word, u64 value)
{
    u8 *const context = scratch[1];
    fill(context, 0, CONTEXT_BYTES);
    *(u64 *)(void *)&context[AT_FLAGS] = 4; /* in the kernel */
    *(u64 *)(void *)&context[AT_CR3] = table_of(va_of(context), 4) << PAGE_BITS;
    *(u64 *)(void *)&context[word] = value;
    return call_vcpu_initialise(1, va_of(context), 0, 0);
}

s64 attack_context_odd(void)
{
    static const struct {
        u32 at;
        u64 value;
    } bad[] = { { AT_FLAGS, 0 },
                { AT_RIP, HOLE },
                { AT_LDT_ENTRIES, 1 },
                { AT_GDT_ENTRIES, 513 },
                { AT_EVENT, HV_START },
                { AT_FAILSAFE, HOLE },
                { AT_SYSCALL, HV_START },
                { AT_FS_BASE, HOLE },
                { AT_GS_KERNEL, 1ull << 63 },
                { AT_GS_USER, HOLE } };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        if (initialise(bad[i].at, bad[i].value) != -EINVAL) {
            return i + 1;
        }
    }
    return 0;
}

/* A vCPU that has begun cannot begin again: then nobody looks at the roots. */
static bool refused(s64 rc)
{
    return rc == -EINVAL || rc == -EBUSY || rc == -EEXIST;
}

s64 attack_context_roots(void)
{
    const u64 bad[] = { 0x100,
                        0xfee00,
                        0xfffffffffull,
                        U64_MAX >> PAGE_BITS,
                        table_of(va_of(scratch[1]), 1),
                        frame_of_page(scratch[3]) };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        if (!refused(initialise(AT_CR3, bad[i] << PAGE_BITS)) ||
            !refused(initialise(AT_CR1, bad[i] << PAGE_BITS))) {
            return i + 1;
        }
    }
    return call_vcpu_initialise(0, va_of(scratch[1]), 0, 0) == -EEXIST ? 0 : 9;
}

/* ---- A63, A65: time --------------------------------------------------------
 */

s64 attack_periodic(void)
{
    static const u8 absent[] = { 6, 7, 8, 9 };
    for (u32 i = 0; i < ARRAY_COUNT(absent); i++) {
        u64 *const period = (u64 *)(void *)scratch[1];
        *period = 1;
        if (hypercall(24, absent[i], me(), va_of(period), 0, 0) != -ENOSYS) {
            return absent[i];
        }
    }
    return 0;
}

static s64 timer_port(u32 *port)
{
    struct arg_evtchn_virq a = { .virq = VIRQ_TIMER, .vcpu = me() };
    s64 rc = call_evtchn_bind_virq(0, &a);
    *port = *(volatile u32 *)&a.port;
    if (rc == 0) {
        struct arg_evtchn_port p = { *port };
        rc = call_evtchn_unmask(0, &p);
    }
    return rc;
}

static s64 timer_done(u32 port, s64 r)
{
    struct arg_evtchn_port p = { port };
    my_info()->upcall_mask = 1;
    (void)call_set_timer_op(0, 0, 0, 0);
    __atomic_or_fetch(&shared->evtchn_mask[port / 64], 1ull << (port % 64),
                      __ATOMIC_SEQ_CST);
    const s64 rc = call_evtchn_close(0, &p);
    return rc != 0 ? rc : r;
}

/* Timers that are due at once, with the events that they raise. */
s64 attack_timer_storm(void)
{
    u32 port;
    const s64 rc = timer_port(&port);
    const u64 before = event_count;
    if (rc != 0) {
        return rc;
    }
    my_info()->upcall_mask = 0;
    for (u32 i = 0; i < 3000; i++) {
        (void)call_set_timer_op(i % 2 == 0 ? 1 : time_ns() + i % 50, 0, 0, 0);
        (void)call_version(0, 0, 0, 0);
    }
    return timer_done(port, event_count > before ? 0 : 1);
}

s64 attack_block_storm(void)
{
    u32 port;
    const s64 rc = timer_port(&port);
    if (rc != 0) {
        return rc;
    }
    for (u32 i = 0; i < 300; i++) {
        my_info()->upcall_mask = 1;
        (void)call_set_timer_op(time_ns() + 20000, 0, 0, 0);
        (void)call_sched_block(0, 0, 0, 0);
    }
    return timer_done(port, 0);
}

s64 attack_poll_storm(void)
{
    for (u32 i = 0; i < 2000; i++) {
        struct arg_sched_poll a = { .timeout = time_ns() + i % 8 * 300 };
        if (a.timeout != 0 && call_sched_poll(0, &a) != 0) {
            return i + 1;
        }
    }
    return 0;
}

/* ---- A65, A67, A68: numbers ------------------------------------------------
 */

/* Each operation on a vCPU, of vCPUs that are not there. */
s64 attack_vcpu_numbers(void)
{
    static const u8 operations[] = { 0, 1, 2, 3, 5, 10, 11, 13 };
    static const u32 numbers[] = { VCPUS,      32,          64,
                                   0x7fffffff, 0x80000000u, U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(operations); i++) {
        for (u32 j = 0; j < ARRAY_COUNT(numbers); j++) {
            if (hypercall(24, operations[i], numbers[j], va_of(scratch[1]), 0,
                          0) != -ENOENT) {
                return i * 10 + j + 1;
            }
        }
    }
    return 0;
}

/* To shut down others, to be watched, to be moved. */
s64 attack_sched_rest(void)
{
    for (u64 sub = 4; sub < 16; sub++) {
        if (hypercall(29, sub, va_of(scratch[1]), 0, 0, 0) != -ENOSYS) {
            return (s64)sub;
        }
    }
    return 0;
}

/* platform, xsm, hvm, sysctl, domctl, kexec, tmem, argo, pmu, device model,
 * hypfs, and the machine's own (48): every operation, on five domains. */
s64 attack_control_all(void)
{
    static const u8 numbers[] = {
        7, 27, 34, 35, 36, 37, 38, 39, 40, 41, 42, 48
    };
    static const u16 domains[] = { SELF, 0, 1, 2, 0x7fff };
    u32 *const order = (u32 *)(void *)scratch[1];
    for (u32 i = 0; i < ARRAY_COUNT(numbers); i++) {
        for (u32 n = 0; n < 90 * ARRAY_COUNT(domains); n++) {
            order[0] = n / ARRAY_COUNT(domains);
            order[1] = 0x15; /* a version of the interface */
            order[2] = domains[n % ARRAY_COUNT(domains)];
            if (hypercall(numbers[i], va_of(order), 0, 0, 0, 0) != -ENOSYS ||
                hypercall(numbers[i], order[0], va_of(order), 0, 0, 0) !=
                    -ENOSYS) {
                return numbers[i] * 1000 + order[0];
            }
        }
    }
    return 0;
}

s64 attack_refusals_wide(void)
{
    for (u64 i = 0; i < 5000; i++) {
        if (hypercall(1000 + i * 0x100010001ull, i, i, i, i, i) != -ENOSYS) {
            return (s64)i + 1;
        }
    }
    return 0;
}

s64 attack_console_long(void)
{
    static const u64 counts[] = { 0x80000000ull, 1ull << 32, (1ull << 32) + 1,
                                  U64_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(counts); i++) {
        if (call_console_write(counts[i], va_of(scratch[1]), 0, 0) != -EINVAL) {
            return i + 1;
        }
    }
    return call_console_write(0x7fffffff, va_of(scratch[1]), 0, 0) == -E2BIG
               ? 0
               : 9;
}

/* ---- A69: the store ring ---------------------------------------------------
 */

static void ring_put(struct store_ring *r, const u32 *words, u32 count)
{
    u32 prod = r->req_prod;
    for (u32 i = 0; i < count * 4; i++) {
        r->req[prod % sizeof(r->req)] = (u8)(words[i / 4] >> (i % 4 * 8));
        prod++;
    }
    barrier();
    *(volatile u32 *)&r->req_prod = prod;
}

/* Bytes of answer beyond before, of who serves the store if anybody does. */
static u32 answered(struct store_ring *r, u32 before)
{
    for (u32 turn = 0; turn < 2000; turn++) {
        if (*(volatile u32 *)&r->rsp_prod != before) {
            break;
        }
        (void)call_sched_yield(0, 0, 0, 0);
    }
    return *(volatile u32 *)&r->rsp_prod - before;
}

/* Requests of kinds there are not, for transactions nobody began: each is
 * answered, and the ring stays open; or nobody serves it. */
s64 attack_store_odd(void)
{
    struct store_ring *const r = page_of_frame(start_info->store_mfn);
    struct arg_evtchn_port p = { start_info->store_evtchn };
    for (u32 kind = 0; kind < 40; kind++) {
        const u32 message[] = { kind < 30 ? kind : U32_MAX - kind, kind,
                                U32_MAX, 4, 0x00636261 };
        const u32 before = *(volatile u32 *)&r->rsp_prod;
        if (r->req_prod != *(volatile u32 *)&r->req_cons) {
            return 0; /* closed before */
        }
        ring_put(r, message, ARRAY_COUNT(message));
        if (call_evtchn_send(0, &p) != 0) {
            return kind + 1;
        }
        const u32 answer = answered(r, before);
        if (kind == 0 && answer == 0) {
            return 0;
        }
        if (answer < XS_HEADER_BYTES || answer > sizeof(r->rsp)) {
            return kind + 101;
        }
        r->rsp_cons = *(volatile u32 *)&r->rsp_prod;
    }
    return 0;
}

/* A body that is longer than any can be. */
s64 attack_store_long(void)
{
    struct store_ring *const r = page_of_frame(start_info->store_mfn);
    struct arg_evtchn_port p = { start_info->store_evtchn };
    const u32 message[] = { 1, 0, 0, U32_MAX };
    ring_put(r, message, ARRAY_COUNT(message));
    return call_evtchn_send(0, &p);
}
