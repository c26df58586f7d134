/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that measures what it gets of the machine, and one that takes what
 * it can.
 *
 *   mode=victim   for=MS milliseconds: the second vCPU computes without end;
 *                 the first sleeps 10 ms at a time, sees how late it wakes,
 *                 and looks at a part of its memory, which it filled at the
 *                 start. One line at the end:
 *                 GAUGE ran=NS of=NS ticks=N p50=NS p999=NS max=NS bad=N
 *   mode=storm    both vCPUs make calls that cost the host most, or wake
 *                 somebody, without end
 *   mode=share    how much of a CPU one vCPU gets: share.c
 */
#include "guests/gauge/share.h"
#include "guests/lib/guest.h"
#include "guests/lib/smp.h"

#define TICK_NS 10000000ull
#define GAP_NS 5000u /* between two looks at the clock: others ran */
#define LATE_BUCKETS 20000u
#define LATE_UNIT_NS 500u
#define HELD 64u
#define NS_PER_MS 1000000ull
#define PIN_L1 0u
#define UNPIN 4u
#define FLUSH_LOCAL 6u

static u8 held[HELD][PAGE_BYTES] __attribute__((aligned(4096)));
static u32 late[LATE_BUCKETS];
static volatile u64 ran_ns;
static volatile bool stopped;

static u64 counter(void)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

/* On the second vCPU. */
static void compute(void)
{
    u64 before = time_ns();
    while (!stopped) {
        const u64 now = time_ns();
        if (now - before < GAP_NS) {
            ran_ns += now - before;
        }
        before = now;
    }
    (void)call_vcpu_down(1, 0, 0, 0);
}

static void sleep_to(u32 port, u64 deadline)
{
    while (time_ns() < deadline) {
        struct arg_sched_poll poll = { .ports = (u64)(uintptr_t)&port,
                                       .nr_ports = 1,
                                       .timeout = deadline };
        (void)call_sched_poll(0, &poll);
    }
}

static u64 late_at(u64 count, u64 per_mille)
{
    u64 seen = 0;
    for (u32 i = 0; i < LATE_BUCKETS; i++) {
        seen += late[i];
        if (seen * 1000 >= count * per_mille) {
            return (i + 1ull) * LATE_UNIT_NS;
        }
    }
    return (u64)LATE_BUCKETS * LATE_UNIT_NS;
}

/* A look costs next to nothing, and all pages are seen in HELD * 64 looks. */
static u64 held_wrong(u64 look)
{
    const u32 n = (u32)(look % HELD);
    const u32 from = (u32)(look / HELD % 64) * 64;
    u64 bad = 0;
    for (u32 i = from; i < from + 64; i++) {
        bad += held[n][i] != (u8)(n * 31 + i * 7) ? 1 : 0;
    }
    return bad;
}

static void tell(const char *name, u64 value)
{
    say(name);
    say_dec((s64)value);
}

static void victim(void)
{
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
    (void)call_evtchn_alloc_unbound(0, &a);
    for (u32 n = 0; n < HELD; n++) {
        for (u32 i = 0; i < PAGE_BYTES; i++) {
            held[n][i] = (u8)(n * 31 + i * 7);
        }
    }
    if (second_start() != 0) {
        say("GAUGE no second vCPU\n");
        return;
    }
    second_run(compute);
    const u64 begun = time_ns();
    const u64 ran_before = ran_ns;
    const u64 end = begun + option_number("for", 1000) * NS_PER_MS;
    u64 count = 0;
    u64 most = 0;
    u64 bad = 0;
    u64 ran_here = 0;
    while (time_ns() < end) {
        const u64 deadline = time_ns() + TICK_NS + (counter() & 0xffff);
        sleep_to(a.port, deadline);
        const u64 by = time_ns() - deadline;
        late[by / LATE_UNIT_NS < LATE_BUCKETS ? by / LATE_UNIT_NS
                                              : LATE_BUCKETS - 1]++;
        most = by > most ? by : most;
        bad += held_wrong(count);
        count++;
        const u64 awake = time_ns() - deadline - by;
        ran_here += awake < 10 * GAP_NS ? awake : 0;
    }
    const u64 ran = ran_ns - ran_before + ran_here;
    const u64 wall = time_ns() - begun;
    stopped = true;
    tell("GAUGE ran=", ran);
    tell(" of=", wall);
    tell(" ticks=", count);
    tell(" p50=", late_at(count, 500));
    tell(" p999=", late_at(count, 999));
    tell(" max=", most);
    tell(" bad=", bad);
    say("\n");
}

static void storm_memory(u32 round)
{
    void *const page = held[round % HELD];
    (void)page_protect(page, P_RO);
    (void)mmu_ext(PIN_L1, frame_of_page(page), 0);
    (void)mmu_ext(UNPIN, frame_of_page(page), 0);
    (void)page_protect(page, P_RW);
}

/* On both vCPUs; they share nothing but the ports. */
static void storm_calls(void)
{
    struct arg_evtchn_port console = { start_info->console_evtchn };
    for (u32 round = 0;; round++) {
        (void)call_evtchn_send(0, &console);
        (void)call_set_timer_op(1, 0, 0, 0);
        if (round % 16 == 0) {
            (void)call_sched_yield(0, 0, 0, 0);
        }
        if (round % 64 == 0) {
            (void)call_vcpu_send_nmi(1, 0, 0, 0);
        }
        (void)mmu_ext(FLUSH_LOCAL, 0, 0);
    }
}

void guest_main(void)
{
    if (text_equal(option("mode"), "victim")) {
        victim();
        return;
    }
    if (text_equal(option("mode"), "share")) {
        share();
        return;
    }
    if (second_start() == 0) {
        second_run(storm_calls);
    }
    for (u32 round = 0;; round++) {
        storm_memory(round);
        (void)call_sched_yield(0, 0, 0, 0);
    }
}
