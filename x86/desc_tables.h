/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's descriptors.
 *
 * One page of descriptors, selectors 0xe000.., the same for everybody and
 * read-only, is mapped as page 14 of each vCPU's virtual GDT: code and data of
 * hypervisor and guest, and an LDT descriptor for each vCPU number, which names
 * the LDT page of that vCPU's private area. Accessed bits are set, so the
 * processor never writes it.
 *
 * While no guest runs, a CPU uses its own copy in its second block page, which
 * also has its TSS descriptor; the TSS stays loaded when the GDT changes.
 */
#ifndef X86_DESC_TABLES_H
#define X86_DESC_TABLES_H

#include "core/ids.h"
#include "x86/layout.h"

/* Selector of the LDT descriptor of vCPU number n. */
#define SEL_LDT_OF(n) ((u16)(SEL_LDT + 16u * (n)))

/* This CPU: own GDT, segments, TSS with its stacks. Keeps GS base. */
void gdt_setup(void);
/* This CPU's own GDT again, after a guest's. */
void gdt_load_own(void);
/* The frame of the shared page. */
mfn_t gdt_page_frame(void);

/* First CPU: fill the table. Each CPU: load it. */
void idt_init(void);
void idt_load(void);

#endif
