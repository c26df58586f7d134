/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC, as xAPIC (registers in memory) or x2APIC (MSRs) when the CPU has
 * it; and the I/O APICs, of which only the serial ports' lines are used.
 */
#ifndef X86_APIC_H
#define X86_APIC_H

#include "core/base.h"
#include "x86/acpi.h"

/* First CPU: choose the mode, map the registers. */
void apic_init(void);
/* Each CPU: enable it, mask what is not used. */
void apic_setup(void);
/* The number of this CPU's APIC. */
u32 apic_self(void);
void apic_eoi(void);
/* To one CPU, by APIC number: the interrupt of a vector, INIT, or STARTUP with
 * the number of a page. */
#define APIC_INIT 0x500u
#define APIC_STARTUP 0x600u
void apic_send(u32 apic_id, u32 command);

/* The one-shot timer, in ticks of the APIC's own clock; 0 stops it. */
void apic_timer_set(u32 ticks);
u32 apic_timer_read(void);
/* Use the TSC deadline mode from now on (this CPU); else one-shot. */
void apic_timer_mode(bool tsc_deadline);

/* Silence the two old controllers. Before apic_setup: an interrupt of theirs
 * that is pending must be withdrawn while the local APIC still listens. */
void pic_silence(void);
/* Mask every line. */
void ioapic_init(const struct acpi_info *a);
/* Route an ISA interrupt to that CPU, if there is an I/O APIC. */
void ioapic_route(const struct acpi_info *a, u32 irq, u32 vector, u32 apic_id);

#endif
