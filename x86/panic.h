/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end by our own fault. CHECK is for the impossible, never for input, and
 * has no side effects.
 */
#ifndef X86_PANIC_H
#define X86_PANIC_H

#include "core/base.h"

struct regs;

/* Stop all CPUs, print, halt. */
void panic(const char *fmt, ...) NO_RETURN PRINTF_LIKE(1, 2);
/* The same for an exception in the hypervisor; what: its name. */
void panic_regs(const char *what, const struct regs *r) NO_RETURN;
void panic_check(const char *what, const char *file, u32 line) NO_RETURN;

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (!(cond)) {                                                         \
            panic_check(#cond, __FILE__, __LINE__);                            \
        }                                                                      \
    } while (0)

#endif
