/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: input, failure, log.
 *
 * A target is one function, target_<name>(data, bytes), with a row in
 * fuzz/targets.def. libFuzzer, AFL++ and the replayer reach it through the same
 * LLVMFuzzerTestOneInput (fuzz/entry.c). The code it calls is the code that
 * ships, with sanitizers and edge counters; the machine underneath
 * (tests/host_*.c), the targets and the oracles have none, so that edges count
 * what ships and the oracles are quick.
 *
 * Same input, same run: no clock, no random numbers, no state that outlives the
 * run (fuzz/world.h).
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "core/base.h"

/* The input, read from the front; beyond its end all bytes are zero. */
struct input {
    const u8 *data;
    size_t bytes;
    size_t at;
};

static inline u8 take8(struct input *in)
{
    return in->at < in->bytes ? in->data[in->at++] : 0;
}

static inline u16 take16(struct input *in)
{
    const u16 low = take8(in);

    return (u16)(low | take8(in) << 8);
}

static inline u64 take64(struct input *in)
{
    u64 v = 0;

    for (u32 i = 0; i < 8; i++) {
        v |= (u64)take8(in) << (8 * i);
    }
    return v;
}

static inline size_t left(const struct input *in)
{
    return in->bytes - in->at;
}

/* What happens to be at data is a finding: say what, and abort. */
void fuzz_fail(const char *format, ...) PRINTF_LIKE(1, 2) NO_RETURN;

/* FUZZ_LOG=1: lines for the model; FUZZ_LOG=2: the state after each operation,
 * too; FUZZ_LOG=words: for a person. Format: fuzz/README.md. */
enum fuzz_log { FUZZ_QUIET, FUZZ_LINES, FUZZ_STATE, FUZZ_WORDS };
extern enum fuzz_log fuzz_log;
void fuzz_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* One exact copy of the input on the heap, so that the sanitizer sees a read
 * beyond its end; to be freed. */
u8 *fuzz_copy(const u8 *data, size_t bytes);

#define TARGET(name, family, doc)                                              \
    void target_##name(const u8 *data, size_t bytes);
#include "fuzz/targets.def"
#undef TARGET

#endif
