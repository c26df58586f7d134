/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutator for sequences: half of the time whole records are inserted,
 * removed, copied or swapped, or one byte of one record becomes another. The
 * rest is libFuzzer's own. It is linked to sequence targets only; AFL++ does
 * without.
 */
#include <string.h>

#include "fuzz/seq.h"

size_t LLVMFuzzerMutate(u8 *data, size_t bytes, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, u32 seed);

static u32 next(u32 *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t insert(u8 *data, size_t count, size_t at, u32 *state)
{
    u8 *to = data + at * RECORD_BYTES;

    memmove(to + RECORD_BYTES, to, (count - at) * RECORD_BYTES);
    if (count != 0 && next(state) % 2 == 0) { /* a copy of one there is */
        const size_t from = next(state) % count;

        memcpy(to, data + (from + (from >= at)) * RECORD_BYTES, RECORD_BYTES);
    } else {
        for (u32 i = 0; i < RECORD_BYTES; i++) {
            to[i] = (u8)next(state);
        }
        to[1] &= next(state) % 4 != 0 ? 0x83 : 0xff;
        to[2] &= next(state) % 4 != 0 ? 0 : 0xff;
    }
    return count + 1;
}

static size_t erase(u8 *data, size_t count, size_t at)
{
    memmove(data + at * RECORD_BYTES, data + (at + 1) * RECORD_BYTES,
            (count - at - 1) * RECORD_BYTES);
    return count - 1;
}

static void swap(u8 *data, size_t a, size_t b)
{
    u8 record[RECORD_BYTES];

    memcpy(record, data + a * RECORD_BYTES, RECORD_BYTES);
    memmove(data + a * RECORD_BYTES, data + b * RECORD_BYTES, RECORD_BYTES);
    memcpy(data + b * RECORD_BYTES, record, RECORD_BYTES);
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, u32 seed)
{
    u32 state = seed;
    size_t count = bytes / RECORD_BYTES;
    const size_t room = max / RECORD_BYTES;

    if (next(&state) % 4 == 0 || room == 0) {
        return LLVMFuzzerMutate(data, bytes, max);
    }
    for (u32 turns = 1 + next(&state) % 3; turns != 0; turns--) {
        const u32 what = next(&state) % 8;
        const size_t at = count != 0 ? next(&state) % count : 0;

        if (what < 3 || count == 0) {
            if (count < room && count < RECORDS_MAX) {
                count = insert(data, count, at, &state);
            }
        } else if (what == 3) {
            count = erase(data, count, at);
        } else if (what == 4) {
            swap(data, at, next(&state) % count);
        } else {
            const size_t byte = at * RECORD_BYTES + next(&state) % RECORD_BYTES;

            data[byte] = (u8)next(&state);
        }
    }
    return count != 0 ? count * RECORD_BYTES
                      : LLVMFuzzerMutate(data, bytes, max);
}
