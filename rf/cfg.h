/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of tenant files, as a flat list of settings with their places.
 *
 *   file    := { setting (NEWLINE | ';') }
 *   setting := WORD '=' value
 *   value   := scalar | '[' [ scalar { ',' scalar } [ ',' ] ] ']'
 *   scalar  := STRING | NUMBER
 *
 * Line ends do not count inside brackets. Lists do not nest, although xl
 * allows it: no key that we have wants it.
 */
#ifndef RF_CFG_H
#define RF_CFG_H

#include "rf/rf.h"

enum token_kind {
    TOKEN_WORD,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_EQUALS,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_END_OF_SETTING, /* newline or ';' */
    TOKEN_END_OF_FILE,
    TOKEN_BAD /* already complained about */
};

struct token {
    enum token_kind kind;
    struct place at;
    char *text; /* word or decoded string */
    s64 number;
    bool is_newline;
};

struct tokens {
    struct token *item;
    size_t count;
};

enum value_kind { VALUE_STRING, VALUE_NUMBER, VALUE_LIST };

struct scalar {
    enum value_kind kind; /* never VALUE_LIST */
    struct place at;
    char *text;
    s64 number;
};

struct setting {
    char *key;
    struct place key_at;
    struct place value_at; /* for a list: the opening bracket */
    enum value_kind kind;
    struct scalar *item; /* one, or the elements of the list */
    bool is_bad;         /* could not be read; a finding says why */
    size_t count;
};

struct settings {
    struct setting *item;
    size_t count;
};

/* lex.c: every byte of the source becomes a token or a finding. */
void cfg_lex(const struct source *source, struct tokens *out,
             struct diags *diags);
void cfg_tokens_free(struct tokens *tokens);

/* parse.c: whatever could be read, even when there were findings. */
void cfg_parse(const struct source *source, struct settings *out,
               struct diags *diags);
void cfg_settings_free(struct settings *settings);

/* keys.c: give each setting its meaning. */
void cfg_apply(const struct settings *settings, struct tenant *tenant,
               struct diags *diags);

/* values.c: false after a finding was added. */
bool value_number(const struct setting *setting, s64 low, s64 high, s64 *out,
                  struct diags *diags) MUST_CHECK;
bool value_string(const struct setting *setting, const char **out,
                  struct diags *diags) MUST_CHECK;
bool value_action(const struct setting *setting, u32 *out,
                  struct diags *diags) MUST_CHECK;
bool value_audit(const struct setting *setting, u32 *out,
                 struct diags *diags) MUST_CHECK;
bool value_cpus(const struct setting *setting, u64 *out,
                struct diags *diags) MUST_CHECK;
/* Place of `bytes` characters at `offset` in a string. Exact as long as the
 * string has no escapes before it. */
struct place value_place(const struct scalar *item, size_t offset,
                         size_t bytes);
bool value_name(const struct setting *setting, char *out,
                struct diags *diags) MUST_CHECK;

#endif
