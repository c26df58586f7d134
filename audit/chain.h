/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain, for the writer and for any reader:
 *
 *     h(n) = SHA-256("RFA1-rec" || h(n - 1) || record n),  h(-1) = 32 zeroes
 *
 * and record n carries h(n - 1). Whoever knows a head h(n) from elsewhere (the
 * host prints it as it ends) has proof of records 0 to n; without it the chain
 * shows damage, not a rewritten log. Pure functions, hostile input, no locks.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include "audit/record.h"
#include "audit/sha256.h"

/* SHA-256(a || b || c). */
void audit_hash(const void *a, u32 a_bytes, const void *b, u32 b_bytes,
                const void *c, u32 c_bytes, u8 out[SHA256_BYTES]);
/* Chain value of a record after prev; bytes as the record says. */
void audit_chain(const struct audit_record *r, const u8 prev[SHA256_BYTES],
                 u8 out[SHA256_BYTES]);
/* What the check field of r must hold. */
u32 audit_check_value(const struct audit_record *r);

/* AUDIT_GUEST for an event there is not. */
enum audit_family audit_event_family(u32 event);

#endif
