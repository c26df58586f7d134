/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation and its inverse are the identity: a call that has just been
 * carried out is undone by the call that a guest would undo it with, and the
 * domain must then be what it was before.
 */
#include <string.h>

#include "core/arch.h"
#include "core/dispatch.h"
#include "core/gnttab.h"
#include "core/pgtable.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"

#define TRIES 64u

/* The call that undoes c; false: there is none, or none for this outcome. */
static bool inverse_of(const struct seq *q, u32 who, u32 at,
                       const struct call *c, struct call *inv)
{
    struct element *e = &inv->element[0];

    memset(inv, 0, sizeof(*inv));
    inv->count = 1;
    inv->arg[1] = HOST_GUEST_BASE + at + ELEMENTS_AT;
    switch (c->row) {
    case HCROW_pin_l1:
    case HCROW_pin_l3:
    case HCROW_pin_l4:
        inv->row = HCROW_unpin;
        inv->arg[0] = inv->arg[1];
        inv->arg[1] = 1;
        inv->arg[3] = DOMID_SELF;
        e->value[0] = grammar[HCROW_unpin].sub;
        e->value[2] = c->element[0].value[2];
        break;
    case HCROW_evtchn_alloc_unbound:
    case HCROW_evtchn_bind_virq:
    case HCROW_evtchn_bind_ipi:
        inv->row = HCROW_evtchn_close;
        inv->arg[0] = grammar[inv->row].sub;
        e->value[0] = call_read(c, at, 0, "port");
        break;
    case HCROW_grant_map:
        inv->row = HCROW_grant_unmap;
        inv->arg[0] = grammar[inv->row].sub;
        inv->arg[2] = 1;
        e->value[0] = c->element[0].value[0];
        e->value[2] = call_read(c, at, 0, "handle");
        if ((s16)call_read(c, at, 0, "status") != 0) {
            return false;
        }
        break;
    case HCROW_decrease_reservation:
        inv->row = HCROW_populate_physmap;
        inv->arg[0] = grammar[inv->row].sub;
        e->value[0] = HOST_GUEST_BASE + ACTOR_AT(who) + DATA_AT;
        e->value[1] = 1;
        e->value[4] = DOMID_SELF;
        inv->data_va = e->value[0];
        inv->data[0] = q->pfn;
        break;
    default:
        return false;
    }
    inv->nr = grammar[inv->row].nr;
    e->row = inv->row;
    return true;
}

/* Carry out in full; what is left of page-table work is finished, too. */
static s64 carry_out(u32 who, const struct call *c)
{
    struct vcpu *v = actor(who);
    struct hc_call call = { .v = v, .nr = c->nr };
    s64 result = RC_PREEMPT;

    memcpy(call.arg, c->arg, sizeof(call.arg));
    for (u32 i = 0; i < TRIES && result == RC_PREEMPT; i++) {
        result = dispatch(&call);
    }
    enum rc rc = RC_PREEMPT;

    for (u32 i = 0; i < TRIES && rc == RC_PREEMPT; i++) {
        v->budget = PGTABLE_BUDGET;
        rc = pgtable_continue(v);
    }
    return result;
}

/* Only where the first call did one thing, wholly, to a frame whose number is
 * still its first one. */
static bool is_plain(const struct seq *q, u32 who, const struct call *c)
{
    const struct domain *d = actor(who)->domain;

    if (c->count != 1 || c->odd || d->work.mode != PGWORK_IDLE) {
        return false;
    }
    if (c->row == HCROW_decrease_reservation) {
        return c->element[0].value[1] == 1 &&
               c->element[0].value[0] == c->data_va && q->pfn < d->frames_max &&
               d->frames < d->frames_max &&
               d->free_head ==
                   c->data[0] - (d->first_chunk << CHUNK_FRAME_BITS);
    }
    return true;
}

void probe_inverse(struct seq *q, u32 who, u32 at, const struct call *c,
                   u64 before)
{
    static struct call inv;
    struct domain *d = actor(who)->domain;

    if (!is_plain(q, who, c) || !inverse_of(q, who, at, c, &inv)) {
        return;
    }
    call_write(&inv, at);
    oplog_call(q, who, &inv, PGTABLE_BUDGET, 0);
    const s64 result = carry_out(who, &inv);

    oplog_result(q, &inv, at, result);
    if (result < 0 || (inv.row == HCROW_grant_unmap &&
                       (s16)call_read(&inv, at, 0, "status") != 0)) {
        fuzz_fail("%s was done and cannot be undone by %s: %lld",
                  grammar[c->row].name, grammar[inv.row].name,
                  (long long)result);
    }
    if (d->state == DOMAIN_RUNNING && world_digest(d) != before) {
        if (fuzz_log == FUZZ_STATE) {
            world_print(d);
        }
        fuzz_fail("%s and then %s: domain %u is not as before",
                  grammar[c->row].name, grammar[inv.row].name, d->id);
    }
}
