/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of settings: type and range, with a finding at the very token that is
 * wrong. Each function answers false after it has added its finding.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "rf/cfg.h"
#include "rf/policytext.h"

static const char *kind_name(enum value_kind kind)
{
    static const char *const names[] = { "a string", "a number", "a list" };

    return names[kind];
}

static bool value_is(const struct setting *setting, enum value_kind kind,
                     struct diags *diags)
{
    if (setting->is_bad) {
        return false;
    }
    if (setting->kind == kind) {
        return true;
    }
    diag_add(diags, setting->value_at, "'%s' takes %s, not %s", setting->key,
             kind_name(kind), kind_name(setting->kind));
    if (kind == VALUE_STRING && setting->kind == VALUE_NUMBER) {
        diag_help(diags, "write %s = \"%lld\"", setting->key,
                  (long long)setting->item[0].number);
    } else if (kind == VALUE_NUMBER && setting->kind == VALUE_STRING) {
        diag_help(diags, "write the number without quotes");
    }
    return false;
}

bool value_number(const struct setting *setting, s64 low, s64 high, s64 *out,
                  struct diags *diags)
{
    if (!value_is(setting, VALUE_NUMBER, diags)) {
        return false;
    }
    const s64 number = setting->item[0].number;
    if (number < low || number > high) {
        diag_add(diags, setting->value_at,
                 "%s %lld is out of range (%lld-%lld)", setting->key,
                 (long long)number, (long long)low, (long long)high);
        return false;
    }
    *out = number;
    return true;
}

bool value_string(const struct setting *setting, const char **out,
                  struct diags *diags)
{
    if (!value_is(setting, VALUE_STRING, diags)) {
        return false;
    }
    *out = setting->item[0].text;
    return true;
}

bool value_action(const struct setting *setting, u32 *out, struct diags *diags)
{
    static const struct {
        const char *word;
        u32 action;
    } actions[] = {
        { "destroy", MF_DESTROY },
        { "restart", MF_RESTART },
        { "preserve", MF_PRESERVE },
    };
    static const char *const xl_only[] = { "rename-restart", "coredump-destroy",
                                           "coredump-restart", "soft-reset" };
    const char *text;

    if (!value_string(setting, &text, diags)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        if (strcmp(text, actions[i].word) == 0) {
            *out = actions[i].action;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(xl_only); i++) {
        if (strcmp(text, xl_only[i]) == 0) {
            diag_add(diags, setting->value_at,
                     "'%s' is valid xl.cfg but Ringfence does not do it", text);
            diag_help(diags, "use destroy, restart or preserve");
            return false;
        }
    }
    diag_add(diags, setting->value_at, "unknown action '%s' for %s", text,
             setting->key);
    diag_help(diags, "use destroy, restart or preserve");
    return false;
}

/* Place of `bytes` characters at `offset` in a string. Exact as long as the
 * string has no escapes before it, which is so for all the words we split. */
static struct place place_inside(const struct scalar *item, size_t offset,
                                 size_t bytes)
{
    struct place at = item->at;

    if (strlen(item->text) + 2 == at.length) {
        at.column += (unsigned)offset + 1;
        at.length = bytes > 0 ? (unsigned)bytes : 1;
    }
    return at;
}

/* One comma-separated word of text from *cursor, blanks cut; false: no more. */
static bool word_next(const char *text, size_t *cursor, size_t *start,
                      size_t *bytes)
{
    size_t i = *cursor;

    if (i > strlen(text)) {
        return false;
    }
    size_t end = i + strcspn(text + i, ",");
    *cursor = end + 1;
    while (i < end && text[i] == ' ') {
        i++;
    }
    while (end > i && text[end - 1] == ' ') {
        end--;
    }
    *start = i;
    *bytes = end - i;
    return true;
}

static bool word_is(const char *word, size_t bytes, const char *known)
{
    return strlen(known) == bytes && memcmp(word, known, bytes) == 0;
}

bool value_audit(const struct setting *setting, u32 *out, struct diags *diags)
{
    const char *text;
    u32 mask = 0;
    size_t cursor = 0;
    size_t start;
    size_t bytes;

    if (!value_string(setting, &text, diags)) {
        return false;
    }
    if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0) {
        *out = text[0] == 'a' ? MF_AUDIT_ALL : 0;
        return true;
    }
    while (word_next(text, &cursor, &start, &bytes)) {
        if (word_is(text + start, bytes, "lifecycle")) {
            mask |= MF_AUDIT_LIFECYCLE;
        } else if (word_is(text + start, bytes, "deny")) {
            mask |= MF_AUDIT_DENY;
        } else {
            diag_add(diags, place_inside(&setting->item[0], start, bytes),
                     "unknown audit class '%.*s'", (int)bytes, text + start);
            diag_help(diags, "use \"lifecycle,deny\", one of the two, \"all\" "
                             "or \"none\"");
            return false;
        }
    }
    *out = mask;
    return true;
}

