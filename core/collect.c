/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: the collector's calls. What it may do, and what it cannot, is in
 * audit/collect.h. It gets copies, made under the log's lock and stored without
 * it.
 */
#include "audit/collect.h"

#include "core/abi.h"
#include "core/arch.h"
#include "core/domain.h"
#include "core/recsend.h"

#define READ_RECORDS 16u /* a call: interrupts wait for one */

/* As many whole records as fit, from a->seq on: a->bytes of them. The first one
 * says what it is; a->seq is the next to ask for. */
s64 hc_audit_read(struct hc_call *c, struct arg_audit_read *a)
{
    const u64 life = c->v->domain->incarnation;
    const u32 room = a->bytes;
    struct audit_record r;
    u32 bytes = 1;

    a->bytes = 0;
    c->v->budget = 0;
    for (u32 i = 0; i < READ_RECORDS && bytes != 0; i++) {
        lock_take(&record_lock);
        bytes = audit_read(&record_log, life, &a->seq, room - a->bytes, &r);
        lock_drop(&record_lock);
        if (!arch_store(gva(a->buffer + a->bytes), &r, bytes)) {
            return RC_EFAULT;
        }
        a->bytes += bytes;
        arch_interrupts();
    }
    return RC_OK;
}

s64 hc_audit_ack(struct hc_call *c, struct arg_audit_ack *a)
{
    lock_take(&record_lock);
    const enum rc rc =
        audit_ack(&record_log, c->v->domain->incarnation, a->seq);

    lock_drop(&record_lock);
    return rc;
}
