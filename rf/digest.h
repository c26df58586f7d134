/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of a buffer.
 */
#ifndef RF_DIGEST_H
#define RF_DIGEST_H

#include "core/base.h"

void digest_of(const void *data, size_t bytes, u8 out[32]);

#endif
