/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What entry.S offers to the machine layer, and what it calls of it.
 */
#ifndef X86_ENTRY_H
#define X86_ENTRY_H

#include "core/base.h"

/* The address of each vector's stub. */
extern const u64 trap_entry_table[256];
/* Targets of the SYSCALL and SYSENTER registers; never called from C. */
extern const u8 entry_syscall[];
extern const u8 entry_syscall32[];
extern const u8 entry_sysenter[];

/* Run vCPUs on this CPU, for good. */
void cpu_loop(void) NO_RETURN;

/* Each acknowledges its interrupt. Interrupts are off. */
void irq_timer(void);
void irq_flush(void);
void irq_serial(void);

#endif
