/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUs: start-up, requests from one to another, TLB flushes.
 *
 * TLB clock: a counter that every full flush and every stamp advances. A CPU
 * takes the new value, flushes, then publishes the value as seen. A translation
 * removed before stamp s was taken is gone on a CPU that has seen more than s.
 *
 * To flush other CPUs, a CPU sets their flush_asked, interrupts them, and waits
 * until each has seen more than the clock at the start. The hypervisor runs
 * with interrupts off, so every waiting loop calls arch_relax, which serves
 * such requests.
 */
#ifndef X86_SMP_H
#define X86_SMP_H

#include "core/atomic.h"
#include "x86/acpi.h"
#include "x86/hw.h"

/* Number of CPUs, and the same as a mask, of those that run. */
u32 smp_cpu_count(void);
u64 smp_all_cpus(void);

/* First CPU: its place in the table comes first. Of the CPUs whose APIC ids
 * differ in the low thread_bits only, the first is used: what one thread leaves
 * in a core's buffers and predictors no other domain samples meanwhile. */
void smp_init(struct acpi_info *a, u32 own_apic_id, u32 thread_bits);
/* Start the other CPUs, one by one, through the page (frame number below
 * 0x100, RAM, not in use). One that does not answer is left out, with a line
 * in the log. The boot tables are wiped after. */
void smp_start(u32 trampoline_page);
/* A started CPU reports in, and waits until the first one opens the host:
 * nothing runs before start-up is complete. */
void smp_report(void);
void smp_open(void);

/* All other CPUs stop for good. */
void smp_stop_others(void);

extern u64 tlb_clock; /* [a] goes on with each stamp */

/* Load a root on this CPU: a full flush. */
static inline void tlb_load_root(u64 cr3)
{
    struct cpu *const c = this_cpu();
    /* Read first: beyond the stamps of all that this flush is to see. */
    const u64 value = atomic_load64(&tlb_clock);
    hw_write_cr3(cr3);
    c->cr3 = cr3;
    atomic_store64(&c->tlb_seen, value);
}

#endif
