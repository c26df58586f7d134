/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The victim's parts: see victim.c. Each look compares what is there with what
 * was put there, and tells the harm done.
 */
#ifndef GUESTS_VICTIM_VICTIM_H
#define GUESTS_VICTIM_VICTIM_H

#include "guests/lib/guest.h"

/* Tell it: what, where, and what is there now. */
void harm(const char *what, u64 where, u64 is);

/* ---- look.c ---- */

extern u64 memory_passes; /* all of the memory looked at, so many times */

void memory_fill(void);
/* A part of the memory: looked at, and filled anew. */
void look_at_memory(void);
/* Page tables, machine-to-phys, start page: as they were at the first look. */
void look_at_tables(void);
void look_at_events(void);
/* Put values into registers that a sleep must keep; look at them after. */
void registers_fill(void);
void registers_look(void);

#endif
