/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables of a guest: see seg.c.
 */
#ifndef X86_SEG_H
#define X86_SEG_H

#include "core/ids.h"
#include "core/rc.h"

struct vcpu;

/* Copy the first entries (<= 512, 0: none) descriptors of frame m into v's
 * private GDT. RC_EINVAL: not the domain's memory, or a descriptor that a
 * guest may not have. v is current, or not running. Takes mm. */
enum rc seg_set_gdt(struct vcpu *v, mfn_t m, u32 entries) MUST_CHECK;

#endif
