/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All consoles on one serial line; see hostcon.c.
 */
#ifndef X86_HOSTCON_H
#define X86_HOSTCON_H

#include "core/base.h"

/* mux: the second port carries the consoles, framed; else they go to the
 * host's log, a line at a time, and there is no input. */
void hostcon_init(bool mux);

/* Tell who serves the consoles of input that has arrived, and of room for
 * output where there was none. True: it waits for room. Any CPU, before it
 * returns to a guest or sleeps. No lock. */
bool hostcon_work(void);

#endif
