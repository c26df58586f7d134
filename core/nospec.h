/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-given indices under speculation: a processor may run past a failed
 * bound check, so an index is clamped by arithmetic after it was checked.
 */
#ifndef CORE_NOSPEC_H
#define CORE_NOSPEC_H

#include "core/base.h"

/* idx when idx < limit, else 0, without a branch. limit is 1..2^63. */
/*@ requires 1 <= limit <= 0x8000000000000000;
    assigns \nothing;
    ensures idx < limit ==> \result == idx;
    ensures idx >= limit ==> \result == 0; */
static inline u64 index_clamp(u64 idx, u64 limit)
{
    /* Behind a check the compiler would see that idx is below limit. */
    volatile u64 hidden = idx;
    const u64 i = hidden;
    /* Bit 63 of either term is set exactly when i >= limit. */
    const u64 outside = (i | (limit - 1u - i)) >> 63;
    return i & (outside - 1u);
}

#endif
