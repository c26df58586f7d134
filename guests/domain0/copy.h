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

static inline void copy_from_ring(void *to, const volatile void *from,
                                  u32 count)
{
    __builtin_memcpy(to, (const void *)from, count);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void copy_to_ring(volatile void *to, const void *from, u32 count)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __builtin_memcpy((void *)to, from, count);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
