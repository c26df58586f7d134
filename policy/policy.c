/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision; see policy.h. Three questions in order, each of which can only
 * take away: is it a right, does the subject hold it, and does that right
 * reach this kind of object. The reach of every right is a table, so that a
 * new right reaches nothing until somebody writes down what.
 */
#include "policy/policy.h"

#include "policy/manifest.h"

#define ON(object) (1u << POLICY_##object)

/* What each right reaches: a mask of object kinds. */
static const u8 reach[RIGHT_COUNT] = {
    [RIGHT_INFO] = ON(SELF),    [RIGHT_MEMORY] = ON(SELF),
    [RIGHT_CPU] = ON(SELF),     [RIGHT_SCHED] = ON(SELF),
    [RIGHT_TIME] = ON(SELF),    [RIGHT_EVENT] = ON(SELF),
    [RIGHT_GRANT] = ON(SELF),   [RIGHT_CONSOLE] = ON(SELF),
    [RIGHT_CONNECT] = ON(PEER),
};

#define ROLE(number, name, given, allowed, doc) [MF_ROLE_##name] = (allowed),
static const u64 role_allowed[MF_ROLE_COUNT] = {
#include "policy/roles.def"
};
#undef ROLE

enum policy_verdict policy_decide(u64 rights, enum right right,
                                  enum policy_object object)
{
    const u32 bit = (u32)right;

    if (bit >= RIGHT_COUNT) {
        return POLICY_DENY_NO_SUCH_RIGHT;
    }
    if ((rights >> bit & 1) == 0) {
        return POLICY_DENY_RIGHT_NOT_HELD;
    }
    switch (object) {
    case POLICY_SELF:
        return (reach[bit] & ON(SELF)) != 0 ? POLICY_ALLOW
                                            : POLICY_DENY_NOT_ON_SELF;
    case POLICY_PEER:
        return (reach[bit] & ON(PEER)) != 0 ? POLICY_ALLOW
                                            : POLICY_DENY_NOT_ON_PEER;
    case POLICY_HOST:
    default:
        return POLICY_DENY_NOT_ON_HOST;
    }
}

u64 policy_role_allowed(u32 role)
{
    return role < MF_ROLE_COUNT ? role_allowed[role] : 0;
}
