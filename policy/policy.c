/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision; see policy.h. Four questions in order, each of which can only
 * take away: is it a right, does the subject hold it, does that right reach
 * this kind of object, and does the object permit it. The reach of every right
 * is a table, so that a new right reaches nothing until somebody writes down
 * what.
 */
#include "policy/policy.h"

#include "policy/manifest.h"

/* What each right reaches: SELF, PEER, HOST, DOMAIN. */
/* clang-format off */
static const bool reach[RIGHT_COUNT][POLICY_DOMAIN + 1] = {
    [RIGHT_INFO]       = { true },
    [RIGHT_MEMORY]     = { true },
    [RIGHT_CPU]        = { true },
    [RIGHT_SCHED]      = { true },
    [RIGHT_TIME]       = { true },
    [RIGHT_EVENT]      = { true },
    [RIGHT_GRANT]      = { true },
    [RIGHT_CONSOLE]    = { true },
    [RIGHT_CONNECT]    = { false, true },
    [RIGHT_OBSERVE]    = { true, false, false, true },
    [RIGHT_PAUSE]      = { false, false, false, true },
    [RIGHT_DESTROY]    = { false, false, false, true },
    [RIGHT_START]      = { false, false, false, true },
    [RIGHT_CONSOLES]   = { false, false, true },
    [RIGHT_RULES_LOAD] = { false, false, true },
    [RIGHT_RULES_READ] = { false, false, true },
    [RIGHT_DROP]       = { true },
};
/* clang-format on */

#define ROLE(number, name, given, allowed, doc) [MF_ROLE_##name] = (allowed),
static const u64 role_allowed[MF_ROLE_COUNT] = {
#include "policy/roles.def"
};
#undef ROLE

/* The reason why a right does not reach the object. */
/*@ assigns \nothing; ensures \result != POLICY_ALLOW; */
static enum policy_verdict not_on(enum policy_object object)
{
    return object == POLICY_SELF     ? POLICY_DENY_NOT_ON_SELF
           : object == POLICY_PEER   ? POLICY_DENY_NOT_ON_PEER
           : object == POLICY_DOMAIN ? POLICY_DENY_NOT_ON_DOMAIN
                                     : POLICY_DENY_NOT_ON_HOST;
}

enum policy_verdict policy_decide(u64 rights, enum right right,
                                  enum policy_object object, u64 permits)
{
    const u32 bit = (u32)right;
    const u32 kind = (u32)object;

    if (bit >= RIGHT_COUNT) {
        return POLICY_DENY_NO_SUCH_RIGHT;
    }
    if ((rights >> bit & 1) == 0) {
        return POLICY_DENY_RIGHT_NOT_HELD;
    }
    if (kind > POLICY_DOMAIN || !reach[bit][kind]) {
        return not_on(object);
    }
    if (kind == POLICY_DOMAIN && (permits >> bit & 1) == 0) {
        return POLICY_DENY_NOT_PERMITTED;
    }
    return POLICY_ALLOW;
}

u64 policy_role_allowed(u32 role)
{
    return role < MF_ROLE_COUNT ? role_allowed[role] : 0;
}
