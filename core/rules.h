/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firewall's rule set: bytes that the hypervisor holds and does not read.
 *
 * There are two halves. One is in force; the other is written, part after part
 * in order, and hashed as it grows. A commit finishes the digest, puts it into
 * force as the next generation, and raises VIRQ_RULES: all of a set or nothing
 * of it. Who enforces it reads it from here, so who loads it cannot show it one
 * set and have another recorded.
 *
 * Locks: none. A writer or committer owns the staging half by `busy`, and who
 * finds it taken is turned away. A reader may be overtaken by a commit and then
 * a writer: the generation tells it.
 */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include "core/base.h"

#define RULES_BYTES 65536u /* most that a rule set may have */

/* As at boot: no rules. For tests. */
void rules_reset(void);

#endif
