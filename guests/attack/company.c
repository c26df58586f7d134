/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions beside each other, on several vCPUs.
 *
 * race: the first vCPU runs one action after the other, several times each,
 * while the others run actions chosen at random, with random pauses. soup: all
 * run what they choose, for a number of steps in sum. Each result is judged as
 * if the action were alone, but for those that company.def calls OPEN.
 *
 * What is chosen follows from the seed, the vCPU and the action (race) or step
 * (soup) alone, so that a part of a run can be repeated; when two vCPUs meet is
 * the machine's affair, and certain only where instructions are counted.
 */
#include "guests/attack/attack.h"
#include "guests/lib/refusals.h"
#include "guests/lib/smp.h"

#define ROUNDS 8u
#define ROUNDS_NS 250000000ull
#define PAUSE_MAX 4096u
#define TELL_NS 1000000000ull /* a second */
#define NO_LIMIT 1000000u     /* seconds */

static u8 taken[1024];  /* [a] by action: a vCPU runs it */
static u64 ran[1024];   /* [a] times */
static u64 chance_base; /* of this race's action, or of the soup */
static u64 chance_at[VCPUS];
static u64 steps_done; /* [a] */
static bool is_soup;

/* Mixes as splitmix64 does: every bit of x moves half of the result's. */
static u64 mixed(u64 x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static u64 chance(void)
{
    const u64 n = chance_at[me()]++;
    return mixed(chance_base + mixed(n << 8 | me()) + 1);
}

static void pause_some(u64 word)
{
    for (u64 i = word % PAUSE_MAX; i > 0; i--) {
        __asm__ volatile("pause");
    }
    if ((word >> 32) % 16 == 0) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
}

static bool take(const struct action *a)
{
    return __atomic_exchange_n(&taken[a - actions], 1, __ATOMIC_ACQUIRE) == 0;
}

static void leave(const struct action *a)
{
    (void)__atomic_add_fetch(&ran[a - actions], 1, __ATOMIC_RELAXED);
    __atomic_store_n(&taken[a - actions], 0, __ATOMIC_RELEASE);
}

/* One of them, or NULL when this turn's choice is no good. */
static const struct action *choose(bool may_be_alone)
{
    const u64 word = chance();
    const struct action *a = &actions[(u32)word % action_count];
    const u32 flags = action_company(a);
    if ((flags & ALONE) != 0 && !may_be_alone) {
        return NULL;
    }
    if (!(is_soup ? action_wanted(a) : action_possible(a))) {
        return NULL;
    }
    return (flags & SELDOM) != 0 && (word >> 32) % 64 != 0 ? NULL : a;
}

static void run_one(const struct action *a, const char *place)
{
    (void)action_run(a, (action_company(a) & OPEN) != 0, place);
    leave(a);
    (void)__atomic_add_fetch(&steps_done, 1, __ATOMIC_RELAXED);
}

static void companion(void)
{
    const struct action *a = choose(false);
    if (a != NULL && take(a)) {
        run_one(a, is_soup ? " in the soup" : " beside another");
    }
    pause_some(chance());
}

static void others_go(u64 base)
{
    chance_base = mixed(base);
    for (u32 i = 0; i < VCPUS; i++) {
        chance_at[i] = 0;
    }
    others_run(companion);
}

/* ---- race
 * ------------------------------------------------------------------------ */

/* Where each round waits for other CPUs, a few of them must do. */
static bool is_late(u64 started)
{
    return time_ns() > started + ROUNDS_NS;
}

static void race_one(const struct action *a, u64 seed)
{
    const u32 flags = action_company(a);
    const u32 rounds = (flags & (SELDOM | ALONE)) != 0
                           ? 1
                           : (u32)option_number("rounds", ROUNDS);
    const u64 started = time_ns();
    bool ok = true;
    if ((flags & ALONE) == 0) {
        others_go(mixed(seed) + (u64)(a - actions));
    }
    for (u32 i = 0; ok && i < rounds && !is_late(started); i++) {
        while (!take(a)) {
            (void)call_sched_yield(0, 0, 0, 0);
        }
        ok = action_run(a, (flags & OPEN) != 0, " in the race");
        leave(a);
        pause_some(chance());
    }
    others_stop();
    action_report(a, started, ok);
    action_mark(a);
}

void race_run(u32 vcpus, u64 seed)
{
    if (vcpus_start(vcpus) != 0) {
        failures++;
        say("ATTACK FAILED: no such vCPUs\n");
        return;
    }
    for (u32 i = 0; i < action_count; i++) {
        if (action_wanted(&actions[i])) {
            race_one(&actions[i], seed);
        }
    }
    say("ATTACK beside: ");
    say_dec((s64)steps_done);
    say(" actions\n");
}

/* ---- soup
 * ------------------------------------------------------------------------ */

static void tell(u64 steps)
{
    say("ATTACK soup step=");
    say_dec((s64)steps_done);
    say(" of=");
    say_dec((s64)steps);
    say(" failed=");
    say_dec(failures);
    say(" refused=");
    say_dec((s64)refusals_ever);
    say("\n");
}

static void soup_turn(void)
{
    const struct action *a = choose(true);
    const bool alone = a != NULL && (action_company(a) & ALONE) != 0;
    if (alone) {
        others_stop();
    }
    if (a != NULL && take(a)) {
        run_one(a, " in the soup");
    }
    if (alone) {
        others_run(companion);
    }
    pause_some(chance());
}

/* How often each ran, but for what the race itself says. */
static void say_ran(void)
{
    for (u32 i = 0; i < action_count; i++) {
        if (ran[i] != 0) {
            say("ATTACK ran ");
            say(actions[i].id);
            say(" ");
            say_dec((s64)ran[i]);
            say("\n");
        }
    }
}

u64 soup_run(u32 vcpus, u64 seed, u64 steps, u64 from)
{
    u64 told = time_ns();
    if (vcpus_start(vcpus) != 0) {
        failures++;
        say("ATTACK FAILED: no such vCPUs\n");
        return 0;
    }
    is_soup = true;
    others_go(seed);
    for (u32 i = 0; i < VCPUS; i++) {
        chance_at[i] = from;
    }
    const u64 end = time_ns() + option_number("limit_s", NO_LIMIT) * TELL_NS;
    while (steps_done < steps && time_ns() < end) {
        soup_turn();
        if (time_ns() > told + TELL_NS) {
            told = time_ns();
            tell(steps);
        }
    }
    others_stop();
    tell(steps);
    say_ran();
    return steps_done;
}
