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

/*@ requires \valid(s);
    assigns *s;
    ensures s->bytes == 0; */
void sha256_init(struct sha256 *s);

/* Take bytes more; data may be NULL when bytes is 0. */
/*@ requires \valid(s);
    requires bytes > 0 ==> \valid_read(data + (0 .. bytes - 1));
    requires \separated(s, data + (0 .. bytes - 1));
    assigns *s;
    ensures s->bytes == (u64)(\old(s->bytes) + bytes); */
void sha256_update(struct sha256 *s, const u8 *data, u64 bytes);

/* The digest of everything taken; wipes the stream. */
/*@ requires \valid(s) && \valid(digest + (0 .. 31));
    requires \separated(s, digest + (0 .. 31));
    assigns *s, digest[0 .. 31];
    ensures written: \initialized(digest + (0 .. 31)); */
void sha256_final(struct sha256 *s, u8 digest[SHA256_BYTES]);

/* All at once. */
/*@ requires bytes > 0 ==> \valid_read(data + (0 .. bytes - 1));
    requires \valid(digest + (0 .. 31));
    assigns digest[0 .. 31]; */
void sha256(const u8 *data, u64 bytes, u8 digest[SHA256_BYTES]);

/* Digests are not secrets here: no constant time. */
/*@ requires \valid_read(a + (0 .. 31)) && \valid_read(b + (0 .. 31));
    assigns \nothing;
    ensures \result <==> (\forall integer i; 0 <= i < 32 ==> a[i] == b[i]); */
bool sha256_equal(const u8 a[SHA256_BYTES], const u8 b[SHA256_BYTES]);

#endif
