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

/* Allow, or the reason why not. Any value of any argument is answered. */
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
enum policy_verdict policy_decide(u64 rights, enum right right,
                                  enum policy_object object) MUST_CHECK;

/* Rights that no manifest may exceed for this role; 0 for a role there is
 * not. */
/*@ assigns \nothing; ensures role > 0 ==> \result == 0; */
u64 policy_role_allowed(u32 role);

#endif
