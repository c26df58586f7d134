/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way from a hypercall to its handler:
 * find the row, ask the policy, fetch the arguments once, check and apply in
 * the handler, store the results, record a refusal.
 */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include "core/abi.h"
#include "core/auditor.h"
#include "core/pgtable.h"

/* May v make the iret call now? The one call that ends every system call of a
 * guest, and whose arguments are in a frame of it: x86/iret.c carries it out.
 * RC_OK, or the refusal, which is recorded. */
enum rc dispatch_ask_iret(struct vcpu *v) MUST_CHECK;

/* An entry of a multicall, as dispatch: the budget runs on. */
s64 dispatch_entry(struct hc_call *c);

/* Carry out the call of c->v, the current vCPU. The result for the guest, or
 * RC_PREEMPT: the guest shall make the call again with the arguments now in
 * c->arg. No lock held. */
static inline s64 dispatch(struct hc_call *c)
{
    c->v->budget = PGTABLE_BUDGET;
    const s64 result = dispatch_entry(c);

    auditor_exit(c->v->domain);
    return result;
}

#endif
