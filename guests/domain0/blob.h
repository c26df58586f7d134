/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rf tells Domain0 of the domains: their network interfaces, and the
 * firewall's rules to begin with. Little endian, no pointers:
 *
 *   magic "RFSERV1\0", u32 version 1, u32 domains
 *   a record of 256 bytes for each domain (struct blob_domain)
 *   u32 bytes of rules, u32 zero, the rules
 */
#ifndef GUESTS_DOMAIN0_BLOB_H
#define GUESTS_DOMAIN0_BLOB_H

#include "core/base.h"

#define BLOB_VIFS 4u

struct blob_vif {
    u8 mac[6];
    u16 router_vif;
    u32 ip4;
    u8 ip6[16];
    u32 rate_bytes, rate_packets;
    char bridge[12]; /* NUL padded */
};

struct blob_domain {
    u16 domid, role, vifs, zero;
    char name[32];
    struct blob_vif vif[BLOB_VIFS];
    u8 pad[256 - 40 - BLOB_VIFS * 48];
};

_Static_assert(sizeof(struct blob_vif) == 48, "format");
_Static_assert(sizeof(struct blob_domain) == 256, "format");

/* Look at the blob; false: it is not one, and there is nothing to know. */
bool blob_open(const u8 *at, u64 bytes);
/* The record of a domain, or NULL. */
const struct blob_domain *blob_domain(u32 domid);
const u8 *blob_rules(u32 *bytes);

#endif
