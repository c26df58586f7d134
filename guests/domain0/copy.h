/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between private memory and a page that its owner may change at any
 * time. What was copied is read no more from the page: the compiler is told
 * that all memory may have changed.
 */
#ifndef GUESTS_DOMAIN0_COPY_H
#define GUESTS_DOMAIN0_COPY_H

#include "core/base.h"

static inline void copy_bytes(void *to, const void *from, u32 count)
{
    __builtin_memcpy(to, from, count);
}

/*@ requires \valid(to + (0 .. count - 1));
    requires \valid_read(from + (0 .. count - 1));
    assigns to[0 .. count - 1]; */
static inline void copy_from_ring(u8 *to, const volatile u8 *from, u32 count)
{
    __builtin_memcpy(to, (const void *)from, count);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*@ requires \valid(to + (0 .. count - 1));
    requires \valid_read(from + (0 .. count - 1));
    assigns to[0 .. count - 1]; */
static inline void copy_to_ring(volatile u8 *to, const u8 *from, u32 count)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __builtin_memcpy((void *)to, from, count);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Copy to to[at .. end), at most as many bytes as a ring has, from where an
 * index that runs freely stands in it; or from from[at .. end) to there. Both
 * return how far they came, at when it is end or beyond. */
/*@ requires 0 < ring_bytes;
    requires \valid(to + (at .. end - 1));
    requires \valid_read(ring + (0 .. ring_bytes - 1));
    assigns to[at .. end - 1];
    ensures \result == at || \result <= end; */
static inline u32 ring_read(u8 *to, u32 at, u32 end, const volatile u8 *ring,
                            u32 ring_bytes, u32 index)
{
    const u32 start = index % ring_bytes;
    const u32 room = ring_bytes - start;
    if (at >= end) {
        return at;
    }
    const u32 count = end - at < ring_bytes ? end - at : ring_bytes;
    if (count <= room) {
        copy_from_ring(to + at, ring + start, count);
        return at + count;
    }
    copy_from_ring(to + at, ring + start, room);
    copy_from_ring(to + at + room, ring, count - room);
    return at + count;
}

/*@ requires 0 < ring_bytes;
    requires \valid_read(from + (at .. end - 1));
    requires \valid(ring + (0 .. ring_bytes - 1));
    assigns ring[0 .. ring_bytes - 1];
    ensures \result == at || \result <= end; */
static inline u32 ring_write(volatile u8 *ring, u32 ring_bytes, u32 index,
                             const u8 *from, u32 at, u32 end)
{
    const u32 start = index % ring_bytes;
    const u32 room = ring_bytes - start;
    if (at >= end) {
        return at;
    }
    const u32 count = end - at < ring_bytes ? end - at : ring_bytes;
    if (count <= room) {
        copy_to_ring(ring + start, from + at, count);
        return at + count;
    }
    copy_to_ring(ring + start, from + at, room);
    copy_to_ring(ring, from + at + room, count - room);
    return at + count;
}

#endif
