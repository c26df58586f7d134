/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about the operator's files, and how they are shown:
 *
 *   web.cfg:4:11: error: vcpus is 99, out of range (1-32)
 *       4 | vcpus   = 99
 *         |           ^~
 *         help: ...
 *   rf: 1 error, nothing was changed
 *
 * Columns count bytes from 1. The quoted line may hold anything: what is not
 * printable is shown as '?', so that a tenant file cannot drive the terminal.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rf/rf.h"

#define QUOTE_BYTES 160u /* of a long line, as much as this is quoted */
#define QUOTE_BEFORE 80u /* of them, before the finding */

void diag_add(struct diags *diags, struct place at, const char *format, ...)
{
    va_list args;

    diags->item = mem_grow(diags->item, diags->count + 1, sizeof(*diags->item));
    struct diag *const diag = &diags->item[diags->count++];
    char text[2 * FAULT_TEXT];
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *diag = (struct diag){ .at = at, .text = text_copy(text, strlen(text)) };
}

void diag_help(struct diags *diags, const char *format, ...)
{
    va_list args;
    char text[2 * FAULT_TEXT];

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (diags->count > 0 && diags->item[diags->count - 1].help == NULL) {
        diags->item[diags->count - 1].help = text_copy(text, strlen(text));
    }
}

void diag_free(struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        free(diags->item[i].text);
        free(diags->item[i].help);
    }
    free(diags->item);
    *diags = (struct diags){ NULL, 0 };
}

/* Insertion sort: stable, and the lists are short. Sources keep the order in
 * which they were named: they stand in one array. */
static void diag_sort(struct diags *diags)
{
    for (size_t i = 1; i < diags->count; i++) {
        const struct diag moving = diags->item[i];
        size_t k = i;

        for (; k > 0; k--) {
            const struct place *const before = &diags->item[k - 1].at;
            if (before->source < moving.at.source ||
                (before->source == moving.at.source &&
                 (before->line < moving.at.line ||
                  (before->line == moving.at.line &&
                   before->column <= moving.at.column)))) {
                break;
            }
            diags->item[k] = diags->item[k - 1];
        }
        diags->item[k] = moving;
    }
}

static bool is_colourful(FILE *out)
{
    return isatty(fileno(out)) != 0 && getenv("NO_COLOR") == NULL;
}

/* Text with whatever would move the cursor replaced. */
static void print_clean(FILE *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const u8 c = (u8)text[i];
        fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, out);
    }
}

static void print_carets(FILE *out, const char *line, size_t from,
                         size_t column, size_t length)
{
    for (size_t i = from; i + 1 < column; i++) {
        const u8 c = (u8)line[i];
        /* Tabs repeat, bytes inside a UTF-8 letter take no column. */
        if (c == '\t') {
            fputc('\t', out);
        } else if ((c & 0xc0u) != 0x80u) {
            fputc(' ', out);
        }
    }
    fputc('^', out);
    for (size_t i = 1; i < length; i++) {
        if (((u8)line[column - 1 + i] & 0xc0u) != 0x80u) {
            fputc('~', out);
        }
    }
    fputc('\n', out);
}

static void print_quote(FILE *out, const struct place *at)
{
    const char *line = at->source->text;

    for (unsigned n = 1; n < at->line; n++) {
        const char *const end = strchr(line, '\n');
        if (end == NULL) {
            return;
        }
        line = end + 1;
    }
    const size_t bytes = strcspn(line, "\r\n");
    if (at->column == 0 || at->column > bytes + 1) {
        return;
    }
    const size_t from = bytes > QUOTE_BYTES && at->column > QUOTE_BEFORE
                            ? at->column - QUOTE_BEFORE
                            : 0;
    const size_t shown =
        bytes - from < QUOTE_BYTES ? bytes - from : QUOTE_BYTES;
    size_t length = at->length > 0 ? at->length : 1;
    if (at->column - 1 + length > from + shown) {
        length = from + shown > at->column ? from + shown - at->column + 1 : 1;
    }
    fprintf(out, "%5u | ", at->line);
    print_clean(out, line + from, shown);
    fputs("\n      | ", out);
    print_carets(out, line, from, at->column, length);
}

static void diag_print_one(const struct diag *diag, bool is_warning, FILE *out)
{
    const bool colour = is_colourful(out);

    if (diag->at.source != NULL) {
        print_clean(out, diag->at.source->path, strlen(diag->at.source->path));
        if (diag->at.line != 0) {
            fprintf(out, ":%u:%u", diag->at.line, diag->at.column);
        }
    } else {
        fputs("rf", out);
    }
    fprintf(out, ": %s%s:%s ",
            !colour      ? ""
            : is_warning ? "\033[1;33m"
                         : "\033[1;31m",
            is_warning ? "warning" : "error", colour ? "\033[0m" : "");
    print_clean(out, diag->text, strlen(diag->text));
    fputc('\n', out);
    if (diag->at.source != NULL && diag->at.line != 0) {
        print_quote(out, &diag->at);
    }
    if (diag->help != NULL) {
        fputs("      help: ", out);
        print_clean(out, diag->help, strlen(diag->help));
        fputc('\n', out);
    }
}

void diag_print(struct diags *diags, FILE *out)
{
    diag_sort(diags);
    for (size_t i = 0; i < diags->count; i++) {
        diag_print_one(&diags->item[i], false, out);
    }
    fprintf(out, "rf: %zu error%s, nothing was changed\n", diags->count,
            diags->count == 1 ? "" : "s");
}

void diag_print_warnings(struct diags *diags, FILE *out)
{
    diag_sort(diags);
    for (size_t i = 0; i < diags->count; i++) {
        diag_print_one(&diags->item[i], true, out);
    }
}

static void print_list(struct diags *diags, const char *name, FILE *out)
{
    diag_sort(diags);
    fprintf(out, "\"%s\":[", name);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *const diag = &diags->item[i];

        fputs(i == 0 ? "\n{\"file\":" : ",\n{\"file\":", out);
        json_string(out, diag->at.source != NULL ? diag->at.source->path : "");
        fprintf(out, ",\"line\":%u,\"column\":%u,\"length\":%u,\"text\":",
                diag->at.line, diag->at.column, diag->at.length);
        json_string(out, diag->text);
        if (diag->help != NULL) {
            fputs(",\"help\":", out);
            json_string(out, diag->help);
        }
        fputc('}', out);
    }
    fputc(']', out);
}

void diag_print_json(struct diags *diags, struct diags *warnings, FILE *out)
{
    fputs("{\"schema\":\"ringfence.findings.1\",", out);
    print_list(diags, "errors", out);
    if (warnings != NULL) {
        fputc(',', out);
        print_list(warnings, "warnings", out);
    }
    fputs("}\n", out);
}
