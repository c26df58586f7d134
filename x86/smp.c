/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU start-up by INIT and start-up interrupts [SDM 3A 8.4.4], TLB clock and
 * shoot-down.
 */
#include "x86/smp.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/cpufeat.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/paging.h"
#include "x86/print.h"
#include "x86/regs.h"

#define START_WAIT_NS 1000000000ull
#define STOP_WAIT_TURNS 100000u
#define NS_PER_MS 1000000ull

extern const u8 ap_begin[];
extern const u8 ap_end[];
extern const u8 ap_field_root[];
extern const u8 ap_field_base[];
extern const u64 boot_l4_phys;
u64 ap_idle_root SEALED; /* read by ap.S */

static u32 apic_of[CPU_MAX] SEALED; /* APIC number of each CPU */
static u32 known_count SEALED;      /* CPUs the firmware names */
static u32 left_out SEALED;         /* CPUs beyond what we can hold */
static u32 threads_left_out SEALED; /* second threads of cores */
static u32 cpu_count SEALED;        /* CPUs that run: 0..cpu_count-1 */
static u32 reported;                /* [a] CPUs that came up, ever */
static u64 reported_at;             /* [a] the newest CPU's clock at that */
static u32 opened;                  /* [a] start-up is complete */
static u32 stopping;                /* [a] 1 + the CPU that stops everybody */
u64 tlb_clock = 1;                  /* [a] goes on with each stamp */

u32 smp_cpu_count(void)
{
    return cpu_count;
}

u64 smp_all_cpus(void)
{
    return cpu_count >= 64 ? U64_MAX : (1ull << cpu_count) - 1;
}

/* A thread of that core is among the CPUs that are to run. */
static bool core_is_known(u32 apic_id, u32 thread_bits)
{
    u32 i = 0;
    while (i < known_count && (apic_of[i] ^ apic_id) >> thread_bits != 0) {
        i++;
    }
    return i < known_count;
}

void smp_init(struct acpi_info *a, u32 own_apic_id, u32 thread_bits)
{
    apic_of[0] = own_apic_id;
    known_count = 1;
    for (u32 i = 0; i < a->cpu_count && known_count < CPU_MAX; i++) {
        if (!core_is_known(a->apic_id[i], thread_bits)) {
            apic_of[known_count] = a->apic_id[i];
            known_count++;
        } else if (a->apic_id[i] != own_apic_id) {
            threads_left_out++;
        }
    }
    cpu_count = 1;
    left_out = a->cpus_left_out;
}

/* ---- start-up ---------------------------------------------------------- */

static bool wait_report(u32 before, u64 ns)
{
    const ns_t until = arch_now() + ns;
    while (arch_now() < until) {
        if (atomic_load32(&reported) != before) {
            return true;
        }
        hw_pause();
    }
    return false;
}

static void trampoline_write(u32 page, const struct cpu *c)
{
    u8 *const to = temp_map(0, mfn(page));
    const u64 bytes = (u64)(ap_end - ap_begin);
    const u64 base = (u64)(uintptr_t)c;
    memcpy(to, ap_begin, bytes);
    memcpy(to + (ap_field_root - ap_begin), &boot_l4_phys, 8);
    memcpy(to + (ap_field_base - ap_begin), &base, 8);
    temp_unmap(0);
}

static bool start_one(u32 cpu, u32 page)
{
    struct cpu *const c = percpu_block(cpu);
    c->apic_id = apic_of[cpu];
    c->canary = arch_random() & ~0xffull; /* a zero byte stops string copies */
    trampoline_write(page, c);
    const u32 before = atomic_load32(&reported);
    apic_send(c->apic_id, APIC_INIT);
    (void)wait_report(before, 10 * NS_PER_MS);
    for (u32 i = 0; i < 2; i++) {
        apic_send(c->apic_id, APIC_STARTUP | page);
        if (wait_report(before, i == 0 ? NS_PER_MS : START_WAIT_NS)) {
            return true;
        }
    }
    return false;
}

static void wipe(u64 address, u32 frames)
{
    for (u32 i = 0; i < frames; i++) {
        memset(temp_map(0, mfn((address >> PAGE_BITS) + i)), 0, PAGE_BYTES);
        temp_unmap(0);
    }
}

/* The CPU's clock when it reported must lie between two looks at ours. A
 * difference below the time a start takes is not seen. */
static void skew_check(u32 cpu, ns_t before)
{
    const ns_t seen = atomic_load64(&reported_at);
    if (seen < before || seen > arch_now()) {
        arch_log("cpu: the clock of CPU %u differs\n", cpu);
    }
}

