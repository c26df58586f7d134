/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that never decide, for rf check.
 */
#ifndef RF_SHADOW_H
#define RF_SHADOW_H

#include "rf/rf.h"

/* A warning for each rule of the set of which every packet is decided by
 * another rule, one that matches all that it matches; several that do so
 * together are not looked for. The set is without errors. */
void shadow_find(const struct tenant_set *set, struct diags *warnings);

#endif
