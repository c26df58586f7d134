/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processors' own part: blocks, interrupts, start-up, and what of the
 * machine beneath tests/host_arch.c is different with several of them. See
 * processors.h.
 */
#include "fuzz/schedules/processors.h"
#include "fuzz/schedules/ops.h"

#include <string.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "fuzz/schedules/race.h"
#include "tests/host_arch.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/entry.h"
#include "x86/hostcon.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/paging.h"
#include "x86/print.h"
#include "x86/private.h"
#include "x86/pte.h"
#include "x86/smp.h"

static struct cpu blocks[CPUS];
static struct regs regs[CPUS];
static struct {
    struct vcpu *v;
    void (*job)(u32 cpu);
} jobs[CPUS];
static u32 turns[CPUS]; /* of world switches since the CPU was in its guest */
static u32 starting;    /* the CPU that start-up waits for, 0 for none */

struct cpu *this_cpu(void)
{
    return &blocks[starting != 0 ? starting : cpus_self()];
}

struct cpu *percpu_block(u32 cpu)
{
    return &blocks[cpu];
}

struct vcpu *processors_current(u32 cpu)
{
    return blocks[cpu].current;
}

/* ---- interrupts ------------------------------------------------------------
 */

void apic_send(u32 apic_id, u32 command)
{
    if ((command & APIC_STARTUP) == APIC_STARTUP) {
        starting = apic_id;
        smp_report();
        starting = 0;
    } else if ((command & APIC_INIT) == 0) {
        race_before(apic_id);
        cpus_interrupt(apic_id);
    }
}

void apic_eoi(void)
{
}

void hw_take_interrupts(void)
{
    if (cpus_take_interrupt()) {
        irq_flush(); /* which looks whether it was asked for */
    }
}

void hw_sleep(void)
{
    cpus_sleep(false);
    hw_take_interrupts();
}

void hw_pause(void)
{
    if (starting != 0 || !cpus_busy()) {
        host.now += 1000000;
        return;
    }
    cpus_wait();
}

void arch_interrupts(void)
{
    if (host_locks_held() != 0) {
        fuzz_fail("interrupts taken with a lock held");
    }
    hw_take_interrupts();
}

void hw_halt(void)
{
    fuzz_fail("a CPU stops");
}

/* ---- in the guest ----------------------------------------------------------
 */

void machine_cpu_loop(void)
{
    if (cpus_take_interrupt()) { /* the first one */
        guest_exit_work(&regs[cpus_self()]);
    }
    for (;;) {
        const u32 self = cpus_self();
        const struct vcpu *v = blocks[self].current;
        void (*const job)(u32) = jobs[self].job;
        const bool wants = job != NULL && v == jobs[self].v;

        turns[self] = 0;
        cpus_sleep(wants);
        if (cpus_take_interrupt()) {
            irq_flush();
        } else if (wants) {
            jobs[self].job = NULL;
            job(self);
        }
        guest_exit_work(&regs[self]);
    }
}

void processors_give(u32 cpu, struct vcpu *v, void (*job)(u32 cpu))
{
    jobs[cpu].v = v;
    jobs[cpu].job = job;
    if (blocks[cpu].current == v) {
        cpus_want(cpu);
    }
}

void processors_tick(u32 cpu)
{
    blocks[cpu].resched = 1;
    cpus_interrupt(cpu);
}

/* ---- translations ----------------------------------------------------------
 */

void hw_write_cr3(u64 root)
{
    (void)root;
    tlb_forget(cpus_self());
}

void hw_invlpg(u64 va)
{
    tlb_forget_page(cpus_self(), va);
}

void arch_window_map(mfn_t table)
{
    if (table.v >= frame_table_count || host_memory.window[table.v]) {
        fuzz_fail("mapped in the window twice");
    }
    tlb_check_table(table);
    host_memory.window[table.v] = true;
}

/* Guests' arguments are in the test's buffer, of which they may only read a
 * part; elsewhere they have nothing. */
bool __real_arch_fetch(void *to, gva_t from, u64 bytes);
bool __wrap_arch_fetch(void *to, gva_t from, u64 bytes);
bool __real_arch_store(gva_t to, const void *from, u64 bytes);
bool __wrap_arch_store(gva_t to, const void *from, u64 bytes);

