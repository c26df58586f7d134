/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code calls that is compiled with -fsanitize=thread, and linked without:
 * before each load and store, and for each atomic operation.
 */
#include <string.h>

#include "fuzz/schedules/race.h"

#define PC __builtin_return_address(0)
#define HOOK(name) void __tsan_##name

/* clang-format off */
#define PLAIN(n)                                                               \
    HOOK(read##n)(void *p);                                                    \
    HOOK(write##n)(void *p);                                                   \
    HOOK(unaligned_read##n)(void *p);                                          \
    HOOK(unaligned_write##n)(void *p);                                         \
    HOOK(read##n)(void *p) { race_plain(p, n, false, PC); }                    \
    HOOK(write##n)(void *p) { race_plain(p, n, true, PC); }                    \
    HOOK(unaligned_read##n)(void *p) { race_plain(p, n, false, PC); }          \
    HOOK(unaligned_write##n)(void *p) { race_plain(p, n, true, PC); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

HOOK(init)(void);
HOOK(func_entry)(void *pc);
HOOK(func_exit)(void);
HOOK(init)(void) {}
HOOK(func_entry)(void *pc) { (void)pc; }
HOOK(func_exit)(void) {}
/* clang-format on */

void *__tsan_memcpy(void *to, const void *from, size_t bytes);
void *__tsan_memmove(void *to, const void *from, size_t bytes);
void *__tsan_memset(void *to, int value, size_t bytes);

void *__tsan_memcpy(void *to, const void *from, size_t bytes)
{
    race_plain(from, (u32)bytes, false, PC);
    race_plain(to, (u32)bytes, true, PC);
    return memcpy(to, from, bytes);
}

void *__tsan_memmove(void *to, const void *from, size_t bytes)
{
    race_plain(from, (u32)bytes, false, PC);
    race_plain(to, (u32)bytes, true, PC);
    return memmove(to, from, bytes);
}

void *__tsan_memset(void *to, int value, size_t bytes)
{
    race_plain(to, (u32)bytes, true, PC);
    return memset(to, value, bytes);
}

/* Load, store, exchange, add, or, and, compare and exchange. A store with the
 * strongest order is an exchange on this processor. */
#define STRONGEST 5
#define SWAP(n, t, name, value)                                                \
    t __tsan_atomic##n##_##name(volatile t *p, t v, int order);                \
    t __tsan_atomic##n##_##name(volatile t *p, t v, int order)                 \
    {                                                                          \
        (void)order;                                                           \
        cpus_point((const void *)p, TOUCH_SWAP);                               \
        race_atomic((const void *)p, TOUCH_SWAP, PC);                          \
        cpus_storing((void *)p, 0, true);                                      \
        const t old = *p;                                                      \
                                                                               \
        *p = (t)(value);                                                       \
        return old;                                                            \
    }
#define ATOMIC(n, t)                                                           \
    t __tsan_atomic##n##_load(const volatile t *p, int order);                 \
    t __tsan_atomic##n##_load(const volatile t *p, int order)                  \
    {                                                                          \
        (void)order;                                                           \
        cpus_point((const void *)p, TOUCH_LOAD);                               \
        race_atomic((const void *)p, TOUCH_LOAD, PC);                          \
        return (t)cpus_seen((const void *)p, *p);                              \
    }                                                                          \
    void __tsan_atomic##n##_store(volatile t *p, t v, int order);              \
    void __tsan_atomic##n##_store(volatile t *p, t v, int order)               \
    {                                                                          \
        const bool locked = order == STRONGEST;                                \
                                                                               \
        cpus_point((const void *)p, TOUCH_STORE);                              \
        race_atomic((const void *)p, locked ? TOUCH_SWAP : TOUCH_STORE, PC);   \
        cpus_storing((void *)p, *p, locked);                                   \
        *p = v;                                                                \
    }                                                                          \
    SWAP(n, t, exchange, v)                                                    \
    SWAP(n, t, fetch_add, old + v)                                             \
    SWAP(n, t, fetch_sub, old - v)                                             \
    SWAP(n, t, fetch_or, old | v)                                              \
    SWAP(n, t, fetch_and, old &v)                                              \
    int __tsan_atomic##n##_compare_exchange_strong(volatile t *p, t *expected, \
                                                   t v, int order, int other); \
    int __tsan_atomic##n##_compare_exchange_strong(volatile t *p, t *expected, \
                                                   t v, int order, int other)  \
    {                                                                          \
        (void)order;                                                           \
        (void)other;                                                           \
        cpus_point((const void *)p, TOUCH_SWAP);                               \
        race_atomic((const void *)p, TOUCH_SWAP, PC);                          \
        cpus_storing((void *)p, 0, true);                                      \
        if (*p != *expected) {                                                 \
            *expected = *p;                                                    \
            return 0;                                                          \
        }                                                                      \
        *p = v;                                                                \
        return 1;                                                              \
    }                                                                          \
    t __tsan_atomic##n##_compare_exchange_val(volatile t *p, t expected, t v,  \
                                              int order, int other);           \
    t __tsan_atomic##n##_compare_exchange_val(volatile t *p, t expected, t v,  \
                                              int order, int other)            \
    {                                                                          \
        (void)__tsan_atomic##n##_compare_exchange_strong(p, &expected, v,      \
                                                         order, other);        \
        return expected;                                                       \
    }
ATOMIC(8, u8)
ATOMIC(16, u16)
ATOMIC(32, u32)
ATOMIC(64, u64)
