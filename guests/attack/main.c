/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is attacked is chosen by the command line:
 *
 *     (nothing)                     each action once, one after the other
 *     race=VCPUS seed=N rounds=N    the same, while other vCPUs run others
 *     soup=VCPUS seed=N steps=N from=N    in random order, on all vCPUs; with
 *                                   limit_s=N for so many seconds at most
 *     mode=NAME                     one of modes.def, which ends the domain
 *     role=helper                   helps the attacker that has helper=yes
 * (peer.h)
 *
 * only=PREFIX limits all of these to actions whose id begins so, marks=1 has
 * each action marked in the audit log (run.c), connect=1 says that the file of
 * this tenant gives it the right to connect. What came of each:
 *
 *     ATTACK A17.1 expect=0 got=0 ok ms=1 refused=0
 *
 * and at the end `ATTACK done: N ok, N failed`.
 */
#include "guests/attack/attack.h"
#include "guests/attack/peer.h"
#include "guests/lib/refusals.h"

struct mode {
    const char *name;
    void (*run)(void);
};

static const struct mode modes[] = {
#define MODE(name, ...) { #name, mode_##name },
#include "guests/attack/modes.def"
#undef MODE
};

static void mode_run(const char *name)
{
    for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
        if (text_equal(name, modes[i].name)) {
            say("ATTACK mode ");
            say(name);
            say("\n");
            /* Let the line be read: there may be no later. */
            guest_wait(2000);
            modes[i].run();
            say("ATTACK mode survived\n");
            return;
        }
    }
    say("ATTACK there is no such mode\n");
}

static u32 single_run(void)
{
    u32 count = 0;
    for (u32 i = 0; i < action_count; i++) {
        const struct action *a = &actions[i];
        if (action_wanted(a)) {
            const u64 started = time_ns();
            action_report(a, started, action_run(a, false, ""));
            action_mark(a);
            count++;
        }
    }
    return count;
}

static void say_end(u32 count)
{
    say("ATTACK refusals ");
    refusals_say();
    say("\nATTACK done: ");
    say_dec((s64)count - failures);
    say(" ok, ");
    say_dec(failures);
    say(" failed\n");
}

void guest_main(void)
{
    may_connect = option_number("connect", 0) != 0;
    if (text_equal(option("role"), "helper")) {
        peer_serve();
    }
    const u64 seed = option_number("seed", 1);
    const u32 race = (u32)option_number("race", 0);
    const u32 soup = (u32)option_number("soup", 0);
    const u64 steps = option_number("steps", 1000);
    char mode[64];
    fill(mode, 0, sizeof(mode));
    for (u32 i = 0; option("mode")[i] != '\0'; i++) {
        mode[i] = option("mode")[i];
    }
    if (mode[0] != '\0') {
        mode_run(mode);
    } else if (race != 0) {
        race_run(race, seed);
        say_end(action_count);
    } else if (soup != 0) {
        say_end((u32)soup_run(soup, seed, steps, option_number("from", 0)));
    } else {
        say_end(single_run());
    }
    peer_quit();
}
