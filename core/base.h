/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-width types and the attributes every file may use.
 *
 * This header is the bottom of the include graph: it includes nothing of ours.
 * It is the only place in the tree that may test __FRAMAC__ or __clang__.
 */
#ifndef CORE_BASE_H
#define CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef u8 bytes32_t[32]; /* as fields of argument structures */
typedef u8 bytes80_t[80];

#define U64_MAX 0xffffffffffffffffull
#define U32_MAX 0xffffffffu

#define MUST_CHECK __attribute__((warn_unused_result))
#define NO_INLINE __attribute__((noinline)) /* what its caller seldom needs */
#define NO_RETURN __attribute__((noreturn))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE_BITS 12u
#define PAGE_BYTES 4096u
#define TABLE_ENTRIES 512u
/* A chunk is the unit in which machine memory is given to a domain: 2 MiB. */
#define CHUNK_FRAME_BITS 9u
#define CHUNK_FRAMES 512u
#define CHUNK_BYTES 0x200000ull

/* Pages that so many bytes take. */
static inline u64 pages_of(u64 bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0 ? 1 : 0);
}

/*
 * Lock annotations. With clang they are checked by -Wthread-safety; they are
 * documentation everywhere else.
 */
#if defined(__clang__) && !defined(__FRAMAC__)
#define RF_LOCK_TYPE __attribute__((capability("lock")))
#define RF_HOLDS(...) __attribute__((requires_capability(__VA_ARGS__)))
#define RF_TAKES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RF_DROPS(...) __attribute__((release_capability(__VA_ARGS__)))
#define RF_UNCHECKED_LOCKS __attribute__((no_thread_safety_analysis))
#else
#define RF_LOCK_TYPE
#define RF_HOLDS(...)
#define RF_TAKES(...)
#define RF_DROPS(...)
#define RF_UNCHECKED_LOCKS
#endif

#endif
