/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that check, show and pack have in common, and how they report a
 * fault that has no place in a tenant file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rf/verbs.h"

#define HOST_MIB_MAX (1ull << 24)

enum { OPTION_JSON = 0x100, OPTION_MEMORY };

u64 option_number(struct argp_state *state, const char *name, const char *text,
                  u64 low, u64 high)
{
    char *end = NULL;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
        value < low || value > high) {
        argp_error(state, "--%s %s: a number from %llu to %llu is expected",
                   name, text, (unsigned long long)low,
                   (unsigned long long)high);
    }
    return value;
}

void fault_print(const struct fault *fault)
{
    fprintf(stderr, "rf: error: %s\n", fault->text);
    if (fault->help[0] != '\0') {
        fprintf(stderr, "      help: %s\n", fault->help);
    }
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct common *const common = state->input;

    switch (key) {
    case 'q':
        common->is_quiet = true;
        return 0;
    case OPTION_JSON:
        common->is_json = true;
        return 0;
    case OPTION_MEMORY:
        common->host_mib = option_number(state, "memory", arg, 1, HOST_MIB_MAX);
        return 0;
    case ARGP_KEY_ARG:
        common->paths =
            mem_grow(common->paths, common->count + 1, sizeof(*common->paths));
        common->paths[common->count++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (common->count == 0) {
            argp_error(state, "no tenant file is named");
        }
        return 0;
    case ARGP_KEY_FINI:
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option common_options[] = {
    { "quiet", 'q', NULL, 0, "Print errors only", 0 },
    { "json", OPTION_JSON, NULL, 0, "Print JSON, with its schema named", 0 },
    { "memory", OPTION_MEMORY, "MIB", 0,
      "Memory of the machine, to check the tenants against", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

const struct argp common_argp = {
    .options = common_options,
    .parser = parse_common,
    .args_doc = "FILE...",
};
