/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings of any length in blocks of 60 bytes, charged to a client; and numbers
 * as text.
 *
 * A chain is the number of its first block; 0 is the empty string. Taking and
 * giving back cost one step a block; nothing is ever moved.
 */
#ifndef GUESTS_DOMAIN0_BYTES_H
#define GUESTS_DOMAIN0_BYTES_H

#include "core/base.h"

#define BLOCK_BYTES 60u

void bytes_reset(void);
/* Blocks that nobody has. */
u32 bytes_free_blocks(void);
/* Copy count bytes into a new chain. False: over the payer's quota, or none
 * is left; then nothing is changed. */
bool bytes_new(u32 payer, const u8 *from, u32 count, u32 *chain);
void bytes_drop(u32 payer, u32 chain);
/* The chain is another client's from now on. */
void bytes_pass(u32 from, u32 to, u32 chain);
void bytes_copy(u32 chain, u32 count, u8 *to);
bool bytes_equal(u32 chain, const u8 *other, u32 count);

#define NUMBER_CHARS 21u
/* The number in decimal, within digits, ended by a NUL. */
const char *bytes_number(char digits[NUMBER_CHARS], u64 n);

#endif
