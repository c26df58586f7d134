/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf diff: what a change of tenant files means, not what it looks like: which
 * pairs of interfaces may begin what they could not before, and the reverse.
 * Interfaces are the same when their tenant's name and their number are.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rf/explain.h"
#include "rf/reach.h"
#include "rf/verbs.h"

struct files {
    char **path;
    size_t count;
};

struct diff {
    const char *side[2]; /* OLD, NEW */
    int sides;
    struct files with; /* of both */
    bool is_json;
    bool is_quiet;
};

/* ---- which files ---- */

static void put_file(struct files *files, char *path)
{
    files->path = mem_grow(files->path, files->count + 1, sizeof(*files->path));
    files->path[files->count++] = path;
}

static int is_cfg(const struct dirent *entry)
{
    const size_t bytes = strlen(entry->d_name);

    return bytes > 4 && strcmp(entry->d_name + bytes - 4, ".cfg") == 0;
}

/* A folder stands for its *.cfg, in alphabetical order. */
static bool put_side(struct files *files, const char *path, struct fault *fault)
{
    struct stat st;
    struct dirent **entry;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        put_file(files, text_copy(path, strlen(path)));
        return true;
    }
    const int count = scandir(path, &entry, is_cfg, alphasort);
    if (count <= 0) {
        return fault_set(fault, "'%s' has no *.cfg", path);
    }
    for (int i = 0; i < count; i++) {
        put_file(files, text_format("%s/%s", path, entry[i]->d_name));
        free(entry[i]);
    }
    free(entry);
    return true;
}

static void files_free(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->path[i]);
    }
    free(files->path);
}

/* ---- comparing ---- */

static const char *name_of(const struct rules *r, u32 vif)
{
    return &r->text[r->vif[vif].name];
}

/* "web", or "web.vif1" of one with more than one interface. */
static char *end_name(const struct rules *r, u32 vif)
{
    for (u32 i = 0; i < r->header->vif_count; i++) {
        if (i != vif && r->vif[i].domid == r->vif[vif].domid) {
            return text_format("%s.vif%u", name_of(r, vif), r->vif[vif].handle);
        }
    }
    return text_format("%s", name_of(r, vif));
}

static u32 same_vif(const struct rules *r, const struct rules *other, u32 vif)
{
    for (u32 i = 0; i < r->header->vif_count; i++) {
        if (r->vif[i].handle == other->vif[vif].handle &&
            strcmp(name_of(r, i), name_of(other, vif)) == 0) {
            return i;
        }
    }
    return RULES_NO_VIF;
}

struct printer {
    bool is_json;
    size_t count;
};

static void put_change(struct printer *out, const char *what, const char *from,
                       const char *to, const char *word)
{
    if (out->is_json) {
        printf("%s\n{\"change\":", out->count == 0 ? "" : ",");
        json_string(stdout, what);
        printf(",\"from\":");
        json_string(stdout, from);
        printf(",\"to\":");
        json_string(stdout, to);
        printf(",\"what\":");
        json_string(stdout, word);
        putchar('}');
    } else if (word[0] == '\0') {
        printf("%s: %s, %s\n", what, from, to);
    } else {
        printf("%s: %s -> %s %s\n", what, from, to, word);
    }
    out->count++;
}

/* All cases of a pair: bit 0 of a mask is old, bit 1 new. */
static void put_pair(struct printer *out, const struct reach *reach,
                     const char *from, const char *to)
{
    static const char *const whats[] = { "newly allowed", "no longer allowed" };

    for (u32 i = 0; i < 2; i++) {
        char **list;
        const size_t count = reach_words(reach, i == 0 ? 2 : 1, &list);
        for (size_t k = 0; k < count; k++) {
            put_change(out, whats[i], from, to, list[k]);
        }
        reach_words_free(list, count);
    }
}

static u32 mask_of(const struct reach *reach)
{
    u32 mask = 0;

    for (size_t i = 0; i < reach->count; i++) {
        mask |= reach->cell[i].mask;
    }
    return mask;
}

/* a and b: an interface each, in both sets of rules. */
struct both {
    u32 old;
    u32 new;
};

static void find_way(const struct question q[2], struct both from,
                     struct both to, struct reach *reach)
{
    const struct reach_pair pair[2] = { { &q[0].rules, from.old, to.old },
                                        { &q[1].rules, from.new, to.new } };

    reach_find(pair, 2, reach);
}

static void compare_pair(const struct question q[2], struct both a,
                         struct both b, struct printer *out)
{
    const struct rules *const r =
        a.new != RULES_NO_VIF ? &q[1].rules : &q[0].rules;
    const struct rules *const s =
        b.new != RULES_NO_VIF ? &q[1].rules : &q[0].rules;
    char *const from = end_name(r, a.new != RULES_NO_VIF ? a.new : a.old);
    char *const to = end_name(s, b.new != RULES_NO_VIF ? b.new : b.old);
    struct reach there;
    struct reach back;

