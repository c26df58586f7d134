/* SPDX-License-Identifier: Apache-2.0 */
/* What roles allow; the decision itself is in policy.h. */
#include "policy/policy.h"

#include "policy/manifest.h"

#define ROLE(number, name, given, allowed, doc) [MF_ROLE_##name] = (allowed),
static const u64 role_allowed[MF_ROLE_COUNT] = {
#include "policy/roles.def"
};
#undef ROLE

u64 policy_role_allowed(u32 role)
{
    return role < MF_ROLE_COUNT ? role_allowed[role] : 0;
}
