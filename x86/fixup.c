/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixup table: which instructions of ring 0 may fault, and where each goes
 * on. hwfault.h makes the entries; the linker collects them. A fault anywhere
 * else in ring 0 is our mistake and stops the host.
 *
 * The table is short (one entry for each inlined copy) and a fault that uses it
 * is a guest's error path, so a linear search will do.
 */
#include "x86/private.h"

struct fixup {
    u64 from;
    u64 to;
};

extern const struct fixup fixup_table_start[];
extern const struct fixup fixup_table_end[];

u64 fixup_find(u64 rip)
{
    for (const struct fixup *f = fixup_table_start; f < fixup_table_end; f++) {
        if (f->from == rip) {
            return f->to;
        }
    }
    return 0;
}
