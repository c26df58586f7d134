/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the control channel, put together from bytes as they come.
 */
#ifndef GUESTS_DOMAIN0_LINE_H
#define GUESTS_DOMAIN0_LINE_H

#include "core/base.h"

#define LINE_MAX 3200u /* bytes: a path, or 1600 bytes in hex */

/* Bytes that came in. What there is no room for is lost, with its line. */
void line_typed(const u8 *bytes, u32 count);
/* The next line, ended by NUL instead of its newline, kept until the next
 * call; NULL: there is none yet. */
const char *line_take(u32 *bytes);
/* Was all of that line there? One that is longer than LINE_MAX is empty. */
bool line_is_whole(void);

#endif
