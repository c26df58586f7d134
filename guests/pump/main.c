/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that sends small datagrams to another as fast as they go, and takes
 * what the other sends: to flood with, and to count with.
 *
 *   peer=N      the other's number, in the last byte of its addresses
 *   bytes=N     of a frame, 60 at least
 *   count=N     frames of a life; 0: sends none, and takes without end
 *   lives=N     0: without end. A life begins with the hello of the other, when
 *               each is connected, and ends when all is sent and nothing more
 *               comes; then it disconnects, and looks whether each grant came
 *               back
 *   flood=1     waits for nobody and ends never
 *   from=MS     begins then, by the host's clock
 *
 * A line a life:
 *
 *   pump: life N sent N okay N refused N taken N others N errors N CLEAN
 *
 * CLEAN is `clean`, or `held` when a grant was in use after the end.
 */
#include "guests/lib/guest.h"
#include "guests/netfront/front.h"
#include "guests/pump/wire.h"

#define NS_PER_MS 1000000ull
#define QUIET_NS (300 * NS_PER_MS)
#define HELLO_NS (20 * NS_PER_MS)
#define TELL_NS (50 * NS_PER_MS)
#define FIRST_PORT 10000u
#define PORTS_A_LIFE 64u
#define FRAMES_AT_ONCE 128u

static u32 count;
static u32 peer;
static u32 bytes;

/* One frame now and then, until one comes. */
static void hello(void)
{
    while (wire_counts.taken == 0) {
        (void)wire_send(1);
        wire_wait(time_ns() + HELLO_NS);
        wire_look();
    }
}

static void pump(void)
{
    u32 left = count;
    u64 heard = time_ns();
    u64 seen = 0;
    while (left != 0 || wire_open() != 0 || time_ns() < heard + QUIET_NS) {
        left -= wire_send(left < FRAMES_AT_ONCE ? left : FRAMES_AT_ONCE);
        wire_wait(time_ns() + QUIET_NS);
        wire_look();
        if (wire_counts.taken + wire_counts.others != seen) {
            seen = wire_counts.taken + wire_counts.others;
            heard = time_ns();
        }
    }
}

/* Without end; what was sent and taken, now and then. */
static void flood(void)
{
    u64 tell_at = 0;
    for (;;) {
        (void)wire_send(count != 0 ? U32_MAX : 0);
        wire_wait(time_ns() + QUIET_NS);
        wire_look();
        if (time_ns() >= tell_at) {
            tell_at = time_ns() + TELL_NS;
            say("pump: at ");
            say_dec((s64)(time_ns() / NS_PER_MS));
            say(" ms sent ");
            say_dec((s64)wire_counts.sent);
            say(" taken ");
            say_dec((s64)wire_counts.taken);
            say("\n");
        }
    }
}

static void tell(u64 life, bool clean)
{
    const struct {
        const char *what;
        u64 n;
    } words[] = {
        { "pump: life ", life },           { " sent ", wire_counts.sent },
        { " okay ", wire_counts.okay },    { " refused ", wire_counts.refused },
        { " taken ", wire_counts.taken },  { " others ", wire_counts.others },
        { " errors ", wire_counts.errors }
    };
    for (u32 i = 0; i < ARRAY_COUNT(words); i++) {
        say(words[i].what);
        say_dec((s64)words[i].n);
    }
    say(clean ? " clean\n" : " held\n");
}

static bool begin(u64 life)
{
    const u32 port = FIRST_PORT + (u32)(life % 512) * PORTS_A_LIFE;
    return front_begin() &&
           front_connect(wire_begin(front_back, front_mac, peer, bytes, port));
}

void guest_main(void)
{
    const u64 lives = option_number("lives", 1);
    peer = (u32)option_number("peer", 0);
    count = (u32)option_number("count", 0);
    bytes = (u32)option_number("bytes", 60);
    const u64 from = option_number("from", 0) * NS_PER_MS;
    const bool is_flood = option_number("flood", 0) != 0;
    if (bytes < 60 || bytes > 1514 || !wire_setup() || !front_find()) {
        say("pump: no interface\n");
        return;
    }
    for (u64 life = 1; lives == 0 || life <= lives; life++) {
        fill(&wire_counts, 0, sizeof(wire_counts));
        if (!begin(life)) {
            say("pump: not connected\n");
            (void)wire_end();
            continue;
        }
        while (time_ns() < from) {
            sleep_until(from);
        }
        if (is_flood) {
            say("pump: floods\n");
            flood();
        }
        hello();
        pump();
        tell(life, front_leave() && wire_end());
    }
    say("pump: ended\n");
}
