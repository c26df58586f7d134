/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for the host's log (first serial port); arch_log is the usual way.
 *
 * Conversions: %s %u %x %lu %lx, numbers with a width and a leading 0. The log
 * prints no addresses; only panic does.
 */
#ifndef X86_PRINT_H
#define X86_PRINT_H

#include "core/arch.h"
#include <stdarg.h>

/* At most 255 characters, without the lock, for panic. */
void panic_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
void panic_vprint(const char *fmt, va_list args) PRINTF_LIKE(1, 0);

/* One line "ringfence: cannot start: <reason>", then stop for good. */
void cannot_start(const char *fmt, ...) NO_RETURN PRINTF_LIKE(1, 2);

#endif
