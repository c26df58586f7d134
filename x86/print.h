/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for the host's log (first serial port).
 *
 * Conversions: %s %c %d %u %x %lu %ld %lx %%, with a width and a leading 0.
 * The log prints no addresses; only panic does.
 */
#ifndef X86_PRINT_H
#define X86_PRINT_H

#include "core/base.h"
#include <stdarg.h>

/* Write at most bytes - 1 characters and a NUL; returns the characters. */
u32 print_to(char *to, u32 bytes, const char *fmt, va_list args)
    PRINTF_LIKE(3, 0);

/* Print. A line is printed whole: lines of two CPUs do not mix. At most 255
 * characters. Lock: console. */
void host_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
void host_vprint(const char *fmt, va_list args) PRINTF_LIKE(1, 0);

/* The same without the lock, for panic. */
void panic_print(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One line "ringfence: cannot start: <reason>", then stop for good. */
void cannot_start(const char *fmt, ...) NO_RETURN PRINTF_LIKE(1, 2);

#endif
