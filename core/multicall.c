/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handler: multicall, a list of hypercalls in one entry. [XEN xen.h]
 *
 * Each entry is fetched once and dispatched like a call of its own: the same
 * policy, the same checks. An entry that is cut leaves its rewritten arguments
 * in the guest's list and the list pointer on itself. Lists do not nest, and
 * iret has no place in one: its frame is the caller's registers.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/dispatch.h"

/* Of the budget; long calls take more, see dispatch.c. */
#define ENTRY_COST 20
#define NR_MULTICALL 13u

static s64 cut(struct hc_call *c, u64 done)
{
    c->arg[0] += done * sizeof(struct multicall_entry);
    c->arg[1] -= done;
    return RC_PREEMPT;
}

static s64 call_entry(struct vcpu *v, const struct multicall_entry *e,
                      struct hc_call *inner)
{
    inner->v = v;
    inner->nr = (u32)e->op;
    inner->in_multicall = true;
    for (u32 i = 0; i < 6; i++) {
        inner->arg[i] = e->args[i];
    }
    if (e->op == NR_MULTICALL || e->op > U32_MAX) {
        return RC_EINVAL;
    }
    return dispatch_entry(inner);
}

s64 hc_multicall(struct hc_call *c)
{
    struct vcpu *v = c->v;
    const u64 count = c->arg[1];

    for (u64 i = 0; i < count; i++) {
        const u64 at = c->arg[0] + i * sizeof(struct multicall_entry);
        struct multicall_entry e;
        struct hc_call inner;

        if (v->budget <= 0) {
            return cut(c, i);
        }
        if (!arch_fetch(&e, gva(at), sizeof(e))) {
            return RC_EFAULT;
        }
        v->budget -= ENTRY_COST;
        const s64 result = call_entry(v, &e, &inner);

        if (result == RC_PREEMPT) {
            const u64 args_at = at + offsetof(struct multicall_entry, args);

            if (!arch_store(gva(args_at), inner.arg, sizeof(inner.arg))) {
                return RC_EFAULT;
            }
            return cut(c, i);
        }
        const u64 result_at = at + offsetof(struct multicall_entry, result);

        if (!arch_store(gva(result_at), &result, sizeof(result))) {
            return RC_EFAULT;
        }
    }
    return RC_OK;
}
