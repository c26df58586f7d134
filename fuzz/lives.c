/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of lives; see lives.h.
 */
#include "fuzz/lives.h"

#include <string.h>

#include "audit/record.h"
#include "core/record.h"
#include "fuzz/fuzz.h"
#include "policy/manifest.h"
#include "rf/logreader.h"
#include "tests/host_arch.h"

#define EVENTS_MAX 256u
#define DOMAINS_MAX 8u

struct event {
    u32 event, target;
    u64 arg;
};

static struct event foretold[EVENTS_MAX];
static u32 count;
static u64 state[DOMAINS_MAX];
static u64 reason[DOMAINS_MAX];
static bool will_end[DOMAINS_MAX];
static u32 may_end; /* a domain, until the next look */

static void foretell(const struct domain *d, u32 event, u64 arg)
{
    if ((d->audit & MF_AUDIT_LIFECYCLE) == 0) {
        return;
    }
    if (count >= EVENTS_MAX) {
        fuzz_fail("more lives than the model can hold");
    }
    foretold[count++] = (struct event){ event, d->id, arg };
}

void lives_begin(void)
{
    count = 0;
    memset(will_end, 0, sizeof(will_end));
    for (u32 id = 1; id <= domain_count; id++) {
        state[id] = domain_table[id]->state;
    }
}

void lives_will_end(const struct domain *d, u32 why, bool crashed)
{
    if (d->state != DOMAIN_RUNNING) {
        return;
    }
    if (crashed) {
        foretell(d, AUDIT_DOMAIN_CRASHED, ENDED_KILLED);
    }
    foretell(d, AUDIT_DOMAIN_SHUTDOWN, why);
    reason[d->id] = why;
    will_end[d->id] = true;
}

void lives_may_end(const struct domain *d)
{
    may_end = d->id;
}

static u32 action_of(const struct domain *d)
{
    const u64 why = reason[d->id];

    return why == SHUTDOWN_POWEROFF ? d->plan->on_poweroff
           : why == SHUTDOWN_REBOOT ? d->plan->on_reboot
                                    : d->plan->on_crash;
}

/* A step may pass through more than one state. */
static void look_at(const struct domain *d)
{
    const u64 was = state[d->id];
    const u64 is = d->state;

    state[d->id] = is;
    if (was == is) {
        return;
    }
    if (was == DOMAIN_RUNNING && !will_end[d->id] && may_end == d->id &&
        (d->end_reason == SHUTDOWN_POWEROFF ||
         d->end_reason == SHUTDOWN_REBOOT || d->end_reason == SHUTDOWN_CRASH)) {
        foretell(d, AUDIT_DOMAIN_SHUTDOWN, d->end_reason);
        reason[d->id] = d->end_reason;
    } else if (was == DOMAIN_RUNNING && !will_end[d->id]) {
        fuzz_fail("domain %u ended, and nobody had it end", d->id);
    }
    if (was == DOMAIN_BUILDING && is == DOMAIN_RUNNING) {
        foretell(d,
                 d->incarnation > 1 ? AUDIT_DOMAIN_RESTARTED
                                    : AUDIT_DOMAIN_STARTED,
                 d->incarnation);
        will_end[d->id] = false;
    } else if (is == DOMAIN_SCRUBBING ||
               (is == DOMAIN_ENDED && was != DOMAIN_SCRUBBING &&
                action_of(d) != MF_PRESERVE)) {
        foretell(d, AUDIT_DOMAIN_DESTROYED, reason[d->id]);
    }
}

void lives_look(void)
{
    for (u32 id = 1; id <= domain_count; id++) {
        look_at(domain_table[id]);
    }
    may_end = 0;
}

static bool is_life(u32 event)
{
    return event == AUDIT_DOMAIN_STARTED || event == AUDIT_DOMAIN_SHUTDOWN ||
           event == AUDIT_DOMAIN_CRASHED || event == AUDIT_DOMAIN_RESTARTED ||
           event == AUDIT_DOMAIN_DESTROYED;
}

static void compare_one(u32 n, const struct audit_record *r)
{
    if (n >= count || foretold[n].event != r->event ||
        foretold[n].target != r->target || foretold[n].arg != r->arg[0]) {
        fuzz_fail("the log has %s of domain %u (%llu), the model %s of %u "
                  "(%llu)",
                  audit_event_name(r->event), r->target,
                  (unsigned long long)r->arg[0],
                  n < count ? audit_event_name(foretold[n].event) : "nothing",
                  n < count ? foretold[n].target : 0,
                  n < count ? (unsigned long long)foretold[n].arg : 0);
    }
}

void lives_compare(bool ended)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    u32 n = 0;

    host.audit_stuck = false;
    host.audit_at_most = 0;
    while (!record_drain(64)) {
    }
    if (host.audit_bytes > HOST_AUDIT_BYTES) {
        return;
    }
    audit_reader_init(&reader);
    while (at < host.audit_bytes) {
        const enum audit_fault fault =
            audit_next(&reader, host_audit, host.audit_bytes, &at, &r);

        if (fault != AUDIT_GOOD) {
            fuzz_fail("the log at byte %llu: %s", (unsigned long long)at,
                      audit_fault_text(fault));
        }
        if (is_life(r.event)) {
            compare_one(n, &r);
            n++;
        }
    }
    if (n != count) {
        fuzz_fail("%u events in the log, %u in the model", n, count);
    }
    if (ended && !reader.is_closed) {
        fuzz_fail("the last record is %s", audit_event_name(r.event));
    }
}
