/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between the CPUs of cpus.h and the code that ships: x86/smp.c
 * (flushes, kicks, waiting) and x86/exit.c (the way back to a guest, world
 * switches, sleep) run as they are; interrupts, roots and translations are
 * here. A guest's CPU keeps translations until it flushes them; a stale one
 * that could write a page table, or reach another domain's frame that it does
 * not map, is a finding.
 */
#ifndef FUZZ_SCHEDULES_PROCESSORS_H
#define FUZZ_SCHEDULES_PROCESSORS_H

#include "core/vcpu.h"
#include "fuzz/schedules/cpus.h"

/* Once, before the world is built. */
void processors_start(void);
/* As after start-up: nothing is loaded, nothing asked. */
void processors_reset(void);
/* The vCPU that the CPU holds, NULL for none. */
struct vcpu *processors_current(u32 cpu);

/* What the guest of v does on the CPU, as soon as it is there. One a CPU. */
void processors_give(u32 cpu, struct vcpu *v, void (*job)(u32 cpu));
/* The CPU's timer goes off. */
void processors_tick(u32 cpu);

/* ---- tlb.c ----------------------------------------------------------------
 */
void tlb_reset(void);
void tlb_forget(u32 cpu);
void tlb_forget_page(u32 cpu, u64 va);
/* The guest on this CPU reads or writes at va; false: a page fault. */
bool tlb_touch(u64 va, bool write);
/* Frame m becomes a table: nobody may still write it. */
void tlb_check_table(mfn_t m);
/* No translation of another domain's frame that is not mapped now. */
void tlb_check(void);

/* ---- locks.c --------------------------------------------------------------
 */
void locks_reset(void);

#endif
