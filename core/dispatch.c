/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a hypercall to its handler; see dispatch.h. All of it is expanded from
 * the table: row lookup, policy question, typed fetch and store, the call.
 *
 * Before the handler applies anything, OUT and IO fields are stored once as
 * they were fetched: where the answer could not be written, nothing happens.
 *
 * A row that the policy denies to the caller's rights is refused before a byte
 * of its arguments is read, but for the few calls whose sub-operation is in
 * the structure itself. Of a row on another domain's life, that domain is asked
 * after: it is in the arguments. The use of a right that is to be recorded is
 * recorded here, around the handler, which cannot forget it.
 *
 * Batches are cut when the vCPU's budget is used up. The state is in the
 * rewritten arguments, which are checked afresh; the elements done of a batch
 * of mmu_update or mmuext_op stand above the 31 bits of its count, and bit 31
 * says that they do. A guest that writes them itself misleads itself only. An
 * act that finds no room in the log is made again in the same way, by a vCPU
 * that rests in between [core/record.c].
 */
#include "core/dispatch.h"

#include "core/arch.h"
#include "core/argio.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/mem.h"
#include "core/nospec.h"
#include "core/pgtable.h"
#include "core/record.h"
#include "policy/policy.h"

#define NR_COUNT 56u
#define SUB_COUNT 16u
#define COUNT_MAX 0x7fffffffull
#define COUNT_IS_CUT 0x80000000ull
/* Of the budget. */
#define ELEMENT_COST 12
#define MMU_GROUP 8u /* elements at a time: 128 bytes */
#define LONG_COST 200

enum hc_where { HC_NONE, HC_A0, HC_A1, HC_ELEM, HC_FIELD };

