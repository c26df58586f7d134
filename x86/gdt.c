/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GDT and TSS. On top of each interrupt stack (NMI, #DF, #MC, #DB) stand 16
 * bytes that hold the address of the CPU's block, for entry code that cannot
 * trust GS: the hardware's frame ends right below it.
 */
#include "x86/desc_tables.h"

#include "core/mem.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/paging.h"

#define GDT_FIRST_BYTE (GDT_HV_FIRST * 8u)
#define GDT_LIMIT (GDT_FIRST_BYTE + PAGE_BYTES - 1)
#define OWN_GDT_PAGE 1u /* of the CPU's area */

#define DESC_CODE64 0x00af9b000000ffffull /* ring 0, accessed */
#define DESC_DATA 0x00cf93000000ffffull
#define DESC_USER_CODE32 0x00cffb000000ffffull
#define DESC_USER_DATA 0x00cff3000000ffffull
#define DESC_USER_CODE64 0x00affb000000ffffull
#define DESC_LDT 0x82ull /* present, system type 2 */
#define DESC_TSS 0x89ull
#define TSS_BYTES 104u

static u64 gdt_page[TABLE_ENTRIES] SEALED __attribute__((aligned(4096)));

static u32 place(u32 selector)
{
    return (selector - GDT_FIRST_BYTE) / 8;
}

static void system_descriptor(u64 *table, u32 selector, u64 kind, u64 base,
                              u64 limit)
{
    const u64 low = (limit & 0xffff) | ((base & 0xffffff) << 16) |
                    (kind << 40) | ((limit >> 16 & 0xf) << 48) |
                    ((base >> 24 & 0xff) << 56);
    table[place(selector)] = low;
    table[place(selector) + 1] = base >> 32;
}

static void gdt_page_fill(void)
{
    gdt_page[place(SEL_HV_CS)] = DESC_CODE64;
    gdt_page[place(SEL_HV_DS)] = DESC_DATA;
    gdt_page[place(SEL_GUEST_CS32)] = DESC_USER_CODE32;
    gdt_page[place(SEL_GUEST_DS)] = DESC_USER_DATA;
    gdt_page[place(SEL_GUEST_CS64)] = DESC_USER_CODE64;
    for (u32 n = 0; n < VCPU_MAX; n++) {
        const u64 ldt = PRIVATE_BASE + (u64)n * PRIVATE_STRIDE +
                        PRIVATE_LDT_PAGE * PAGE_BYTES;
        system_descriptor(gdt_page, SEL_LDT_OF(n), DESC_LDT, ldt,
                          PAGE_BYTES - 1);
    }
}

static void tss_put(u8 *tss, u32 at, u64 v)
{
    memcpy(tss + at, &v, sizeof(v));
}

/* The stack that begins at page; its top holds the block's address. */
static u64 ist_top(struct cpu *c, u32 page)
{
    const u64 top = percpu_page(c->id, page + IST_STACK_PAGES) - 16;
    const u64 self = (u64)(uintptr_t)c;
    memcpy((void *)(uintptr_t)top, &self, sizeof(self));
    return top;
}

static void tss_fill(struct cpu *c)
{
    u8 *const tss = (u8 *)c->tss;
    memset(tss, 0, sizeof(c->tss));
    tss_put(tss, 4, c->stack_top);
    tss_put(tss, 36, ist_top(c, NMI_STACK_PAGE));
    tss_put(tss, 44, ist_top(c, DF_STACK_PAGE));
    tss_put(tss, 52, ist_top(c, MC_STACK_PAGE));
    tss_put(tss, 60, ist_top(c, DB_STACK_PAGE));
    const u16 io_map = TSS_BYTES; /* beyond the limit: every port refused */
    memcpy(tss + 102, &io_map, sizeof(io_map));
}

static u64 own_gdt(void)
{
    return percpu_page(this_cpu()->id, OWN_GDT_PAGE);
}

void gdt_load_own(void)
{
    hw_lgdt(own_gdt() - GDT_FIRST_BYTE, GDT_LIMIT);
}

void gdt_setup(void)
{
    struct cpu *const c = this_cpu();
    if (c->id == 0) {
        gdt_page_fill();
    }
    u64 *const table = (u64 *)(uintptr_t)own_gdt();
    memcpy(table, gdt_page, sizeof(gdt_page));
    tss_fill(c);
    system_descriptor(table, SEL_TSS, DESC_TSS, (u64)(uintptr_t)c->tss,
                      TSS_BYTES - 1);
    gdt_load_own();
    hw_load_segments(SEL_HV_CS, SEL_HV_DS);
    hw_wrmsr(MSR_GS_BASE, (u64)(uintptr_t)c);
    hw_wrmsr(MSR_KERNEL_GS_BASE, 0);
    hw_wrmsr(MSR_FS_BASE, 0);
    hw_lldt(0);
    hw_ltr(SEL_TSS);
}

mfn_t gdt_page_frame(void)
{
    return mfn(image_phys(gdt_page) >> PAGE_BITS);
}
