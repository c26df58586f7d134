/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered list of what start-up does. Three parts: on the boot tables; on
 * the first CPU's own stack and the idle root; on each further CPU.
 */
#include "core/arch.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/boot.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/cpufeat.h"
#include "x86/desc_tables.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/launch.h"
#include "x86/memory.h"
#include "x86/model.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/print.h"
#include "x86/regs.h"
#include "x86/serial.h"
#include "x86/smp.h"
#include "x86/speculation.h"
#include "x86/tpm.h"

#define BOOT_MAP_BYTES 0x100000000ull /* what the boot tables show */
#define TRAMPOLINE_FIRST 0x8u
#define TRAMPOLINE_LAST 0x9fu
#define COM2_IRQ 3u
/* Some models hang on an elided lock in the 4 MiB from 1 GiB on (XSA-282). */
#define LEAF7_B_ELISION (1u << 4)
#define ELISION_START 0x40000000ull
#define ELISION_BYTES 0x400000ull

static struct bootinfo boot_info_copy SEALED;
static struct acpi_info acpi SEALED;
static u32 trampoline_page SEALED;

const struct acpi_info *boot_acpi(void)
{
    return &acpi;
}

/* A page below 1 MiB for the start of the other CPUs; 0 when there is none. */
static u32 trampoline_find(const struct bootinfo *b)
{
    for (u32 p = TRAMPOLINE_FIRST; p < TRAMPOLINE_LAST; p++) {
        if (memory_is_ram(b, (u64)p << PAGE_BITS, PAGE_BYTES)) {
            return p;
        }
    }
    return 0;
}

/* Gives the CPU a canary, so it must not be watched by one itself. */
__attribute__((no_stack_protector)) void main_early(u32 magic, u32 info)
{
    const u8 *const all = linear(mfn(0));
    serial_init();
    arch_log("\nRingfence 0.1\n");
    cpu_detect();
    this_cpu()->canary = arch_random() & ~0xffull;
    cpu_setup();
    const char *const wrong =
        bootinfo_parse(&boot_info_copy, magic, info, all, BOOT_MAP_BYTES);
    if (wrong != NULL) {
        cannot_start("%s", wrong);
    }
    if ((hw_cpuid_leaf(7).b & LEAF7_B_ELISION) != 0) {
        bootinfo_leave_out(&boot_info_copy, ELISION_START, ELISION_BYTES);
    }
    /* Known memory, and the hypervisor's share of it. */
    memory_init(&boot_info_copy);
    trampoline_page = trampoline_find(&boot_info_copy);
    /* CPUs, I/O APICs, power, while all memory can be read. */
    if (!acpi_parse(&acpi, &boot_info_copy, all, BOOT_MAP_BYTES)) {
        arch_log("acpi: no tables; one CPU\n");
    }
    /* The tables to stay; the first CPU's block takes over what we have. */
    paging_init(acpi.cpu_count > 0 ? acpi.cpu_count : 1);
    const u64 canary = this_cpu()->canary;
    paging_load_idle();
    struct cpu *const c = percpu_block(0);
    hw_wrmsr(MSR_GS_BASE, (u64)(uintptr_t)c);
    c->canary = canary;
    hw_continue_on(c->stack_top);
}

void main_on_own_stack(void)
{
    struct cpu *const c = this_cpu();
    cpu_setup();        /* CR4 into the block that stays */
    paging_load_idle(); /* the same for CR3 and the TLB clock */
    gdt_setup();        /* segments, TSS, interrupt stacks */
    idt_init();
    idt_load(); /* from here an exception says where */
    speculation_setup();
    cpu_setup_syscall();
    pic_silence();
    apic_init();
    apic_setup();
    c->apic_id = apic_self();
    ioapic_init(&acpi);
    tpm_init(&acpi);
    clock_init(); /* needs the APIC timer */
    smp_init(&acpi, c->apic_id,
             model_thread_bits(hw_cpuid_leaf(0xb), hw_cpuid_leaf(0x8000001e)));
    smp_start(trampoline_page);
    ioapic_route(&acpi, COM2_IRQ, VEC_SERIAL, c->apic_id);
    serial_enable_input();
    cpu_print(smp_cpu_count());
    arch_log("memory: %lu MiB in %u chunks, clock: %lu kHz\n", memory_mib(),
             (u32)(memory_mib() / 2), clock_tsc_khz());
    const struct mf_header *const plan = launch_check();
    launch_all(plan); /* every tenant is built, none has run */
    paging_seal();    /* nothing writes the sealed data again */
    smp_open();
    cpu_loop();
}

/* ap.S has given us stack, GS base and the idle root. */
__attribute__((no_stack_protector)) void main_secondary(struct cpu *c)
{
    cpu_setup();
    paging_load_idle();
    gdt_setup();
    idt_load();
    speculation_setup();
    cpu_setup_syscall();
    apic_setup();
    CHECK(apic_self() == c->apic_id);
    clock_setup();
    smp_report();
    cpu_loop();
}
