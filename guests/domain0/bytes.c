/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings in blocks: see bytes.h. Blocks beyond `used` were never taken, so
 * that a reset costs nothing.
 */
#include "guests/domain0/bytes.h"
#include "guests/domain0/client.h"
#include "guests/domain0/copy.h"

struct block {
    u32 next;
    u8 data[BLOCK_BYTES];
};

static struct block block[BLOCKS]; /* 0 is not used */
static u32 used, free_first, free_count;

void bytes_reset(void)
{
    used = 1;
    free_first = 0;
    free_count = BLOCKS - 1;
}

u32 bytes_free_blocks(void)
{
    return free_count;
}

static u32 blocks_of(u32 count)
{
    return (count + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static u32 piece(u32 left)
{
    return left < BLOCK_BYTES ? left : BLOCK_BYTES;
}

static u32 block_take(void)
{
    const u32 b = free_first != 0 ? free_first : used;
    if (free_first != 0) {
        free_first = block[b].next;
    } else {
        used++;
    }
    free_count--;
    block[b].next = 0;
    return b;
}

bool bytes_new(u32 payer, const u8 *from, u32 count, u32 *chain)
{
    const u32 blocks = blocks_of(count);
    *chain = 0;
    if (blocks > free_count ||
        (payer != 0 && client[payer].blocks + blocks > quota.blocks)) {
        return false;
    }
    client[payer].blocks += blocks;
    u32 last = 0;
    for (u32 at = 0; at < count; at += BLOCK_BYTES) {
        const u32 b = block_take();
        copy_bytes(block[b].data, from + at, piece(count - at));
        if (last == 0) {
            *chain = b;
        } else {
            block[last].next = b;
        }
        last = b;
    }
    return true;
}

void bytes_drop(u32 payer, u32 chain)
{
    while (chain != 0) { /* a chain has an end */
        const u32 next = block[chain].next;
        block[chain].next = free_first;
        free_first = chain;
        free_count++;
        client[payer].blocks--;
        chain = next;
    }
}

void bytes_pass(u32 from, u32 to, u32 chain)
{
    for (; chain != 0; chain = block[chain].next) {
        client[from].blocks--;
        client[to].blocks++;
    }
}

void bytes_copy(u32 chain, u32 count, u8 *to)
{
    for (u32 at = 0; at < count && chain != 0; at += BLOCK_BYTES) {
        copy_bytes(to + at, block[chain].data, piece(count - at));
        chain = block[chain].next;
    }
}

bool bytes_equal(u32 chain, const u8 *other, u32 count)
{
    for (u32 at = 0; at < count; at += BLOCK_BYTES) {
        for (u32 i = 0; i < BLOCK_BYTES && at + i < count; i++) {
            if (block[chain].data[i] != other[at + i]) {
                return false;
            }
        }
        chain = block[chain].next;
    }
    return true;
}

const char *bytes_number(char digits[NUMBER_CHARS], u64 n)
{
    u32 at = NUMBER_CHARS - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return digits + at;
}
