/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of the hostile front-end: its grants, its lies, its bad packets.
 */
#ifndef GUESTS_NETFRONT_RING_H
#define GUESTS_NETFRONT_RING_H

#include "core/base.h"

#define LIES 10u
#define BAD_PACKETS 9u

/* Once. */
bool ring_setup(void);
/* Empty rings, granted to the domain; the port that is offered to it. */
u32 ring_begin(u32 back);
/* Take it all back. True: nobody held anything of it. */
bool ring_end(void);

/* Tell the lie of that number. */
void ring_lie(u32 which);
/* Send the bad packet of that number; the status it is answered with, 0 or
 * more when it is not answered as bad. */
s32 ring_bad_packet(u32 which, const u8 mac[6]);

#endif
