/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a set of tenants, for rf show: its interfaces, and who may
 * begin what with whom.
 */
#ifndef RF_SHOWNET_H
#define RF_SHOWNET_H

#include "rf/rf.h"

enum net_form { NET_TABLE, NET_JSON, NET_DOT, NET_NFT };

/* Nothing is printed for a set without interfaces, but for DOT and NFT. JSON
 * is members of an object that has others: `,"interfaces":[...],...`. */
void show_network(const struct tenant_set *set, enum net_form form);

#endif
