/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both rings of a network interface: the page may change between any two
 * loads, the private indices may be any numbers, so what they index must be
 * within the page by the arithmetic alone.
 */
#include "guests/router/netring.h"

static u32 page[NETRING_WORDS];

static void some_ring(struct netring *r)
{
    *r = (struct netring){ .word = page,
                           .req_cons = eva_u32(),
                           .rsp_pvt = eva_u32(),
                           .rsp_sent = eva_u32(),
                           .lie =
                               (enum netring_error)eva_below(NETRING_ERRORS) };
}

void prove(void)
{
    struct netring r;
    struct netpacket p;

    eva_any(page);
    eva_any(p);
    (void)netring_attach(&r, page);
    some_ring(&r);
    (void)netring_waiting(&r);
    some_ring(&r);
    (void)netring_arm(&r);
    some_ring(&r);
    (void)netring_push(&r);
    some_ring(&r);
    const enum nettx_result result = nettx_take(&r, eva_u32(), &p);
    if (result == NETTX_PACKET) {
        nettx_answer(&r, &p, (s32)eva_u32());
    }
    some_ring(&r);
    const struct netrx_slot slot = netrx_take(&r);
    netrx_answer(&r, slot.id, (u16)eva_u32(), (s32)eva_u32());
    netrx_answer_gso(&r, (u8)eva_u32(), (u16)eva_u32());
    (void)netring_text((enum netring_error)eva_u32());
}
