/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 [FIPS 180-4]. At boot it reads every image of the module, so the
 * block function is laid out for speed in plain C: eight rounds a step with
 * the roles of the working variables turning instead of their values moving,
 * and the message schedule kept in sixteen words, renewed as it is used.
 */
#include "audit/sha256.h"

static const u32 k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/*@ requires 1 <= n <= 31; assigns \nothing; */
static inline u32 rotate(u32 x, u32 n)
{
    return x >> n | x << (32 - n);
}

/*@ requires \valid_read(p + (0 .. 3)); assigns \nothing; */
static inline u32 load_be32(const u8 *p)
{
    return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/*@ requires \valid(p + (0 .. 3)); assigns p[0 .. 3]; */
static inline void store_be32(u8 *p, u32 x)
{
    p[0] = (u8)(x >> 24);
    p[1] = (u8)(x >> 16);
    p[2] = (u8)(x >> 8);
    p[3] = (u8)x;
}

/* The sums of three rotations, each rotation made of the one before. */
#define SUM_E(e) rotate(rotate(rotate(e, 14) ^ (e), 5) ^ (e), 6)
#define SUM_A(a) rotate(rotate(rotate(a, 9) ^ (a), 11) ^ (a), 2)

/* One round; only d and h change. bc is b ^ c, which the round before had. */
#define ROUND(a, b, c, d, e, f, g, h, kw)                                      \
    do {                                                                       \
        const u32 t = (h) + SUM_E(e) + ((g) ^ ((e) & ((f) ^ (g)))) + (kw);     \
        const u32 ab = (a) ^ (b);                                              \
        (d) += t;                                                              \
        (h) = t + SUM_A(a) + ((b) ^ (ab & bc));                                \
        bc = ab;                                                               \
    } while (0)

/* Word i + 16 of the schedule takes the place of word i. */
#define RENEW(i)                                                               \
    (w[(i) & 15] +=                                                            \
     w[((i) + 9) & 15] +                                                       \
     (rotate(rotate(w[((i) + 1) & 15], 11) ^ w[((i) + 1) & 15], 7) ^           \
      w[((i) + 1) & 15] >> 3) +                                                \
     (rotate(rotate(w[((i) + 14) & 15], 2) ^ w[((i) + 14) & 15], 17) ^         \
      w[((i) + 14) & 15] >> 10))

/* Eight rounds from round r; W(i) is word i of the schedule. After eight the
 * variables are back in their places. */
#define EIGHT(r, W)                                                            \
    do {                                                                       \
        ROUND(a, b, c, d, e, f, g, h, k[(r) + 0] + W((r) + 0));                \
        ROUND(h, a, b, c, d, e, f, g, k[(r) + 1] + W((r) + 1));                \
        ROUND(g, h, a, b, c, d, e, f, k[(r) + 2] + W((r) + 2));                \
        ROUND(f, g, h, a, b, c, d, e, k[(r) + 3] + W((r) + 3));                \
        ROUND(e, f, g, h, a, b, c, d, k[(r) + 4] + W((r) + 4));                \
        ROUND(d, e, f, g, h, a, b, c, k[(r) + 5] + W((r) + 5));                \
        ROUND(c, d, e, f, g, h, a, b, k[(r) + 6] + W((r) + 6));                \
        ROUND(b, c, d, e, f, g, h, a, k[(r) + 7] + W((r) + 7));                \
    } while (0)

#define FIRST(i) (w[i] = load_be32(p + 4 * (i)))

/*@ requires \valid(state + (0 .. 7)) && \valid_read(p + (0 .. 63));
    assigns state[0 .. 7]; */
static void take_block(u32 state[8], const u8 *p)
{
    u32 w[16];
    u32 a = state[0];
    u32 b = state[1];
    u32 c = state[2];
    u32 d = state[3];
    u32 e = state[4];
    u32 f = state[5];
    u32 g = state[6];
    u32 h = state[7];
    u32 bc = b ^ c;

    EIGHT(0, FIRST);
    EIGHT(8, FIRST);
    /*@ loop invariant 16 <= r <= 64 && r % 16 == 0;
        loop assigns r, a, b, c, d, e, f, g, h, w[0 .. 15];
        loop variant 64 - r; */
    for (u32 r = 16; r < 64; r += 16) {
        EIGHT(r, RENEW);
        EIGHT(r + 8, RENEW);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void sha256_init(struct sha256 *s)
{
    static const u32 start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                  0xa54ff53a, 0x510e527f, 0x9b05688c,
                                  0x1f83d9ab, 0x5be0cd19 };

    /*@ loop invariant 0 <= i <= 8;
        loop assigns i, s->state[0 .. 7];
        loop variant 8 - i; */
    for (u32 i = 0; i < 8; i++) {
        s->state[i] = start[i];
    }
    s->bytes = 0;
    /*@ loop invariant 0 <= i <= 64;
        loop assigns i, s->block[0 .. 63];
        loop variant 64 - i; */
    for (u32 i = 0; i < SHA256_BLOCK_BYTES; i++) {
        s->block[i] = 0;
    }
}

void sha256_update(struct sha256 *s, const u8 *data, u64 bytes)
{
    const u8 *p = data;
    u32 used = (u32)(s->bytes % SHA256_BLOCK_BYTES);

    s->bytes += bytes;
    /*@ loop invariant used < 64;
        loop invariant 0 <= bytes <= \at(bytes, Pre);
        loop invariant p == data + (\at(bytes, Pre) - bytes);
        loop assigns used, p, bytes, s->state[0 .. 7], s->block[0 .. 63];
        loop variant bytes; */
    while (bytes > 0 && used > 0) {
        s->block[used] = *p;
        used++;
        p++;
        bytes--;
        if (used == SHA256_BLOCK_BYTES) {
            take_block(s->state, s->block);
            used = 0;
        }
    }
    /*@ loop invariant 0 <= bytes <= \at(bytes, Pre);
        loop invariant p == data + (\at(bytes, Pre) - bytes);
        loop assigns p, bytes, s->state[0 .. 7];
        loop variant bytes; */
    while (bytes >= SHA256_BLOCK_BYTES) {
        take_block(s->state, p);
        p += SHA256_BLOCK_BYTES;
        bytes -= SHA256_BLOCK_BYTES;
    }
    /*@ loop invariant 0 <= i <= bytes;
        loop assigns i, s->block[0 .. 63];
        loop variant bytes - i; */
    for (u32 i = 0; i < bytes; i++) {
        s->block[i] = p[i];
    }
}

void sha256_final(struct sha256 *s, u8 digest[SHA256_BYTES])
{
    const u64 bits = s->bytes * 8;
    u32 used = (u32)(s->bytes % SHA256_BLOCK_BYTES);

    s->block[used] = 0x80;
    used++;
    if (used > SHA256_BLOCK_BYTES - 8) {
        /*@ loop invariant used <= i <= 64;
            loop assigns i, s->block[0 .. 63];
            loop variant 64 - i; */
        for (u32 i = used; i < SHA256_BLOCK_BYTES; i++) {
            s->block[i] = 0;
        }
        take_block(s->state, s->block);
        used = 0;
    }
    /*@ loop invariant used <= i <= 56;
        loop assigns i, s->block[0 .. 63];
        loop variant 56 - i; */
    for (u32 i = used; i < SHA256_BLOCK_BYTES - 8; i++) {
        s->block[i] = 0;
    }
    store_be32(s->block + 56, (u32)(bits >> 32));
    store_be32(s->block + 60, (u32)bits);
    take_block(s->state, s->block);
    /*@ loop invariant 0 <= i <= 8;
        loop assigns i, digest[0 .. 31];
        loop variant 8 - i; */
    for (u32 i = 0; i < 8; i++) {
        store_be32(digest + 4 * i, s->state[i]);
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
    /*@ loop invariant 0 <= i <= 32;
        loop invariant \forall integer j; 0 <= j < i ==> a[j] == b[j];
        loop assigns i;
        loop variant 32 - i; */
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}
