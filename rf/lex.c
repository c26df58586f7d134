/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenant file text to tokens. Strings are 'x' or "x" with the escapes \\ \' \"
 * \n \t; numbers are decimal or 0x hexadecimal, with an optional minus so that
 * vcpus = -1 is complained about as a number out of range. A leading zero is
 * refused: xl reads it as octal, and nobody means that.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/cfg.h"

struct lexer {
    const struct source *source;
    struct tokens *out;
    struct diags *diags;
    size_t at;
    unsigned line;
    size_t line_start;
};

static struct place place_from(const struct lexer *lex, size_t start)
{
    const struct place at = { lex->source, lex->line,
                              (unsigned)(start - lex->line_start) + 1,
                              (unsigned)(lex->at - start) };

    return at;
}

static char peek(const struct lexer *lex)
{
    return lex->at < lex->source->bytes ? lex->source->text[lex->at] : '\0';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct token *token_add(struct lexer *lex, enum token_kind kind,
                               size_t start)
{
    struct tokens *const out = lex->out;

    if (out->count % 256 == 0) {
        out->item = mem_grow(out->item, out->count + 256, sizeof(*out->item));
    }
    struct token *const token = &out->item[out->count++];
    *token = (struct token){ .kind = kind, .at = place_from(lex, start) };
    return token;
}

/* One escape after the backslash; false: not one we know. */
static bool unescape(char c, char *out)
{
    switch (c) {
    case 'n':
        *out = '\n';
        return true;
    case 't':
        *out = '\t';
        return true;
    case '\\':
    case '\'':
    case '"':
        *out = c;
        return true;
    default:
        return false;
    }
}

static void lex_string(struct lexer *lex)
{
    const size_t start = lex->at;
    const char quote = peek(lex);
    /* No string is longer than the rest of its line. */
    char *const text = mem_alloc(strcspn(lex->source->text + start, "\n") + 1);
    size_t used = 0;
    bool good = true;

    lex->at++;
    while (peek(lex) != quote) {
        char c = peek(lex);
        if (c == '\0' || c == '\n') {
            diag_add(lex->diags, place_from(lex, start),
                     "this string has no closing %c on its line", quote);
            diag_help(lex->diags, "a string ends on the line it begins on");
            free(text);
            token_add(lex, TOKEN_BAD, start);
            return;
        }
        const size_t here = lex->at++;
        if (c == '\\') {
            const char escaped = peek(lex);
            if (escaped != '\0' && escaped != '\n') {
                lex->at++;
            }
            if (!unescape(escaped, &c)) {
                diag_add(lex->diags, place_from(lex, here),
                         "unknown escape in a string");
                diag_help(lex->diags, "known are \\\\ \\' \\\" \\n \\t");
                good = false;
            }
        } else if ((u8)c < 0x20 && c != '\t') {
            diag_add(lex->diags, place_from(lex, here),
                     "control character 0x%02x in a string", (unsigned)(u8)c);
            good = false;
        }
        text[used++] = c;
    }
    lex->at++;
    if (!good) {
        free(text);
        token_add(lex, TOKEN_BAD, start);
        return;
    }
    token_add(lex, TOKEN_STRING, start)->text = text_copy(text, used);
    free(text);
}

static int digit_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return 99;
}

