/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for what the kernel writes into its log: a test that links the
 * real thing overrides them.
 */
#include "core/record.h"

#define WEAK __attribute__((weak))

WEAK void record_life(const struct domain *d, enum record_life what, u64 detail)
{
    (void)d;
    (void)what;
    (void)detail;
}

WEAK void record_refusal(struct vcpu *v, u32 nr, u64 sub, enum rc why)
{
    (void)v;
    (void)nr;
    (void)sub;
    (void)why;
}
