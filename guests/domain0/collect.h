/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's collector: the latest records, in memory, as they came. What
 * is here is acknowledged; the host's port has all of them, too. A Domain0 that
 * comes after another begins with what that one had not acknowledged.
 */
#ifndef GUESTS_DOMAIN0_COLLECT_H
#define GUESTS_DOMAIN0_COLLECT_H

#include "audit/record.h"

#define KEPT_RECORDS 4096u

/* Take what there is. */
void collect_work(void);
/* Show what is kept now, as JSON, in parts of 32 bytes: first show, then put as
 * often as there is room. True: that was the last. */
void collect_show(void);
bool collect_put(void);

#endif
