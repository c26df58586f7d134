/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client told the store, kept where a Domain0 that comes after this one
 * finds it: in the client's own ring page, behind what the public protocol
 * uses of it.
 *
 * Kept are the client's watches and the values it wrote below its home, as far
 * as there is room: SAVE_BYTES, some 60 nodes with short values. The next
 * server reads them as if the client sent them again: whoever changes these
 * bytes says only what the client could say itself. Permissions that a client
 * set are not kept.
 *
 *   u32 magic, u32 sum, u32 bytes, then records:
 *   u8 kind ('W', 'V'), u8 bytes shared with the path before, the rest of the
 *   path, NUL; a watch: token, NUL; a value: u16 bytes, and these
 */
#ifndef GUESTS_DOMAIN0_SAVE_H
#define GUESTS_DOMAIN0_SAVE_H

#include "core/base.h"

#define SAVE_AT 2112u /* in the page; behind struct store_ring */
#define SAVE_BYTES (PAGE_BYTES - SAVE_AT)

/* Write the area anew. False: not everything had room. */
bool save_write(u32 domid, volatile u8 *area);
/* Say again what the area holds: values first, of all clients; then watches,
 * which are told of the values as they are by then. An area that holds nothing
 * sensible is left alone. Returns how many records were taken. */
u32 save_read_values(u32 domid, const volatile u8 *area);
u32 save_read_watches(u32 domid, const volatile u8 *area);

#endif
