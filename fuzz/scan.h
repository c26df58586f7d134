/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at all there is of a domain's memory, for the oracles: the frames
 * that are in any use and the entries that are not zero. It reads the records
 * and tables themselves and calls nothing of the code under test, which so
 * cannot hide its mistakes, and whose edges it does not blur.
 */
#ifndef FUZZ_SCAN_H
#define FUZZ_SCAN_H

#include "core/domain.h"
#include "fuzz/fuzz.h"

#define SCAN_FRAMES CHUNK_FRAMES /* a domain of the small world: one chunk */
#define SCAN_ENTRIES (64u * 512u)

struct scan_entry {
    u16 table; /* frame number within the chunk */
    u16 index;
    u32 level;
    u64 pte;
};

struct scan {
    const struct domain *d;
    u64 first;                 /* machine frame */
    const struct frame *frame; /* of the chunk */
    u32 used_count;
    u16 used[SCAN_FRAMES]; /* frames that are not untouched */
    u32 entry_count;
    struct scan_entry entry[SCAN_ENTRIES]; /* of live tables */
};

/* The last look; the next one overwrites it. */
const struct scan *scan_domain(const struct domain *d);

static inline bool scan_owns(const struct scan *s, u64 m)
{
    return m >= s->first && m - s->first < SCAN_FRAMES;
}

/* Every reference and type reference derived afresh from what holds it, and
 * compared; a finding if one differs, if a table is mapped writable, or if an
 * entry names what it may not. */
void recount(const struct scan *s);

#endif
