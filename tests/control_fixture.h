/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of hypercall 55: d is domain 0 with all rights, e a tenant, the log
 * is there, and what leaves it is read back.
 */
#ifndef TESTS_CONTROL_FIXTURE_H
#define TESTS_CONTROL_FIXTURE_H

#include "core/record.h"
#include "core/recsend.h"
#include "rf/logreader.h"
#include "tests/call_fixture.h"

#define AT 0x10000u
#define AT2 0x18000u
#define NR 55u

enum {
    INFO,
    PAUSE,
    UNPAUSE,
    DESTROY,
    START,
    DROP,
    SERIAL_WRITE,
    SERIAL_READ,
    RULES_WRITE,
    COMMIT,
    RULES_READ,
    REPORT,
    AUDIT_READ,
    ACK
};

static struct domain *e; /* d's object */

/* d is domain 0; the log is there, and its port takes nothing. */
static inline int begin(void **state)
{
    static const u8 digest[32] = { 7 };

    (void)setup(state); /* all but the domain */
    host_reset();
    record_boot(digest, digest, 3, true);
    d = host_domain(0, FRAMES, 2);
    d->rights = RIGHTS_ALL;
    e = host_domain(1, FRAMES, 2);
    e->rights = POLICY_TENANT_GIVEN;
    e->audit = MF_AUDIT_LIFECYCLE;
    v = &d->vcpu[0];
    host_run(v);
    return 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

static inline s64 act(u64 sub, const void *args, u64 bytes)
{
    memcpy(host_guest(AT), args, bytes);
    return call(NR, sub, GUEST(AT), 0, 0);
}

static inline s64 on(u64 sub, u16 id)
{
    const struct arg_domain_of a = { id };

    return act(sub, &a, sizeof(a));
}

static inline s64 info(u16 id, struct arg_domain_info *a)
{
    *a = (struct arg_domain_info){ .domid = id };
    const s64 rc = act(INFO, a, sizeof(*a));

    memcpy(a, host_guest(AT), sizeof(*a));
    return rc;
}

/* The n-th record of the event, of those that have left; false: there is no
 * such one. */
static inline bool find(u16 event, u32 n, struct audit_record *r)
{
    struct audit_reader reader;
    u64 at = 0;

    host.audit_stuck = false;
    while (!record_drain(64)) {
    }
    audit_reader_init(&reader);
    while (at < host.audit_bytes) {
        assert_int_equal(
            audit_next(&reader, host_audit, host.audit_bytes, &at, r),
            AUDIT_GOOD);
        if (r->event == event && n-- == 0) {
            return true;
        }
    }
    return false;
}

static inline u32 records(u16 event)
{
    struct audit_record r;
    u32 n = 0;

    while (find(event, n, &r)) {
        n++;
    }
    return n;
}

/* Take all slots that the event's family gets. */
static inline void fill_log(enum audit_event event)
{
    struct record_act two = { .event = event, .right = RIGHT_START, .v = v };
    struct record_act one = { .event = AUDIT_RIGHT_USED, .v = v };

    host.audit_stuck = true;
    for (u32 i = 0; i < 2000 && record_act_begin(&two) == RC_OK; i++) {
        record_act_end(&two, 0);
    }
    for (u32 i = 0; i < 2000 && record_act_begin(&one) == RC_OK; i++) {
        d->rights_used = 0;
    }
    d->rights_used = 0;
    v->patience = 0;
}

#endif
