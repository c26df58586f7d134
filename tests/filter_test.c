/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console filter: what a tenant prints cannot drive the operator's
 * terminal. A table of sequences with what may remain of them, then random
 * bytes against the rule itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rf/filter.h"

struct row {
    const char *in;
    const char *lines;
    const char *terminal;
};

static const struct row rows[] = {
    { "plain\ttext\n", "plain\ttext\n", "plain\ttext\n" },
    { "a\rb\a\v\f", "ab", "a\rb" },
    { "x\b \by", "x\b \by", "x\b \by" },
    { "\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m" },
    { "\x1b[2J\x1b[Hhome", "home", "\x1b[2J\x1b[Hhome" },
    { "ask\x1b[6n\x1b[c\x1b[5n.", "ask.", "ask." },
    { "\x1b]0;title\a.", ".", "." },
    { "\x1b]52;c;ZXZpbA==\x1b\\.", ".", "." },
    { "\x1bP$qm\x1b\\.\x1b_x\x1b\\.\x1b^y\x1b\\.", "...", "..." },
    { "\x1b[?1049h\x1b[?25l\x1b[>4;1m.", ".", "." },
    { "\x1b[20t\x1b[1;5r\x1b[4h.", ".", "." },
    { "\x1b"
      "c\x1b"
      "7\x1b(0\x1b#8.",
      ".", "." },
    { "\x1b[1;1;1;1;1;1;1;1;1;1;1m.", ".", "." },
    { "\x1b]never ends\nnext", "\nnext", "\nnext" },
    { "\x1b]0;a\x1b[6nb\x1b]1;c\a.", "b.", "b." },
    { "\x1b[1\nx", "\nx", "\nx" },
    { "\x1b\x1b[6n.", ".", "." },
    { "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
      "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
      "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "\xc2\x9b"
      "6n",
      "?6n", "?6n" }, /* CSI as a code point */
    { "\x9b"
      "6n\x90q",
      "?6n?q", "?6n?q" }, /* and as a byte */
    { "\xc0\xaf\xe0\x80\xaf", "???", "???" },
    { "\xed\xa0\x80", "?", "?" },
    { "\xe2\x80\xae"
      "evil",
      "?evil", "?evil" },
    { "\xe2\x82x", "?x", "?x" },
    { "\xf5\x80", "??", "??" },
};

static void run(enum filter_mode mode, const char *in, char *out, size_t room)
{
    struct filter filter = { .mode = mode };
    size_t used = 0;

    for (; *in != '\0'; in++) {
        u8 bytes[FILTER_OUT_MAX];
        const size_t count = filter_byte(&filter, (u8)*in, bytes);
        assert_true(used + count < room);
        memcpy(out + used, bytes, count);
        used += count;
    }
    out[used] = '\0';
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[256];
        run(FILTER_LINES, rows[i].in, out, sizeof(out));
        assert_string_equal(out, rows[i].lines);
        run(FILTER_TERMINAL, rows[i].in, out, sizeof(out));
        assert_string_equal(out, rows[i].terminal);
    }
}

/* No byte below space but tab, newline and backspace, whatever goes in. */
static void test_lines_never_hold_a_control(void **state)
{
    struct filter filter = { .mode = FILTER_LINES };

    (void)state;
    srand(2);
    for (int i = 0; i < 1000000; i++) {
        const int kind = rand() % 4;
        const u8 byte = (u8)(kind == 0   ? 0x1b
                             : kind == 1 ? "[]PX^_;0m\\"[rand() % 10]
                                         : rand());
        u8 out[FILTER_OUT_MAX];
        const size_t count = filter_byte(&filter, byte, out);
        assert_true(count <= FILTER_OUT_MAX);
        for (size_t k = 0; k < count; k++) {
            assert_true(out[k] >= 0x20 || out[k] == '\t' || out[k] == '\n' ||
                        out[k] == '\b');
            assert_true(out[k] != 0x7f);
        }
    }
}

/* On a terminal an escape is followed by a bracket, then numbers, then one of
 * the letters that draw. */
static void test_terminal_only_draws(void **state)
{
    struct filter filter = { .mode = FILTER_TERMINAL };

    (void)state;
    srand(3);
    for (int i = 0; i < 1000000; i++) {
        const u8 byte =
            (u8)(rand() % 3 == 0 ? "\x1b[]?0;nmcHJ"[rand() % 11] : rand());
        u8 out[FILTER_OUT_MAX];
        const size_t count = filter_byte(&filter, byte, out);
        if (count == 0 || out[0] != 0x1b) {
            continue;
        }
        assert_true(count >= 3 && out[1] == '[');
        for (size_t k = 2; k + 1 < count; k++) {
            assert_non_null(strchr("0123456789;", out[k]));
        }
        assert_non_null(strchr("ABCDGHJKPXm@", out[count - 1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lines_never_hold_a_control),
        cmocka_unit_test(test_terminal_only_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
