/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment descriptors: what of a guest's descriptor goes into the copy that
 * the processor uses. Pure; tests/desc_test.c tries it on all access bytes.
 *
 * Only code and data segments exist for a guest. Whatever privilege it asks
 * for becomes ring 3, where all of it runs. System descriptors (gates, TSS,
 * LDT) and absent ones become null, so that using them faults. The accessed
 * bit is set beforehand: the processor never writes to a table.
 *
 *   63      56 55  52 51   48 47            40 39    32
 *   base 31-24 G D L A limit  P DPL S type(4)  base 23-16  [SDM 3A 3.4.5]
 *   base 15-0                 limit 15-0
 */
#ifndef X86_DESC_H
#define X86_DESC_H

#include "core/base.h"

#define DESC_ACCESSED (1ull << 40)
#define DESC_CODE (1ull << 43)
#define DESC_SEGMENT (1ull << 44) /* S: not a system descriptor */
#define DESC_DPL (3ull << 45)
#define DESC_PRESENT (1ull << 47)
#define DESC_LONG (1ull << 53)
#define DESC_BIG (1ull << 54)
#define DESC_ENTRIES_MAX 512u

/* May the guest have this descriptor in a table? Absent ones are harmless. */
static inline bool desc_is_allowed(u64 desc)
{
    if ((desc & DESC_PRESENT) == 0) {
        return true;
    }
    if ((desc & DESC_SEGMENT) == 0) {
        return false;
    }
    /* 64-bit code with a default size is reserved [SDM 3A 5.2.1]. */
    const u64 reserved = DESC_CODE | DESC_LONG | DESC_BIG;
    return (desc & reserved) != reserved;
}

/* What the processor gets to see. */
static inline u64 desc_sanitise(u64 desc)
{
    if ((desc & DESC_PRESENT) == 0 || !desc_is_allowed(desc)) {
        return 0;
    }
    return desc | DESC_DPL | DESC_ACCESSED;
}

#endif
