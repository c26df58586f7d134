/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats: page-table entries, segment descriptors, clamped indices, on any
 * numbers; and what is always true of their answers.
 */
#include "core/nospec.h"
#include "core/pgentry.h"
#include "x86/desc.h"

static void entries(u64 e)
{
    static u64 table[TABLE_ENTRIES];
    const u64 fixed = pgentry_fix(e);
    const u32 level = 1 + eva_below(4);

    eva_any(table);
    const mfn_t m = pte_mfn(fixed);
    const u32 index = pte_index(eva_u64(), level);
    /*@ check m.v <= 0xffffffffff && index < 512; */
    (void)pte_make(mfn(eva_u64()), e);
    (void)pgentry_is_hv_slot(level, index);
    (void)pte_is_large(table[index]);
    (void)pgentry_pass_zeroes(table, eva_below(TABLE_ENTRIES + 1));
}

static void descriptors(u64 desc)
{
    (void)desc_is_allowed(desc);
    (void)desc_sanitise(desc);
}

void prove(void)
{
    entries(eva_u64());
    descriptors(eva_u64());
}
