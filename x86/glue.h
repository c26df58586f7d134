/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest-facing files use of the machine layer and of core/ and that
 * has no header of its own yet.
 */
#ifndef X86_GLUE_H
#define X86_GLUE_H

#include "core/abi.h"
#include "core/ids.h"
#include "x86/regs.h"

/* core: one hypercall. */
s64 dispatch(struct hc_call *c);
/* core/sched.c */
struct vcpu *sched_pick(u32 cpu, ns_t now, ns_t *slice_end);
void sched_timers_run(u32 cpu, ns_t now);
ns_t sched_next_timer(u32 cpu);
void sched_notify(struct vcpu *v);

/* Interrupts of the machine layer; each acknowledges. */
void irq_timer(void);
void irq_kick(void);
void irq_flush(void);
void irq_serial(void);
/* Stop the host and show the registers. */
void panic_regs(const char *what, const struct regs *r) NO_RETURN;
/* Another CPU stops the host. */
void panic_halt(void) NO_RETURN;
/* GDTR of this CPU's own table, which is mapped in every address space. */
void gdt_load_own(void);
/* CR3 of the tables with nothing but the hypervisor. */
u64 paging_own_cr3(void);
u64 paging_hv_slot(u32 slot);
void *temp_map(u32 slot, mfn_t m);
void temp_unmap(u32 slot);
void *linear(mfn_t m);
void clock_scale(u32 *mul, s8 *shift, u64 *tsc_base, u64 *ns_base);

#endif
