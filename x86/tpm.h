/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM 2.0 behind the FIFO interface [TCG PC Client Platform TPM Profile 6]:
 * the tree head of every seal goes into one of its registers, where nothing but
 * a reset of the machine makes it anything else.
 *
 * It is register 15. Software cannot reset those below 16 (16 and 23 it can, 17
 * to 22 a dynamic launch can); firmware has 0 to 7, GRUB 8 and 9, shim 14,
 * others 10 to 13. So it holds zeroes before the first seal, and after seal n
 * SHA-256 of what it held and of the tree head, n times over.
 *
 *   IDLE -> CLAIM -> WAKE -> SEND -> TAKE -> IDLE
 *      any of them, after PATIENCE_NS or an error -> GONE, for good
 *
 * A step is a few reads of the device, never a wait. One who sends the log's
 * records at a time (core/recsend.c) calls, no lock held.
 */
#ifndef X86_TPM_H
#define X86_TPM_H

#include "x86/acpi.h"

/* At boot: is there one? */
void tpm_init(const struct acpi_info *a);

#endif
