/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tenants' consoles on the second serial port, in both directions:
 *
 *   ff ff      a byte of value ff
 *   ff hi lo   (hi, lo < 80): what follows belongs to channel hi * 128 + lo
 *   other      a byte of the present channel
 *
 * Channel n is domain n. Without the second port a tenant's lines go to the
 * host's log behind its name, with control characters taken out.
 *
 * Lock: console, around the port and the state of a direction. Input is taken
 * by one CPU at a time; what a tenant's ring has no room for is dropped, as a
 * terminal line would.
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

static struct lock out_lock;
static struct lock in_lock;
static bool muxed;
static u32 out_channel = CHANNEL_NONE;
static u32 in_channel = CHANNEL_NONE;
static u32 in_escape; /* 0 plain, 1 after ff, 2 after ff hi */
static u32 in_high;
static u32 input_waits;       /* [a] */
static char line[LINE_BYTES]; /* without mux: the line being gathered */
static u32 line_used;
static domid_t line_of;

void hostcon_init(bool mux)
{
    muxed = mux && serial_is_present(SERIAL_CONSOLES);
}

static void select_channel(domid_t d)
{
    const u8 bytes[3] = { ESCAPE, (u8)(d >> 7), (u8)(d & 0x7f) };

    serial_write(SERIAL_CONSOLES, bytes, sizeof(bytes));
    out_channel = d;
}

static void write_framed(domid_t d, const u8 *bytes, u32 count)
{
    u32 from = 0;

    if (out_channel != d) {
        select_channel(d);
    }
    for (u32 i = 0; i < count; i++) {
        if (bytes[i] == ESCAPE) { /* sent once as data, once as mark */
            serial_write(SERIAL_CONSOLES, bytes + from, i + 1 - from);
            from = i;
        }
    }
    serial_write(SERIAL_CONSOLES, bytes + from, count - from);
}

static void end_line(void)
{
    const struct domain *d = domain_by_id(line_of);

    arch_log("[%s] %s\n", d != NULL ? d->name : "?", line);
    line_used = 0;
    line[0] = 0;
}

static void write_lines(domid_t d, const u8 *bytes, u32 count)
{
    if (line_used != 0 && line_of != d) {
        end_line();
    }
    line_of = d;
    for (u32 i = 0; i < count; i++) {
        if (bytes[i] == '\n' || line_used == LINE_BYTES - 1) {
            end_line();
        }
        if (bytes[i] >= ' ' && bytes[i] < 0x7f) {
            line[line_used++] = (char)bytes[i];
            line[line_used] = 0;
        }
    }
}

void arch_console_write(domid_t d, const u8 *bytes, u32 count)
{
    lock_take(&out_lock);
    if (muxed) {
        write_framed(d, bytes, count);
    } else {
        write_lines(d, bytes, count);
    }
    lock_drop(&out_lock);
}

void serial_input_arrived(void)
{
    atomic_store32(&input_waits, 1);
}

static void deliver(u8 byte)
{
    struct domain *d = domain_by_id(in_channel);

    if (d != NULL && atomic_load64(&d->state) == DOMAIN_RUNNING) {
        (void)console_service_input(d, &byte, 1);
    }
}

static void take_byte(u8 byte)
{
    if (in_escape == 2) {
        in_channel = in_high * 128 + (byte & 0x7f);
        in_escape = 0;
    } else if (in_escape == 1 && byte != ESCAPE) {
        in_high = byte & 0x7f;
        in_escape = 2;
    } else if (in_escape == 0 && byte == ESCAPE) {
        in_escape = 1;
    } else {
        in_escape = 0;
        deliver(byte);
    }
}

/* A byte for a tenant costs some 300 instructions. */
static void take_input(void)
{
    u8 bytes[16];

    lock_take(&in_lock);
    const u32 count = serial_read(bytes, sizeof(bytes));
    for (u32 i = 0; i < count; i++) {
        take_byte(bytes[i]);
    }
    lock_drop(&in_lock);
    if (count == sizeof(bytes)) {
        atomic_store32(&input_waits, 1);
    }
}

bool hostcon_work(void)
{
    if (atomic_load32(&input_waits) != 0) {
        atomic_store32(&input_waits, 0);
        take_input();
    }
    return atomic_load32(&input_waits) != 0;
}
