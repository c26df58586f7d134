/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instruction makes of the integer in memory and of its registers.
 * Pure; tests/rmw_test.c compares it with the processor.
 */
#ifndef X86_RMW_H
#define X86_RMW_H

#include "core/base.h"

struct insn;

struct rmw {
    bool writes; /* false: a CMPXCHG that did not match */
    u64 value;   /* what is written, of the operand's size */
    u64 flags, flags_changed;
    bool sets_reg, sets_rax;
    u64 reg, rax; /* new register values */
};

/* old: the integer in memory (of insn's size); reg, rax: the registers before.
 */
void rmw_compute(const struct insn *in, u64 old, u64 reg, u64 rax,
                 struct rmw *w);

/* All ones in size (1, 2, 4, 8) bytes. */
u64 rmw_mask(u32 size);

#endif
