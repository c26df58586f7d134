/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes that Domain0 itself keeps: where each domain is at home, and its
 * network interfaces with their other ends at the router.
 *
 *   /local/domain/N            N may read; Domain0's
 *     name domid               console/{type,limit,port,ring-ref}
 *     cpu/I/availability       control/platform-feature-xs_reset_watches
 *     control/{shutdown,sysrq,feature-...} data drivers feature attr error
 *                              N's own
 *     device/vif/I             N's own, the router may read
 *   /local/domain/R/backend/vif/N/I     the router's own, N may read
 *
 * Permissions are those a public toolstack gives.
 */
#ifndef GUESTS_DOMAIN0_NODES_H
#define GUESTS_DOMAIN0_NODES_H

#include "guests/domain0/blob.h"

#define NO_ROUTER 0xffffu

struct home {
    u32 domid, vcpus, console_port;
    const char *name; /* ends in NUL */
};

/* Make the home of a domain; what was there is removed. */
void nodes_make(const struct home *h);
/* Ask the domain to end by itself: "poweroff" or "reboot". */
void nodes_ask_shutdown(u32 domid, const char *how);
void nodes_remove(u32 domid);
/* Both ends of a domain's interfaces, in their first state. */
void nodes_connect(u32 domid, u32 router, const struct services_domain *b);
/* Remove them: the domain sees its devices go. */
void nodes_disconnect(u32 domid, u32 router);

#endif
