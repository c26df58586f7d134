/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of core/arch.h: see host_arch.h.
 */
#include "tests/host_arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "x86/pte.h"

struct host host;
jmp_buf host_panic_jump;
bool host_panic_expected;

/* The code under test has no heap, so there is nothing to leak; the leak
 * checker's own stop of the world can hang where tracing is restricted. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

void host_fail(const char *what)
{
    fprintf(stderr, "host_arch: %s\n", what);
    abort();
}

/* ---- set-up ------------------------------------------------------------ */

void host_reset(void)
{
    host_memory_reset();
    memset(&host, 0, sizeof(host));
    memset(domain_table, 0, sizeof(domain_table));
    memset(domain_service, 0, sizeof(domain_service));
    domain_first = 1;
    domain_count = 0;
    host.timer_at = NS_NEVER;
    host.now = 1000000000u;
    host.tlb_clock = 1;
    host_panic_expected = false;
}

/* ---- this CPU ---------------------------------------------------------- */

u32 arch_cpu(void)
{
    return host.cpu;
}

struct vcpu *arch_current(void)
{
    return host.current;
}

void arch_relax(void)
{
    if (host.may_wait) {
        host.now += 1000000;
        return;
    }
    host_fail("a lock is waited for, and there is one thread");
}

void arch_interrupts(void)
{
    if (host_locks_held() != 0) {
        host_fail("interrupts taken with a lock held");
    }
}

ns_t arch_now(void)
{
    return host.now;
}

void arch_kick(u32 cpu)
{
    host.kicks[cpu]++;
}

void arch_resched(void)
{
    host.rescheds++;
}

void arch_timer_arm(ns_t deadline)
{
    host.timer_at = deadline;
}

void arch_panic(const char *what)
{
    if (host_panic_expected) {
        host_panic_expected = false;
        longjmp(host_panic_jump, 1);
    }
    host_fail(what);
}

void arch_machine_off(u32 code)
{
    host.off_code = code;
    arch_panic("machine off");
}

/* ---- guest memory ------------------------------------------------------ */

/* A read of bytes that a guest can write is about to happen there. */
static void before_guest_read(void)
{
    if (host.on_guest_read != NULL) {
        host.on_guest_read();
    }
}

/* The same, for a read at a guest address. */
static void before_fetch(u64 va, u64 bytes)
{
    host.read_va = va;
    host.read_bytes = bytes;
    before_guest_read();
    host.read_bytes = 0;
}

/* The bytes at va, and how many follow in the same page; NULL for a fault. */
static u8 *guest_at(u64 va, bool write, u64 *there)
{
    if (va >= HOST_GUEST_BASE && va - HOST_GUEST_BASE < HOST_GUEST_BYTES) {
        const u64 at = va - HOST_GUEST_BASE;

        *there = PAGE_BYTES - at % PAGE_BYTES;
        host_memory.guest_dirty[at / PAGE_BYTES] |= write;
        return &host_memory.guest[at];
    }
    mfn_t table;
    u32 index = 0;
    if (host.current == NULL ||
        arch_walk(host.current, va, &table, &index) != RC_OK) {
        return NULL;
    }
    const u64 pte = host_table(table)[index];
    if (!pte_is_present(pte) || (write && (pte & PTE_WRITE) == 0)) {
        return NULL;
    }
    *there = PAGE_BYTES - (va % PAGE_BYTES);
    return (u8 *)host_frame(pte_mfn(pte)) + (va % PAGE_BYTES);
}

static bool guest_copy(u8 *own, u64 va, u64 bytes, bool write)
{
    if (host_locks_held() != 0) {
        host_fail("guest memory copied with a lock held");
    }
    if (bytes > 65536) {
        host_fail("copy of more than 64 KiB");
    }
    host.copies++;
    if (host.fetch_fails_at != 0 && --host.fetch_fails_at == 0) {
        return false;
    }
    while (bytes != 0) {
        u64 there = 0;
        u8 *at = guest_at(va, write, &there);
        if (at == NULL) {
            return false;
        }
        const u64 n = bytes < there ? bytes : there;
        if (write) {
            memcpy(at, own, n);
        } else {
            memcpy(own, at, n);
        }
        own += n;
        va += n;
        bytes -= n;
    }
    return true;
}

bool arch_fetch(void *to, gva_t from, u64 bytes)
{
    before_fetch(from.v, bytes);
    return guest_copy(to, from.v, bytes, false);
}

bool arch_store(gva_t to, const void *from, u64 bytes)
{
    u8 copy[65536];
    if (bytes > sizeof(copy)) {
        host_fail("copy of more than 64 KiB");
    }
    memcpy(copy, from, bytes);
    return guest_copy(copy, to.v, bytes, true);
}

/* ---- page tables ------------------------------------------------------- */

static u64 *entry_at(mfn_t table, u32 index)
{
    if (table.v >= frame_table_count || !host_memory.window[table.v]) {
        host_fail("page table touched outside the window");
    }
    if (index >= TABLE_ENTRIES) {
        host_fail("page-table index");
    }
    return &host_table(table)[index];
}

u64 arch_pte_read(mfn_t table, u32 index)
{
    return *entry_at(table, index);
}

void arch_pte_write(mfn_t table, u32 index, u64 value)
{
    *entry_at(table, index) = value;
}

