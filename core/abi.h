/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two tables expand to: argument structures, row numbers, handler
 * prototypes. Nothing here is written by hand.
 */
#ifndef CORE_ABI_H
#define CORE_ABI_H

#include "core/args.def"
#include "core/base.h"
#include "core/ids.h"

#define ARG_FIELD(type, name, kind, low, high) type name;
#define ARG_STRUCT(s, bytes)                                                   \
    struct arg_##s {                                                           \
        ARGS_##s(ARG_FIELD)                                                    \
    };                                                                         \
    _Static_assert(sizeof(struct arg_##s) == (bytes), #s);
ARG_STRUCTS(ARG_STRUCT)
#undef ARG_STRUCT
#undef ARG_FIELD

/* Row numbers: HCROW_<name>, in table order; 0 is "no such pair". */
enum hc_row {
    HCROW_NONE,
#define HC_ANY(nr, sub, where, name, shape, right, object, guest, doc)         \
    HCROW_##name,
#include "core/hypercalls.def"
    HCROW_COUNT
};

struct vcpu;

/*
 * One call in progress, in hypervisor memory. arg holds the six arguments as
 * the guest gave them (registers or a multicall entry); a handler that returns
 * RC_PREEMPT may have rewritten them, and the call is made again with what
 * they hold: they are guest-controlled on every entry.
 */
struct hc_call {
    struct vcpu *v; /* the caller; always the CPU's current vCPU */
    u64 arg[6];
    u32 nr;
    bool in_multicall;
    u32 more; /* of mmu_update: elements behind this one, for the same row */
};

#define NR_IRET 23u

/* Handlers. Result: >= 0, or a negated error number, or RC_PREEMPT. */
#define HC_R(nr, sub, where, name, right, object, guest, doc)                  \
    s64 hc_##name(struct hc_call *c);
#define HC_S(nr, sub, where, name, ptr, a, right, object, guest, doc)          \
    s64 hc_##name(struct hc_call *c, struct arg_##a *a);
#define HC_B(nr, sub, where, name, a, right, object, guest, doc)               \
    s64 hc_##name(struct hc_call *c, struct arg_##a *a);
#include "core/hypercalls.def"

#endif
