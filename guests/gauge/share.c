/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mode=share: how much of a CPU this tenant gets, window by window. It counts
 * loops of one length, and keeps the count at moments that are the same for
 * all tenants of the host:
 *
 *   from=MS windows=N step=MS   the first moment after the host's start, how
 *                               many windows follow, how long one is
 *   work=N nap=US               after each N loops it sleeps so long
 *
 * One line at the end: GAUGE share COUNT...: the loops of each window, or
 * GAUGE share late where it began after the first moment.
 */
#include "guests/gauge/share.h"

#include "guests/lib/guest.h"

#define LOOP 500u
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull
#define WINDOWS_MAX 64u

static u64 counted_at[WINDOWS_MAX + 1];

static void loop(void)
{
    for (u32 i = 0; i < LOOP; i++) {
        barrier();
    }
}

static void count_windows(u64 from, u64 step, u64 windows)
{
    const u64 work = option_number("work", 0);
    const u64 nap = option_number("nap", 0) * NS_PER_US;
    u64 count = 0;
    u64 reached = 0;

    while (reached <= windows) {
        loop();
        count++;
        const u64 now = time_ns();
        while (reached <= windows && now >= from + reached * step) {
            counted_at[reached++] = count;
        }
        if (work != 0 && count % work == 0) {
            sleep_until(now + nap);
        }
    }
}

void share(void)
{
    const u64 from = option_number("from", 1000) * NS_PER_MS;
    const u64 step = option_number("step", 100) * NS_PER_MS;
    const u64 asked = option_number("windows", 20);
    const u64 windows = asked < WINDOWS_MAX ? asked : WINDOWS_MAX;

    if (time_ns() >= from) {
        say("GAUGE share late\n");
        return;
    }
    count_windows(from, step, windows);
    say("GAUGE share");
    for (u64 i = 0; i < windows; i++) {
        say(" ");
        say_dec((s64)(counted_at[i + 1] - counted_at[i]));
    }
    say("\n");
}
