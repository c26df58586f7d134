/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console line: emergency output of any domain, and the two calls of the
 * domain that serves all consoles; their rings are that domain's business. The
 * line itself, and how channels share it, is x86/hostcon.c.
 *
 * Emergency output is limited: each byte is paid for with time, BURST bytes in
 * advance. It has nowhere to wait, so what is beyond is dropped.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/domain.h"

#define RATE_DEFAULT 1000000u /* bytes per second */
#define BURST 4096u           /* bytes that may go out at once */
#define WRITE_MAX 4096u       /* bytes of one emergency call */
#define PIECE_BYTES 256u
#define NS_PER_S 1000000000ull

/* Bring out what is paid for of count bytes. */
static void write_piece(struct domain *d, const u8 *bytes, u32 count)
{
    const u64 cost =
        NS_PER_S / (d->console_rate != 0 ? d->console_rate : RATE_DEFAULT);
    const ns_t now = arch_now();

    lock_take(&d->console);
    if (d->console_paid < now) {
        d->console_paid = now;
    }
    const u64 paid = (now + BURST * cost - d->console_paid) / cost;
    const u32 allowed = paid < count ? (u32)paid : count;

    d->console_paid += allowed * cost;
    if (allowed != 0) {
        (void)arch_console_write(d->id, bytes, allowed, true);
    }
    lock_drop(&d->console);
}

s64 hc_console_write(struct hc_call *c)
{
    struct domain *d = c->v->domain;
    const u64 count = c->arg[1];
    u8 piece[PIECE_BYTES];
    u32 sent = 0;

    if (count > WRITE_MAX) {
        return count > 0x7fffffffu ? RC_EINVAL : RC_E2BIG;
    }
    while (sent < count) { /* at most WRITE_MAX; sent rises each turn */
        const u32 left = (u32)count - sent;
        const u32 bytes = left < PIECE_BYTES ? left : PIECE_BYTES;

        if (!arch_fetch(piece, gva(c->arg[2] + sent), bytes)) {
            return RC_EFAULT;
        }
        write_piece(d, piece, bytes);
        sent += bytes;
        arch_interrupts();
    }
    return RC_OK;
}

s64 hc_serial_write(struct hc_call *c, struct arg_serial *a)
{
    u8 piece[PIECE_BYTES];

    (void)c;
    if (!arch_fetch(piece, gva(a->buffer), a->bytes)) {
        return RC_EFAULT;
    }
    return arch_console_write(a->channel, piece, a->bytes, false);
}

/* Bytes whose buffer proves to be none are lost, as on any line. */
s64 hc_serial_read(struct hc_call *c, struct arg_serial *a)
{
    u8 piece[PIECE_BYTES];
    const u32 count = arch_console_read(piece, a->bytes);

    (void)c;
    return arch_store(gva(a->buffer), piece, count) ? (s64)count : RC_EFAULT;
}
