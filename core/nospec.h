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
    /* Bit 63 of either term is set exactly when idx >= limit. */
    const u64 outside = (idx | (limit - 1u - idx)) >> 63;
    return idx & (outside - 1u);
}

#endif
