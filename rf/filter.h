/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tenant's console may do to the operator's terminal.
 *
 * A tenant prints what it likes; a terminal obeys what it is sent. The filter
 * stands between them. Printable ASCII, well-formed UTF-8 from U+00A0 up (but
 * no marks that turn the direction of writing), tab, newline and backspace
 * pass. Of the escape sequences, FILTER_TERMINAL lets pass those that colour,
 * move and erase (CSI with a final byte in "ABCDGHJKPXm@", only digits and
 * semicolons between, 16 at most), and FILTER_LINES none. Sequences that make a
 * terminal answer, that set titles, keys or modes, and strings of any kind are
 * swallowed whole; a string that never ends is given up at a newline, so that
 * a tenant can hide its own output only.
 *
 * The state is a few bytes; the input is hostile and may stop anywhere.
 */
#ifndef RF_FILTER_H
#define RF_FILTER_H

#include "core/base.h"

#define FILTER_OUT_MAX 24u
#define FILTER_CSI_MAX 16u

enum filter_mode { FILTER_LINES, FILTER_TERMINAL };

enum filter_state {
    FILTER_TEXT,
    FILTER_ESCAPE,
    FILTER_CSI,
    FILTER_STRING,
    FILTER_STRING_ESCAPE
};

struct filter {
    enum filter_mode mode;
    enum filter_state state;
    u8 csi[FILTER_CSI_MAX];
    size_t csi_count;
    bool csi_is_plain;
    u8 utf8[4];
    size_t utf8_count;
    size_t utf8_need;
};

/* Bytes that come out for one that goes in. */
size_t filter_byte(struct filter *filter, u8 byte,
                   u8 out[FILTER_OUT_MAX]) MUST_CHECK;

#endif
