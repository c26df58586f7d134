/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One interrupt table for all CPUs, read-only after start-up. All gates are
 * interrupt gates, so the hypervisor is entered with interrupts off. Guests
 * may raise 3 (INT3) and 4 (INTO) themselves; every other INT n is a #GP that
 * trap.c looks at.
 */
#include "x86/desc_tables.h"

#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/image.h"

#define VECTORS 256u
#define GATE_INTERRUPT 0x8e00ull /* present, type 14 */
#define GATE_DPL3 0x6000ull

struct gate {
    u64 low;
    u64 high;
};

static struct gate idt[VECTORS] SEALED __attribute__((aligned(4096)));

/* Stack of the vector: number in the TSS, 0 for the CPU's main stack: NMI, #DF,
 * #MC, and #DB, which may hit the first instruction of SYSCALL. */
static const u8 stack_of[VECTORS] = { [2] = 1, [8] = 2, [18] = 3, [1] = 4 };

void idt_init(void)
{
    for (u32 i = 0; i < VECTORS; i++) {
        const u64 to = trap_entry_table[i];
        const u64 open = i == 3 || i == 4 ? GATE_DPL3 : 0;
        const u64 kind = GATE_INTERRUPT | open | stack_of[i];
        idt[i].low = (to & 0xffff) | ((u64)SEL_HV_CS << 16) | (kind << 32) |
                     ((to >> 16 & 0xffff) << 48);
        idt[i].high = to >> 32;
    }
}

void idt_load(void)
{
    hw_lidt((u64)(uintptr_t)idt, sizeof(idt) - 1);
}
