/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate limit: tokens that come at a rate, up to a burst. What is taken may
 * bring the count below zero, once: a packet larger than the burst passes, and
 * is paid back.
 */
#ifndef GUESTS_ROUTER_BUCKET_H
#define GUESTS_ROUTER_BUCKET_H

#include "core/base.h"

#define BUCKET_SECOND 1000000000ull

struct bucket {
    u64 rate; /* tokens a second; 0: no limit */
    u64 burst;
    s64 tokens;
    u64 filled_ns; /* up to when tokens have been given */
};

/* The burst is a tenth of a second, or `least`. */
static inline void bucket_init(struct bucket *b, u64 rate, u64 least, u64 now)
{
    b->rate = rate;
    b->burst = rate / 10 > least ? rate / 10 : least;
    b->tokens = (s64)b->burst;
    b->filled_ns = now;
}

/* May something be taken now? */
static inline bool bucket_open(struct bucket *b, u64 now)
{
    if (b->rate == 0) {
        return true;
    }
    const u64 passed = now > b->filled_ns ? now - b->filled_ns : 0;
    /* In steps of a second at most, so that nothing overflows: rates are below
     * 2^32. */
    const u64 step = passed < BUCKET_SECOND ? passed : BUCKET_SECOND;
    const u64 fresh = step * b->rate / BUCKET_SECOND;
    if (fresh != 0) {
        /* What was not a whole token stays to be given. */
        b->filled_ns = step == passed
                           ? b->filled_ns + fresh * BUCKET_SECOND / b->rate
                           : now;
        b->tokens += (s64)fresh;
        if (b->tokens > (s64)b->burst) {
            b->tokens = (s64)b->burst;
        }
    }
    return b->tokens > 0;
}

static inline void bucket_take(struct bucket *b, u64 count)
{
    if (b->rate != 0) {
        b->tokens -= (s64)count;
    }
}

/* When it opens again. */
static inline u64 bucket_opens(const struct bucket *b)
{
    if (b->rate == 0 || b->tokens > 0) {
        return b->filled_ns;
    }
    return b->filled_ns + ((u64)(1 - b->tokens) * BUCKET_SECOND) / b->rate + 1;
}

#endif
