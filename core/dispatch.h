/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way from a hypercall to its handler:
 * find the row, ask the policy, fetch the arguments once, check and apply in
 * the handler, store the results, record a refusal.
 */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include "core/abi.h"

/* Carry out the call of c->v, the current vCPU. The result for the guest, or
 * RC_PREEMPT: the guest shall make the call again with the arguments now in
 * c->arg. No lock held. */
s64 dispatch(struct hc_call *c);

/* The same for an entry of a multicall: the budget runs on. */
s64 dispatch_entry(struct hc_call *c);

/* Number, sub-operation and name of a row, for records and manuals. */
struct hc_info {
    const char *name;
    u8 nr;
    u8 sub;
    u8 where; /* enum hc_where */
    u8 shape; /* 'R', 'S', 'B' */
    u8 right; /* enum right */
    u8 object;
};

enum hc_where { HC_NONE, HC_A0, HC_A1, HC_ELEM, HC_FIELD };

const struct hc_info *hc_info(u32 row);

#endif
