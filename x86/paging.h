/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own address space (x86/layout.h draws it).
 *
 * The idle root holds the slots LINEAR..DEVICE and nothing else. Its L4 entries
 * are copied into every guest's L4, and the L3 and L2 tables below them are
 * allocated once at start-up, so that a later change of an L2 or L1 entry is
 * seen in every address space.
 *
 * LINEAR, for each 2 MiB chunk, is one of:
 *   nothing      the chunk is nobody's, or a tenant's without a window
 *   2 MiB page   a chunk of the hypervisor (own chunk), read-write, no execute
 *   L1 table     a tenant's chunk: exactly its live page tables are present
 */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include "core/ids.h"
#include "x86/hw.h"
#include "x86/layout.h"

/* Build the idle root and, for each of cpu_count CPUs, its PERCPU area. The
 * boot tables are still in use. */
void paging_init(u32 cpu_count);
/* Load the idle root on this CPU. */
void paging_load_idle(void);
u64 paging_own_cr3(void);
/* Make the sealed data of the image read-only. All CPUs flush. */
void paging_seal(void);

/* The entry for a slot of a guest's L4, 0 for those it does not share. */
u64 paging_hv_slot(u32 slot);

/* Show a chunk of the hypervisor in LINEAR; hide it again (CPUs are to flush).
 * The chunk must be below memory_chunk_count. */
void paging_map_own_chunk(u32 chunk);
/* Give a tenant's chunk a window: l1_table is a zeroed frame of ours.
 * arch_window_map and arch_window_unmap show its frames there. */
void paging_window_prepare(u32 chunk, mfn_t l1_table);

/* Address of a frame shown in LINEAR. */
static inline void *linear(mfn_t m)
{
    return (void *)(uintptr_t)(LINEAR_BASE + (m.v << PAGE_BITS));
}

/* Show m in temporary slot (0..TEMP_SLOTS-1) of this CPU. */
void *temp_map(u32 slot, mfn_t m);
void temp_unmap(u32 slot);

/* Device registers, uncached. Start-up only. */
void *paging_map_device(u64 address, u32 bytes);
/* The module's chunks, read-only, in the idle root only: what tenants are made
 * of is no other tenant's to see. */
const u8 *paging_map_module(u32 first, u32 count);

/* Per-CPU places. */
static inline struct cpu *percpu_block(u32 cpu)
{
    return (struct cpu *)(uintptr_t)(PERCPU_BASE + (u64)cpu * PERCPU_STRIDE);
}

static inline u64 percpu_page(u32 cpu, u32 page)
{
    return PERCPU_BASE + (u64)cpu * PERCPU_STRIDE + (u64)page * PAGE_BYTES;
}

#endif
