/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attacking guest. An action is a function that tries one thing a guest
 * must not get away with, and returns what came of it; its row in actions.def
 * declares what must come of it. Numbers at 1000 and above are exceptions: the
 * vector + 1000.
 */
#ifndef GUESTS_ATTACK_ATTACK_H
#define GUESTS_ATTACK_ATTACK_H

#include "guests/lib/guest.h"

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38
#define TRAPPED 1000
#define NO_HELPER (-8888) /* the helper that an action needs did not come */

/* Scratch pages of the vCPU that asks, PAGES of them: mapped writable, zero, at
 * the start of each action. What an action needs to keep goes there or on the
 * stack, so that vCPUs can run actions beside each other; statics are for what
 * company.def says more of. */
#define scratch (room()->pages)

/* Exception that f(argument) ended with, + TRAPPED; 0 when it returned. */
s64 trapped(void (*f)(u64), u64 argument);
/* The same of f in user mode, on the kernel's own tables. Ends only by an
 * exception or a system call. */
s64 trapped_in_user(void (*f)(void));

#define ACTION(id, name, ...) s64 attack_##name(void);
#include "guests/attack/actions.def"
#undef ACTION
#define MODE(name, ...) void mode_##name(void);
#include "guests/attack/modes.def"
#include "policy/policy.h"
#undef MODE

/* ---- run.c: one action ---- */

struct action {
    const char *id;
    s64 (*run)(void);
    s64 expected;
    const char *what;
};

/* It runs on the first vCPU, while the others stand still or help it. */
#define ALONE 1u
/* What it answers is open when others are at work; no harm is demanded. */
#define OPEN 2u
/* Takes long: chosen one time in 64 at random. */
#define SELDOM 4u

extern const struct action actions[];
extern const u32 action_count;
extern u32 failures;
/* What company.def says of it. */
u32 action_company(const struct action *a);

/* Run it and restore the vCPU; true when it did what it must. Nothing is said
 * of one that did; the place tells where a failure happened. */
bool action_run(const struct action *a, bool is_open, const char *place);
/* `ATTACK A17.1 expect=0 got=0 ok`, and what it cost. */
void action_report(const struct action *a, u64 started_ns, bool ok);
/* Is there all it needs? */
bool action_possible(const struct action *a);
/* That, and does only=PREFIX of the command line mean it? */
bool action_wanted(const struct action *a);
/* The kernel's count of refusals, at this action: a call that is refused and
 * stands in the audit log. With marks=1 in the command line. */
void action_mark(const struct action *a);

/* ---- company.c: several at once ---- */

void race_run(u32 vcpus, u64 seed);
/* How many actions ran. */
u64 soup_run(u32 vcpus, u64 seed, u64 steps, u64 from);

/* A right that a tenant does not hold unless its file gives it, if ever. */
static inline bool is_denied(u32 right)
{
    return (POLICY_TENANT_GIVEN >> right & 1) == 0;
}

#endif
