/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services of core/arch.h that are the machine layer's: CPUs, time, TLB,
 * log. Those of guests and page tables are in x86/arch.c.
 */
#include "audit/sha256.h"
#include "core/arch.h"
#include "core/record.h"
#include "x86/clock.h"
#include "x86/cpufeat.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/machine.h"
#include "x86/print.h"
#include "x86/serial.h"
#include "x86/smp.h"
#include "x86/walker.h"

ns_t arch_now(void)
{
    return clock_now();
}

void arch_kick(u32 cpu)
{
    smp_kick(cpu);
}

/* Never later than the log wants to be looked at. */
void arch_timer_arm(ns_t deadline)
{
    const ns_t log = record_summaries_at();
    timer_arm(deadline < log ? deadline : log);
}

u64 arch_tlb_stamp(void)
{
    return tlb_stamp();
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
        tlb_flush_cpus(late);
    }
}

void arch_tlb_flush(u64 cpus)
{
    tlb_flush_cpus(cpus);
}

void arch_tlb_flush_page(u64 cpus, u64 va)
{
    const u64 self = 1ull << this_cpu()->id;
    if ((cpus & self) != 0) {
        hw_invlpg(va);
    }
    if ((cpus & ~self) != 0) {
        tlb_flush_cpus(cpus & ~self);
    }
}

void arch_machine_off(u32 code)
{
    walker_report();
    machine_off(code);
}

void arch_build_digest(u8 digest[32])
{
    sha256(image_text_start, (u64)(image_seal_start - image_text_start),
           digest);
}

void arch_log(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    host_vprint(fmt, args);
    va_end(args);
}

u64 arch_wall_ns(void)
{
    return clock_wall_base() + clock_now();
}

u64 arch_random(void)
{
    return cpu_random();
}

u32 arch_audit_send(const u8 *bytes, u32 count)
{
    return serial_try(SERIAL_AUDIT, bytes, count);
}
