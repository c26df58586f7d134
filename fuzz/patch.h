/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For formats with digests and check sums, which no mutation hits: the input is
 * a list of changes to a good specimen, and the target puts the sums right
 * again where the input says so.
 *
 *   offset u16   where, counted from the specimen's start, modulo its size
 *   what u8      bits 0..2: how many bytes follow, less one; bits 3..7 are the
 *                target's
 *   bytes        what stands there then
 */
#ifndef FUZZ_PATCH_H
#define FUZZ_PATCH_H

#include "fuzz/fuzz.h"

/* Make the next change; its offset and the target's bits. False: none left. */
static inline bool patch(struct input *in, u8 *specimen, size_t bytes,
                         size_t *at, u32 *bits)
{
    if (left(in) < 4) {
        return false;
    }
    *at = take16(in) % bytes;
    const u8 what = take8(in);
    const size_t room = bytes - *at;
    size_t n = (what & 7u) + 1u;

    *bits = what >> 3;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        specimen[*at + i] = take8(in);
    }
    return true;
}

#endif
