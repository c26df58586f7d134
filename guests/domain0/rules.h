/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set on its way to the hypervisor, which keeps it for the router.
 * Domain0 does not understand it: it passes bytes on, in parts, and says when
 * they are all there.
 */
#ifndef GUESTS_DOMAIN0_RULES_H
#define GUESTS_DOMAIN0_RULES_H

#include "core/base.h"

#define RULES_BYTES_MAX 65536u

/* Begin with a set of so many bytes. digest: of the text it was made from, a
 * blank and 64 hex digits, or nothing. */
bool rules_begin(u32 bytes, const char *digest);
/* A line of hex digits. False: it is none, or too long for the set. */
bool rules_hex(const char *digits, u32 count);
bool rules_are_whole(void);
/* Put it in force; the hypervisor's answer. */
s64 rules_commit(u64 *generation, u8 digest[32]);

#define RULES_PART 32u
/* The set in force: 32 bytes of it, with zeroes behind its end; the
 * hypervisor's answer. Parts of one generation are of one set. */
s64 rules_part(u32 offset, u8 part[RULES_PART], u64 *generation, u32 *bytes);

/* Put a set in force unless there is one. */
bool rules_first(const u8 *rules, u32 bytes);

#endif
