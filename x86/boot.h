/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What start-up leaves for later, and the calls between boot.S and main.c.
 */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include "core/base.h"
#include "x86/acpi.h"

struct cpu;

/* What ACPI said. */
const struct acpi_info *boot_acpi(void);

/* From boot.S, on the boot tables; from ap.S, on the idle root. */
void main_early(u32 magic, u32 info) NO_RETURN;
void main_secondary(struct cpu *c) NO_RETURN;

/* The console's: bytes have arrived, serial_read has them. In an interrupt. */
void serial_input_arrived(void);

#endif
