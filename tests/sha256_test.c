/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 against published vectors [FIPS 180-4; NIST CAVS] and against
 * libcrypto for every short length and for random cuts of a stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "audit/sha256.h"

static void expect_hex(const u8 digest[SHA256_BYTES], const char *hex)
{
    char text[2 * SHA256_BYTES + 1];

    for (u32 i = 0; i < SHA256_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, hex);
}

static void test_published_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hex;
    } vectors[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb924"
              "27ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223"
                 "b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039"
          "a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
          "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b049237"
          "0b249b11e8f07a51afac45037afee9d1" },
    };
    u8 digest[SHA256_BYTES];

    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        sha256((const u8 *)vectors[i].text, strlen(vectors[i].text), digest);
        expect_hex(digest, vectors[i].hex);
    }
}

static void test_a_million_a(void **state)
{
    (void)state;
    struct sha256 s;
    u8 block[1000];
    u8 digest[SHA256_BYTES];

    memset(block, 'a', sizeof(block));
    sha256_init(&s);
    for (u32 i = 0; i < 1000; i++) {
        sha256_update(&s, block, sizeof(block));
    }
    sha256_final(&s, digest);
    expect_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67"
                       "f1809a48a497200e046d39ccc7112cd0");
}

static void test_every_short_length(void **state)
{
    (void)state;
    u8 data[400];
    u8 ours[SHA256_BYTES];
    u8 theirs[SHA256_BYTES];

    for (u32 i = 0; i < sizeof(data); i++) {
        data[i] = (u8)(i * 37 + 11);
    }
    for (u32 from = 0; from < 9; from++) {
        for (u32 bytes = 0; from + bytes <= sizeof(data); bytes++) {
            sha256(data + from, bytes, ours);
            SHA256(data + from, bytes, theirs);
            assert_memory_equal(ours, theirs, SHA256_BYTES);
        }
    }
}

static void test_random_cuts(void **state)
{
    (void)state;
    enum { BYTES = 1 << 16 };
    u8 *const data = malloc(BYTES);
    u8 ours[SHA256_BYTES];
    u8 theirs[SHA256_BYTES];

    assert_non_null(data);
    srand(1);
    for (u32 i = 0; i < BYTES; i++) {
        data[i] = (u8)rand();
    }
    for (u32 round = 0; round < 300; round++) {
        const u32 bytes = (u32)rand() % BYTES;
        struct sha256 s;
        u32 at = 0;

        sha256_init(&s);
        while (at < bytes) {
            u32 step = (u32)rand() % (round % 2 == 0 ? 200 : 5000);

            step = step < bytes - at ? step : bytes - at;
            sha256_update(&s, data + at, step);
            at += step;
        }
        sha256_final(&s, ours);
        SHA256(data, bytes, theirs);
        assert_memory_equal(ours, theirs, SHA256_BYTES);
    }
    free(data);
}

static void test_final_wipes_and_restarts(void **state)
{
    (void)state;
    struct sha256 s;
    struct sha256 fresh;
    u8 digest[SHA256_BYTES];

    sha256_init(&s);
    sha256_init(&fresh);
    sha256_update(&s, (const u8 *)"secret", 6);
    sha256_final(&s, digest);
    assert_memory_equal(&s, &fresh, sizeof(s));
}

static void test_equal(void **state)
{
    (void)state;
    u8 a[SHA256_BYTES] = { 0 };
    u8 b[SHA256_BYTES] = { 0 };

    assert_true(sha256_equal(a, b));
    for (u32 bit = 0; bit < 8 * SHA256_BYTES; bit++) {
        b[bit / 8] ^= (u8)(1u << bit % 8);
        assert_false(sha256_equal(a, b));
        b[bit / 8] ^= (u8)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_a_million_a),
        cmocka_unit_test(test_every_short_length),
        cmocka_unit_test(test_random_cuts),
        cmocka_unit_test(test_final_wipes_and_restarts),
        cmocka_unit_test(test_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
