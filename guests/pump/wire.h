/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of the pump, as a front-end sees them: datagrams to one address, as
 * many as there is room for, and whatever comes.
 */
#ifndef GUESTS_PUMP_WIRE_H
#define GUESTS_PUMP_WIRE_H

#include "core/base.h"

struct wire_counts {
    u64 sent;    /* given to the ring */
    u64 okay;    /* answered: somebody got it */
    u64 refused; /* answered otherwise */
    u64 taken;   /* of the other end */
    u64 others;  /* that others sent, or not as the other end sends them */
    u64 errors;  /* the router had one for us and could not copy it */
};

extern struct wire_counts wire_counts;

/* Grant all that the rings will ever need, once. False: no grant table. */
bool wire_setup(void);
/* Empty rings, granted to the domain; datagrams of so many bytes, with their
 * headers, from 10.0.0.own to 10.0.0.peer go out of ports from `port` on. The
 * event port that is offered. */
u32 wire_begin(u32 back, const u8 mac[6], u32 peer, u32 bytes, u32 port);
/* Take it all back. True: nobody held anything of it. */
bool wire_end(void);
/* Send at most so many; how many there was room for. */
u32 wire_send(u32 count);
/* What has come, and the answers. */
void wire_look(void);
/* Sent and not answered. */
u32 wire_open(void);
/* Sleep until something comes, or the time. */
void wire_wait(u64 until_ns);

#endif
