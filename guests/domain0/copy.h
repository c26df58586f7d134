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

/* Copy count bytes, at most all of the ring, from where an index that runs
 * freely stands in it, or to there. */
/*@ requires 0 < ring_bytes && count <= ring_bytes;
    requires \valid(to + (0 .. count - 1));
    requires \valid_read(ring + (0 .. ring_bytes - 1));
    assigns to[0 .. count - 1]; */
static inline void ring_read(u8 *to, const volatile u8 *ring, u32 ring_bytes,
                             u32 index, u32 count)
{
    const u32 at = index % ring_bytes;
    const u32 room = ring_bytes - at;
    if (count <= room) {
        copy_from_ring(to, ring + at, count);
        return;
    }
    copy_from_ring(to, ring + at, room);
    copy_from_ring(to + room, ring, count - room);
}

/*@ requires 0 < ring_bytes && count <= ring_bytes;
    requires \valid_read(from + (0 .. count - 1));
    requires \valid(ring + (0 .. ring_bytes - 1));
    assigns ring[0 .. ring_bytes - 1]; */
static inline void ring_write(volatile u8 *ring, u32 ring_bytes, u32 index,
                              const u8 *from, u32 count)
{
    const u32 at = index % ring_bytes;
    const u32 room = ring_bytes - at;
    if (count <= room) {
        copy_to_ring(ring + at, from, count);
        return;
    }
    copy_to_ring(ring + at, from, room);
    copy_to_ring(ring, from + room, count - room);
}

#endif
