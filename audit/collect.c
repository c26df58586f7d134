/* SPDX-License-Identifier: Apache-2.0 */
/* The collector; see collect.h. */
#include "audit/collect.h"

void audit_collect_end(struct audit_log *log)
{
    log->is_collected = false;
    log->has_news = true;
    log->look_at = 0;
}

void audit_collect_look(struct audit_log *log, u64 now_ns)
{
    if (log->is_collected && log->acked >= log->due_seq) {
        log->due_seq = log->ready;
        log->due_at = now_ns + AUDIT_COLLECT_NS;
    } else if (log->is_collected && now_ns >= log->due_at) {
        audit_collect_end(log);
    }
}

void audit_ready(struct audit_log *log, const struct audit_record *r)
{
    log->ready = r->seq + 1;
    if (log->is_collected && r->seq >= log->acked) {
        log->slot[r->seq % log->count] = *r;
    }
}

/* A life that has not read before. What is not acknowledged is there still, or
 * else what has not been sent. */
static void begin(struct audit_log *log, u64 life)
{
    log->acked = log->is_collected ? log->acked : log->sent;
    log->handed = log->acked;
    log->due_seq = log->acked; /* its time begins with the next look */
    log->life = life;
    log->is_collected = true;
    log->has_news = true;
    log->look_at = 0;
}

u32 audit_read(struct audit_log *log, u64 life, u64 *seq, u32 room,
               struct audit_record *out)
{
    if (log->life != life) {
        begin(log, life);
    }
    const u64 at = *seq < log->acked ? log->acked : *seq;

    if (!log->is_collected || at >= log->ready) {
        return 0;
    }
    const struct audit_record *r = &log->slot[at % log->count];

    if (r->bytes > room) {
        return 0;
    }
    *out = *r;
    *seq = at + 1;
    log->handed += at == log->handed ? 1 : 0;
    return out->bytes;
}

enum rc audit_ack(struct audit_log *log, u64 life, u64 seq)
{
    if (!log->is_collected || log->life != life) {
        return RC_EPERM;
    }
    if (seq < log->acked || seq > log->handed) {
        return RC_EINVAL;
    }
    log->acked = seq;
    return RC_OK;
}
