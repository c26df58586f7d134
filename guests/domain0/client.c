/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients and what each may have: see client.h and limits.h.
 */
#include "guests/domain0/client.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"

struct quota quota;
struct client client[CLIENTS_MAX];
u32 client_end;

/* A part of three quarters of what there is, but not more than most. */
static u32 part(u32 all, u32 tenants, u32 most)
{
    const u32 n = all / 4 * 3 / (tenants != 0 ? tenants : 1);
    return n < most ? n : most;
}

void quota_set(u32 tenants)
{
    /* Nodes of the store and of transactions come from one array. */
    quota.nodes = part(NODES / 4 * 3, tenants, 1000);
    quota.shadows = part(NODES / 4, tenants, 500);
    quota.blocks = part(BLOCKS, tenants, 4000);
    quota.watches = part(WATCHES, tenants, 128);
    quota.events = part(EVENTS, tenants, 128);
    quota.txns = part(TXNS, tenants, 10);
}

void store_reset(u32 tenants)
{
    for (u32 d = 0; d < client_end; d++) {
        client[d] = (struct client){ 0 };
    }
    client_end = 0;
    quota_set(tenants);
    bytes_reset();
    tree_reset();
    watch_reset();
    txn_reset();
    client_open(0, true);
}

void client_open(u32 domid, bool sees_domains)
{
    client_end = domid >= client_end ? domid + 1 : client_end;
    client[domid].is_present = true;
    client[domid].sees_domains = sees_domains;
}

void client_close(u32 domid)
{
    txn_drop_all(domid);
    watch_drop_all(domid);
    client[domid].is_present = false;
    client[domid].sees_domains = false;
}

bool client_is_present(u32 domid)
{
    return domid < CLIENTS_MAX && client[domid].is_present;
}
