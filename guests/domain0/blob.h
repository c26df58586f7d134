/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rf tells Domain0 of the domains: their network interfaces, and the
 * firewall's rules to begin with. The format is guests/router/services.h.
 */
#ifndef GUESTS_DOMAIN0_BLOB_H
#define GUESTS_DOMAIN0_BLOB_H

#include "guests/router/services.h"

/* Look at the blob; false: it is not one, and there is nothing to know. */
bool blob_open(const u8 *at, u64 bytes);
/* The record of a domain, or NULL. */
const struct services_domain *blob_domain(u32 domid);
const u8 *blob_rules(u32 *bytes);

#endif
