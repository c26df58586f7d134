/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's own count of its calls that the hypervisor refused to hear: of a
 * pair that is not in the table (-ENOSYS), or that needs a right which the
 * domain lacks (-EPERM of its row). Refusals by a handler, for its arguments'
 * sake, do not count. The same numbers must come out of the audit log.
 */
#ifndef GUESTS_LIB_REFUSALS_H
#define GUESTS_LIB_REFUSALS_H

#include "core/base.h"

#define REFUSAL_CLASSES 49u /* hypercall numbers below 48, and the rest */

extern u64 refusals_ever;
extern u64 refusals[REFUSAL_CLASSES];
/* The domain's file gives it `privileges = ["connect"]`. */
extern bool may_connect;

/* `refused=N`, and N of each class: " 20:3 rest:4". */
void refusals_say(void);

#endif
