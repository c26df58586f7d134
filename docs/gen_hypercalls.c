/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host program: prints docs/hypercalls.md from the two tables, so that the
 * reference cannot differ from what is compiled. `make docs` writes the file,
 * `make check` compares.
 */
#include <stdio.h>
#include <string.h>

#include "core/args.def"
#include "core/base.h"

struct row {
    unsigned nr;
    unsigned sub;
    const char *where;
    const char *name;
    const char *argument; /* its structure, or "" */
    const char *right;
    const char *object;
    const char *guest;
    const char *doc;
};

static const struct row rows[] = {
#define HC_R(nr, sub, where, name, right, object, guest, doc)                  \
    { nr, sub, #where, #name, "", #right, #object, guest, doc },
#define HC_S(nr, sub, where, name, ptr, arg, right, object, guest, doc)        \
    { nr, sub, #where, #name, #arg, #right, #object, guest, doc },
#define HC_B(nr, sub, where, name, arg, right, object, guest, doc)             \
    { nr, sub, #where, #name, #arg, #right, #object, guest, doc },
#include "core/hypercalls.def"
};

struct field {
    const char *owner;
    const char *type;
    const char *name;
    const char *kind;
    unsigned long long low;
    unsigned long long high;
};

#define FIELD_OF(type, name, kind, low, high)                                  \
    { owner, #type, #name, #kind, low, high },

/* One function a structure: the macro that lists fields cannot name it. */
#define ARG_PRINT(s, bytes)                                                    \
    static void print_##s(void)                                                \
    {                                                                          \
        static const char *const owner = #s;                                   \
        const struct field fields[] = { ARGS_##s(FIELD_OF) };                  \
        print_struct(bytes, fields, ARRAY_COUNT(fields));                      \
    }

static void print_range(const struct field *field)
{
    const bool is_free =
        strcmp(field->kind, "OUT") == 0 || strcmp(field->kind, "PAD") == 0 ||
        strcmp(field->kind, "ZERO") == 0 || strcmp(field->kind, "TEXT") == 0;

    if (is_free) {
        printf(" |\n");
    } else {
        printf("%llu..%#llx |\n", field->low, field->high);
    }
}

static void print_struct(unsigned bytes, const struct field *fields,
                         size_t count)
{
    printf("\n### %s\n\n%u bytes.\n\n| field | type | kind | range |\n"
           "|---|---|---|---|\n",
           fields[0].owner, bytes);
    for (size_t i = 0; i < count; i++) {
        printf("| %s | %s | %s | ", fields[i].name, fields[i].type,
               fields[i].kind);
        print_range(&fields[i]);
    }
}

ARG_STRUCTS(ARG_PRINT)

/* Rows of the right that no tenant holds are listed apart. */
static unsigned print_rows(bool is_tenant)
{
    unsigned count = 0;

    printf("| call | sub | name | right | on | argument | needed by | |\n"
           "|---:|---:|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *const r = &rows[i];
        if ((strcmp(r->right, "CONNECT") != 0) != is_tenant) {
            continue;
        }
        count++;
        printf("| %u | ", r->nr);
        if (strcmp(r->where, "NONE") == 0) {
            printf("| ");
        } else {
            printf("%u | ", r->sub);
        }
        printf("`%s` | %s | %s | %s | %s | %s |\n", r->name, r->right,
               r->object, r->argument, r->guest, r->doc);
    }
    return count;
}

int main(void)
{
    printf("# Hypercalls\n\n"
           "Generated from `core/hypercalls.def` and `core/args.def` by "
           "`make docs`; do not edit.\n\n"
           "A call is a number and, for most, a sub-operation. A pair that is "
           "not listed is answered\nwith `-ENOSYS` before a byte of its "
           "arguments is read. *Right* is what the caller must\nhold; *on* is "
           "what it is exercised on: the caller itself (SELF), another domain "
           "by its\nconsent (PEER), the machine (HOST). *Needed by* names a "
           "guest that does not work, or\ncomplains, without the pair.\n\n"
           "## What a tenant reaches\n\n");
    const unsigned tenant = print_rows(true);
    printf("\n%u pairs.\n\n## What a tenant does not reach\n\n"
           "These need the right CONNECT, which the tenant role does not "
           "hold.\n\n",
           tenant);
    (void)print_rows(false);
    printf("\n## Argument structures\n\n"
           "OUT is written by the hypervisor and never read; IO is read, "
           "checked and written back;\nPAD is neither; a value outside its "
           "range is refused.\n");
#define ARG_CALL(s, bytes) print_##s();
    ARG_STRUCTS(ARG_CALL)
    return 0;
}
