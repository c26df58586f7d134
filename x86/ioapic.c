/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC [82093AA], and the PC's two 8259 controllers, which are masked for
 * good. Tenants have no devices, so all lines but the serial ports' stay
 * masked.
 */
#include "x86/apic.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/paging.h"

#define REG_SELECT 0u
#define REG_WINDOW 4u /* in u32: byte 0x10 */
#define IOREG_VERSION 1u
#define IOREG_LINE 0x10u
#define LINE_MASKED 0x10000u
#define LINE_LEVEL 0x8000u
#define LINE_LOW 0x2000u

static volatile u32 *ioapic_at[IOAPIC_MAX] SEALED;

static u32 ioapic_read(u32 n, u32 reg)
{
    ioapic_at[n][REG_SELECT] = reg;
    return ioapic_at[n][REG_WINDOW];
}

static void ioapic_write(u32 n, u32 reg, u32 v)
{
    ioapic_at[n][REG_SELECT] = reg;
    ioapic_at[n][REG_WINDOW] = v;
}

static u32 ioapic_lines(u32 n)
{
    return (ioapic_read(n, IOREG_VERSION) >> 16 & 0xff) + 1;
}

void pic_silence(void)
{
    /* Vectors 0x20..0x2f, so that a spurious one is no exception. */
    static const u8 words[][2] = { { 0x20, 0x11 }, { 0xa0, 0x11 },
                                   { 0x21, 0x20 }, { 0xa1, 0x28 },
                                   { 0x21, 4 },    { 0xa1, 2 },
                                   { 0x21, 1 },    { 0xa1, 1 },
                                   { 0x21, 0xff }, { 0xa1, 0xff } };
    for (u32 i = 0; i < ARRAY_COUNT(words); i++) {
        hw_out8(words[i][0], words[i][1]);
    }
}

void ioapic_init(const struct acpi_info *a)
{
    for (u32 n = 0; n < a->ioapic_count; n++) {
        ioapic_at[n] = paging_map_device(a->ioapic[n].address, 0x20);
        const u32 lines = ioapic_lines(n);
        for (u32 i = 0; i < lines; i++) {
            ioapic_write(n, IOREG_LINE + 2 * i, LINE_MASKED);
            ioapic_write(n, IOREG_LINE + 2 * i + 1, 0);
        }
    }
}

void ioapic_route(const struct acpi_info *a, u32 irq, u32 vector, u32 apic_id)
{
    const u32 line = a->isa_line[irq];
    const u32 flags = a->isa_flags[irq];
    u32 low = vector;
    low |= (flags & 3) == 3 ? LINE_LOW : 0;
    low |= (flags >> 2 & 3) == 3 ? LINE_LEVEL : 0;
    for (u32 n = 0; n < a->ioapic_count; n++) {
        const u32 first = a->ioapic[n].first_irq;
        if (line < first || line - first >= ioapic_lines(n)) {
            continue;
        }
        const u32 reg = IOREG_LINE + 2 * (line - first);
        ioapic_write(n, reg + 1, apic_id << 24);
        ioapic_write(n, reg, low);
        return;
    }
}
