/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of JSON: see jsonline.h and [RFC 8259 section 7]. Bytes that are not
 * printable ASCII become \u00XX: values of the store are a guest's.
 */
#include "guests/domain0/jsonline.h"
#include "guests/domain0/bytes.h"

static u8 out[JSON_BYTES];
static u32 used, first; /* end of the buffer, first member of the object */

static void put(u8 c)
{
    if (used < JSON_BYTES) {
        out[used++] = c;
    }
}

static void put_all(const char *text)
{
    for (; *text != '\0'; text++) {
        put((u8)*text);
    }
}

static void put_hex(u32 n, u32 digits)
{
    while (digits != 0) {
        put((u8) "0123456789abcdef"[n >> 4 * --digits & 15]);
    }
}

void json_begin(void)
{
    put('{');
    first = used;
}

static void key_out(const char *key)
{
    if (used != first) {
        put(',');
    }
    put('"');
    put_all(key);
    put_all("\":");
}

void json_text(const char *key, const u8 *value, u32 bytes)
{
    key_out(key);
    put('"');
    for (u32 i = 0; i < bytes; i++) {
        const u8 c = value[i];
        if (c < 0x20 || c >= 0x7f) {
            put_all("\\u");
            put_hex(c, 4);
        } else {
            if (c == '"' || c == '\\') {
                put('\\');
            }
            put(c);
        }
    }
    put('"');
}

void json_name(const char *key, const char *value)
{
    u32 bytes = 0;
    while (value[bytes] != '\0') {
        bytes++;
    }
    json_text(key, (const u8 *)value, bytes);
}

void json_number(const char *key, u64 value)
{
    char digits[NUMBER_CHARS];

    key_out(key);
    put_all(bytes_number(digits, value));
}

void json_bool(const char *key, bool value)
{
    key_out(key);
    put_all(value ? "true" : "false");
}

void json_digest(const char *key, const u8 digest[32])
{
    key_out(key);
    put('"');
    for (u32 i = 0; i < 32; i++) {
        put_hex(digest[i], 2);
    }
    put('"');
}

void json_end(void)
{
    put_all("}\n");
}

void json_empty_line(void)
{
    put('\n');
}

bool json_has_room(void)
{
    return used <= JSON_BYTES - JSON_LINE_MAX;
}

const u8 *json_waiting(u32 *bytes)
{
    *bytes = used;
    return out;
}

void json_gone(u32 bytes)
{
    for (u32 i = bytes; i < used; i++) {
        out[i - bytes] = out[i];
    }
    used -= bytes;
}
