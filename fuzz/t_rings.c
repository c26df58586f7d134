/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that Domain0 serves, one alone: the wire of a store, byte by byte, and
 * a console, of any tenant and of an honest one.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "guests/domain0/client.h"
#include "guests/domain0/pvcon.h"
#include "guests/domain0/wire.h"
#include "guests/lib/rings.h"

#define OPS_MAX 24u
#define RING 1024u

static struct input in;
static struct store_ring page;
static struct wire wire;

/* ---- one ring alone, byte by byte -----------------------------------------
 */

static void stream(u8 byte)
{
    struct store_ring *const r = &page;

    r->req[r->req_prod++ % RING] = byte;
}

static void wire_op(void)
{
    struct store_ring *const r = &page;
    const u8 c = take8(&in);

    if (c < 0xb0) { /* a stream of requests */
        for (u32 i = 0; i <= c % 64u; i++) {
            stream(take8(&in));
        }
    } else if (c < 0xd0) { /* the header of a long one */
        const u32 header[4] = { c % 32u, 1, 0, take16(&in) % 8192u };
        for (u32 i = 0; i < sizeof(header); i++) {
            stream(((const u8 *)header)[i]);
        }
    } else if (c < 0xe0) { /* as much as there is room for */
        while (r->req_prod - r->req_cons < RING) {
            stream('x');
        }
    } else if (c < 0xf0) {
        r->rsp_cons = r->rsp_prod;
    } else if (c < 0xfc) {
        u32 *const index = &r->req_cons + c % 4;
        *index += take16(&in);
    } else {
        r->connection = c % 4;
    }
}

void target_xswire(const u8 *data, size_t bytes)
{
    bool again;

    in = (struct input){ data, bytes, 0 };
    memset(&page, 0, sizeof(page));
    store_reset(1);
    client_open(1, false);
    wire_open(&wire, 1, &page);
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        const struct store_ring *const r = &page;
        wire_op();
        (void)wire_turn(&wire, &again);
        if (wire.state == WIRE_BROKEN) {
            if (r->error != 2 && r->error != 3) {
                fuzz_fail("closed, and the client is not told why");
            }
            return;
        }
        if (r->rsp_prod - r->rsp_cons > RING ||
            r->req_prod - r->req_cons > RING ||
            wire.in_have > sizeof(struct message)) {
            fuzz_fail("a ring that lies is open");
        }
    }
}

/* ---- consoles -------------------------------------------------------------
 */

static struct console_ring con_page;
static struct pvcon con;
static u8 sent_next, heard_next; /* honest output counts up */

static void con_look(u64 now, bool honest)
{
    u8 piece[256];
    const u32 n = pvcon_look(&con, now, piece, sizeof(piece));

    if (n > sizeof(piece)) {
        fuzz_fail("%u bytes of a piece", n);
    }
    const u32 taken = n != 0 ? take8(&in) % (n + 1) : 0;
    for (u32 i = 0; honest && i < taken; i++) {
        if (piece[i] != heard_next++) {
            fuzz_fail("output out of order");
        }
    }
    pvcon_sent(&con, taken);
}

static void con_op(u64 *now, bool honest)
{
    static const u8 keys[300] = "typed";
    const u8 c = take8(&in);
    u32 *const index[] = { &con_page.in_cons, &con_page.in_prod,
                           &con_page.out_cons, &con_page.out_prod };

    switch (c % 6) {
    case 0:
    case 1:
        con_look(*now, honest);
        break;
    case 2:
        pvcon_type(&con, keys, take16(&in) % sizeof(keys));
        (void)pvcon_flush(&con);
        break;
    case 3:
        for (u32 i = take16(&in) % 400u; i != 0; i--) {
            if (con_page.out_prod - con_page.out_cons < 2048) {
                con_page.out[con_page.out_prod++ % 2048] = sent_next++;
            }
        }
        break;
    case 4:
        if (honest) {
            con_page.in_cons = con_page.in_prod;
        } else {
            *index[c / 6 % 4] = take16(&in) | (u32)(c & 0x80) << 24;
        }
        break;
    default:
        *now += take16(&in) * 1000ull;
        if (c >= 0xf0) {
            pvcon_open(&con, &con_page, 0, *now); /* another server */
        }
        break;
    }
}

void target_pvcon(const u8 *data, size_t bytes)
{
    u64 now = 1000000000ull;

    in = (struct input){ data, bytes, 0 };
    const bool honest = (take8(&in) & 1) == 0;
    memset(&con_page, 0, sizeof(con_page));
    sent_next = 0;
    heard_next = 0;
    pvcon_open(&con, &con_page, 0, now);
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        con_op(&now, honest);
        if (honest && con.state != PVCON_OPEN) {
            fuzz_fail("the ring of an honest tenant was closed");
        }
        if (con.tokens > PVCON_BURST || con.typed_bytes > TYPED_MAX) {
            fuzz_fail("more than there can be");
        }
    }
}
