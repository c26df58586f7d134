/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All consoles on the second serial port, in both directions:
 *
 *   ff ff      a byte of value ff
 *   ff hi lo   (hi, lo < 80): what follows belongs to channel hi * 128 + lo
 *   other      a byte of the present channel
 *
 * Channel n is domain n, channel 0 is for control. Out, the framing is done
 * here, since emergency output shares the line. In, bytes are kept as they come
 * until who serves the consoles fetches them, framing and all: ring 0 parses
 * none of it. Without the second port a domain's lines go to the host's log
 * behind its name, with control characters taken out.
 *
 * Locks: out_lock around the port and the channel; in_lock: one reader.
 */
#include "x86/hostcon.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "x86/boot.h"
#include "x86/print.h"
#include "x86/serial.h"

#define ESCAPE 0xffu
#define CHANNEL_NONE 0xffffu
#define LINE_BYTES 128u
#define BURST_BYTES 16u /* what an idle port takes at once */

static struct lock out_lock;
static struct lock in_lock;
static bool muxed;
static u32 out_channel = CHANNEL_NONE;
static u32 out_waits;   /* [a] 1: the port did not take all */
static u32 input_waits; /* [a] 1: bytes have arrived */

void hostcon_init(bool mux)
{
    muxed = mux && serial_is_present(SERIAL_CONSOLES);
}

/* How many of the bytes went out; without waiting, maybe not all. */
static u32 write_framed(u32 channel, const u8 *bytes, u32 count, bool waits)
{
    u32 done = 0;

    while (done < count) {
        u8 burst[BURST_BYTES];
        u32 used = 0;
        u32 taken = done;

        if (out_channel != channel) {
            burst[used++] = ESCAPE;
            burst[used++] = (u8)(channel >> 7);
            burst[used++] = (u8)(channel & 0x7f);
        }
        while (used + 2 <= BURST_BYTES && taken < count) {
            burst[used++] = bytes[taken];
            if (bytes[taken++] == ESCAPE) {
                burst[used++] = ESCAPE;
            }
        }
        if (waits) {
            serial_write(SERIAL_CONSOLES, burst, used);
        } else if (serial_send(SERIAL_CONSOLES, burst, used) == 0) {
            return done;
        }
        out_channel = channel;
        done = taken;
    }
    return done;
}

static void write_lines(u32 channel, const u8 *bytes, u32 count)
{
    const struct domain *d = domain_by_id(channel);
    char line[LINE_BYTES];
    u32 used = 0;

    for (u32 i = 0; i < count; i++) {
        if (bytes[i] >= ' ' && bytes[i] < 0x7f) {
            line[used++] = (char)bytes[i];
        }
        if (used == LINE_BYTES - 1 ||
            (used != 0 && (bytes[i] == '\n' || i + 1 == count))) {
            line[used] = 0;
            used = 0;
            arch_log("[%s] %s\n", d != NULL ? d->name : "?", line);
        }
    }
}

u32 arch_console_write(u32 channel, const u8 *bytes, u32 count, bool waits)
{
    u32 sent = count;

    lock_take(&out_lock);
    if (muxed && (channel != 0 || !waits)) {
        sent = write_framed(channel, bytes, count, waits);
    } else {
        write_lines(channel, bytes, count);
    }
    lock_drop(&out_lock);
    if (sent < count) {
        atomic_store32(&out_waits, 1);
    }
    return sent;
}

u32 arch_console_read(u8 *bytes, u32 room)
{
    lock_take(&in_lock);
    const u32 count = serial_read(bytes, room);

    lock_drop(&in_lock);
    return count;
}

void serial_input_arrived(void)
{
    atomic_store32(&input_waits, 1);
}

bool hostcon_work(void)
{
    const bool room =
        atomic_load32(&out_waits) != 0 && serial_is_idle(SERIAL_CONSOLES);

    if (room) {
        atomic_store32(&out_waits, 0);
    }
    if (room ||
        (atomic_load32(&input_waits) != 0 && atomic_swap32(&input_waits, 0))) {
        domain_tell(VIRQ_CONSOLE);
    }
    return atomic_load32(&out_waits) != 0;
}
