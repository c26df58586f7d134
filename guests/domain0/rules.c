/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set on its way: see rules.h.
 */
#include "guests/domain0/rules.h"
#include "guests/lib/guest.h"

#define PART_BYTES 2048u

static u8 part[PART_BYTES];
static u32 total, written, used; /* announced; given on; waiting in part */
static u8 text_digest[32];
static bool is_refused;

static s32 hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A byte of two digits, -1 when they are none. */
static s32 hex_byte(const char *digits)
{
    const s32 high = hex_digit(digits[0]);
    const s32 low = high >= 0 ? hex_digit(digits[1]) : -1;
    return low >= 0 ? high * 16 + low : -1;
}

bool rules_begin(u32 bytes, const char *digest)
{
    total = bytes;
    written = 0;
    used = 0;
    is_refused = false;
    fill(text_digest, 0, sizeof(text_digest));
    if (bytes == 0 || bytes > RULES_BYTES_MAX) {
        return false;
    }
    if (*digest == '\0') {
        return true;
    }
    for (u32 i = 0; i < 32; i++) {
        const s32 byte = *digest == ' ' ? hex_byte(digest + 1 + 2 * i) : -1;
        if (byte < 0) {
            return false;
        }
        text_digest[i] = (u8)byte;
    }
    return digest[65] == '\0';
}

static void pass_on(void)
{
    struct arg_rules_write a = { .offset = written,
                                 .bytes = used,
                                 .buffer = (u64)(uintptr_t)part };
    if (call_rules_write(0, &a) != 0) {
        is_refused = true;
    }
    written += used;
    used = 0;
}

bool rules_hex(const char *digits, u32 count)
{
    if (count % 2 != 0 || count == 0) {
        return false;
    }
    for (u32 i = 0; i < count; i += 2) {
        const s32 byte = hex_byte(digits + i);
        if (byte < 0 || rules_are_whole()) {
            return false;
        }
        part[used++] = (u8)byte;
        if (used == PART_BYTES || rules_are_whole()) {
            pass_on();
        }
    }
    return true;
}

bool rules_are_whole(void)
{
    return written + used == total;
}

s64 rules_commit(u64 *generation, u8 digest[32])
{
    struct arg_rules_commit a = { .bytes = total };
    for (u32 i = 0; i < sizeof(text_digest); i++) {
        a.text_digest[i] = text_digest[i];
    }
    if (is_refused) {
        return -22;
    }
    const s64 rc = call_rules_commit(0, &a);
    *generation = a.generation;
    for (u32 i = 0; i < sizeof(a.digest); i++) {
        digest[i] = a.digest[i];
    }
    return rc;
}

s64 rules_part(u32 offset, u8 out[RULES_PART], u64 *generation, u32 *bytes)
{
    struct arg_rules_read a = { .buffer = (u64)(uintptr_t)out };
    s64 rc = call_rules_read(0, &a);
    fill(out, 0, RULES_PART);
    if (rc == 0 && offset < a.total) {
        const u32 left = a.total - offset;
        a.offset = offset;
        a.bytes = left < RULES_PART ? left : RULES_PART;
        rc = call_rules_read(0, &a);
    }
    *generation = a.generation;
    *bytes = a.total;
    return rc;
}

bool rules_first(const u8 *rules, u32 bytes)
{
    struct arg_rules_read r = { .buffer = (u64)(uintptr_t)part };
    u64 generation;
    u8 digest[32];
    if (call_rules_read(0, &r) == 0 && r.generation != 0) {
        return true;
    }
    if (!rules_begin(bytes, "")) {
        return false;
    }
    for (u32 i = 0; i < bytes; i++) {
        part[used++] = rules[i];
        if (used == PART_BYTES || rules_are_whole()) {
            pass_on();
        }
    }
    return rules_commit(&generation, digest) == 0;
}
