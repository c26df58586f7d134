/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic operations, each behind a function so that a prover sees a contract
 * and the fuzzers a scheduling point. Sequentially consistent unless named.
 */
#ifndef CORE_ATOMIC_H
#define CORE_ATOMIC_H

#include "core/base.h"

static inline u32 atomic_add32(u32 *p, u32 n)
{
    return __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST);
}

static inline u32 atomic_load32(const u32 *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void atomic_store32(u32 *p, u32 v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline u32 atomic_swap32(u32 *p, u32 v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

static inline u64 atomic_load64(const u64 *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void atomic_store64(u64 *p, u64 v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline u64 atomic_swap64(u64 *p, u64 v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

static inline u64 atomic_or64(u64 *p, u64 bits)
{
    return __atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

static inline u64 atomic_and64(u64 *p, u64 bits)
{
    return __atomic_fetch_and(p, bits, __ATOMIC_SEQ_CST);
}

static inline u64 atomic_add64(u64 *p, u64 n)
{
    return __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST);
}

static inline u8 atomic_load8(const u8 *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void atomic_store8(u8 *p, u8 v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline bool atomic_cas32(u32 *p, u32 *expected, u32 want)
{
    return __atomic_compare_exchange_n(p, expected, want, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* True and *p = want when *p was *expected; else *expected = *p. */
static inline bool atomic_cas64(u64 *p, u64 *expected, u64 want)
{
    return __atomic_compare_exchange_n(p, expected, want, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#endif
