/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console output made harmless: see filter.h. Sequences are recognised as
 * [ECMA-48 5.3, 5.4, 8.3.89] describes them, 8-bit controls excepted: those
 * bytes are UTF-8 here, and the code points U+0080..U+009F do not pass.
 */
#include "rf/filter.h"

#include <string.h>

#define ASCII_BEL 0x07u
#define ASCII_BS 0x08u
#define ASCII_CAN 0x18u
#define ASCII_SUB 0x1au
#define ASCII_ESC 0x1bu
#define ASCII_DEL 0x7fu

static size_t utf8_length(u8 first)
{
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static bool code_point_ok(u32 point, size_t length)
{
    static const u32 least[] = { 0, 0, 0xa0, 0x800, 0x10000 };

    if (point < least[length] || point > 0x10ffff) {
        return false;
    }
    const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    const bool turns_direction = (point >= 0x202a && point <= 0x202e) ||
                                 (point >= 0x2066 && point <= 0x2069) ||
                                 point == 0x200e || point == 0x200f;
    return !is_surrogate && !turns_direction;
}

/* A finished sequence, or '?' for one that may not pass. */
static size_t utf8_finish(struct filter *filter, u8 *out)
{
    static const u8 first_mask[] = { 0, 0, 0x1f, 0x0f, 0x07 };
    const size_t length = filter->utf8_need;
    u32 point = filter->utf8[0] & first_mask[length];

    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (filter->utf8[i] & 0x3fu);
    }
    filter->utf8_need = 0;
    filter->utf8_count = 0;
    if (!code_point_ok(point, length)) {
        out[0] = '?';
        return 1;
    }
    memcpy(out, filter->utf8, length);
    return length;
}

static size_t high_byte(struct filter *filter, u8 byte, u8 *out)
{
    const bool is_continuation = (byte & 0xc0) == 0x80;

    if (filter->utf8_need != 0 && is_continuation) {
        filter->utf8[filter->utf8_count++] = byte;
        return filter->utf8_count == filter->utf8_need
                   ? utf8_finish(filter, out)
                   : 0;
    }
    size_t count = 0;
    if (filter->utf8_need != 0) {
        out[count++] = '?';
        filter->utf8_need = 0;
    }
    const size_t length = utf8_length(byte);
    if (length == 0) {
        out[count++] = '?';
        return count;
    }
    filter->utf8[0] = byte;
    filter->utf8_count = 1;
    filter->utf8_need = length;
    return count;
}

static size_t text_byte(struct filter *filter, u8 byte, u8 *out)
{
    if (byte >= 0x80) {
        return high_byte(filter, byte, out);
    }
    size_t count = 0;
    if (filter->utf8_need != 0) {
        out[count++] = '?';
        filter->utf8_need = 0;
    }
    if (byte == ASCII_ESC) {
        filter->state = FILTER_ESCAPE;
        return count;
    }
    const bool is_printable = byte >= 0x20 && byte != ASCII_DEL;
    const bool is_layout = byte == '\t' || byte == '\n' || byte == ASCII_BS;
    const bool is_return = byte == '\r' && filter->mode == FILTER_TERMINAL;
    if (is_printable || is_layout || is_return) {
        out[count++] = byte;
    }
    return count;
}

static size_t escape_byte(struct filter *filter, u8 byte, u8 *out)
{
    if (byte == '[') {
        filter->state = FILTER_CSI;
        filter->csi_count = 0;
        filter->csi_is_plain = true;
        return 0;
    }
    /* DCS, SOS, OSC, PM, APC open a string. */
    if (byte == 'P' || byte == 'X' || byte == ']' || byte == '^' ||
        byte == '_') {
        filter->state = FILTER_STRING;
        return 0;
    }
    if (byte >= 0x20 && byte <= 0x2f) {
        return 0; /* an intermediate byte: the final one follows */
    }
    filter->state = FILTER_TEXT;
    /* A control or a high byte is not part of a sequence. */
    const bool is_final = byte >= 0x30 && byte < ASCII_DEL;
    return is_final ? 0 : text_byte(filter, byte, out);
}

static size_t csi_finish(struct filter *filter, u8 final, u8 *out)
{
    static const char drawing[] = "ABCDGHJKPXm@";

    filter->state = FILTER_TEXT;
    if (filter->mode != FILTER_TERMINAL || !filter->csi_is_plain ||
        memchr(drawing, final, sizeof(drawing) - 1) == NULL) {
        return 0;
    }
    out[0] = ASCII_ESC;
    out[1] = '[';
    memcpy(out + 2, filter->csi, filter->csi_count);
    out[2 + filter->csi_count] = final;
    return filter->csi_count + 3;
}

static size_t csi_byte(struct filter *filter, u8 byte, u8 *out)
{
    if (byte >= 0x40 && byte < ASCII_DEL) {
        return csi_finish(filter, byte, out);
    }
    if (byte < 0x20 || byte >= ASCII_DEL) {
        filter->state = FILTER_TEXT;
        return text_byte(filter, byte, out);
    }
    const bool is_number = (byte >= '0' && byte <= '9') || byte == ';';
    if (!is_number || filter->csi_count == FILTER_CSI_MAX) {
        filter->csi_is_plain = false;
        return 0;
    }
    filter->csi[filter->csi_count++] = byte;
    return 0;
}

static size_t string_byte(struct filter *filter, u8 byte, u8 *out)
{
    if (filter->state == FILTER_STRING_ESCAPE) {
        filter->state = FILTER_TEXT;
        /* ESC \ ends the string; any other sequence cancels it. */
        return byte == '\\' ? 0 : escape_byte(filter, byte, out);
    }
    if (byte == ASCII_ESC) {
        filter->state = FILTER_STRING_ESCAPE;
    } else if (byte == ASCII_BEL || byte == ASCII_CAN || byte == ASCII_SUB) {
        filter->state = FILTER_TEXT;
    } else if (byte == '\n') {
        filter->state = FILTER_TEXT;
        out[0] = byte;
        return 1;
    }
    return 0;
}

size_t filter_byte(struct filter *filter, u8 byte, u8 out[FILTER_OUT_MAX])
{
    switch (filter->state) {
    case FILTER_ESCAPE:
        return escape_byte(filter, byte, out);
    case FILTER_CSI:
        return csi_byte(filter, byte, out);
    case FILTER_STRING:
    case FILTER_STRING_ESCAPE:
        return string_byte(filter, byte, out);
    case FILTER_TEXT:
    default:
        return text_byte(filter, byte, out);
    }
}
