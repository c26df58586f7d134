/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring: the page may change between any two loads; any number of
 * bytes waits to be typed, any bytes are typed, any time has passed.
 */
#include "guests/domain0/pvcon.h"

#define ROOM 512u

static volatile struct console_ring page;

static void some_console(struct pvcon *c)
{
    eva_any(*c);
    c->page = &page;
    c->typed_bytes = eva_below(TYPED_MAX + 1);
    c->rate = 1 + (u64)eva_u32();
    c->tokens = eva_below(PVCON_BURST + 1);
}

void prove(void)
{
    static struct pvcon c;
    static u8 bytes[ROOM];
    const u64 opened_ns = eva_u64();

    eva_any(bytes);
    pvcon_open(&c, &page, eva_u32(), opened_ns);
    some_console(&c);
    const u32 room = eva_below(ROOM + 1);
    const u32 taken = pvcon_look(&c, eva_u64(), bytes, room);
    pvcon_sent(&c, taken);
    some_console(&c);
    (void)pvcon_waits(&c);
    (void)pvcon_due_ns(&c);
    pvcon_type(&c, bytes, eva_below(ROOM + 1));
    (void)pvcon_flush(&c);
    some_console(&c);
    (void)pvcon_flush(&c);
    pvcon_close(&c);
}
