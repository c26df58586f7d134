/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host ends.
 */
#ifndef X86_MACHINE_H
#define X86_MACHINE_H

#include "core/base.h"

/* Codes for the emulator's exit device: QEMU ends with (code << 1) | 1.
 * core/domlife.c has those of an end as it should be. */
#define EXIT_CANNOT_START 0x12u
#define EXIT_PANIC 0x13u

/* The manifest asks for the exit device at port 0xf4 (MF_DEBUG_EXIT). */
void machine_set_debug_exit(bool on);

/* Stop this CPU for good after a failure: exit device if asked for, else
 * halt, so that the last lines stay on the screen. */
void machine_stop(u32 code) NO_RETURN;

#endif
