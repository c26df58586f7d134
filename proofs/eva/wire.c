/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's ring: the page may change between any two loads. What the store
 * itself does is taken at its word: a message that it makes is no longer than
 * a message may be.
 */
#include "guests/domain0/wire.h"
#include "guests/domain0/client.h"
#include "guests/domain0/watch.h"

struct client client[CLIENTS_MAX];
static volatile struct store_ring page;

void client_open(u32 domid, bool sees_domains)
{
    client[domid % CLIENTS_MAX].sees_domains = sees_domains;
}

void client_close(u32 domid)
{
    (void)domid;
}

void request_answer(u32 domid, const struct message *in, struct message *out)
{
    /*@ assert in->bytes <= PAYLOAD_MAX; */
    (void)domid;
    (void)in;
    eva_any(*out);
    out->bytes = eva_below(PAYLOAD_MAX + 1);
}

u32 watch_take(u32 domid, u8 to[WATCH_PAYLOAD_MAX])
{
    (void)domid;
    Frama_C_make_unknown((char *)to, WATCH_PAYLOAD_MAX);
    return eva_below(WATCH_PAYLOAD_MAX + 1);
}

void prove(void)
{
    static struct wire w;
    bool again = true;

    const u32 domid = eva_below(CLIENTS_MAX);

    client_open(domid, eva_below(2) == 1);
    wire_open(&w, domid, &page);
    while (again || eva_below(2) == 1) {
        Frama_C_make_unknown((char *)&page, sizeof(page));
        (void)wire_turn(&w, &again);
    }
    wire_close(&w);
}
