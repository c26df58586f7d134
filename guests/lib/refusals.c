/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was refused: see refusals.h.
 */
#include "guests/lib/refusals.h"

#include "guests/lib/guest.h"

#define NR_MULTICALL 13u
#define EPERM 1
#define ENOSYS 38

u64 refusals_ever;
u64 refusals[REFUSAL_CLASSES];
bool may_connect;

enum { NEEDS_CONNECT = 1, NEEDS_PRIVILEGE };
#define RIGHT_INFO 0
#define RIGHT_MEMORY 0
#define RIGHT_CPU 0
#define RIGHT_SCHED 0
#define RIGHT_TIME 0
#define RIGHT_EVENT 0
#define RIGHT_GRANT 0
#define RIGHT_CONSOLE 0
#define RIGHT_CONNECT NEEDS_CONNECT
#define RIGHT_OBSERVE NEEDS_PRIVILEGE
#define RIGHT_PAUSE NEEDS_PRIVILEGE
#define RIGHT_DESTROY NEEDS_PRIVILEGE
#define RIGHT_START NEEDS_PRIVILEGE
#define RIGHT_CONSOLES NEEDS_PRIVILEGE
#define RIGHT_RULES_LOAD NEEDS_PRIVILEGE
#define RIGHT_RULES_READ NEEDS_PRIVILEGE
#define RIGHT_DROP NEEDS_PRIVILEGE
#define RIGHT_COLLECT NEEDS_PRIVILEGE

static const struct {
    u8 nr, sub, need;
} rows[] = {
#define HC_R(n, s, w, name, r, o, g, d) { n, s, RIGHT_##r },
#define HC_S(n, s, w, name, p, a, r, o, g, d) { n, s, RIGHT_##r },
#define HC_B(n, s, w, name, a, r, o, g, d) { n, s, RIGHT_##r },
#include "core/hypercalls.def"
};

static bool lacks_right(u64 nr, u64 sub)
{
    const u8 lacking = may_connect ? NEEDS_PRIVILEGE : NEEDS_CONNECT;

    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].need >= lacking && rows[i].nr == nr && rows[i].sub == sub) {
            return true;
        }
    }
    return false;
}

static void count(u64 nr, u64 sub, s64 answer)
{
    if (answer == -ENOSYS || (answer == -EPERM && lacks_right(nr, sub))) {
        const u64 class_nr = nr < REFUSAL_CLASSES ? nr : REFUSAL_CLASSES - 1;
        (void)__atomic_add_fetch(&refusals[class_nr], 1, __ATOMIC_SEQ_CST);
        (void)__atomic_add_fetch(&refusals_ever, 1, __ATOMIC_SEQ_CST);
    }
}

void refusal_seen(u64 nr, u64 a, u64 b, s64 answer)
{
    if (nr != NR_MULTICALL) {
        count(nr, a, answer);
        return;
    }
    const volatile struct multicall_entry *const list = (const void *)a;
    for (u64 i = 0; answer == 0 && i < b; i++) {
        count(list[i].op, list[i].args[0], list[i].result);
    }
}

void refusals_say(void)
{
    say("refused=");
    say_dec((s64)refusals_ever);
    for (u32 i = 0; i < REFUSAL_CLASSES; i++) {
        if (refusals[i] != 0) {
            say(" ");
            if (i < REFUSAL_CLASSES - 1) {
                say_dec(i);
            } else {
                say("rest");
            }
            say(":");
            say_dec((s64)refusals[i]);
        }
    }
}
