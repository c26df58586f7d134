/* SPDX-License-Identifier: Apache-2.0 */
/* Text in fixed room: what does not fit is left out, and it shows. */
#ifndef GUESTS_ROUTER_LINE_H
#define GUESTS_ROUTER_LINE_H

#include "core/base.h"

#define LINE_CHARS 160u

struct line {
    u32 used;
    bool overflowed;
    char chars[LINE_CHARS]; /* ends with a NUL */
};

static inline void line_add(struct line *t, const char *s)
{
    for (; *s != '\0'; s++) {
        if (t->used + 1 >= LINE_CHARS) {
            t->overflowed = true;
            return;
        }
        t->chars[t->used++] = *s;
        t->chars[t->used] = '\0';
    }
}

static inline void line_add_number(struct line *t, u64 n)
{
    char digits[24];
    u32 at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    line_add(t, digits + at);
}

/* A decimal number and nothing else, below 2^32. */
static inline bool number_of(const char *s, u32 *out)
{
    u64 n = 0;
    u32 i = 0;
    for (; s[i] >= '0' && s[i] <= '9' && i < 10; i++) {
        n = n * 10 + (u64)(s[i] - '0');
    }
    if (i == 0 || s[i] != '\0' || n > U32_MAX) {
        return false;
    }
    *out = (u32)n;
    return true;
}

#endif
