/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 [FIPS 180-4], streaming. Pure: no state outside struct sha256, no
 * allocation, any length, any alignment. Copying a struct sha256 is allowed
 * and forks the stream.
 */
#ifndef AUDIT_SHA256_H
#define AUDIT_SHA256_H

#include "core/base.h"

#define SHA256_BYTES 32u
#define SHA256_BLOCK_BYTES 64u

struct sha256 {
    u32 state[8];
    u64 bytes;                    /* taken so far */
    u8 block[SHA256_BLOCK_BYTES]; /* the last bytes % 64 of them */
};

void sha256_init(struct sha256 *s);

/* Take bytes more; data may be NULL when bytes is 0. */
void sha256_update(struct sha256 *s, const void *data, u64 bytes);

/* The digest of everything taken; wipes the stream. */
void sha256_final(struct sha256 *s, u8 digest[SHA256_BYTES]);

/* All at once. */
void sha256(const void *data, u64 bytes, u8 digest[SHA256_BYTES]);

/* Digests are not secrets here: no constant time. */
bool sha256_equal(const u8 a[SHA256_BYTES], const u8 b[SHA256_BYTES]);

#endif
