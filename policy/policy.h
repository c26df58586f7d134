/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: may this subject exercise this right on this kind of object?
 *
 * A subject is a domain, seen as the mask of rights its manifest record gives
 * it. A right is a row of policy/rights.def. An object is one of four kinds:
 *
 *   SELF    the domain itself and what it owns
 *   PEER    another domain, by that domain's consent: a port it offered, a
 *           grant it gave. The handler checks the consent; the policy only
 *           says whether the caller may use any.
 *   HOST    the machine and everybody on it
 *   DOMAIN  the life of another domain, as far as that domain's file permits:
 *           its mask of permits, which are rights too
 *
 * No right reaches another domain's memory or registers.
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

#define POLICY_ROUTER_GIVEN                                                    \
    (POLICY_TENANT_GIVEN | RIGHT_MASK(CONNECT) | RIGHT_MASK(RULES_READ) |      \
     RIGHT_MASK(DROP))

/* What a domain's file can permit others to do to it. */
#define POLICY_PERMITS                                                         \
    (RIGHT_MASK(OBSERVE) | RIGHT_MASK(PAUSE) | RIGHT_MASK(DESTROY) |           \
     RIGHT_MASK(START))

enum policy_object { POLICY_SELF, POLICY_PEER, POLICY_HOST, POLICY_DOMAIN };

#define REASON(number, name, text) POLICY_DENY_##name = (number),
enum policy_verdict {
    POLICY_ALLOW = 0,
#include "policy/reasons.def"
    POLICY_VERDICT_COUNT
};
#undef REASON

/* What each right reaches: SELF, PEER, HOST, DOMAIN. A new right reaches
 * nothing until somebody writes down what. */
/* clang-format off */
static const bool policy_reach[RIGHT_COUNT][POLICY_DOMAIN + 1] = {
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
    [RIGHT_COLLECT]    = { false, false, true },
};
/* clang-format on */

/* The reason why a right does not reach the object. */
/*@ assigns \nothing; ensures \result != POLICY_ALLOW; */
static inline enum policy_verdict policy_not_on(enum policy_object object)
{
    return object == POLICY_SELF     ? POLICY_DENY_NOT_ON_SELF
           : object == POLICY_PEER   ? POLICY_DENY_NOT_ON_PEER
           : object == POLICY_DOMAIN ? POLICY_DENY_NOT_ON_DOMAIN
                                     : POLICY_DENY_NOT_ON_HOST;
}

/*@ predicate policy_reaches(integer right, integer object) =
      (object == POLICY_SELF && (0 <= right <= RIGHT_CONSOLE ||
       right == RIGHT_OBSERVE || right == RIGHT_DROP)) ||
      (object == POLICY_PEER && right == RIGHT_CONNECT) ||
      (object == POLICY_HOST && (right == RIGHT_COLLECT ||
       RIGHT_CONSOLES <= right <= RIGHT_RULES_READ)) ||
      (object == POLICY_DOMAIN && RIGHT_OBSERVE <= right <= RIGHT_START); */

/* Allow, or the reason why not; permits count for DOMAIN only. Any value of any
 * argument is answered. Four questions in order, each of which can only take
 * away: is it a right, does the subject hold it, does that right reach this
 * kind of object, and does the object permit it. Here, because every call asks.
 */
/*@ assigns \nothing;
    ensures \result == POLICY_ALLOW ==> 0 <= right < RIGHT_COUNT &&
            ((rights >> right) & 1) == 1;
    ensures \result == POLICY_ALLOW ==> policy_reaches(right, object);
    ensures \result == POLICY_ALLOW && object == POLICY_DOMAIN ==>
            ((permits >> right) & 1) == 1;
    ensures 0 <= right < RIGHT_COUNT && ((rights >> right) & 1) == 1 &&
            policy_reaches(right, object) &&
            (object == POLICY_DOMAIN ==> ((permits >> right) & 1) == 1) ==>
            \result == POLICY_ALLOW; */
static inline MUST_CHECK enum policy_verdict
policy_decide(u64 rights, enum right right, enum policy_object object,
              u64 permits)
{
    const u32 bit = (u32)right;
    const u32 kind = (u32)object;

    if (bit >= RIGHT_COUNT) {
        return POLICY_DENY_NO_SUCH_RIGHT;
    }
    if ((rights >> bit & 1) == 0) {
        return POLICY_DENY_RIGHT_NOT_HELD;
    }
    if (kind > POLICY_DOMAIN || !policy_reach[bit][kind]) {
        return policy_not_on(object);
    }
    if (kind == POLICY_DOMAIN && (permits >> bit & 1) == 0) {
        return POLICY_DENY_NOT_PERMITTED;
    }
    return POLICY_ALLOW;
}

/* Rights that no manifest may exceed for this role; 0 for a role there is
 * not. */
/*@ assigns \nothing;
    ensures role > 2 ==> \result == 0;
    ensures role == 0 ==> \result == 0x1ff; */
u64 policy_role_allowed(u32 role);

#endif
