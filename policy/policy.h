/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: may this subject exercise this right on this kind of object?
 *
 * A subject is a domain, seen as the mask of rights its manifest record gives
 * it. A right is a row of policy/rights.def. An object is one of three kinds:
 *
 *   SELF  the domain itself and what it owns
 *   PEER  another domain, by that domain's consent: a port it offered, a grant
 *         it gave. The handler checks the consent; the policy only says
 *         whether the caller may use any.
 *   HOST  the machine and everybody on it
 *
 * Whatever is not allowed here is denied. The functions are pure: no state, no
 * lock, the same answer for the same arguments at any time on any CPU.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "core/base.h"

#define RIGHT(bit, name, doc) RIGHT_##name = (bit),
enum right {
#include "policy/rights.def"
    RIGHT_COUNT
};
#undef RIGHT

#define RIGHT_MASK(name) (1ull << RIGHT_##name)
#define RIGHTS_ALL ((1ull << RIGHT_COUNT) - 1)

/* What a tenant can do without anybody else having a part in it. */
#define POLICY_TENANT_GIVEN                                                    \
    (RIGHT_MASK(INFO) | RIGHT_MASK(MEMORY) | RIGHT_MASK(CPU) |                 \
     RIGHT_MASK(SCHED) | RIGHT_MASK(TIME) | RIGHT_MASK(EVENT) |                \
     RIGHT_MASK(GRANT) | RIGHT_MASK(CONSOLE))

enum policy_object { POLICY_SELF, POLICY_PEER, POLICY_HOST };

#define REASON(number, name, text) POLICY_DENY_##name = (number),
enum policy_verdict {
    POLICY_ALLOW = 0,
#include "policy/reasons.def"
    POLICY_VERDICT_COUNT
};
#undef REASON

#define POLICY_ON(object) (1u << POLICY_##object)

/* What each right reaches: a mask of object kinds. A new right reaches nothing
 * until somebody writes down what. */
static const u8 policy_reach[RIGHT_COUNT] = {
    [RIGHT_INFO] = POLICY_ON(SELF),    [RIGHT_MEMORY] = POLICY_ON(SELF),
    [RIGHT_CPU] = POLICY_ON(SELF),     [RIGHT_SCHED] = POLICY_ON(SELF),
    [RIGHT_TIME] = POLICY_ON(SELF),    [RIGHT_EVENT] = POLICY_ON(SELF),
    [RIGHT_GRANT] = POLICY_ON(SELF),   [RIGHT_CONSOLE] = POLICY_ON(SELF),
    [RIGHT_CONNECT] = POLICY_ON(PEER),
};

/* Allow, or the reason why not. Any value of any argument is answered. Three
 * questions in order, each of which can only take away: is it a right, does the
 * subject hold it, and does that right reach this kind of object. Here, because
 * every hypercall asks. */
/*@ assigns \nothing;
    ensures \result == POLICY_ALLOW ==> 0 <= right < RIGHT_COUNT &&
            ((rights >> right) & 1) == 1 &&
            ((right == RIGHT_CONNECT && object == POLICY_PEER) ||
             (right != RIGHT_CONNECT && object == POLICY_SELF));
    ensures 0 <= right < RIGHT_COUNT && ((rights >> right) & 1) == 1 &&
            ((right == RIGHT_CONNECT && object == POLICY_PEER) ||
             (right != RIGHT_CONNECT && object == POLICY_SELF)) ==>
            \result == POLICY_ALLOW;
    ensures object == POLICY_HOST ==> \result != POLICY_ALLOW; */
static inline MUST_CHECK enum policy_verdict
policy_decide(u64 rights, enum right right, enum policy_object object)
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
        return (policy_reach[bit] & POLICY_ON(SELF)) != 0
                   ? POLICY_ALLOW
                   : POLICY_DENY_NOT_ON_SELF;
    case POLICY_PEER:
        return (policy_reach[bit] & POLICY_ON(PEER)) != 0
                   ? POLICY_ALLOW
                   : POLICY_DENY_NOT_ON_PEER;
    case POLICY_HOST:
    default:
        return POLICY_DENY_NOT_ON_HOST;
    }
}

/* Rights that no manifest may exceed for this role; 0 for a role there is
 * not. */
/*@ assigns \nothing; ensures role > 0 ==> \result == 0; */
u64 policy_role_allowed(u32 role);

#endif
