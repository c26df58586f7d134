/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building and changing the hypervisor's tables. All tables come from
 * boot_alloc, whose chunks LINEAR shows, so a table is read and written through
 * LINEAR: through the boot tables before the idle root is loaded, through
 * itself after.
 *
 * Changes after start-up: L2 entries of LINEAR when a chunk changes hands and
 * L1 entries of windows (both under the owner's locks), and the temporary slots
 * of the own CPU.
 */
#include "x86/paging.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "x86/image.h"
#include "x86/memory.h"
#include "x86/panic.h"
#include "x86/pte.h"
#include "x86/smp.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define READ_FLAGS (PTE_PRESENT | PTE_ACCESSED)
#define TEXT_FLAGS READ_FLAGS
#define RODATA_FLAGS (READ_FLAGS | PTE_NX)
#define DATA_FLAGS (READ_FLAGS | PTE_WRITE | PTE_DIRTY | PTE_NX)
#define DEVICE_FLAGS (DATA_FLAGS | PTE_PCD | PTE_PWT)

#define CHUNKS_PER_L2 512u
#define MODULE_GIB_MAX 5u /* below 4 GiB, so it lies in at most 5 L2 tables */

static mfn_t idle_l4 SEALED;
static bool paging_ready SEALED;
static u32 device_pages SEALED;

/* The entry for va in the table of the level (1 or 2). Tables that are missing
 * are made while paging_init runs. */
static u64 *entry_at(u64 va, u32 level)
{
    u64 *t = linear(idle_l4);
    for (u32 l = 4; l > level; l--) {
        u64 *const e = &t[pte_index(va, l)];
        if (!paging_ready && !pte_is_present(*e)) {
            *e = pte_make(boot_alloc(1), TABLE_FLAGS);
        }
        CHECK(pte_is_present(*e) && !pte_is_large(*e));
        t = linear(pte_mfn(*e));
    }
    return &t[pte_index(va, level)];
}

static u64 linear_va(u32 chunk)
{
    return LINEAR_BASE + (u64)chunk * CHUNK_BYTES;
}

static void map_image_part(const u8 *from, const u8 *to, u64 flags)
{
    for (const u8 *p = from; p < to; p += PAGE_BYTES) {
        const mfn_t m = mfn(image_phys(p) >> PAGE_BITS);
        *entry_at((u64)(uintptr_t)p, 1) = pte_make(m, flags);
    }
}

static void map_pages(u32 cpu, u32 page, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        *entry_at(percpu_page(cpu, page + i), 1) =
            pte_make(boot_alloc(1), DATA_FLAGS);
    }
}

static void map_percpu(u32 cpu)
{
    map_pages(cpu, 0, CPU_STRUCT_PAGES);
    map_pages(cpu, STACK_FIRST_PAGE, STACK_PAGES);
    map_pages(cpu, NMI_STACK_PAGE, IST_STACK_PAGES);
    map_pages(cpu, DF_STACK_PAGE, IST_STACK_PAGES);
    map_pages(cpu, MC_STACK_PAGE, IST_STACK_PAGES);
    map_pages(cpu, DB_STACK_PAGE, IST_STACK_PAGES);
    u64 *const first = entry_at(percpu_page(cpu, 0), 1);
    /* The block is reachable through LINEAR before PERCPU is. */
    struct cpu *const c = linear(pte_mfn(*first));
    c->self = percpu_block(cpu);
    c->id = cpu;
    c->stack_top = percpu_page(cpu, STACK_FIRST_PAGE + STACK_PAGES);
    c->temp_table = first + TEMP_FIRST_PAGE;
    c->timer_armed = NS_NEVER;
}

