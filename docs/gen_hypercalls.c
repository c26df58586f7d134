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
    const char *event; /* its record, or NULL: no privilege */
};

static const struct row rows[] = {
#define HC_R(nr, sub, where, name, right, object, guest, doc)                  \
    { nr, sub, #where, #name, "", #right, #object, guest, doc, NULL },
#define HC_S(nr, sub, where, name, ptr, arg, right, object, guest, doc)        \
    { nr, sub, #where, #name, #arg, #right, #object, guest, doc, NULL },
#define HC_P(nr, sub, where, name, ptr, arg, right, object, event, guest, doc) \
    { nr, sub, #where, #name, #arg, #right, #object, guest, doc, #event },
#define HC_B(nr, sub, where, name, arg, right, object, guest, doc)             \
    { nr, sub, #where, #name, #arg, #right, #object, guest, doc, NULL },
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
    const bool is_free = strcmp(field->kind, "OUT") == 0 ||
                         strcmp(field->kind, "PAD") == 0 ||
                         strcmp(field->kind, "TEXT") == 0;

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

enum reach { TENANTS, CONNECTED, SERVICES };

static enum reach reach_of(const struct row *r)
{
    return r->event != NULL                   ? SERVICES
           : strcmp(r->right, "CONNECT") == 0 ? CONNECTED
                                              : TENANTS;
}

/* Rows of who reaches them, a table each. */
static unsigned print_rows(enum reach reach)
{
    const bool is_service = reach == SERVICES;
    unsigned count = 0;

    printf("| call | sub | name | right | on | argument |%s needed by | |\n"
           "|---:|---:|---|---|---|---|---|---|%s\n",
           is_service ? " record |" : "", is_service ? "---|" : "");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *const r = &rows[i];
        if (reach_of(r) != reach) {
            continue;
        }
        count++;
        printf("| %u | ", r->nr);
        if (strcmp(r->where, "NONE") == 0) {
            printf("| ");
        } else {
            printf("%u | ", r->sub);
        }
        printf("`%s` | %s | %s | %s | ", r->name, r->right, r->object,
               r->argument);
        if (is_service) {
            printf("%s | ", r->event);
        }
        printf("%s | %s |\n", r->guest, r->doc);
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
           "by its\nconsent (PEER), the machine (HOST), another domain's life "
           "as far as its file permits\n(DOMAIN). *Needed by* names a guest "
           "that does not work, or complains, without the pair.\n\n"
           "## What a tenant reaches\n\n");
    const unsigned tenant = print_rows(TENANTS);
    printf("\n%u pairs.\n\n## What it reaches if its file says so\n\n"
           "These need the right CONNECT.\n\n",
           tenant);
    (void)print_rows(CONNECTED);
    printf("\n## What only services reach\n\n"
           "A number of ours. The sub-operation is the first argument, the "
           "structure's address the\nsecond. *Record* is what a use leaves "
           "in the log [audit/events.def]: PRIVILEGE and\nPRIVILEGE_STOP an "
           "intent before and an outcome after, RIGHT_USED one for the first "
           "use in\na life, NONE nothing. A use without room for its record "
           "is refused, -EAGAIN.\n\n");
    (void)print_rows(SERVICES);
    printf("\n## Argument structures\n\n"
           "OUT is written by the hypervisor and never read; IO is read, "
           "checked and written back;\nPAD is neither, TEXT is read as it is; "
           "a value outside its range is refused.\n");
#define ARG_CALL(s, bytes) print_##s();
    ARG_STRUCTS(ARG_CALL)
    return 0;
}
