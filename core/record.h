/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/ tells the log. A thin layer over audit/: it adds time, CPU and
 * actor, and holds the log's lock.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "core/domain.h"

/* A tenant's call was refused: counted exactly, sampled into the log. */
void record_refusal(struct vcpu *v, u32 nr, u64 sub, enum rc why);

enum record_life {
    RECORD_CREATED,
    RECORD_STARTED,
    RECORD_SHUTDOWN, /* detail: reason */
    RECORD_CRASHED,  /* detail: address of the instruction, if known */
    RECORD_RESTARTED,
    RECORD_DESTROYED
};

/* A step of a domain's life, written before it takes effect. */
void record_life(const struct domain *d, enum record_life what, u64 detail);

/* The host itself. */
void record_boot(const u8 policy_digest[32]);
void record_host_end(u32 code);

/* Send what has not been sent to the serial port; at most max records. True
 * when nothing is left. */
bool record_drain(u32 max);

#endif
