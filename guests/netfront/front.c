/* SPDX-License-Identifier: Apache-2.0 */
/* A small front-end's half of the handshake: see front.h. */
#include "guests/netfront/front.h"

#include "core/mem.h"
#include "guests/lib/guest.h"
#include "guests/router/line.h"
#include "guests/router/machine.h"
#include "guests/router/xsclient.h"

#define NS_PER_MS 1000000ull
#define PATIENCE_MS 10000u

u32 front_back;
u8 front_mac[6];
static struct xs xs;
static char back_state[XS_VALUE_BYTES];

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

static void read_mac(void)
{
    char value[XS_VALUE_BYTES];
    if (xs_read(&xs, "device/vif/0/mac", value) != XS_OK) {
        return;
    }
    for (u32 i = 0; i < 12; i++) {
        const char c = value[i / 2 * 3 + i % 2];
        const u32 digit = c >= 'a' ? (u32)(c - 'a') + 10 : (u32)(c - '0');
        front_mac[i / 2] = (u8)(front_mac[i / 2] << 4 | (digit & 15));
    }
}

bool front_find(void)
{
    char value[XS_VALUE_BYTES];
    struct line path = { 0 };
    xs_open(&xs, page_of_frame(start_info->store_mfn),
            start_info->store_evtchn);
    for (u32 i = 0; i < PATIENCE_MS; i++) {
        if (xs_read(&xs, "device/vif/0/backend", value) == XS_OK) {
            line_add(&path, value);
            line_add(&path, "/state");
            memcpy(back_state, path.chars, sizeof(path.chars));
            front_back = read_number("device/vif/0/backend-id");
            read_mac();
            return true;
        }
        machine_wait(U64_MAX);
    }
    return false;
}

u32 front_back_state(void)
{
    return read_number(back_state);
}

bool front_await(u32 one, u32 other)
{
    const u64 until = time_ns() + PATIENCE_MS * NS_PER_MS;
    while (time_ns() < until) {
        const u32 now = front_back_state();
        if (now == one || now == other) {
            return true;
        }
        machine_wait(U64_MAX);
    }
    return false;
}

/* ---- connect and go --------------------------------------------------------
 */

bool front_begin(void)
{
    write_number("device/vif/0/state", FRONT_INITIALISING);
    return front_await(FRONT_INIT_WAIT, FRONT_INIT_WAIT);
}

bool front_connect(u32 port)
{
    write_number("device/vif/0/tx-ring-ref", FRONT_TX_REF);
    write_number("device/vif/0/rx-ring-ref", FRONT_RX_REF);
    write_number("device/vif/0/event-channel", port);
    write_number("device/vif/0/request-rx-copy", 1);
    write_number("device/vif/0/state", FRONT_CONNECTED);
    return front_await(FRONT_CONNECTED, FRONT_CONNECTED);
}

bool front_leave(void)
{
    write_number("device/vif/0/state", FRONT_CLOSING);
    (void)front_await(FRONT_CLOSING, FRONT_CLOSED);
    write_number("device/vif/0/state", FRONT_CLOSED);
    return front_await(FRONT_CLOSED, FRONT_CLOSED);
}