/* Decimal number of at most 4 digits, advancing *text. */
static bool cpu_number(const char **text, const char *end, u64 *out)
{
    u64 value = 0;
    unsigned digits = 0;

    while (*text < end && **text >= '0' && **text <= '9' && digits < 4) {
        value = value * 10 + (u64)(**text - '0');
        (*text)++;
        digits++;
    }
    *out = value;
    return digits > 0;
}

/* N or N-M, to a mask; text is [at, end). NULL or what is wrong with it. */
static const char *cpu_range(const char *at, const char *end, u64 *mask)
{
    u64 first;
    u64 last;

    if (!cpu_number(&at, end, &first)) {
        return "is no CPU number or range";
    }
    last = first;
    if (at < end && *at == '-') {
        at++;
        if (!cpu_number(&at, end, &last)) {
            return "is no CPU number or range";
        }
    }
    if (at != end) {
        return "is no CPU number or range";
    }
    if (last < first) {
        return "is a range that runs backwards";
    }
    if (last > 63) {
        return "is beyond CPU 63, the highest there can be";
    }
    for (u64 cpu = first; cpu <= last; cpu++) {
        *mask |= 1ull << cpu;
    }
    return NULL;
}

static bool cpus_string(const struct scalar *item, u64 *out,
                        struct diags *diags)
{
    const char *const text = item->text;
    u64 with = 0;
    u64 without = 0;
    size_t cursor = 0;
    size_t start;
    size_t bytes;

    while (word_next(text, &cursor, &start, &bytes)) {
        const char *const word = text + start;
        const bool is_not = bytes > 0 && word[0] == '^';
        const char *wrong = NULL;
        if (word_is(word, bytes, "all")) {
            with = U64_MAX;
        } else {
            wrong = cpu_range(word + (is_not ? 1 : 0), word + bytes,
                              is_not ? &without : &with);
        }
        if (wrong != NULL) {
            diag_add(diags, place_inside(item, start, bytes), "'%.*s' %s",
                     (int)bytes, word, wrong);
            diag_help(diags, "write CPUs like \"0-3,5,^1\" or \"all\"");
            return false;
        }
    }
    with &= ~without;
    if (with == 0) {
        diag_add(diags, item->at, "this leaves no CPU to run on");
        diag_help(diags, "write CPUs like \"0-3,5,^1\" or \"all\"");
        return false;
    }
    *out = with == U64_MAX ? 0 : with;
    return true;
}

bool value_cpus(const struct setting *setting, u64 *out, struct diags *diags)
{
    s64 cpu;

    if (setting->is_bad) {
        return false;
    }
    switch (setting->kind) {
    case VALUE_NUMBER:
        if (!value_number(setting, 0, 63, &cpu, diags)) {
            return false;
        }
        *out = 1ull << cpu;
        return true;
    case VALUE_STRING:
        return cpus_string(&setting->item[0], out, diags);
    case VALUE_LIST:
    default:
        diag_add(diags, setting->value_at,
                 "a list in 'cpus' pins each vCPU on its own, which Ringfence "
                 "does not do");
        diag_help(diags, "give one string for all vCPUs, like \"0-3\"");
        return false;
    }
}

void privilege_name(u32 bit, char out[PRIVILEGE_BYTES])
{
    const char *const name = policy_right_name(bit);
    size_t i = 0;

    while (name != NULL && i + 1 < PRIVILEGE_BYTES && name[i] != '\0') {
        out[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
        i++;
    }
    out[i] = '\0';
}

bool value_name(const struct setting *setting, char *out, struct diags *diags)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *text;

    if (!value_string(setting, &text, diags)) {
        return false;
    }
    const size_t bytes = strlen(text);
    const size_t good = strspn(text, allowed);
    if (bytes == 0) {
        diag_add(diags, setting->value_at, "the name is empty");
    } else if (text[0] < 'a' || text[0] > 'z') {
        diag_add(diags, place_inside(&setting->item[0], 0, 1),
                 "a name begins with a small letter");
    } else if (good != bytes) {
        diag_add(diags, place_inside(&setting->item[0], good, 1),
                 "a character that a name cannot have");
    } else if (bytes >= MF_NAME_BYTES) {
        diag_add(diags, setting->value_at,
                 "the name has %zu characters, %u "
                 "are possible",
                 bytes, MF_NAME_BYTES - 1);
    } else {
        memset(out, 0, MF_NAME_BYTES);
        memcpy(out, text, bytes);
        return true;
    }
    diag_help(diags, "names are 1-31 of a-z, 0-9 and '-', first a letter");
    return false;
}

const char *role_name(u32 role)
{
    static const char *const names[MF_ROLE_COUNT] = { "tenant", "domain0",
                                                      "router" };

    return role < MF_ROLE_COUNT ? names[role] : NULL;
}
