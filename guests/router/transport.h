/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP, UDP, ICMP and ICMPv6 headers, for packet.c.
 */
#ifndef GUESTS_ROUTER_TRANSPORT_H
#define GUESTS_ROUTER_TRANSPORT_H

#include "guests/router/packet.h"

/*
 * Read the transport header of a packet whose IP header is in *p, of an
 * unfragmented packet or of the first fragment. `have` of its `bytes` bytes
 * are at `at`; hops is the IPv6 hop limit.
 */
/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
enum drop transport_read(struct packet *p, const u8 *at, u32 have, u32 bytes,
                         u8 hops) MUST_CHECK;

#endif
