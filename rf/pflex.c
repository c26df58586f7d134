/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of `firewall` to words. Words are letters, digits and . : / _ -; the
 * marks are { } ( ) , ! = $ and comparisons; text goes into "" or ''. `$name`
 * is replaced by the words of that macro. A list of words ends with an empty
 * one at the end of the line.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rf/pf.h"

#define WORD                                                                   \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-"
#define WORDS_MAX 4096u

const struct pf_token *pf_now(const struct pf *pf)
{
    return &pf->words.item[pf->next];
}

static bool is_end(const struct pf *pf)
{
    return pf->next + 1 >= pf->words.count;
}

bool pf_is(const struct pf *pf, const char *word)
{
    return !is_end(pf) && !pf_now(pf)->is_string &&
           strcmp(pf_now(pf)->text, word) == 0;
}

bool pf_take(struct pf *pf, const char *word)
{
    if (!pf_is(pf, word)) {
        return false;
    }
    pf->next++;
    return true;
}

struct place pf_place(const struct pf *pf)
{
    return pf_now(pf)->at;
}

bool pf_fail(struct pf *pf, struct place at, const char *format, ...)
{
    char text[FAULT_TEXT];
    va_list args;

    if (pf->is_bad) {
        return false;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    diag_add(pf->diags, at, "%s", text);
    pf->is_bad = true;
    return false;
}

static void put(struct pf *pf, struct place at, const char *text, size_t bytes,
                bool is_string)
{
    struct pf_words *const words = &pf->words;

    words->item = mem_grow(words->item, words->count + 1, sizeof(*words->item));
    words->item[words->count++] = (struct pf_token){
        .at = at,
        .text = text_copy(text, bytes),
        .is_string = is_string,
    };
}

/* How many characters the mark at `text` has; 0: it is none. */
static size_t mark_bytes(const char *text)
{
    static const char *const marks[] = {
        "><", "<>", "<=", ">=", "!=", "{", "}",
        "(",  ")",  ",",  "!",  "=",  "<", ">"
    };

    for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
        if (strncmp(text, marks[i], strlen(marks[i])) == 0) {
            return strlen(marks[i]);
        }
    }
    return 0;
}

static bool put_macro(struct pf *pf, const char *name, size_t bytes,
                      struct place at)
{
    for (size_t i = 0; i < pf->macro_count; i++) {
        const struct pf_macro *const macro = &pf->macro[i];
        if (strlen(macro->name) != bytes ||
            strncmp(macro->name, name, bytes) != 0) {
            continue;
        }
        for (size_t k = 0; k < macro->words.count; k++) {
            const struct pf_token *const word = &macro->words.item[k];
            put(pf, word->at, word->text, strlen(word->text), word->is_string);
        }
        if (pf->words.count > WORDS_MAX) {
            return pf_fail(pf, at, "macros make this line too long");
        }
        return true;
    }
    pf_fail(pf, at, "no macro '%.*s' is set before this line", (int)bytes,
            name);
    return false;
}

/* One word at offset *at; false after a finding. */
static bool lex_word(struct pf *pf, const struct scalar *line, size_t *at)
{
    const char *const text = line->text + *at;
    const size_t word = strspn(text, WORD);
    const size_t mark = mark_bytes(text);

    if (word > 0) {
        put(pf, value_place(line, *at, word), text, word, false);
        *at += word;
    } else if (text[0] == '$') {
        const size_t name = strspn(text + 1, WORD);
        *at += 1 + name;
        return put_macro(pf, text + 1, name,
                         value_place(line, *at - name - 1, name + 1));
    } else if (text[0] == '"' || text[0] == '\'') {
        const char *const end = strchr(text + 1, text[0]);
        if (end == NULL) {
            return pf_fail(pf, value_place(line, *at, strlen(text)),
                           "this text has no closing %c", text[0]);
        }
        const size_t bytes = (size_t)(end - text - 1);
        put(pf, value_place(line, *at, bytes + 2), text + 1, bytes, true);
        *at += bytes + 2;
    } else if (mark > 0) {
        put(pf, value_place(line, *at, mark), text, mark, false);
        *at += mark;
    } else {
        size_t bytes = 1;
        while (((u8)text[bytes] & 0xc0u) == 0x80u) {
            bytes++;
        }
        return pf_fail(pf, value_place(line, *at, bytes),
                       "this character means nothing in a rule");
    }
    return true;
}

bool pf_lex(struct pf *pf, const struct scalar *line)
{
    size_t at = 0;
    bool good = true;

    for (size_t i = 0; i < pf->words.count; i++) {
        free(pf->words.item[i].text);
    }
    free(pf->words.item);
    pf->words = (struct pf_words){ NULL, 0 };
    pf->next = 0;
    pf->is_bad = false;
    while (good) {
        at += strspn(line->text + at, " \t\n");
        if (line->text[at] == '\0' || line->text[at] == '#') {
            break;
        }
        good = lex_word(pf, line, &at);
    }
    put(pf, value_place(line, strlen(line->text), 1), "", 0, false);
    return good;
}
