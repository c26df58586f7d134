/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame auditor; see auditor.h. busy is the right to use what follows it,
 * and the recount fields of all domains; waited for only in the test mode. No
 * lock is held when a fault is recorded.
 */
#include "core/auditor.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/record.h"
#include "core/recount.h"
#include "core/sched.h"

#define EXIT_FRAMES 2048u /* up to so many, each exit is looked at */

static u32 busy; /* [a] */
static struct recount pass;
static ns_t began, touched; /* the pass; its last slice */
static u64 passes, faults;

static bool at_exits; /* [I] */
static u64 exits;     /* [a] */

enum rc auditor_init(bool mode)
{
    mfn_t ignored;
    u32 chunks = 0;

    for (u32 i = domain_first; i <= domain_count; i++) {
        const u32 count = domain_table[i]->chunk_count;

        chunks = count > chunks ? count : chunks;
    }
    _Static_assert(CHUNK_FRAMES * sizeof(struct recount_holds) == PAGE_BYTES,
                   "a page a chunk");
    pass.holds = arch_boot_frames(chunks, &ignored);
    at_exits = mode;
    return pass.holds != NULL ? RC_OK : RC_ENOMEM;
}

static void freeze(struct domain *d)
{
    record_fault(d, pass.fault, pass.where, pass.expected, pass.found);
    arch_log("tenant %s: frame auditor: fault %s at %lx: %lx expected, %lx "
             "found\n",
             d->name, recount_text(pass.fault), pass.where, pass.expected,
             pass.found);
    domain_end(d, ENDED_FROZEN);
}

/* A pass ends, with what its last slice said. */
static void conclude(enum rc rc, ns_t now)
{
    struct domain *d = pass.d;
    const bool is_lost = rc == RC_EAGAIN;

    d->recount_lost = is_lost ? d->recount_lost + 1 : 0;
    d->recount_at = now + AUDITOR_PAUSE_NS + AUDITOR_SHARE * (now - began);
    if (is_lost && d->recount_lost < AUDITOR_PATIENCE) {
        d->recount_at = now + AUDITOR_RETRY_NS;
    } else if (is_lost && d->recount_lost < 2 * AUDITOR_PATIENCE) {
        d->recount_at = now;
    } else {
        d->recount_lost = 0;
    }
    passes += is_lost ? 0 : 1;
    if (rc == RC_EIO) {
        faults++;
        freeze(d);
        if (pass.other != d->id) {
            freeze(domain_table[pass.other]);
        }
    }
    pass.d = NULL;
}

/* Open a pass over a domain that is due; else, when one will be. */
static ns_t choose(ns_t now)
{
    ns_t soonest = now + AUDITOR_PAUSE_NS;

    for (u32 i = domain_first; i <= domain_count; i++) {
        struct domain *d = domain_table[i];

        if (atomic_load64(&d->state) != DOMAIN_RUNNING) {
            continue;
        }
        if (d->recount_at <= now) {
            recount_begin(&pass, d);
            began = now;
            return now;
        }
        soonest = d->recount_at < soonest ? d->recount_at : soonest;
    }
    return soonest;
}

static void go_on(ns_t now)
{
    struct domain *d = pass.d;

    touched = now;
    for (u32 i = 0; d->recount_lost >= AUDITOR_PATIENCE && i < d->vcpu_count;
         i++) {
        sched_hold(&d->vcpu[i], now + AUDITOR_HOLD_NS);
    }
    const enum rc rc = recount_slice(&pass);

    if (rc != RC_PREEMPT) {
        conclude(rc, now);
    }
}

ns_t auditor_idle(ns_t now)
{
    ns_t again = now;

    if (atomic_swap32(&busy, 1) != 0) {
        return now + AUDITOR_PAUSE_NS;
    }
    if (pass.d == NULL || now > touched + AUDITOR_PAUSE_NS) {
        pass.d = NULL; /* one left alone for so long is void */
        again = choose(now);
    }
    if (pass.d != NULL) {
        go_on(now);
    }
    atomic_store32(&busy, 0);
    return again;
}

void auditor_exit(struct domain *d)
{
    if (!at_exits) {
        return;
    }
    const u64 every = d->frames <= EXIT_FRAMES ? 1 : d->frames / 16;

    if (atomic_add64(&exits, 1) % every != 0 ||
        atomic_load64(&d->state) != DOMAIN_RUNNING) {
        return;
    }
    while (atomic_swap32(&busy, 1) != 0) {
        arch_relax();
    }
    enum rc rc = RC_EAGAIN;

    began = arch_now();
    for (u32 i = 0; i < AUDITOR_PATIENCE && rc == RC_EAGAIN; i++) {
        recount_begin(&pass, d);
        rc = RC_PREEMPT;
        while (rc == RC_PREEMPT) {
            rc = recount_slice(&pass);
        }
    }
    conclude(rc, arch_now());
    atomic_store32(&busy, 0);
}

void auditor_report(void)
{
    arch_log("frame auditor: %lu passes, %lu faults\n", passes, faults);
}
