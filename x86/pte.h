/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of a page-table entry, the same at all four levels [SDM 3A 4.5].
 * Pure accessors; the only x86 header that core/ may include.
 */
#ifndef X86_PTE_H
#define X86_PTE_H

#include "core/base.h"
#include "core/ids.h"

#define PTE_P (1ull << 0)   /* present */
#define PTE_RW (1ull << 1)  /* writable */
#define PTE_US (1ull << 2)  /* reachable from ring 3 */
#define PTE_PWT (1ull << 3) /* cache type bits: must be 0 for RAM */
#define PTE_PCD (1ull << 4)
#define PTE_A (1ull << 5)   /* accessed */
#define PTE_D (1ull << 6)   /* dirty */
#define PTE_PSE (1ull << 7) /* large page at L2, L3; PAT at L1 */
#define PTE_G (1ull << 8)   /* global */
#define PTE_AVAIL_LOW (7ull << 9)
#define PTE_FRAME 0x000ffffffffff000ull
#define PTE_AVAIL_HIGH (0x7ffull << 52)
#define PTE_NX (1ull << 63)

/* What a guest may set in an entry that is present. G is accepted and dropped:
 * nothing of a guest outlives a root change in the TLB. */
#define PTE_GUEST_L1                                                           \
    (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_G | PTE_AVAIL_LOW |         \
     PTE_FRAME | PTE_AVAIL_HIGH | PTE_NX)
#define PTE_GUEST_UPPER PTE_GUEST_L1

static inline bool pte_present(u64 pte)
{
    return (pte & PTE_P) != 0;
}

static inline mfn_t pte_mfn(u64 pte)
{
    return mfn((pte & PTE_FRAME) >> PAGE_BITS);
}

static inline u64 pte_make(mfn_t m, u64 flags)
{
    return (m.v << PAGE_BITS) | flags;
}

/* Index into the table of that level (1..4) for a virtual address. */
static inline u32 pte_index(u64 va, u32 level)
{
    return (u32)(va >> (PAGE_BITS + 9u * (level - 1u))) & (TABLE_ENTRIES - 1u);
}

#endif
