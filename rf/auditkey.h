/* SPDX-License-Identifier: Apache-2.0 */
/* The root key of a log's seals, in a file [audit/seal.h]. */
#ifndef RF_AUDITKEY_H
#define RF_AUDITKEY_H

#include "audit/sha256.h"
#include "rf/rf.h"

/* 2 * bytes digits; false: others than hexadecimal ones. */
bool hex_read(const char *text, u8 *out, size_t bytes) MUST_CHECK;
void hex_write(FILE *out, const u8 *data, size_t bytes);

/* Draw a key and keep it in a new file that only its owner reads. */
bool audit_key_make(const char *path, u8 key[SHA256_BYTES],
                    struct fault *fault) MUST_CHECK;
bool audit_key_read(const char *path, u8 key[SHA256_BYTES],
                    struct fault *fault) MUST_CHECK;

#endif