bool arch_pte_swap(mfn_t table, u32 index, u64 *expected, u64 value)
{
    u64 *const entry = entry_at(table, index);

    if (host.swaps_raced != 0 && pte_is_present(*entry)) {
        host.swaps_raced--;
        *entry ^= PTE_ACCESSED;
    }
    return atomic_cas64(entry, expected, value);
}

u64 *arch_table(mfn_t table)
{
    return entry_at(table, 0);
}

void arch_window_map(mfn_t table)
{
    if (table.v >= frame_table_count || host_memory.window[table.v]) {
        host_fail("mapped in the window twice");
    }
    host_memory.window[table.v] = true;
}

bool arch_l1tf_affected(void)
{
    return host.l1tf_affected;
}

void arch_window_unmap(mfn_t table)
{
    (void)entry_at(table, 0);
    host_memory.window[table.v] = false;
}

void arch_install_slots(const struct domain *d, mfn_t l4)
{
    (void)d;
    for (u32 i = 256; i <= 271; i++) {
        arch_pte_write(l4, i, host.slot_pte);
    }
}

enum rc arch_walk(const struct vcpu *v, u64 va, mfn_t *table, u32 *index)
{
    mfn_t at = v->kernel_root;
    if (at.v == MFN_NONE) {
        return RC_EFAULT;
    }
    for (u32 level = 4; level > 1; level--) {
        const u64 pte = arch_pte_read(at, pte_index(va, level));
        if (!pte_is_present(pte)) {
            return RC_EFAULT;
        }
        at = pte_mfn(pte);
    }
    *table = at;
    *index = pte_index(va, 1);
    return RC_OK;
}

/* ---- other frames ------------------------------------------------------ */

static u8 *frame_bytes(mfn_t m, u32 offset, u32 bytes)
{
    if (offset > PAGE_BYTES || bytes > PAGE_BYTES - offset) {
        host_fail("copy leaves its frame");
    }
    return (u8 *)host_frame(m) + offset;
}

static void check_write(mfn_t m)
{
    if (m.v < frame_table_count && host_memory.window[m.v]) {
        host_fail("a page table written through a temporary slot");
    }
}

void arch_frame_zero(mfn_t m)
{
    check_write(m);
    memset(host_frame(m), 0, PAGE_BYTES);
}

u64 *arch_frame_open(mfn_t m)
{
    check_write(m);
    return (u64 *)(void *)frame_bytes(m, 0, PAGE_BYTES);
}

void arch_frame_close(void)
{
}

void arch_frame_write64(mfn_t m, u32 offset, u64 value)
{
    arch_frame_write(m, offset, &value, sizeof(value));
}

void arch_frame_copy(mfn_t to, u32 to_offset, mfn_t from, u32 from_offset,
                     u32 bytes)
{
    before_guest_read();
    check_write(to);
    memcpy(frame_bytes(to, to_offset, bytes),
           frame_bytes(from, from_offset, bytes), bytes);
}

void arch_frame_read(void *to, mfn_t from, u32 offset, u32 bytes)
{
    before_guest_read();
    memcpy(to, frame_bytes(from, offset, bytes), bytes);
}

void arch_frame_write(mfn_t to, u32 offset, const void *from, u32 bytes)
{
    check_write(to);
    memcpy(frame_bytes(to, offset, bytes), from, bytes);
}

/* ---- translations ------------------------------------------------------ */

u64 arch_tlb_stamp(void)
{
    return host.tlb_clock;
}

void arch_tlb_flush(u64 cpus)
{
    host.flushes++;
    host.flush_cpus = cpus;
    host.flush_va = U64_MAX;
    host.tlb_clock++;
    for (u32 i = 0; i < CPU_MAX; i++) {
        if ((cpus >> i & 1u) != 0) {
            host.tlb_seen[i] = host.tlb_clock;
        }
    }
}

void arch_tlb_flush_since(u64 cpus, u64 stamp)
{
    u64 late = 0;
    for (u32 i = 0; i < CPU_MAX; i++) {
        if ((cpus >> i & 1u) != 0 && host.tlb_seen[i] <= stamp) {
            late |= 1ull << i;
        }
    }
    if (late != 0) {
        arch_tlb_flush(late);
    }
}

void arch_tlb_flush_page(u64 cpus, u64 va)
{
    host.flushes++;
    host.flush_cpus = cpus;
    host.flush_va = va;
}

/* ---- vCPU and domain --------------------------------------------------- */

void arch_load_root(struct vcpu *v)
{
    (void)v;
    host.root_loads++;
}

void *arch_private_map(struct vcpu *v, u32 page, mfn_t m)
{
    (void)v;
    (void)page;
    return m.v == MFN_NONE ? NULL : host_frame(m);
}

void arch_time_publish(struct vcpu *v)
{
    (void)v;
    host.time_publishes++;
}

void arch_runstate_publish(struct vcpu *v)
{
    (void)v;
    host.runstate_publishes++;
}

void arch_domain_times(struct domain *d)
{
    (void)d;
}

/* ---- at boot ----------------------------------------------------------- */

void arch_vcpu_reset(struct vcpu *v, u64 rip, u64 rsp, u64 rsi)
{
    (void)v;
    (void)rip;
    (void)rsp;
    (void)rsi;
}

void arch_hypercall_page(mfn_t m)
{
    (void)m;
}