/* What dispatch needs to know of a row. */
#define HC_ANY(n, s, w, name, shape, r, o, g, d)                               \
    [HCROW_##name] = { shape, RIGHT_##r, POLICY_##o, 0 },
#define HC_P(n, s, w, name, p, a, r, o, e, g, d)                               \
    [HCROW_##name] = { 'S', RIGHT_##r, POLICY_##o, AUDIT_##e },
static const struct {
    u8 shape;  /* 'R', 'S', 'B'; 'r', 's': long */
    u8 right;  /* enum right */
    u8 object; /* enum policy_object */
    u8 event;  /* enum audit_event, 0: none */
} info[HCROW_COUNT] = {
#include "core/hypercalls.def"
};

/* Row of each pair, 0 for none. */
#define PAIR(nr, sub) ((nr) * SUB_COUNT + (sub))
#define HC_ANY(n, s, w, name, shape, r, o, g, d) [PAIR(n, s)] = HCROW_##name,
static const u8 row_of[PAIR(NR_COUNT, 0)] = {
#include "core/hypercalls.def"
};

/* Where the sub-operation of each number is: the same in all its rows. */
#define HC_ANY(n, s, w, name, shape, r, o, g, d) [n] = HC_##w,
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const u8 where_of[NR_COUNT] = {
#include "core/hypercalls.def"
};
#pragma GCC diagnostic pop

static u32 find(u64 nr, u64 sub)
{
    if (nr >= NR_COUNT || sub >= SUB_COUNT) {
        return HCROW_NONE;
    }
    return row_of[index_clamp(PAIR(nr, sub), ARRAY_COUNT(row_of))];
}

/* RC_OK when the caller may make the call; the refusal is recorded. */
static inline enum rc admit(struct vcpu *v, u32 nr, u32 row, u64 sub)
{
    v->recent_nr = v->recent_nr << 8 | (nr < 254 ? nr + 1 : 255);
    v->recent_sub = v->recent_sub << 8 | (sub & 0xff);
    const u64 rights = atomic_load64(&v->domain->rights);
    const enum policy_verdict verdict =
        row == HCROW_NONE
            ? POLICY_DENY_NO_SUCH_CALL
            : policy_decide(rights, (enum right)info[row].right,
                            (enum policy_object)info[row].object, U64_MAX);

    return verdict == POLICY_ALLOW ? RC_OK
                                   : record_refusal(v, nr, sub, verdict);
}

/* An act may begin: the domain that the arguments name permits it, and it is
 * recorded. The refusal is recorded, too. */
static enum rc act_begin(const struct hc_call *c, u32 row,
                         struct record_act *act)
{
    const struct domain *d = c->v->domain;
    const enum right right = (enum right)info[row].right;
    u16 id = 0;

    act->v = c->v;
    act->event = (enum audit_event)info[row].event;
    act->right = right;
    if (info[row].object == POLICY_DOMAIN) {
        memcpy(&id, act->args, sizeof(id));
        act->target = domain_by_id(id);
        if (act->target == NULL) {
            return RC_ESRCH;
        }
        const enum policy_verdict verdict =
            policy_decide(atomic_load64(&d->rights), right,
                          act->target == d ? POLICY_SELF : POLICY_DOMAIN,
                          act->target->permits);

        if (verdict != POLICY_ALLOW) {
            return record_refusal(c->v, c->nr, c->arg[0], verdict);
        }
    }
    return record_act_begin(act);
}

/* The call with the structure at place, fetched before and stored after; maybe
 * as an act. */
#define CALL(name, a, place, is_act)                                           \
    {                                                                          \
        struct arg_##a arg;                                                    \
        struct record_act act = { .args = &arg, .bytes = sizeof(arg) };        \
        const gva_t from = place;                                              \
        enum rc rc = fetch_##a(&arg, from);                                    \
        if (rc != RC_OK || store_##a(from, &arg, RC_OK) != RC_OK) {            \
            return rc != RC_OK ? rc : RC_EFAULT;                               \
        }                                                                      \
        rc = (is_act) ? act_begin(c, row, &act) : RC_OK;                       \
        const s64 result = rc == RC_OK ? hc_##name(c, &arg) : rc;              \
        if ((is_act) && rc == RC_OK) {                                         \
            record_act_end(&act, result);                                      \
        }                                                                      \
        return result < 0 ? result : store_##a(from, &arg, result);            \
    }

/* A call whose row is known where policy is asked, which makes the question a
 * short one. */
#define ADMITTED(row, call)                                                    \
    case row: {                                                                \
        const enum rc rc = admit(c->v, c->nr, row, sub);                       \
        return rc == RC_OK ? call : rc;                                        \
    }

/* Rows with one structure. */
static NO_INLINE s64 call_structure(struct hc_call *c, u32 row)
{
    switch (row) {
#define HC_S(n, s, w, name, p, a, r, o, g, d)                                  \
    case HCROW_##name:                                                         \
        CALL(name, a, gva(c->arg[p]), false)
#define HC_P(n, s, w, name, p, a, r, o, e, g, d)                               \
    case HCROW_##name:                                                         \
        CALL(name, a, gva(c->arg[p]), true)
#include "core/hypercalls.def"
    default:
        return RC_ENOSYS;
    }
}

/* Callback registration: the kind is in the structure. */
static NO_INLINE s64 call_by_field(struct hc_call *c)
{
    struct arg_callback a;

    if (c->arg[0] != 0) { /* unregister: no guest needs it */
        return admit(c->v, c->nr, HCROW_NONE, c->arg[0]);
    }
    const enum rc rc = fetch_callback(&a, gva(c->arg[1]));

    if (rc != RC_OK) {
        return rc;
    }
    const u32 row = find(c->nr, a.type);
    const enum rc admitted = admit(c->v, c->nr, row, a.type);

    if (admitted != RC_OK) {
        return admitted;
    }
    switch (row) {
#define HC_F(n, s, w, name, p, arg, r, o, g, d)                                \
    case HCROW_##name:                                                         \
        return hc_##name(c, &a);
#include "core/hypercalls.def"
    default:
        return RC_ENOSYS;
    }
}

/* An element of mmu_update, and those of the left - 1 behind it that are for
 * the same row and paid for: fetched, asked for and carried out together. How
 * many of these were done, or what the first came to. */
static NO_INLINE s64 mmu_elements(struct hc_call *c, u64 at, u64 left)
{
    struct arg_mmu_update a[MMU_GROUP];
    u64 count = left < MMU_GROUP ? left : MMU_GROUP;

    /* One page is read whole or not at all. */
    if (((at ^ (at + count * sizeof(a[0]) - 1)) & ~(PAGE_BYTES - 1ull)) != 0) {
        count = 1;
    }
    if (!arch_fetch(a, gva(at), count * sizeof(a[0]))) {
        return RC_EFAULT;
    }
    const u64 sub = a[0].ptr & 3;

    c->more = 0;
    while (c->more + 1 < count && (a[c->more + 1].ptr & 3) == sub &&
           (s32)c->more * ELEMENT_COST < c->v->budget) {
        c->more++;
    }
    switch (row_of[PAIR(1, sub)]) {
#define HC_U(n, s, w, name, arg, r, o, g, d)                                   \
    ADMITTED(HCROW_##name, hc_##name(c, a))
#include "core/hypercalls.def"
    default:
        return admit(c->v, c->nr, HCROW_NONE, sub);
    }
}

/* One element of mmuext_op. */
static s64 mmuext_element(struct hc_call *c, u64 at)
{
    struct arg_mmuext_op a;
    const enum rc fetched = fetch_mmuext_op(&a, gva(at));
    const u64 sub = a.cmd;

    if (fetched != RC_OK) {
        return fetched;
    }
    switch (find(26, sub)) {
#define HC_M(n, s, w, name, arg, r, o, g, d)                                   \
    ADMITTED(HCROW_##name, hc_##name(c, &a))
#include "core/hypercalls.def"
    default:
        return admit(c->v, c->nr, HCROW_NONE, sub);
    }
}

/* Elements done of a list are taken off its front: pointer, then count. */
static s64 cut(struct hc_call *c, u32 pointer, u64 size, u64 done)
{
    c->arg[pointer] += done * size;
    c->arg[pointer + 1] -= done;
    return RC_PREEMPT;
}

/* The same for a batch whose done count goes on with the next part. */
static s64 cut_counted(struct hc_call *c, u64 size, u64 done, u64 before)
{
    (void)cut(c, 0, size, done);
    c->arg[1] |= COUNT_IS_CUT | (before + done) << 32;
    return RC_PREEMPT;
}

/* mmu_update and mmuext_op: (list, count, done *, domain). Stops at the first
 * error; done counts what was carried out. */
static NO_INLINE s64 call_mmu_batch(struct hc_call *c)
{
    struct vcpu *v = c->v;
    const u64 size = c->nr == 1 ? sizeof(struct arg_mmu_update)
                                : sizeof(struct arg_mmuext_op);
    const u64 count = c->arg[1] & COUNT_MAX;
    const u64 before = (c->arg[1] & COUNT_IS_CUT) != 0 ? c->arg[1] >> 32 : 0;
    s64 result = RC_OK;
    u64 i = 0;

    if (!domain_is_self(v->domain, c->arg[3])) {
        return RC_EPERM;
    }
    c->arg[1] = count;
    while (i < count && result >= 0) {
        if (v->budget <= 0) {
            return cut_counted(c, size, i, before);
        }
        const u64 at = c->arg[0] + i * size;
        v->budget -= ELEMENT_COST;
        result =
            c->nr == 1 ? mmu_elements(c, at, count - i) : mmuext_element(c, at);
        if (result == RC_PREEMPT) {
            return cut_counted(c, size, i, before);
        }
        if (result >= 0) {
            i += 1 + (u64)result;
            v->budget -= (s32)result * ELEMENT_COST;
            result = RC_OK;
        }
    }
    /* Without the lock: what this call has left is seen, which is the point. */
    if (result >= 0 && atomic_load32(&v->domain->work.mode) != PGWORK_IDLE &&
        pgtable_continue(v) == RC_PREEMPT) {
        return cut_counted(c, size, i, before);
    }
    const u32 done = (u32)(before + i);

    if (c->arg[2] != 0 && !arch_store(gva(c->arg[2]), &done, sizeof(done))) {
        return RC_EFAULT;
    }
    return result;
}

/* One element of grant_table_op; its status goes into the element. */
static s64 grant_element(struct hc_call *c, u32 row, u64 at)
{
    switch (row) {
#define HC_G(n, s, w, name, a, r, o, g, d)                                     \
    case HCROW_##name:                                                         \
        CALL(name, a, gva(at), false)
#include "core/hypercalls.def"
    default:
        return RC_ENOSYS;
    }
}

static u64 grant_element_bytes(u32 row)
{
    switch (row) {
#define HC_G(n, s, w, name, a, r, o, g, d)                                     \
    case HCROW_##name:                                                         \
        return sizeof(struct arg_##a);
#include "core/hypercalls.def"
    default:
        return 0;
    }
}

/* grant_table_op: (sub, list, count). */
static NO_INLINE s64 call_grant_batch(struct hc_call *c, u32 row)
{
    struct vcpu *v = c->v;
    const u64 size = grant_element_bytes(row);

    if (c->arg[2] > COUNT_MAX) {
        return RC_EINVAL;
    }
    for (u64 i = 0; i < c->arg[2]; i++) {
        if (v->budget <= 0) {
            return cut(c, 1, size, i);
        }
        v->budget -= 4 * ELEMENT_COST;
        const s64 result = grant_element(c, row, c->arg[1] + i * size);

        if (result < 0) { /* no call on grants is cut inside an element */
            return result;
        }
    }
    return RC_OK;
}

s64 dispatch_entry(struct hc_call *c)
{
    const u8 where =
        c->nr < NR_COUNT ? where_of[index_clamp(c->nr, NR_COUNT)] : HC_NONE;
    u64 sub = 0;

    if (where >= HC_ELEM) {
        return where == HC_ELEM ? call_mmu_batch(c) : call_by_field(c);
    }
    if (where == HC_A0) {
        sub = c->nr == 12 ? c->arg[0] & 0x3f : (u32)c->arg[0];
    } else if (where == HC_A1) {
        sub = c->arg[0] == 0 ? (u32)c->arg[1] : SUB_COUNT;
    }
    const u32 row = find(c->nr, sub);

    if (info[row].shape >= 'a') {
        if (c->in_multicall && c->v->budget < LONG_COST) {
            return RC_PREEMPT; /* in a turn of its own */
        }
        c->v->budget -= LONG_COST;
    }
    switch (row) {
#define HC_R(n, s, w, name, r, o, g, d) ADMITTED(HCROW_##name, hc_##name(c))
#include "core/hypercalls.def"
    default:
        break;
    }
    const enum rc rc = admit(c->v, c->nr, row, sub);

    if (rc != RC_OK) {
        return rc;
    }
    return info[row].shape == 'B' ? call_grant_batch(c, row)
                                  : call_structure(c, row);
}

enum rc dispatch_ask_iret(struct vcpu *v)
{
    return admit(v, NR_IRET, HCROW_iret, 0);
}
