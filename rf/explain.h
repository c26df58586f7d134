/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet, as a question to the rules of a set of tenants.
 */
#ifndef RF_EXPLAIN_H
#define RF_EXPLAIN_H

#include "guests/router/filter.h"
#include "rf/pf.h"

struct question {
    const struct tenant_set *set;
    struct blob blob;
    struct rules rules;
    u32 *tenant_of; /* index in the set, by domain number */
    u32 from;       /* interfaces, of rules.vif */
    u32 to;
};

/* question.c: compile the set's rules; parse a packet. */
bool question_begin(struct question *q, struct fault *fault) MUST_CHECK;
void question_end(struct question *q);
bool question_parse(struct question *q, const char *text, struct packet *p,
                    struct fault *fault) MUST_CHECK;

/* pcap.c: one line for each frame of a capture. */
bool pcap_explain(struct question *q, const char *path, bool is_json,
                  struct fault *fault) MUST_CHECK;

#endif
