/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every entry of proofs/eva/ needs: values that may be anything, and the
 * compiler's atomic operations in words that Eva knows. proofs/run puts this
 * file in front of each file that it reads.
 *
 * Memory that is loaded atomically is memory that somebody else may write: a
 * load gives any value of its type, whatever was stored.
 */
#ifndef PROOFS_EVA_H
#define PROOFS_EVA_H

#include <__fc_builtin.h>
#include <string.h>

#define EVA_SHARED(p) (*(volatile __typeof__(*(p)) *)(p))
#define __atomic_load_n(p, order) EVA_SHARED(p)
#define __atomic_store_n(p, v, order) ((void)(EVA_SHARED(p) = (v)))
#define EVA_EXCHANGE(p, v)                                                     \
    ({                                                                         \
        const __typeof__(*(p)) eva_old = EVA_SHARED(p);                        \
        EVA_SHARED(p) = (v);                                                   \
        eva_old;                                                               \
    })
#define __atomic_exchange_n(p, v, order) EVA_EXCHANGE(p, v)
#define __atomic_fetch_add(p, n, order) EVA_EXCHANGE(p, n)
#define __atomic_fetch_or(p, n, order) EVA_EXCHANGE(p, n)
#define __atomic_fetch_and(p, n, order) EVA_EXCHANGE(p, n)
#define __atomic_compare_exchange_n(p, expected, want, weak, yes, no)          \
    (Frama_C_interval(0, 1) ? (EVA_SHARED(p) = (want), 1)                      \
                            : (*(expected) = EVA_SHARED(p), 0))
#define __atomic_thread_fence(order) ((void)0)
#define __atomic_signal_fence(order) ((void)0)

#define __builtin_memcpy memcpy

/* Any number; any number below a limit, which is not 0; any bytes. */
#define eva_u32() ((unsigned)Frama_C_unsigned_int_interval(0, 0xffffffffu))
#define eva_u64()                                                              \
    ((unsigned long)Frama_C_unsigned_long_long_interval(                       \
        0, 0xffffffffffffffffull))
#define eva_below(limit) Frama_C_unsigned_int_interval(0, (limit) - 1)
#define eva_any(object) Frama_C_make_unknown((char *)&(object), sizeof(object))

#endif
