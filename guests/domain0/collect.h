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
/* The records that are kept: from first, before beyond. */
u64 collect_first(void);
u64 collect_beyond(void);
/* The one with that number, which is kept. */
const struct audit_record *collect_record(u64 seq);

#endif
