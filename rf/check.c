/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf check: everything that pack would check, and nothing written.
 */
#include <stdlib.h>

#include "rf/shadow.h"
#include "rf/verbs.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->input;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int cmd_check(int argc, char **argv)
{
    static const struct argp_child children[] = {
        { &common_argp, 0, NULL, 0 },
        { NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .parser = parse_option,
        .children = children,
        .doc =
            "Read tenant files, their kernels and ramdisks; list every "
            "error, and firewall rules that never decide. Exit 0 when there is "
            "no error, else 1.",
    };
    struct common common = { 0 };
    struct tenant_set set = { 0 };
    struct diags warnings = { NULL, 0 };

    argp_parse(&argp, argc, argv, 0, NULL, &common);
    set.is_quiet = common.is_quiet;
    const bool is_good =
        tenant_set_load(&set, common.paths, common.count, common.host_mib);
    if (is_good) {
        shadow_find(&set, &warnings);
    }
    for (size_t i = 0;
         is_good && !common.is_quiet && !common.is_json && i < set.count; i++) {
        printf("%s: ok (%s: %u MiB, %s)\n", set.tenant[i].source->path,
               set.tenant[i].name, set.tenant[i].memory_mib,
               set.tenant[i].kernel->version);
    }
    if (common.is_json) {
        diag_print_json(&set.diags, &warnings, stdout);
    } else if (!is_good) {
        (void)tenant_set_report(&set, false);
    } else {
        fflush(stdout);
        diag_print_warnings(&warnings, stderr);
    }
    diag_free(&warnings);
    tenant_set_free(&set);
    free(common.paths);
    return is_good ? EXIT_OK : EXIT_FINDING;
}
