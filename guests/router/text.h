/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text into a buffer of fixed size: what does not fit is cut, and the end is
 * always a NUL.
 */
#ifndef GUESTS_ROUTER_TEXT_H
#define GUESTS_ROUTER_TEXT_H

#include "guests/router/packet.h"

struct text {
    char *at;
    u32 room; /* with the NUL, 1 or more */
    u32 used;
};

void text_begin(struct text *t, char *at, u32 room);
void text_put(struct text *t, const char *word);
void text_number(struct text *t, u32 number);
/* An address as people write it [RFC 5952]. */
void text_address(struct text *t, struct addr a, bool is_ip6);

#endif
