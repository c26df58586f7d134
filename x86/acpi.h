/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few facts we take from ACPI: CPUs, I/O APICs, interrupt overrides, how to
 * switch off. The firmware's tables are believed, but read with bounds.
 *
 * Pure: physical memory is given as (mem, mem_bytes), so tests can feed it.
 */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include "core/ids.h"
#include "x86/bootinfo.h"

#define IOAPIC_MAX 8u
#define ISA_IRQS 16u

struct acpi_info {
    u32 apic_id[CPU_MAX]; /* enabled CPUs, in the table's order */
    u32 cpu_count;
    u32 cpus_left_out; /* beyond CPU_MAX */
    struct {
        u64 address;
        u32 first_irq;
    } ioapic[IOAPIC_MAX];
    u32 ioapic_count;
    u32 isa_line[ISA_IRQS];  /* global interrupt of each ISA irq */
    u16 isa_flags[ISA_IRQS]; /* polarity bits 0-1, trigger bits 2-3 */
    u16 pm1_port[2];         /* 0: none */
    u16 s5[2];               /* SLP_TYP values */
    bool has_s5;
    bool has_tpm; /* version 2.0, with the FIFO interface */
};

/* False when there are no tables; *a then says one CPU, no I/O APIC. */
bool acpi_parse(struct acpi_info *a, const struct bootinfo *b, const u8 *mem,
                u64 mem_bytes);

#endif
