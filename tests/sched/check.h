/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios for the scheduler's properties; see check.c.
 */
#ifndef TESTS_SCHED_CHECK_H
#define TESTS_SCHED_CHECK_H

#include "tests/host_sim.h"

enum rule {
    RULE_IDLE,
    RULE_CAP,
    RULE_SHARE,
    RULE_FAIR,
    RULE_STARVE,
    RULE_LATENCY,
    RULES
};

struct scenario {
    u64 number; /* its seed: number and loads repeat it */
    u64 picks;  /* decisions that it lasts */
    ns_t start;
    double weights; /* sum */
    bool has_caps;
    u32 light; /* vCPU that uses far less than its share; U32_MAX none */
    double light_bound_ns;
    double late_ns; /* what those who sleep may owe at a time */
};

/* Read a recorded load; false, with a message: it is none. */
bool load_read(const char *path);
/* Set the simulation up by this number; the caller starts it. */
void scenario_make(struct scenario *sc, u64 number);
void scenario_print(const struct scenario *sc);

#endif
