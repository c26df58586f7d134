/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host ends, and the interrupts that belong to nobody else: timer and
 * serial ports.
 */
#include "x86/machine.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "x86/apic.h"
#include "x86/boot.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/serial.h"
#include "x86/smp.h"

#define EXIT_PORT 0xf4u
#define PM1_SLP_EN 0x2000u
#define PM1_SLP_TYP_SHIFT 10u

static bool debug_exit SEALED;

void machine_set_debug_exit(bool on)
{
    debug_exit = on;
}

void machine_stop(u32 code)
{
    if (debug_exit) {
        hw_out32(EXIT_PORT, code);
    }
    hw_halt();
}

void arch_machine_off(u32 code)
{
    hw_cli();
    smp_stop_others();
    if (debug_exit) {
        hw_out32(EXIT_PORT, code);
    }
    const struct acpi_info *const a = boot_acpi();
    for (u32 i = 0; a->has_s5 && i < 2 && a->pm1_port[i] != 0; i++) {
        hw_out16(a->pm1_port[i],
                 (u16)(((u32)a->s5[i] << PM1_SLP_TYP_SHIFT) | PM1_SLP_EN));
    }
    hw_halt();
}

/* Input of the serial ports: the first CPU collects, the console takes it at
 * its next look. */
static void input_collect(struct cpu *c)
{
    if (c->id == 0 && serial_collect()) {
        atomic_store32(&c->kicked, 1);
        serial_input_arrived();
    }
}

void irq_timer(void)
{
    struct cpu *const c = this_cpu();
    c->timer_armed = NS_NEVER;
    c->resched = 1;
    if (serial_is_behind()) {
        input_collect(c);
    }
    apic_eoi();
}

void irq_serial(void)
{
    input_collect(this_cpu());
    apic_eoi();
}
