/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers out of frames: network byte order.
 */
#ifndef GUESTS_ROUTER_BYTES_H
#define GUESTS_ROUTER_BYTES_H

#include "core/base.h"

/*@ requires \valid_read(at + (0 .. 1));
   assigns \nothing; */
static inline u16 be16(const u8 *at)
{
    return (u16)((u32)at[0] << 8 | at[1]);
}

/*@ requires \valid_read(at + (0 .. 3));
   assigns \nothing; */
static inline u32 be32(const u8 *at)
{
    return (u32)be16(at) << 16 | be16(at + 2);
}

/*@ requires \valid_read(at + (0 .. 7));
   assigns \nothing; */
static inline u64 be64(const u8 *at)
{
    return (u64)be32(at) << 32 | be32(at + 4);
}

/*@ requires \valid_read(a + (0 .. 5)) && \valid_read(b + (0 .. 5));
   assigns \nothing; */
static inline bool mac_equal(const u8 *a, const u8 *b)
{
    return be32(a) == be32(b) && be16(a + 4) == be16(b + 4);
}

/*@ requires \valid(to + (0 .. 5)) && \valid_read(from + (0 .. 5));
   requires \separated(to + (0 .. 5), from + (0 .. 5));
   assigns to[0 .. 5]; */
static inline void mac_copy(u8 *to, const u8 *from)
{
    /*@ loop invariant i <= 6;
       loop assigns i, to[0 .. 5];
       loop variant 6 - i; */
    for (u32 i = 0; i < 6; i++) {
        to[i] = from[i];
    }
}

#endif
