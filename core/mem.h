/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory functions a freestanding compiler expects. The kernel has
 * them in x86/string.c, a host program in its C library.
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include "core/base.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
