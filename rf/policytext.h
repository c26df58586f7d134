/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy's tables as text for a person; the kernel prints none of it.
 */
#ifndef RF_POLICYTEXT_H
#define RF_POLICYTEXT_H

#include "policy/manifest_check.h"
#include "policy/policy.h"

/* One line for a person; never NULL. */
const char *policy_reason(enum policy_verdict verdict);

/* Name of a right as in rights.def, or NULL when there is none of that bit. */
const char *policy_right_name(u32 bit);

/* Rights of a domain of this role whose tenant file asks for nothing. */
u64 policy_role_given(u32 role);

/* What the index of such a fault counts. */
enum mf_where manifest_error_where(enum mf_error error);

#endif
