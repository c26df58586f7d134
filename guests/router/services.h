/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services blob: Domain0's ramdisk. rf writes it, Domain0 reads it; who is
 * there and which interfaces they have, and the rules blob to load at boot.
 *
 *   struct services_header
 *   struct services_domain [domains]
 *   u32 rules_bytes, u32 zero
 *   rules blob (rules.h)
 *
 * Little endian. ip4 is a number (10.0.0.2 is 0x0a000002), ip6 as on the wire.
 */
#ifndef GUESTS_ROUTER_SERVICES_H
#define GUESTS_ROUTER_SERVICES_H

#include "core/base.h"

#define SERVICES_MAGIC "RFSERV1\0"
#define SERVICES_VERSION 1u
#define SERVICES_VIFS 4u

struct services_header {
    char magic[8];
    u32 version;
    u32 domains;
};

struct services_vif {
    u8 mac[6];
    u16 router_vif; /* index of this interface in the rules blob */
    u32 ip4;        /* the first, or 0 */
    u8 ip6[16];     /* the first, or zeroes */
    u32 rate_bytes; /* a second; 0: no limit */
    u32 rate_packets;
    char bridge[12]; /* NUL padded */
};

struct services_domain {
    u16 domid;
    u16 role;
    u16 vifs; /* 0 to SERVICES_VIFS */
    u16 zero;
    char name[32];
    struct services_vif vif[SERVICES_VIFS];
    u8 pad[24];
};

struct services_rules {
    u32 bytes; /* 0: no rules */
    u32 zero;
};

_Static_assert(sizeof(struct services_vif) == 48, "interface");
_Static_assert(sizeof(struct services_domain) == 256, "domain");

#endif
