/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens to settings. After a mistake the parser goes on with the next line,
 * so that one run shows every mistake; one mistake yields one finding.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/cfg.h"

struct parser {
    const struct tokens *tokens;
    struct settings *out;
    struct diags *diags;
    size_t at;
};

static const struct token *now(const struct parser *p)
{
    return &p->tokens->item[p->at];
}

/* The last token is the end of the file and is never passed. */
static void next(struct parser *p)
{
    if (now(p)->kind != TOKEN_END_OF_FILE) {
        p->at++;
    }
}

static void skip_setting(struct parser *p)
{
    while (now(p)->kind != TOKEN_END_OF_FILE &&
           now(p)->kind != TOKEN_END_OF_SETTING) {
        next(p);
    }
}

/* In a list, `word =` at the start of a line is the next setting: the bracket
 * before it was never closed. */
static bool is_unclosed(const struct parser *p)
{
    return now(p)->kind == TOKEN_END_OF_FILE ||
           (now(p)->kind == TOKEN_WORD &&
            p->tokens->item[p->at + 1].kind == TOKEN_EQUALS);
}

/* What is left of a bad list ends where the next setting begins. */
static void skip_list(struct parser *p)
{
    while (!is_unclosed(p)) {
        next(p);
    }
}

static void skip_newlines(struct parser *p)
{
    while (now(p)->is_newline) {
        next(p);
    }
}

/* help NULL: a value is expected, where a bare word lacks its quotes. */
static void expected(struct parser *p, const char *what, const char *help)
{
    const struct token *const token = now(p);

    /* The lexer has complained about a bad token. */
    if (token->kind == TOKEN_BAD) {
        return;
    }
    struct place at = token->at;
    if (token->kind == TOKEN_END_OF_FILE || token->is_newline) {
        at.length = 1;
        diag_add(p->diags, at, "the line ends where %s is expected", what);
    } else {
        diag_add(p->diags, at, "%s is expected here", what);
    }
    if (help != NULL) {
        diag_help(p->diags, "%s", help);
    } else if (token->kind == TOKEN_WORD) {
        diag_help(p->diags, "text goes into quotes: \"%s\"", token->text);
    }
}

static bool parse_scalar(struct parser *p, struct setting *setting,
                         const char *what)
{
    const struct token *const token = now(p);

    if (token->kind != TOKEN_STRING && token->kind != TOKEN_NUMBER) {
        expected(p, what, NULL);
        return false;
    }
    setting->item =
        mem_grow(setting->item, setting->count + 1, sizeof(*setting->item));
    struct scalar *const item = &setting->item[setting->count++];
    *item = (struct scalar){
        .kind = token->kind == TOKEN_STRING ? VALUE_STRING : VALUE_NUMBER,
        .at = token->at,
        .number = token->number,
    };
    if (token->kind == TOKEN_STRING) {
        item->text = text_copy(token->text, strlen(token->text));
    }
    next(p);
    return true;
}

static bool parse_list(struct parser *p, struct setting *setting)
{
    const struct place open = now(p)->at;

    setting->kind = VALUE_LIST;
    next(p);
    for (;;) {
        skip_newlines(p);
        if (is_unclosed(p)) {
            diag_add(p->diags, open, "this list is not closed");
            diag_help(p->diags, "a list ends with ']'");
            return false;
        }
        if (now(p)->kind == TOKEN_CLOSE) {
            next(p);
            return true;
        }
        if (now(p)->kind == TOKEN_OPEN) {
            diag_add(p->diags, now(p)->at, "a list inside a list");
            diag_help(p->diags, "no key takes one: write a flat list");
            return false;
        }
        if (!parse_scalar(p, setting, "a string, a number or ']'")) {
            return false;
        }
        skip_newlines(p);
        if (now(p)->kind == TOKEN_COMMA) {
            next(p);
        } else if (now(p)->kind != TOKEN_CLOSE && !is_unclosed(p)) {
            expected(p, "',' or ']'",
                     "the elements of a list are separated by ','");
            return false;
        }
    }
}

static bool parse_value(struct parser *p, struct setting *setting)
{
    setting->value_at = now(p)->at;
    if (now(p)->kind == TOKEN_OPEN) {
        return parse_list(p, setting);
    }
    if (!parse_scalar(p, setting, "a value (\"text\", a number or a list)")) {
        return false;
    }
    setting->kind = setting->item[0].kind;
    return true;
}

static void setting_free(struct setting *setting)
{
    for (size_t i = 0; i < setting->count; i++) {
        free(setting->item[i].text);
    }
    free(setting->item);
    free(setting->key);
}

/* A setting whose value could not be read is kept without a value, so that
 * its key does not count as missing. */
static void parse_setting(struct parser *p)
{
    struct setting setting = { .kind = VALUE_NUMBER };

    if (now(p)->kind != TOKEN_WORD) {
        expected(p, "a key", "a line is: key = value");
        skip_setting(p);
        return;
    }
    setting.key = text_copy(now(p)->text, strlen(now(p)->text));
    setting.key_at = now(p)->at;
    setting.value_at = now(p)->at;
    next(p);
    bool good = now(p)->kind == TOKEN_EQUALS;
    if (!good) {
        expected(p, "'='", "a line is: key = value");
    } else {
        next(p);
        good = parse_value(p, &setting);
    }
    if (good && now(p)->kind != TOKEN_END_OF_SETTING &&
        now(p)->kind != TOKEN_END_OF_FILE) {
        expected(p, "the end of the line",
                 "each setting has a line of its own, or a ';' before it");
        good = false;
    }
    setting.is_bad = !good;
    p->out->item =
        mem_grow(p->out->item, p->out->count + 1, sizeof(*p->out->item));
    p->out->item[p->out->count++] = setting;
    if (!good && setting.kind == VALUE_LIST) {
        skip_list(p);
    } else if (!good && !is_unclosed(p)) {
        skip_setting(p);
    }
}

void cfg_parse(const struct source *source, struct settings *out,
               struct diags *diags)
{
    struct tokens tokens;

    *out = (struct settings){ NULL, 0 };
    cfg_lex(source, &tokens, diags);
    struct parser p = { &tokens, out, diags, 0 };
    while (now(&p)->kind != TOKEN_END_OF_FILE) {
        if (now(&p)->kind == TOKEN_END_OF_SETTING) {
            next(&p);
        } else {
            parse_setting(&p);
        }
    }
    cfg_tokens_free(&tokens);
}

void cfg_settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        setting_free(&settings->item[i]);
    }
    free(settings->item);
    *settings = (struct settings){ NULL, 0 };
}
