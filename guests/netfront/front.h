/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small front-end's half of the handshake with the router, through the store;
 * the rings are the caller's. One interface, device/vif/0. [XEN io/netif.h]
 */
#ifndef GUESTS_NETFRONT_FRONT_H
#define GUESTS_NETFRONT_FRONT_H

#include "core/base.h"

/* Grants of the two rings. */
#define FRONT_TX_REF 64u
#define FRONT_RX_REF 65u

/* States of either end. */
#define FRONT_INITIALISING 1u
#define FRONT_INIT_WAIT 2u
#define FRONT_CONNECTED 4u
#define FRONT_CLOSING 5u
#define FRONT_CLOSED 6u

extern u32 front_back;  /* the router's domain number */
extern u8 front_mac[6]; /* of the interface */

/* Find the interface, once; false: there is none. */
bool front_find(void);
/* Offer anew, and wait until the router does. */
bool front_begin(void);
/* The rings are granted, and the port is offered: be connected. */
bool front_connect(u32 port);
/* As the book has it; the router holds nothing of the rings after that. */
bool front_leave(void);
/* Wait until the router's state is one of the two. */
bool front_await(u32 one, u32 other);
/* The router's state. */
u32 front_back_state(void);

#endif
