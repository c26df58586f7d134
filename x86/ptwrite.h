/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instruction makes of the integer in memory and of its registers.
 * Pure; tests/decode_test.c compares it with the processor.
 */
#ifndef X86_PTWRITE_H
#define X86_PTWRITE_H

#include "core/base.h"

struct insn;

struct ptwrite {
    bool writes; /* false: a CMPXCHG that did not match */
    u64 value;   /* what is written, of the operand's size */
    u64 flags, flags_changed;
    bool sets_reg, sets_rax;
    u64 reg, rax; /* new register values */
};

/* old: the integer in memory (of insn's size); reg, rax: the registers before.
 */
void ptwrite_compute(const struct insn *in, u64 old, u64 reg, u64 rax,
                     struct ptwrite *w);

#endif
