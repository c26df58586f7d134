/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The victim: a tenant that wants to be left alone, and notices when it is not.
 *
 * Every 10 ms of its own time it looks at a part of what it has, all of it
 * within a second:
 *
 *   memory      4 MiB of words that follow from their address and the round;
 *               its page tables, its view of machine-to-phys, its start page
 *   registers   XMM, debug registers, segment bases, across each sleep
 *   events      no port but its own two is ever pending
 *   timer       how late it was woken
 *   CPU         every second it wants the CPU for 100 ms: the part it got
 *   console     with echo=1: it shows a prompt each second, and what is typed
 *               must be `echo N` with N one more than the last time, or
 *               `poweroff -f`, which ends it
 *
 * Each second it says `VICTIM second=12 ...`, each harm `VICTIM HARM ...`, and
 * at the end `VICTIM unharmed` or `VICTIM harmed`. seconds=N ends it by itself;
 * late_ms=N is the lateness that is harm: only where instructions are counted
 * does it say much of the host, else the 20 s that it is without are a wake-up
 * that was lost. share=N is the least percentage of the CPU, over all the run.
 */
#include "guests/victim/victim.h"

#include "guests/lib/refusals.h"

#define TICK_NS 10000000ull
#define TICKS_A_SECOND 100u
#define HUNGER_TICK 50u
#define HUNGER_NS 100000000ull
#define HARMS_SAID 20u

static struct vcpu_runstate_info runstate;
static u32 harms;
static u64 seconds;
static u64 late_sum_ns, late_worst_ns, late_worst_ever_ns;
static u64 hungry_ns, fed_ns;
static u64 echoes;
static bool told_to_end;

void harm(const char *what, u64 where, u64 is)
{
    harms++;
    if (harms > HARMS_SAID) {
        return;
    }
    say("VICTIM HARM second=");
    say_dec((s64)seconds);
    say(" ");
    say(what);
    say(" ");
    say_hex(where);
    say(" is ");
    say_hex(is);
    say("\n");
}

/* ---- CPU
 * -------------------------------------------------------------------------- */

/* The area is brought up to date when the vCPU is switched to. */
static u64 ran_ns(void)
{
    const volatile struct vcpu_runstate_info *r = &runstate;
    for (;;) {
        const u64 since = r->state_entry_time;
        const u64 ran = r->time[0] + (time_ns() - since); /* running */
        if (since == r->state_entry_time) {
            return ran;
        }
    }
}

static void be_hungry(void)
{
    const u64 begin = time_ns();
    const u64 ran = ran_ns();
    while (time_ns() < begin + HUNGER_NS) {
        look_at_memory();
    }
    hungry_ns += time_ns() - begin;
    fed_ns += ran_ns() - ran;
}

static u64 share(void)
{
    return hungry_ns == 0 ? 100 : fed_ns * 100 / hungry_ns;
}

/* ---- console
 * -------------------------------------------------------------------------- */

static u64 number_of(const char *p)
{
    u64 n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (u64)(*p - '0');
    }
    return n;
}

static bool begins(const char *text, const char *with)
{
    while (*with != '\0' && *text == *with) {
        text++;
        with++;
    }
    return *with == '\0';
}

static void take_line(const char *text)
{
    if (begins(text, "poweroff")) {
        told_to_end = true;
    } else if (begins(text, "echo ") && number_of(text + 5) == echoes + 1) {
        echoes++;
    } else if (text[0] != '\0') {
        harm("console: a line that nobody typed, length", 0, (u64)text[0]);
    }
}

static void take_typed(void)
{
    static char line[64];
    static u32 used;
    for (s32 c = typed(); c >= 0; c = typed()) {
        if (c == '\r' || c == '\n' || used == sizeof(line) - 1) {
            line[used] = '\0';
            used = 0;
            take_line(line);
        } else {
            line[used++] = (char)c;
        }
    }
}

/* ---- time
 * -------------------------------------------------------------------------- */

/* Sleep until then; how late it was. */
static u64 sleep_late(u64 until)
{
    registers_fill();
    while (time_ns() < until) {
        sleep_until(until);
    }
    const u64 now = time_ns();
    registers_look();
    return now - until;
}

static void say_second(bool is_echo)
{
    say(is_echo ? "\nVICTIM second=" : "VICTIM second=");
    say_dec((s64)seconds);
    say(" late_us=");
    say_dec((s64)(late_sum_ns / TICKS_A_SECOND / 1000));
    say("/");
    say_dec((s64)(late_worst_ns / 1000));
    say(" share=");
    say_dec((s64)share());
    say(" passes=");
    say_dec((s64)memory_passes);
    say(" echo=");
    say_dec((s64)echoes);
    say(harms == 0 ? " ok\n" : " HARMED\n");
    if (is_echo) {
        say("victim# ");
        say_flush();
    }
    late_sum_ns = 0;
    late_worst_ns = 0;
}

static void one_second(u64 late_bound_ns)
{
    u64 next = time_ns();
    for (u32 tick = 0; tick < TICKS_A_SECOND && !told_to_end; tick++) {
        next += TICK_NS;
        const u64 late = sleep_late(next);
        if (late > late_bound_ns) {
            harm("timer: woken late, tick and by ns", tick, late);
        }
        late_sum_ns += late;
        late_worst_ns = late > late_worst_ns ? late : late_worst_ns;
        look_at_memory();
        look_at_events();
        take_typed();
        if (tick == HUNGER_TICK) {
            look_at_tables();
            be_hungry();
        }
        if (time_ns() > next + TICK_NS) {
            next = time_ns();
        }
    }
    late_worst_ever_ns =
        late_worst_ns > late_worst_ever_ns ? late_worst_ns : late_worst_ever_ns;
}

void guest_main(void)
{
    struct arg_runstate_area area = { (u64)(uintptr_t)&runstate };
    const u64 last = option_number("seconds", U64_MAX);
    const u64 late_ns = option_number("late_ms", 20000) * 1000000;
    const u64 least = option_number("share", 0);
    const bool is_echo = option_number("echo", 0) != 0;
    if (call_vcpu_runstate(0, &area) != 0) {
        harm("no runstate", 0, 0);
    }
    memory_fill();
    say_second(is_echo);
    while (!told_to_end && seconds < last) {
        one_second(late_ns);
        seconds++;
        say_second(is_echo);
    }
    if (share() < least) {
        harm("CPU: percent of what it is entitled to, got", least, share());
    }
    say("\nVICTIM ");
    say(harms == 0 ? "unharmed" : "harmed");
    say(": seconds=");
    say_dec((s64)seconds);
    say(" worst_us=");
    say_dec((s64)(late_worst_ever_ns / 1000));
    say(" share=");
    say_dec((s64)share());
    say(" passes=");
    say_dec((s64)memory_passes);
    say(" harms=");
    say_dec(harms);
    say(" ");
    refusals_say();
    say("\n");
}
