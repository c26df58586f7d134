/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that end the attacker while its helper holds what is the attacker's:
 * the PAIR_MODE rows of modes.def.
 */
#include "guests/attack/peer.h"

#define REF REF_FIRST
#define HELD 4u
#define MARK 0x6a
#define HOLD_NS 1000000000ull
#define BEGIN_TURNS 2000u

static void hold_until(u64 ns)
{
    while (time_ns() < ns) {
        sleep_until(time_ns() + 10000000);
    }
}

/* The pages are there, as they were, and can still be written. */
static bool all_there(void)
{
    for (u32 i = 0; i < HELD; i++) {
        volatile u8 *const page = peer_window(1 + i);
        for (u32 j = 0; j < PAGE_BYTES; j += 8) {
            if (page[j] != MARK) {
                return false;
            }
            page[j] = MARK;
        }
    }
    return true;
}

/* Keep the attacker's pages until it has ended, and a second longer. */
static s64 keep_there(u64 a, u64 b, u64 c)
{
    s64 handles[HELD];
    s64 r = 0;
    (void)a;
    (void)b;
    (void)c;
    for (u32 i = 0; i < HELD; i++) {
        handles[i] = peer_map(REF + i, MAP_RW, 1 + i);
        r = handles[i] < 0 ? 1 : r;
    }
    while (r == 0 && !peer_attacker_gone()) {
        sleep_until(time_ns() + 1000000);
    }
    for (u32 i = 0; r == 0 && i < 10; i++) {
        hold_until(time_ns() + HOLD_NS / 10);
        r = all_there() ? 0 : 2;
    }
    for (u32 i = 0; i < HELD; i++) {
        if (handles[i] < 0 || peer_unmap((u64)handles[i], 1 + i, 0) != 0) {
            r = 3;
        }
    }
    say(r == 0 ? "ATTACK helper: kept the pages of a domain that ended\n"
               : "ATTACK helper: keeping the pages FAILED\n");
    return r;
}

static s64 grant_and_crash(void)
{
    if (peer_served() > 0) {
        say("ATTACK grant_crash: begun again\n");
        peer_quit();
        guest_end(SHUTDOWN_POWEROFF);
    }
    for (u32 i = 0; i < HELD; i++) {
        fill(scratch[i], MARK, PAGE_BYTES);
        grant_to_peer(REF + i, frame_of_page(scratch[i]), GTF_PERMIT);
    }
    peer_begin(keep_there, 0, 0, 0);
    guest_wait(BEGIN_TURNS);
    for (u32 i = 0; i < HELD; i++) {
        while ((grant_word(REF + i) & GTF_WRITING) == 0) {
            (void)call_sched_yield(0, 0, 0, 0);
        }
    }
    guest_end(SHUTDOWN_CRASH);
    return 0;
}

void mode_grant_crash(void)
{
    (void)with_peer(grant_and_crash);
}