void smp_start(u32 trampoline_page)
{
    if (left_out > 0) {
        arch_log("cpu: %u CPUs beyond %u are left out\n", left_out, CPU_MAX);
    }
    if (threads_left_out > 0) {
        arch_log("cpu: one thread a core, %u left out\n", threads_left_out);
    }
    ap_idle_root = paging_own_cr3();
    for (u32 i = 1; i < known_count; i++) {
        if (trampoline_page == 0) {
            arch_log("cpu: no page below 1 MiB to start the others\n");
            break;
        }
        /* A late CPU would use a block that is another's: stop at the first
         * that does not answer. */
        const ns_t before = arch_now();
        if (!start_one(i, trampoline_page)) {
            arch_log("cpu: CPU %u does not start; going on with %u\n", i,
                     cpu_count);
            apic_send(apic_of[i], APIC_INIT);
            break;
        }
        cpu_count = i + 1;
        skew_check(i, before);
    }
    if (trampoline_page != 0) {
        wipe((u64)trampoline_page << PAGE_BITS, 1);
    }
    wipe(boot_l4_phys, 6); /* L4, L3 and four L2 tables: writable and
                              executable, so nobody may use them again */
}

void smp_report(void)
{
    atomic_store64(&reported_at, arch_now());
    (void)atomic_add32(&reported, 1);
    while (atomic_load32(&opened) == 0) {
        arch_relax();
    }
}

void smp_open(void)
{
    atomic_store32(&opened, 1);
}

/* ---- TLB --------------------------------------------------------------- */

u64 arch_tlb_stamp(void)
{
    return atomic_add64(&tlb_clock, 1);
}

static u64 tlb_seen(u32 cpu)
{
    return atomic_load64(&percpu_block(cpu)->tlb_seen);
}

/* Serve what another CPU asked of this one. */
static void tlb_serve(struct cpu *c)
{
    if (atomic_swap32(&c->flush_asked, 0) != 0) {
        tlb_load_root(c->cr3);
    }
}

void arch_tlb_flush(u64 cpus)
{
    const u32 self = this_cpu()->id;
    const u64 start = arch_tlb_stamp();
    for (u32 i = 0; i < cpu_count; i++) {
        if (i != self && (cpus >> i & 1) != 0) {
            struct cpu *const c = percpu_block(i);
            if (atomic_swap32(&c->flush_asked, 1) == 0) {
                apic_send(c->apic_id, VEC_FLUSH);
            }
        }
    }
    if ((cpus >> self & 1) != 0) {
        tlb_load_root(this_cpu()->cr3);
    }
    for (u32 i = 0; i < cpu_count; i++) {
        if (i != self && (cpus >> i & 1) != 0) {
            while (tlb_seen(i) <= start) {
                arch_relax();
            }
        }
    }
}

void arch_tlb_flush_since(u64 cpus, u64 stamp)
{
    u64 late = 0;
    for (u32 i = 0; i < smp_cpu_count(); i++) {
        if ((cpus >> i & 1) != 0 && tlb_seen(i) <= stamp) {
            late |= 1ull << i;
        }
    }
    if (late != 0) {
        arch_tlb_flush(late);
    }
}

void arch_tlb_flush_page(u64 cpus, u64 va)
{
    const u64 self = 1ull << this_cpu()->id;
    if ((cpus & self) != 0) {
        hw_invlpg(va);
    }
    if ((cpus & ~self) != 0) {
        arch_tlb_flush(cpus & ~self);
    }
}

/* ---- requests ---------------------------------------------------------- */

void arch_kick(u32 cpu)
{
    struct cpu *const c = percpu_block(cpu);
    atomic_store32(&c->kicked, 1);
    if (cpu != this_cpu()->id) {
        apic_send(c->apic_id, VEC_KICK);
    }
}

void smp_stop_others(void)
{
    const u32 self = this_cpu()->id;
    atomic_store32(&stopping, self + 1);
    for (u32 i = 0; i < cpu_count; i++) {
        if (i != self) {
            apic_send(apic_of[i], VEC_HALT);
        }
    }
    /* Give them a moment, so that their last lines do not mix with ours. */
    for (u32 i = 0; cpu_count > 1 && i < STOP_WAIT_TURNS; i++) {
        hw_pause();
    }
}

void arch_relax(void)
{
    struct cpu *const c = this_cpu();
    if (atomic_load32(&c->flush_asked) != 0) {
        tlb_serve(c);
    }
    /* Somebody stops the host, and waits for nobody: whoever waits here is to
     * stop too. */
    const u32 stopper = atomic_load32(&stopping);
    if (stopper != 0 && stopper != c->id + 1) {
        hw_halt();
    }
    hw_pause();
}

void irq_flush(void)
{
    struct cpu *const c = this_cpu();
    apic_eoi();
    tlb_serve(c);
}
