/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front-end that does what no front-end should. It connects to the router
 * again and again, tells one lie about its ring each time, and sees itself be
 * closed; then it sends packets that are merely bad, and sees each answered.
 * The tenants beside it must not notice. Each time it looks whether the router
 * has given back its grants.
 */
#include "guests/lib/guest.h"
#include "guests/netfront/front.h"
#include "guests/netfront/ring.h"
#include "guests/router/netring.h"

static bool connect(void)
{
    return front_begin() && front_connect(ring_begin(front_back));
}

/* Nothing of ours may be held then. */
static bool leave(void)
{
    return front_leave() && ring_end();
}

static void tell(const char *what, u32 good, u32 all)
{
    say("netfront: ");
    say_dec(good);
    say(" of ");
    say_dec(all);
    say(what);
}

static void tell_lies(void)
{
    u32 closed = 0;
    u32 clean = 0;
    for (u32 i = 0; i < LIES; i++) {
        if (!connect()) {
            say("netfront: not connected\n");
            continue;
        }
        ring_lie(i);
        closed += front_await(FRONT_CLOSING, FRONT_CLOSED);
        clean += leave();
    }
    tell(" lies closed the ring\n", closed, LIES);
    tell(" times every grant came back\n", clean, LIES);
}

static void send_bad_packets(void)
{
    u32 answered = 0;
    if (!connect()) {
        say("netfront: not connected\n");
        return;
    }
    for (u32 i = 0; i < BAD_PACKETS; i++) {
        const s32 status = ring_bad_packet(i, front_mac);
        answered += status == NET_ERROR || status == NET_DROPPED;
    }
    tell(" bad packets were answered\n", answered, BAD_PACKETS);
    tell(" time the ring was still open\n",
         front_back_state() == FRONT_CONNECTED, 1);
    (void)leave();
}

void guest_main(void)
{
    if (!ring_setup() || !front_find()) {
        say("netfront: no interface\n");
        return;
    }
    tell_lies();
    send_bad_packets();
    say("netfront: ended\n");
}
