/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark that runs on Linux, the same file natively and as a guest.
 *
 * A row is one operation, done a fixed number of times. Time is read from the
 * processor's time-stamp counter, which under QEMU's `-icount shift=0` counts
 * executed instructions. Two instructions without effect mark the begin and
 * the end of what is counted, for the plugin that says where it was spent
 * (tests/bench/layers.c).
 */
#ifndef GUESTS_BENCH_BENCH_H
#define GUESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NOP with an address that is not looked at: 0f 1f 80 and these four bytes. */
#define MARK_BEGIN 0x52464231
#define MARK_END 0x52464232

#define FILE_DIR "/tmp/bench"
#define PAGE 4096u

struct row {
    const char *name; /* as in tests/bench/rows.py */
    uint32_t times;   /* how often run() does it when measured */
    bool is_full;     /* left out of a quick run */
    int arg;          /* for set_up() */
    void (*set_up)(int arg);
    void (*run)(uint32_t times);
    void (*tear_down)(void);
    void (*renew)(void); /* before each run(), not counted */
};

/* Each ends with a row without a name. */
extern const struct row call_rows[];
extern const struct row process_rows[];
extern const struct row switch_rows[];
extern const struct row memory_rows[];
extern const struct row file_rows[];

/* Ends the program with a message unless it is so. */
void need(bool is_so, const char *what);

#endif
