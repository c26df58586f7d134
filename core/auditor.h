/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame auditor: whom the recount looks at, when, and what comes of it.
 *
 * A CPU with no vCPU to run recounts the running domains, one at a time, a
 * slice at a time; each is due AUDITOR_PAUSE_NS, and AUDITOR_SHARE times what
 * its last pass took, after that pass. One that changed under a pass is due
 * again after AUDITOR_RETRY_NS. When AUDITOR_PATIENCE passes on end were lost,
 * its vCPUs are held while the next goes on: each slice keeps them for
 * AUDITOR_HOLD_NS. After as many tries again, which only others that use its
 * grants or a CPU that is not idle can spoil, it is let go. So a domain cannot
 * stay unseen for more than ten seconds by being busy, and being held costs it
 * one part in AUDITOR_SHARE at most; but where no CPU is ever idle nothing is
 * looked at.
 *
 * With the test mode, a domain is recounted whole at the end of its hypercalls:
 * of each one if it has up to 2,048 frames, else of one in frames / 16.
 *
 * A domain with a fault is frozen, with a record and a line that say why: its
 * vCPUs never run again, its memory and counts stay as they were found (its
 * console ring apart: output is brought out). Of a grant, the other end is
 * frozen, too. The host and all others go on. Those who
 * granted frames to a frozen domain wait for them when they end.
 *
 * Memory: 8 bytes for each frame of the largest domain, taken at boot.
 */
#ifndef CORE_AUDITOR_H
#define CORE_AUDITOR_H

#include "core/ids.h"
#include "core/rc.h"

struct domain;

#define AUDITOR_PAUSE_NS 1000000000ull
#define AUDITOR_SHARE 64u
#define AUDITOR_RETRY_NS 500000000ull
#define AUDITOR_PATIENCE 16u
#define AUDITOR_HOLD_NS 10000000ull

/* At boot, when all domains are there. at_exits: the test mode. RC_ENOMEM: the
 * machine is too small. */
enum rc auditor_init(bool at_exits) MUST_CHECK;

/* One slice, if there is something due. When to ask again: now or earlier means
 * at once. No lock held; one CPU at a time, others are sent away. */
ns_t auditor_idle(ns_t now);

/* A vCPU of d is about to go back to the guest from a hypercall. */
extern bool auditor_at_exits; /* [I] the test mode */
void auditor_recount(struct domain *d);
static inline void auditor_exit(struct domain *d)
{
    if (auditor_at_exits) {
        auditor_recount(d);
    }
}

/* One line on what was done, at the end of the host. */
void auditor_report(void);

#endif