    find_way(q, a, b, &there);
    find_way(q, b, a, &back);
    const u32 mask = mask_of(&there) | mask_of(&back);
    if (mask == 2) {
        put_change(out, "no longer isolated", from, to, "");
    } else if (mask == 1) {
        put_change(out, "newly isolated", from, to, "");
    }
    put_pair(out, &there, from, to);
    put_pair(out, &back, to, from);
    free(there.cell);
    free(back.cell);
    free(from);
    free(to);
}

/* Every interface of either set once. */
static struct both *all_vifs(const struct question q[2], u32 *count)
{
    const struct rules *const old = &q[0].rules;
    const struct rules *const new = &q[1].rules;
    struct both *const list =
        mem_alloc(((size_t)old->header->vif_count + new->header->vif_count) *
                  sizeof(*list));

    *count = 0;
    for (u32 i = 0; i < old->header->vif_count; i++) {
        list[(*count)++] = (struct both){ i, same_vif(new, old, i) };
    }
    for (u32 i = 0; i < new->header->vif_count; i++) {
        if (same_vif(old, new, i) == RULES_NO_VIF) {
            list[(*count)++] = (struct both){ RULES_NO_VIF, i };
        }
    }
    return list;
}

static int compare(const struct question q[2], const struct diff *d)
{
    struct printer out = { .is_json = d->is_json };
    u32 count;
    struct both *const vif = all_vifs(q, &count);

    if (d->is_json) {
        fputs("{\"schema\":\"ringfence.diff.1\",\"changes\":[", stdout);
    }
    for (u32 i = 0; i < count; i++) {
        for (u32 k = i + 1; k < count; k++) {
            compare_pair(q, vif[i], vif[k], &out);
        }
    }
    if (d->is_json) {
        fputs("]}\n", stdout);
    } else if (out.count == 0 && !d->is_quiet) {
        printf("nobody may begin anything more or less than before\n");
    }
    free(vif);
    return out.count == 0 ? EXIT_OK : EXIT_FINDING;
}

/* ---- the verb ---- */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct diff *const d = state->input;

    switch (key) {
    case 'q':
        d->is_quiet = true;
        return 0;
    case 'j':
        d->is_json = true;
        return 0;
    case 'w':
        put_file(&d->with, text_copy(arg, strlen(arg)));
        return 0;
    case ARGP_KEY_ARG:
        if (d->sides == 2) {
            argp_error(state, "OLD and NEW, a file or a folder each; others "
                              "by --with");
        }
        d->side[d->sides++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (d->sides != 2) {
            argp_error(state, "OLD and NEW, a file or a folder each");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Load one side; EXIT_OK: *q is to be ended, too. */
static int load_side(const struct diff *d, int i, struct tenant_set *set,
                     struct question *q)
{
    struct files files = { NULL, 0 };
    struct fault fault = { .help = "" };
    int code = EXIT_OK;

    *set = (struct tenant_set){ .is_rules_only = true };
    *q = (struct question){ .set = set };
    if (!put_side(&files, d->side[i], &fault)) {
        fault_print(&fault);
        return EXIT_ENVIRONMENT;
    }
    for (size_t k = 0; k < d->with.count; k++) {
        put_file(&files, text_copy(d->with.path[k], strlen(d->with.path[k])));
    }
    if (!tenant_set_load(set, files.path, files.count, 0)) {
        code = tenant_set_report(set, d->is_json);
    } else if (!question_begin(q, &fault)) {
        fault_print(&fault);
        code = EXIT_USAGE;
    }
    files_free(&files);
    return code == EXIT_FINDING ? EXIT_USAGE : code;
}

int cmd_diff(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "quiet", 'q', NULL, 0, "Say nothing when nothing changes", 0 },
        { "json", 'j', NULL, 0, "Print JSON, with its schema named", 0 },
        { "with", 'w', "FILE", 0, "A tenant file that is in OLD and in NEW",
          0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "OLD NEW",
        .doc = "Say what tenants may begin by NEW that they may not by OLD, "
               "and the reverse. A folder stands for its *.cfg. Exit 0 when "
               "there is no difference, 1 when there is one, 2 when a file is "
               "wrong.",
    };
    struct diff d = { .sides = 0 };
    struct tenant_set set[2];
    struct question q[2] = { { .set = NULL }, { .set = NULL } };
    int code = EXIT_OK;
    int loaded = 0;

    argp_parse(&argp, argc, argv, 0, NULL, &d);
    while (loaded < 2 && code == EXIT_OK) {
        code = load_side(&d, loaded, &set[loaded], &q[loaded]);
        loaded++;
    }
    if (code == EXIT_OK) {
        code = compare(q, &d);
    }
    for (int i = 0; i < loaded; i++) {
        question_end(&q[i]);
        tenant_set_free(&set[i]);
    }
    files_free(&d.with);
    return code;
}
