/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence for the secret-free address space; see walker.c.
 */
#ifndef X86_WALKER_H
#define X86_WALKER_H

#include "core/domain.h"

/* The manifest asks for it (MF_TEST_WALKER). Start-up only. */
void walker_enable(bool on);

/* Walk the hypervisor's own root: entries that map something. Panics as
 * below. */
u64 walker_verify(void);

/* At a world switch: walk what is loaded on this CPU now. d owns the root;
 * NULL: the idle root. Panics at the first frame that should not be there. */
void walker_check(const struct domain *d);

/* The line at the end of the host, when it was on. */
void walker_report(void);

#endif
