/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the boot module to tenants; see launch.c.
 */
#ifndef X86_LAUNCH_H
#define X86_LAUNCH_H

#include "policy/manifest.h"

/* Check the whole boot module; stops the host when anything is wrong. */
const struct mf_header *launch_check(void);
/* Make and build every tenant that the manifest names. */
void launch_all(const struct mf_header *h);

#endif
