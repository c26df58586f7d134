/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks to the store, and what each has of it.
 *
 *   ABSENT -- client_open --> PRESENT -- client_close --> ABSENT
 *
 * A client that is closed loses its watches, events and open transactions; the
 * nodes that it made stay until somebody removes them, and stay charged to its
 * number.
 */
#ifndef GUESTS_DOMAIN0_CLIENT_H
#define GUESTS_DOMAIN0_CLIENT_H

#include "guests/domain0/limits.h"

enum xs_error {
    XS_OK,
#define ERROR(name) XS_##name,
#include "guests/domain0/errors.def"

};

struct client {
    bool is_present;
    bool sees_domains; /* special events go to it */
    bool is_changed;   /* watches or values, since somebody cleared it */
    u32 nodes, shadows, blocks, watches, events, txns;
    u32 watch_first;
    u32 event_first, event_last;
    u32 txn_serial;
    u64 requests, errors;
};

extern struct client client[CLIENTS_MAX];
extern u32 client_end; /* no client from this number on was ever here */

/* Forget everything: an empty store, nobody present. */
void store_reset(u32 tenants);

void client_open(u32 domid, bool sees_domains);
void client_close(u32 domid);
bool client_is_present(u32 domid);

/* The number of the next transactions' generation: those of another one were
 * begun before this Domain0. */
void store_set_epoch(u32 epoch);

#endif
