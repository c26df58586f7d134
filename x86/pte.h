/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of a page-table entry: constants and pure accessors, the same at
 * each of the four levels [SDM 3A 4.5]. Nothing here touches a live table, so
 * core/ may include it.
 */
#ifndef X86_PTE_H
#define X86_PTE_H

#include "core/ids.h"

#define PTE_PRESENT 0x001ull
#define PTE_WRITE 0x002ull
#define PTE_USER 0x004ull
#define PTE_PWT 0x008ull
#define PTE_PCD 0x010ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY 0x040ull
#define PTE_PAT 0x080ull   /* in an L1 entry */
#define PTE_LARGE 0x080ull /* in an L2 or L3 entry: maps 2 MiB or 1 GiB */
#define PTE_GLOBAL 0x100ull
#define PTE_AVAIL_LOW 0xe00ull /* bits 9..11: software's */
#define PTE_FRAME 0x000ffffffffff000ull
#define PTE_AVAIL_HIGH 0x07f0000000000000ull /* bits 52..58: software's */
#define PTE_NX 0x8000000000000000ull
#define PTE_AVAIL (PTE_AVAIL_LOW | PTE_AVAIL_HIGH)

/* Highest frame number an entry can name: 52 physical address bits. */
#define PTE_MFN_MAX 0xffffffffffull

static inline bool pte_is_present(u64 e)
{
    return (e & PTE_PRESENT) != 0;
}

static inline bool pte_is_large(u64 e)
{
    return (e & PTE_LARGE) != 0;
}

static inline mfn_t pte_mfn(u64 e)
{
    return mfn((e & PTE_FRAME) >> PAGE_BITS);
}

/* The entry for frame m with the flag bits given. */
static inline u64 pte_make(mfn_t m, u64 flags)
{
    return ((m.v << PAGE_BITS) & PTE_FRAME) | flags;
}

/* Index of va in a table of the level (1..4). */
static inline u32 pte_index(u64 va, u32 level)
{
    return (u32)(va >> (PAGE_BITS + 9 * (level - 1))) & (TABLE_ENTRIES - 1);
}

#endif