void paging_init(u32 cpu_count)
{
    idle_l4 = boot_alloc(1);
    /* Every L2 table LINEAR can need, so that none is made later. */
    for (u32 c = 0; c < memory_chunk_count(); c += CHUNKS_PER_L2) {
        (void)entry_at(linear_va(c), 2);
    }
    map_image_part(image_text_start, image_rodata_start, TEXT_FLAGS);
    map_image_part(image_rodata_start, image_seal_start, RODATA_FLAGS);
    map_image_part(image_seal_start, image_end, DATA_FLAGS);
    for (u32 i = 0; i < cpu_count; i++) {
        map_percpu(i);
    }
    (void)entry_at(DEVICE_BASE, 1);
    for (u64 i = 0; i < MODULE_GIB_MAX; i++) {
        (void)entry_at(MODULE_BASE + (i << 30), 2);
    }
    paging_ready = true;
    for (u32 c = 0; c < memory_chunk_count(); c++) {
        if (memory_chunk_is_own(c)) {
            paging_map_own_chunk(c);
        }
    }
}

u64 paging_own_cr3(void)
{
    return idle_l4.v << PAGE_BITS;
}

void paging_load_idle(void)
{
    tlb_load_root(paging_own_cr3());
}

void paging_seal(void)
{
    map_image_part(image_seal_start, image_data_start, RODATA_FLAGS);
    arch_tlb_flush(smp_all_cpus());
}

u64 paging_hv_slot(u32 slot)
{
    const u64 *const l4 = linear(idle_l4);
    return slot != MODULE_SLOT ? l4[slot] : 0;
}

void paging_map_own_chunk(u32 chunk)
{
    if (!paging_ready) {
        return; /* paging_init maps what was taken before it */
    }
    u64 *const e = entry_at(linear_va(chunk), 2);
    const mfn_t m = mfn((u64)chunk << CHUNK_FRAME_BITS);
    atomic_store64(e, pte_make(m, DATA_FLAGS | PTE_LARGE));
}

void paging_window_prepare(u32 chunk, mfn_t l1_table)
{
    u64 *const e = entry_at(linear_va(chunk), 2);
    CHECK(!pte_is_large(*e));
    atomic_store64(e, pte_make(l1_table, TABLE_FLAGS));
}

void arch_window_map(mfn_t m)
{
    const u64 va = (u64)linear(m);
    atomic_store64(entry_at(va, 1), pte_make(m, DATA_FLAGS));
}

void arch_window_unmap(mfn_t m)
{
    const u64 va = (u64)linear(m);
    atomic_store64(entry_at(va, 1), 0);
    hw_invlpg(va);
}

void *temp_map(u32 slot, mfn_t m)
{
    CHECK(slot < TEMP_SLOTS && m.v <= PTE_MFN_MAX);
    struct cpu *const c = this_cpu();
    const u64 va = percpu_page(c->id, TEMP_FIRST_PAGE + slot);
    u64 *const e = &c->temp_table[slot];
    const bool remap = pte_is_present(*e);
    atomic_store64(e, pte_make(m, DATA_FLAGS));
    if (remap) {
        hw_invlpg(va);
    }
    return (void *)(uintptr_t)va;
}

void temp_unmap(u32 slot)
{
    CHECK(slot < TEMP_SLOTS);
    struct cpu *const c = this_cpu();
    atomic_store64(&c->temp_table[slot], 0);
    hw_invlpg(percpu_page(c->id, TEMP_FIRST_PAGE + slot));
}

void *paging_map_device(u64 address, u32 bytes)
{
    const u64 first = address >> PAGE_BITS;
    const u64 last = (address + bytes - 1) >> PAGE_BITS;
    const u64 va = DEVICE_BASE + (u64)device_pages * PAGE_BYTES;
    CHECK(device_pages + (last - first + 1) <= TABLE_ENTRIES);
    for (u64 f = first; f <= last; f++) {
        *entry_at(DEVICE_BASE + (u64)device_pages * PAGE_BYTES, 1) =
            pte_make(mfn(f), DEVICE_FLAGS);
        device_pages++;
    }
    return (void *)(uintptr_t)(va + address % PAGE_BYTES);
}

const u8 *paging_map_module(u32 first, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const mfn_t m = mfn((u64)(first + i) << CHUNK_FRAME_BITS);
        *entry_at(MODULE_BASE + (u64)i * CHUNK_BYTES, 2) =
            pte_make(m, RODATA_FLAGS | PTE_LARGE);
    }
    return (const u8 *)(uintptr_t)MODULE_BASE;
}
