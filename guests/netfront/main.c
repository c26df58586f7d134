/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front-end that does what no front-end should. It connects to the router
 * again and again, tells one lie about its ring each time, and sees itself be
 * closed; then it sends packets that are merely bad, and sees each answered.
 * The tenants beside it must not notice. Each time it looks whether the router
 * has given back its grants.
 */
#include "core/atomic.h"
#include "core/mem.h"
#include "guests/lib/guest.h"
#include "guests/netfront/ring.h"
#include "guests/router/line.h"
#include "guests/router/machine.h"
#include "guests/router/netring.h"
#include "guests/router/xsclient.h"

#define NS_PER_MS 1000000ull
#define PATIENCE_MS 10000u
#define INITIALISING 1u
#define INIT_WAIT 2u
#define CONNECTED 4u
#define CLOSING 5u
#define CLOSED 6u

static struct xs xs;
static u32 back; /* the router's domain number */
static char back_state[XS_VALUE_BYTES];
static u8 mac[6];

/* ---- what the store client asks of a machine -------------------------------
 */

u64 machine_now(void)
{
    return time_ns();
}

void machine_notify(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_send(0, &a);
}

void machine_wait(u64 until_ns)
{
    const u64 soon = time_ns() + NS_PER_MS;
    sleep_until(soon < until_ns ? soon : until_ns);
}

/* ---- the store -------------------------------------------------------------
 */

static u32 read_number(const char *path)
{
    char value[XS_VALUE_BYTES];
    u32 n = 0;
    if (xs_read(&xs, path, value) != XS_OK || !number_of(value, &n)) {
        return 0;
    }
    return n;
}

static void write_number(const char *path, u32 n)
{
    struct line value = { 0 };
    line_add_number(&value, n);
    (void)xs_write(&xs, path, value.chars);
}

static bool find_back(void)
{
    char value[XS_VALUE_BYTES];
    struct line path = { 0 };
    for (u32 i = 0; i < PATIENCE_MS; i++) {
        if (xs_read(&xs, "device/vif/0/backend", value) == XS_OK) {
            line_add(&path, value);
            line_add(&path, "/state");
            memcpy(back_state, path.chars, sizeof(path.chars));
            back = read_number("device/vif/0/backend-id");
            return true;
        }
        machine_wait(U64_MAX);
    }
    return false;
}

/* Wait until the router's state is one of the two. */
static bool await(u32 one, u32 other)
{
    const u64 until = time_ns() + PATIENCE_MS * NS_PER_MS;
    while (time_ns() < until) {
        const u32 now = read_number(back_state);
        if (now == one || now == other) {
            return true;
        }
        machine_wait(U64_MAX);
    }
    return false;
}

static void read_mac(void)
{
    char value[XS_VALUE_BYTES];
    if (xs_read(&xs, "device/vif/0/mac", value) != XS_OK) {
        return;
    }
    for (u32 i = 0; i < 12; i++) {
        const char c = value[i / 2 * 3 + i % 2];
        const u32 digit = c >= 'a' ? (u32)(c - 'a') + 10 : (u32)(c - '0');
        mac[i / 2] = (u8)(mac[i / 2] << 4 | (digit & 15));
    }
}

/* ---- connect and go --------------------------------------------------------
 */

static bool connect(void)
{
    write_number("device/vif/0/state", INITIALISING);
    if (!await(INIT_WAIT, INIT_WAIT)) {
        return false;
    }
    const u32 port = ring_begin(back);
    write_number("device/vif/0/tx-ring-ref", TX_REF);
    write_number("device/vif/0/rx-ring-ref", RX_REF);
    write_number("device/vif/0/event-channel", port);
    write_number("device/vif/0/request-rx-copy", 1);
    write_number("device/vif/0/state", CONNECTED);
    return await(CONNECTED, CONNECTED);
}

/* As the book has it, and then nothing of ours may be held. */
static bool leave(void)
{
    write_number("device/vif/0/state", CLOSING);
    (void)await(CLOSING, CLOSED);
    write_number("device/vif/0/state", CLOSED);
    return await(CLOSED, CLOSED) && ring_end();
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
        closed += await(CLOSING, CLOSED);
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
        const s32 status = ring_bad_packet(i, mac);
        answered += status == NET_ERROR || status == NET_DROPPED;
    }
    tell(" bad packets were answered\n", answered, BAD_PACKETS);
    tell(" time the ring was still open\n",
         read_number(back_state) == CONNECTED, 1);
    (void)leave();
}

void guest_main(void)
{
    xs_open(&xs, page_of_frame(start_info->store_mfn),
            start_info->store_evtchn);
    if (!ring_setup() || !find_back()) {
        say("netfront: no interface\n");
        return;
    }
    read_mac();
    tell_lies();
    send_bad_packets();
    say("netfront: ended\n");
}
