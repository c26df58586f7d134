/* SPDX-License-Identifier: Apache-2.0 */
/* Texts expanded from the policy's tables; see policytext.h. */
#include "rf/policytext.h"

const char *policy_reason(enum policy_verdict verdict)
{
    switch (verdict) {
    case POLICY_ALLOW:
        return "allowed";
#define REASON(number, name, text)                                             \
    case POLICY_DENY_##name:                                                   \
        return text;
#include "policy/reasons.def"
#undef REASON
    case POLICY_VERDICT_COUNT:
    default:
        return "denied for a reason that does not exist";
    }
}

const char *policy_right_name(u32 bit)
{
    switch (bit) {
#define RIGHT(number, name, doc)                                               \
    case number:                                                               \
        return #name;
#include "policy/rights.def"
#undef RIGHT
    default:
        return NULL;
    }
}

enum mf_where manifest_error_where(enum mf_error error)
{
    switch (error) {
#define MF_ERROR(name, where, wrong, text)                                     \
    case MF_ERROR_##name:                                                      \
        return MF_IN_##where;
#include "policy/manifest_errors.def"
#undef MF_ERROR
    case MF_GOOD:
    case MF_ERROR_COUNT:
    default:
        return MF_IN_HEADER;
    }
}

u64 policy_role_given(u32 role)
{
    switch (role) {
#define ROLE(number, name, given, allowed, doc)                                \
    case number:                                                               \
        return given;
#include "policy/roles.def"
#undef ROLE
    default:
        return 0;
    }
}
