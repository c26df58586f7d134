/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf, the host tool of Ringfence: one verb a run, no daemon, no root. This
 * file finds the verb; verbs.def lists them; cmd_<verb>() does the work and
 * answers the exit code of enum exit_code. Verbs are not abbreviated, since a
 * script that says `rf ch` would change its meaning with the next version.
 */
#include <argp.h>
#include <string.h>

#include "rf/rf.h"

static const struct {
    const char *name;
    const char *doc;
    int (*run)(int argc, char **argv);
} verbs[] = {
#define VERB(name, doc) { #name, doc, cmd_##name },
#include "rf/verbs.def"
};

static void print_version(FILE *out)
{
    fprintf(out, "rf (Ringfence) %s\n", RF_VERSION);
}

static void verb_version(FILE *out, struct argp_state *state)
{
    (void)state;
    print_version(out);
}

static void print_help(FILE *out)
{
    fputs("Usage: rf VERB [OPTION...] [FILE...]\n\n", out);
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].doc);
    }
    fputs("\n`rf VERB --help` lists the options of a verb; rf(1) has it all.\n"
          "Exit: 0 ok, 1 finding, 2 usage, 3 environment, 4 denied.\n",
          out);
}

static int unknown_verb(const char *typed)
{
    const char *near = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        near_offer(typed, verbs[i].name, &near, &distance);
    }
    fprintf(stderr, "rf: error: there is no verb '%s'\n", typed);
    if (near != NULL) {
        fprintf(stderr, "      help: did you mean `rf %s`?\n", near);
    } else {
        fputs("      help: `rf --help` lists the verbs\n", stderr);
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    argp_program_version_hook = verb_version;
    argp_err_exit_status = EXIT_USAGE;
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 ||
        strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        print_version(stdout);
        return EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            /* argp names the program after argv[0] in its messages. */
            char name[32];
            snprintf(name, sizeof(name), "rf %s", verbs[i].name);
            argv[1] = name;
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    return unknown_verb(argv[1]);
}
