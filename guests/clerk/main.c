/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest in Domain0's place that looks at the log from its caller's side.
 *
 *   mode=full   privileged acts (the right of none is dropped), one after the
 *               other, until one is refused for want of room in the log; then
 *               until one finds room again. The second vCPU counts what time
 *               it gets meanwhile.
 *
 * Domain 1 is destroyed at the end, with slots that are kept for that.
 */
#include "guests/lib/guest.h"
#include "guests/lib/smp.h"

#define NS_PER_MS 1000000ull
#define GAP_NS 30000000ull /* between two looks at the clock: others ran */
#define EAGAIN 11
#define TRIES 100000u

static volatile u64 ran_ns;

/* On the second vCPU: the time that it has run. */
static void count_time(void)
{
    u64 before = time_ns();
    for (u32 i = 0; i < 1000; i++) {
        const u64 now = time_ns();
        if (now - before < GAP_NS) {
            ran_ns += now - before;
        }
        before = now;
    }
}

/* Its answer, and how long it took. */
static s64 act(u64 *took_ns)
{
    struct arg_rights none = { 0 };
    const u64 before = time_ns();
    const s64 rc = call_rights_drop(0, &none);
    *took_ns = time_ns() - before;
    return rc;
}

static void say_number(const char *text, u64 n)
{
    say(text);
    say_dec((s64)n);
}

static void fill_log(void)
{
    u64 acts = 0;
    u64 longest = 0;
    u64 took = 0;
    u64 ran = 0;
    s64 rc = 0;
    while (rc == 0 && acts < TRIES) {
        longest = took > longest ? took : longest;
        ran = ran_ns;
        rc = act(&took);
        acts += rc == 0 ? 1 : 0;
    }
    say_number("clerk: ", acts);
    say_number(" acts, the longest waited ms ", longest / NS_PER_MS);
    say_number("; then ", (u64)rc);
    say_number(" after ms ", took / NS_PER_MS);
    say(rc == -EAGAIN && took >= 5000 * NS_PER_MS ? ": waited\n" : ": NOT\n");
    say_number("clerk: the other vCPU ran ms ", (ran_ns - ran) / NS_PER_MS);
    say(ran_ns - ran > took / 4 ? ": went on\n" : ": NOT\n");
    u64 refused = 0;
    do {
        refused += rc == -EAGAIN ? 1 : 0;
        rc = act(&took);
    } while (rc == -EAGAIN && refused < 100);
    acts += rc == 0 ? 1 : 0;
    say_number("clerk: room again, acts ", acts);
    say_number(" refused ", refused);
    say("\n");
}

void guest_main(void)
{
    struct arg_domain_of tenant = { 1 };
    (void)vcpus_start(2);
    others_run(count_time);
    if (text_equal(option("mode"), "full")) {
        fill_log();
    }
    others_stop();
    const s64 rc = call_domain_destroy(0, &tenant);
    say_number("clerk: destroys: ", (u64)rc);
    say("\n");
    for (;;) {
        sleep_until(time_ns() + 1000 * NS_PER_MS);
    }
}
