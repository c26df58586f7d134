/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much there is of everything, and what each client may have of it.
 *
 * A client is a domain that speaks to the store; its number is the domain's.
 * Client 0 is Domain0 itself, which has no quota. All memory is in arrays of
 * fixed size; a quarter of each is kept for Domain0, the rest is divided by
 * the number of tenants, so that no tenant can use up another's part.
 *
 * The kinds and their upper limits are those that operators of xenstored know:
 * nodes, watches, transactions, size of a node, permissions of a node.
 */
#ifndef GUESTS_DOMAIN0_LIMITS_H
#define GUESTS_DOMAIN0_LIMITS_H

#include "core/base.h"

#define CLIENTS_MAX 256u /* domains 0..255 */

#define NODES 32768u  /* of the store and of all transactions */
#define BLOCKS 65536u /* of 60 bytes: names, values, paths, tokens */
#define WATCHES 8192u
#define EVENTS 8192u
#define TXNS 2048u

#define VALUE_MAX 2048u /* bytes of a value */
#define PERMS_MAX 5u    /* of a node */
#define TOKEN_MAX 1000u /* of a watch: an event fits into a message */
#define PATH_MAX_ABS 3072u
#define PATH_MAX_REL 2048u

/* What one tenant may have. */
struct quota {
    u32 nodes, shadows, blocks, watches, events, txns;
};

extern struct quota quota;

/* Share everything out among so many tenants. */
void quota_set(u32 tenants);

#endif
