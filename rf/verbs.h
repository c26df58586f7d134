/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that check, show and pack have in common.
 */
#ifndef RF_VERBS_H
#define RF_VERBS_H

#include <argp.h>

#include "rf/rf.h"

struct common {
    char **paths; /* tenant files */
    size_t count;
    u64 host_mib;
    bool is_quiet;
    bool is_json;
};

/* Child parser for -q, --json, --memory and FILE...; its input is a struct
 * common. */
extern const struct argp common_argp;

/* Decimal number of an option, in a range; argp's usage error otherwise. */
u64 option_number(struct argp_state *state, const char *name, const char *text,
                  u64 low, u64 high);

/* `rf: error: ...` and a help line. */
void fault_print(const struct fault *fault);

#endif
