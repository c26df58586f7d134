/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the attacks one after the other and says what came of each:
 *
 *     ATTACK A17.1 expect=0 got=0 ok
 *
 * and at the end `ATTACK done: N ok, N failed`. With mode=NAME in the command
 * line only that attack is made, which is expected to end the domain.
 */
#include "guests/attack/attack.h"

struct action {
    const char *id;
    s64 (*run)(void);
    s64 expected;
    const char *what;
};

static const struct action actions[] = {
#define ACTION(id, name, expected, xsa, what)                                  \
    { id, attack_##name, expected, what },
#include "guests/attack/actions.def"
#undef ACTION
};

struct mode {
    const char *name;
    void (*run)(void);
};

static const struct mode modes[] = {
#define MODE(name, what) { #name, mode_##name },
#include "guests/attack/modes.def"
#undef MODE
};

u8 scratch[PAGES][PAGE_BYTES] __attribute__((aligned(4096)));

static const struct {
    s64 number;
    const char *name;
} errors[] = {
    { EPERM, "EPERM" },   { ENOENT, "ENOENT" }, { EFAULT, "EFAULT" },
    { EBUSY, "EBUSY" },   { EEXIST, "EEXIST" }, { EINVAL, "EINVAL" },
    { ENOSPC, "ENOSPC" }, { ENOSYS, "ENOSYS" },
};

static void say_result(s64 r)
{
    if (r >= TRAPPED && r <= TRAPPED + 300) {
        say("trap-");
        say_dec(r - TRAPPED);
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(errors); i++) {
        if (errors[i].number == -r) {
            say("-");
            say(errors[i].name);
            return;
        }
    }
    say_dec(r);
}

s64 trapped(void (*f)(u64), u64 argument)
{
    return try_call(f, argument) == 0 ? 0 : TRAPPED + (s64)trap_seen.vector;
}

/* Every action finds the scratch pages, the handlers and the debug registers
 * as the first one did. */
static void restore(void)
{
    (void)call_set_debugreg(7, 0, 0, 0);
    struct arg_set_iopl iopl = { 0 };
    (void)call_set_iopl(0, &iopl);
    traps_setup();
    for (u32 i = 0; i < PAGES; i++) {
        (void)page_protect(scratch[i], P_RW);
        fill(scratch[i], 0, PAGE_BYTES);
    }
}

static bool run(const struct action *a)
{
    const s64 got = a->run();
    const bool ok = got == a->expected;
    say("ATTACK ");
    say(a->id);
    say(" expect=");
    say_result(a->expected);
    say(" got=");
    say_result(got);
    if (ok) {
        say(" ok\n");
    } else {
        say(" FAILED: ");
        say(a->what);
        say("\n");
    }
    restore();
    return ok;
}

static void run_mode(const char *name)
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

void guest_main(void)
{
    u32 failed = 0;
    const char *const mode = option("mode");
    if (mode[0] != '\0') {
        run_mode(mode);
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(actions); i++) {
        failed += run(&actions[i]) ? 0 : 1;
    }
    say("ATTACK done: ");
    say_dec((s64)ARRAY_COUNT(actions) - failed);
    say(" ok, ");
    say_dec(failed);
    say(" failed\n");
}
