/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/sha256.h for the host tool: the block function is OpenSSL's, which uses
 * what the CPU has. The kernel's own is in audit/sha256.c; the unit tests
 * compare the two.
 */
#define OPENSSL_API_COMPAT 0x10100000L /* SHA256_Transform stands alone */
#include "audit/sha256.h"

#include <openssl/sha.h>
#include <string.h>

static void take_block(struct sha256 *s, const u8 *block)
{
    SHA256_CTX context = { .md_len = SHA256_BYTES };

    memcpy(context.h, s->state, sizeof(s->state));
    SHA256_Transform(&context, block);
    memcpy(s->state, context.h, sizeof(s->state));
}

void sha256_init(struct sha256 *s)
{
    SHA256_CTX context;

    SHA256_Init(&context);
    memset(s, 0, sizeof(*s));
    memcpy(s->state, context.h, sizeof(s->state));
}

void sha256_update(struct sha256 *s, const u8 *data, u64 bytes)
{
    u64 used = s->bytes % SHA256_BLOCK_BYTES;

    s->bytes += bytes;
    while (bytes > 0) {
        const u64 room = SHA256_BLOCK_BYTES - used;
        const u64 step = bytes < room ? bytes : room;

        if (step == SHA256_BLOCK_BYTES) {
            take_block(s, data);
        } else {
            memcpy(s->block + used, data, step);
            used += step;
            if (used == SHA256_BLOCK_BYTES) {
                take_block(s, s->block);
                used = 0;
            }
        }
        data += step;
        bytes -= step;
    }
}

void sha256_final(struct sha256 *s, u8 digest[SHA256_BYTES])
{
    static const u8 pad[SHA256_BLOCK_BYTES] = { 0x80 };
    const u64 bits = s->bytes * 8;
    const u64 used = s->bytes % SHA256_BLOCK_BYTES;
    u8 tail[8];

    sha256_update(s, pad, used < 56 ? 56 - used : 120 - used);
    for (u32 i = 0; i < 8; i++) {
        tail[i] = (u8)(bits >> (56 - 8 * i));
    }
    sha256_update(s, tail, sizeof(tail));
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        digest[i] = (u8)(s->state[i / 4] >> (24 - i % 4 * 8));
    }
    sha256_init(s);
}

void sha256(const u8 *data, u64 bytes, u8 digest[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, data, bytes);
    sha256_final(&s, digest);
}

bool sha256_equal(const u8 a[SHA256_BYTES], const u8 b[SHA256_BYTES])
{
    return memcmp(a, b, SHA256_BYTES) == 0;
}