static bool is_buffer(gva_t at)
{
    return at.v - HOST_GUEST_BASE < HOST_GUEST_BYTES;
}

bool __wrap_arch_fetch(void *to, gva_t from, u64 bytes)
{
    return is_buffer(from) && __real_arch_fetch(to, from, bytes);
}

bool __wrap_arch_store(gva_t to, const void *from, u64 bytes)
{
    return is_buffer(to) && to.v < OPS_READONLY &&
           __real_arch_store(to, from, bytes);
}

/* Slots of the hypervisor name its tables: frame 0 is one. */
void arch_install_slots(const struct domain *d, mfn_t l4)
{
    (void)d;
    for (u32 i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
        arch_pte_write(l4, i, PTE_PRESENT | PTE_WRITE);
    }
}

/* ---- start-up --------------------------------------------------------------
 */

__asm__(".data\n"
        ".globl ap_begin, ap_end, ap_field_root, ap_field_base\n"
        "ap_begin: ap_end: ap_field_root: ap_field_base:\n"
        ".quad 0, 0\n"
        ".text\n");
extern const u64 boot_l4_phys;
const u64 boot_l4_phys = 0;

void *temp_map(u32 slot, mfn_t m)
{
    static u8 page[PAGE_BYTES];

    (void)slot;
    (void)m;
    return page;
}

void temp_unmap(u32 slot)
{
    (void)slot;
}

u64 paging_own_cr3(void)
{
    return 0;
}

void processors_start(void)
{
    static struct acpi_info a = { .cpu_count = CPUS };

    for (u32 i = 0; i < CPUS; i++) {
        blocks[i].self = &blocks[i];
        blocks[i].id = i;
        a.apic_id[i] = i;
    }
    smp_init(&a, 0, 0);
    smp_open();
    smp_start(1);
    if (smp_cpu_count() != CPUS) {
        fuzz_fail("%u CPUs came up", smp_cpu_count());
    }
}

void processors_reset(void)
{
    for (u32 i = 0; i < CPUS; i++) {
        blocks[i].current = NULL;
        blocks[i].tlb_seen = 1;
        blocks[i].flush_asked = 0;
        blocks[i].kicked = 0;
        blocks[i].resched = 0;
        blocks[i].timer_armed = NS_NEVER;
        jobs[i].job = NULL;
    }
    tlb_reset();
    locks_reset();
    cpus_reset();
}

/* ---- what is not here ------------------------------------------------------
 */

/* At the end of a world switch. A domain that another CPU is about to end has
 * its vCPU come here until that is so: a waiting loop, too. */
void arch_time_publish(struct vcpu *v)
{
    (void)v;
    if (cpus_busy() && turns[cpus_self()]++ > 2) {
        cpus_wait();
    }
}

/* The frame auditor looks at what is quiet; target auditor is about it. */
ns_t __wrap_auditor_idle(ns_t now);
ns_t __wrap_auditor_idle(ns_t now)
{
    (void)now;
    return NS_NEVER;
}

/* An end is followed until the domain is about to be zeroed, frame by frame. */
bool __real_domain_work(void);
bool __wrap_domain_work(void);
bool __wrap_domain_work(void)
{
    bool ending = false;

    for (u32 i = 1; i <= domain_count; i++) {
        ending = ending || domain_table[i]->state == DOMAIN_ENDING;
    }
    return ending && __real_domain_work();
}

bool hostcon_work(void)
{
    return false;
}

struct trap_info *private_traps(const struct vcpu *v)
{
    static struct trap_info none[32];

    (void)v;
    return none;
}

struct guest_state *private_state(const struct vcpu *v)
{
    static struct guest_state none;

    (void)v;
    return &none;
}

void bounce_trap(struct vcpu *v, struct regs *r, u32 vector, u32 error)
{
    (void)v;
    (void)r;
    (void)vector;
    (void)error;
}

void bounce_failsafe(struct vcpu *v, struct regs *r, const u16 wanted[4])
{
    (void)v;
    (void)r;
    (void)wanted;
}

void bounce_callback(struct vcpu *v, struct regs *r, enum callback_kind kind)
{
    (void)v;
    (void)r;
    (void)kind;
}

void fpu_init_cpu(void)
{
}

u8 entry_smap;

u64 hw_read_cr4(void)
{
    return 0;
}
