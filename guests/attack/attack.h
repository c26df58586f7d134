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
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38
#define TRAPPED 1000

#define PAGES 8u

/* Scratch pages of the image: mapped writable, zero, at the start and at the
 * end of each action. */
extern u8 scratch[PAGES][PAGE_BYTES];

/* Exception that f(argument) ended with, + TRAPPED; 0 when it returned. */
s64 trapped(void (*f)(u64), u64 argument);
/* The same of f in user mode, on the kernel's own tables. Ends only by an
 * exception or a system call. */
s64 trapped_in_user(void (*f)(void));

#define ACTION(id, name, ...) s64 attack_##name(void);
#include "guests/attack/actions.def"
#undef ACTION
#define MODE(name, what) void mode_##name(void);
#include "guests/attack/modes.def"
#undef MODE

#endif
