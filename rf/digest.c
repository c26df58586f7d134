/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by OpenSSL, for the images of the boot module.
 */
#include <openssl/sha.h>

#include "rf/digest.h"

void digest_of(const void *data, size_t bytes, u8 out[32])
{
    SHA256(data, bytes, out);
}
