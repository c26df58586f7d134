/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory in whole chunks of 2 MiB.
 *
 * A chunk is usable when all of it is RAM by the loader's map and nothing else
 * lies in it. Chunk 0, the image's and the module's chunks are not; the first
 * usable chunks become the hypervisor's as boot_alloc needs them. What is left
 * usable when core/alloc takes stock is handed out by it.
 */
#ifndef X86_MEMORY_H
#define X86_MEMORY_H

#include "core/ids.h"
#include "x86/bootinfo.h"

/* LINEAR covers one top-level slot: 512 GiB. Memory above is left alone. */
#define MEMORY_CHUNKS_MAX 0x40000u

void memory_init(const struct bootinfo *b);

/* One more than the highest chunk that has usable RAM or is ours. */
u32 memory_chunk_count(void);
/* Usable RAM at start, in MiB. */
u64 memory_mib(void);
/* The range is all RAM by the loader's map. */
bool memory_is_ram(const struct bootinfo *b, u64 start, u64 bytes);

/* frames (1..512) contiguous zeroed frames for the hypervisor, for good; from
 * below 4 GiB. Before core/alloc takes stock only. */
mfn_t boot_alloc(u32 frames);
/* count contiguous chunks for the hypervisor, zeroed and mapped, for good, from
 * the bottom; false when there is no such run. */
bool memory_take_run(u64 count, mfn_t *first) MUST_CHECK;
/* The chunk is the hypervisor's by boot_alloc. */
bool memory_chunk_is_own(u32 chunk);

/* The module, mapped read-only, and its size; NULL when there is none. */
const u8 *module_map(u64 *bytes);
/* Zeroes in its place: 8-byte aligned, and nobody has a copy. */
void module_forget(const u8 *at, u32 bytes);

#endif
