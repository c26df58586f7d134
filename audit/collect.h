/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector: a domain that takes the records as they have left, and says
 * which it has. Its readings change nothing; what it acknowledges becomes free.
 *
 *     acked <= handed <= ready <= sent <= next
 *
 *   ready   records before this one are hashed and have left by the port
 *   handed  those before this one were read by this life of the collector,
 *           without a gap from acked on
 *   acked   it has these; their slots are free
 *
 * It is not trusted. Who waits for it, and how long, is decided here:
 *
 *  - It can acknowledge no record that it was not given, and take back nothing.
 *    The port sends all records whatever it does.
 *  - What was ready must be acknowledged AUDIT_COLLECT_NS later. If not, it is
 *    not waited for any more, in this life of the collector: its next one
 *    begins with what has not left yet.
 *  - A record of a domain's life, or of an act that stops a domain, waits for
 * no acknowledgement. If it takes a slot that is not acknowledged, the
 * collector is given up at once. So it can keep no domain from starting or
 * ending; what it can hold up are the other privileged acts, which are its own.
 *
 * Readings leave no records, since each would be one more to read. There is one
 * when a life of the collector reads for the first time, and one when it is
 * waited for no more; both say how far it had come, and so what it never
 * acknowledged. They are put by audit_look, behind what they tell of: the first
 * reading must not need a slot, or a full log could never be emptied.
 *
 * The manifest's word that there is a collector is is_collected, set before the
 * first domain starts, and look_at of 0. The log's lock is held.
 */
#ifndef AUDIT_COLLECT_H
#define AUDIT_COLLECT_H

#include "audit/log.h"

#define AUDIT_COLLECT_NS 30000000000ull

/* Its time is up, or a slot is needed: it is waited for no more. */
void audit_collect_end(struct audit_log *log);
/* A look whether it is in time. */
void audit_collect_look(struct audit_log *log, u64 now_ns);

/* r, drained before, is hashed and has left. */
void audit_ready(struct audit_log *log, const struct audit_record *r);
/* The record *seq, or the oldest that is not acknowledged, for this life of the
 * collector: *out, and *seq is the next one. How many bytes it has; 0: there is
 * none yet, or none with so few. */
u32 audit_read(struct audit_log *log, u64 life, u64 *seq, u32 room,
               struct audit_record *out);
/* It has the records before seq. RC_EINVAL: it cannot have them, or has said so
 * before. RC_EPERM: nobody waits for this life of it. */
enum rc audit_ack(struct audit_log *log, u64 life, u64 seq) MUST_CHECK;

#endif
