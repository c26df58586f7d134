/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets that are sequences of hypercalls: which rows, which acts, which
 * world. What they share is in seq.c.
 */
#include <string.h>

#include "fuzz/seq.h"

#define BIT(n) (1ull << (n))
#define ACTS_PAGES                                                             \
    (BIT(ACT_TRAPPED) | BIT(ACT_BITS) | BIT(ACT_POKE) | BIT(ACT_CACHE))
#define ACTS_GUEST (BIT(ACT_POKE) | BIT(ACT_MASKS) | BIT(ACT_COLLECT))
#define NUMBERS_ALL 0x3ffffffffull
#define NUMBERS_PAGES (BIT(1) | BIT(14) | BIT(26))

void target_pgtable(const u8 *data, size_t bytes)
{
    static const struct family family = { .acts = ACTS_PAGES,
                                          .numbers = NUMBERS_PAGES };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_hypercall(const u8 *data, size_t bytes)
{
    static const struct family family = { .world = { .connected = true },
                                          .acts = ACTS_PAGES | ACTS_GUEST |
                                                  BIT(ACT_RAW) |
                                                  BIT(ACT_GRANT) |
                                                  BIT(ACT_TIME),
                                          .numbers = NUMBERS_ALL,
                                          .lists = true };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_grants(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true },
        .acts = BIT(ACT_GRANT) | BIT(ACT_TRAPPED) | BIT(ACT_POKE),
        .numbers = BIT(20) | BIT(14) | BIT(26) | BIT(12)
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_events(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true },
        .acts = ACTS_GUEST | BIT(ACT_VIRQ) | BIT(ACT_TIME),
        .numbers = BIT(32) | BIT(29) | BIT(15) | BIT(18)
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_memory(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .acts = BIT(ACT_POKE) | BIT(ACT_TRAPPED),
        .numbers = BIT(12) | BIT(24) | BIT(14) | BIT(1)
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_multicall(const u8 *data, size_t bytes)
{
    static const struct family family = { .acts = BIT(ACT_POKE) | BIT(ACT_RAW),
                                          .numbers = NUMBERS_PAGES | BIT(12) |
                                                     BIT(17) | BIT(24) |
                                                     BIT(32),
                                          .lists = true };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_schedule(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true, .scheduled = true },
        .acts = ACTS_GUEST | BIT(ACT_TIME) | BIT(ACT_VIRQ) | BIT(ACT_PICK) |
                BIT(ACT_END) | BIT(ACT_WORK),
        .numbers = BIT(15) | BIT(24) | BIT(29) | BIT(32),
        .two_cpus = true
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_life(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true, .audited = true },
        .acts = BIT(ACT_GRANT) | BIT(ACT_END) | BIT(ACT_WORK) | BIT(ACT_TIME) |
                BIT(ACT_DRAIN) | BIT(ACT_RAW),
        .numbers = BIT(20) | BIT(24) | BIT(29) | BIT(32) | BIT(12) | BIT(18)
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

void target_services(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true, .audited = true, .serving = true },
        .acts = BIT(ACT_END) | BIT(ACT_WORK) | BIT(ACT_TIME) | BIT(ACT_DRAIN) |
                BIT(ACT_RAW) | BIT(ACT_VIRQ),
        .numbers = BIT(55) | BIT(18) | BIT(32)
    };
    static struct seq q;

    seq_run(&q, &family, data, bytes);
}

/* The same records in two orders: as they come, and first those of domain 1,
 * then those of domain 2. Neither domain must notice. */
void target_commute(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .acts = BIT(ACT_POKE) | BIT(ACT_TRAPPED) | BIT(ACT_GRANT) |
                BIT(ACT_MASKS) | BIT(ACT_COLLECT),
        .numbers = NUMBERS_ALL & ~(BIT(2) | BIT(0) | BIT(29)),
        .single = true
    };
    static struct seq q, alone;
    u64 digest[WORLD_DOMAINS], sum[WORLD_DOMAINS];

    q.only = 0;
    seq_run(&q, &family, data, bytes);
    memcpy(digest, q.digest, sizeof(digest));
    memcpy(sum, q.result_sum, sizeof(sum));
    for (u32 id = 1; id < WORLD_VICTIM; id++) {
        alone.only = id;
        seq_run(&alone, &family, data, bytes);
        if (alone.digest[id] != digest[id] || alone.result_sum[id] != sum[id]) {
            fuzz_fail("domain %u fares differently without the other one", id);
        }
    }
}
