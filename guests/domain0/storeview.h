/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of the store for who operates it: names and values below a path, as
 * lines of JSON. The store may change between two rounds; a node is then shown
 * twice, or not at all.
 */
#ifndef GUESTS_DOMAIN0_STOREVIEW_H
#define GUESTS_DOMAIN0_STOREVIEW_H

#include "core/base.h"

enum storeview { STOREVIEW_MORE, STOREVIEW_END, STOREVIEW_NOTHING };

/* Begin with the children of that node. False: it is no path. */
bool storeview_begin(const char *path) MUST_CHECK;
/* As many as there is room for. */
enum storeview storeview_put(void);

#endif