/* Digits [from, to) in the base; false: no number, or beyond 63 bits. */
static bool digits_value(const char *from, const char *to, int base, s64 *out)
{
    s64 value = 0;

    if (from == to) {
        return false;
    }
    for (; from != to; from++) {
        const int digit = digit_value(*from);
        if (digit >= base || value > (INT64_MAX - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    *out = value;
    return true;
}

static void lex_number(struct lexer *lex)
{
    const size_t start = lex->at;

    if (peek(lex) == '-') {
        lex->at++;
    }
    const char *from = lex->source->text + lex->at;
    while (is_digit(peek(lex)) || is_letter(peek(lex))) {
        lex->at++;
    }
    const char *const to = lex->source->text + lex->at;
    int base = 10;
    if (to - from > 2 && from[0] == '0' && (from[1] == 'x' || from[1] == 'X')) {
        base = 16;
        from += 2;
    } else if (to - from > 1 && from[0] == '0' && is_digit(from[1])) {
        diag_add(lex->diags, place_from(lex, start),
                 "a number with a leading zero");
        diag_help(lex->diags,
                  "xl reads this as octal; write it in decimal or as 0x...");
        token_add(lex, TOKEN_BAD, start);
        return;
    }
    s64 value = 0;
    if (!digits_value(from, to, base, &value)) {
        diag_add(lex->diags, place_from(lex, start),
                 "this is not a number that can be read");
        diag_help(lex->diags, "numbers are decimal or 0x hexadecimal, without "
                              "a unit; anything else goes into quotes");
        token_add(lex, TOKEN_BAD, start);
        return;
    }
    token_add(lex, TOKEN_NUMBER, start)->number =
        lex->source->text[start] == '-' ? -value : value;
}

static void lex_word(struct lexer *lex)
{
    const size_t start = lex->at;

    while (is_letter(peek(lex)) || is_digit(peek(lex))) {
        lex->at++;
    }
    struct token *const token = token_add(lex, TOKEN_WORD, start);
    token->text = text_copy(lex->source->text + start, lex->at - start);
}

static void lex_newline(struct lexer *lex)
{
    const size_t start = lex->at++;

    token_add(lex, TOKEN_END_OF_SETTING, start)->is_newline = true;
    lex->line++;
    lex->line_start = lex->at;
}

static void lex_mark(struct lexer *lex)
{
    static const struct {
        char mark;
        enum token_kind kind;
    } marks[] = {
        { '=', TOKEN_EQUALS },         { '[', TOKEN_OPEN },
        { ']', TOKEN_CLOSE },          { ',', TOKEN_COMMA },
        { ';', TOKEN_END_OF_SETTING },
    };
    const size_t start = lex->at;
    const char c = peek(lex);

    lex->at++;
    for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
        if (marks[i].mark == c) {
            token_add(lex, marks[i].kind, start);
            return;
        }
    }
    if (c == '+' && peek(lex) == '=') {
        lex->at++;
        diag_add(lex->diags, place_from(lex, start), "'+=' is not known here");
        diag_help(lex->diags, "write the whole value with one '='");
    } else {
        /* The whole sequence of a letter beyond ASCII is one mistake. */
        while (((u8)c & 0x80u) != 0 && ((u8)peek(lex) & 0xc0u) == 0x80u) {
            lex->at++;
        }
        diag_add(lex->diags, place_from(lex, start),
                 "this character means nothing here");
        diag_help(lex->diags, "text goes into quotes, comments begin with #");
    }
    token_add(lex, TOKEN_BAD, start);
}

void cfg_lex(const struct source *source, struct tokens *out,
             struct diags *diags)
{
    struct lexer lex = { source, out, diags, 0, 1, 0 };

    *out = (struct tokens){ NULL, 0 };
    while (lex.at < source->bytes) {
        const char c = peek(&lex);

        if (c == '\n') {
            lex_newline(&lex);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            lex.at++;
        } else if (c == '#') {
            while (lex.at < source->bytes && peek(&lex) != '\n') {
                lex.at++;
            }
        } else if (c == '"' || c == '\'') {
            lex_string(&lex);
        } else if (is_digit(c) || c == '-') {
            lex_number(&lex);
        } else if (is_letter(c)) {
            lex_word(&lex);
        } else {
            lex_mark(&lex);
        }
    }
    token_add(&lex, TOKEN_END_OF_FILE, lex.at);
}

void cfg_tokens_free(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->item[i].text);
    }
    free(tokens->item);
    *tokens = (struct tokens){ NULL, 0 };
}
