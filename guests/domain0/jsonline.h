/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of JSON on their way out: a buffer from which the line takes what it
 * has room for. An object that does not fit is left out whole.
 */
#ifndef GUESTS_DOMAIN0_JSONLINE_H
#define GUESTS_DOMAIN0_JSONLINE_H

#include "core/base.h"

#define JSON_BYTES 16384u
#define JSON_LINE_MAX 8192u

void json_begin(void); /* an object */
void json_text(const char *key, const u8 *value, u32 bytes);
void json_name(const char *key, const char *value); /* ends in NUL */
void json_number(const char *key, u64 value);
void json_bool(const char *key, bool value);
/* SHA-256 as hex digits. */
void json_digest(const char *key, const u8 digest[32]);
void json_end(void);
void json_empty_line(void);

/* Room for another object of the greatest length? */
bool json_has_room(void);
/* What waits to go out; so many bytes of it are gone. */
const u8 *json_waiting(u32 *bytes);
void json_gone(u32 bytes);

#endif
