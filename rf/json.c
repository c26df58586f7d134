/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string as JSON [RFC 8259 section 7]. Bytes above 127 pass as they are when
 * they form UTF-8; anything else becomes U+FFFD, so that the output is always
 * valid whatever a file name holds.
 */
#include "rf/rf.h"

/* Bytes of the well-formed UTF-8 sequence at s, or 0. */
static unsigned utf8_bytes(const u8 *s)
{
    const u8 lead = s[0];
    unsigned count = 0;

    if (lead >= 0xc2 && lead <= 0xdf) {
        count = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        count = 3;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        count = 4;
    }
    for (unsigned i = 1; i < count; i++) {
        if ((s[i] & 0xc0u) != 0x80u) {
            return 0;
        }
    }
    if ((lead == 0xe0 && s[1] < 0xa0) || (lead == 0xed && s[1] > 0x9f) ||
        (lead == 0xf0 && s[1] < 0x90) || (lead == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return count;
}

void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const u8 *s = (const u8 *)text; *s != '\0';) {
        unsigned count = 1;

        if (*s == '"' || *s == '\\') {
            fprintf(out, "\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7f) {
            fprintf(out, "\\u%04x", *s);
        } else if (*s < 0x80) {
            fputc(*s, out);
        } else {
            count = utf8_bytes(s);
            if (count == 0) {
                fputs("\\ufffd", out);
                count = 1;
            } else {
                fwrite(s, 1, count, out);
            }
        }
        s += count;
    }
    fputc('"', out);
}
