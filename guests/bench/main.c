/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the rows in order, each once to warm up and once measured, and prints
 *
 *   bench: row NAME TIMES INSTRUCTIONS
 *
 * a row, INSTRUCTIONS being those of all TIMES together. Called with a word
 * that is not an option it is the short-lived program of the exec rows.
 *
 *   bench [-f] [-s] [ROW...]     -f: the rows of a full run, too
 *                                -s: the kernel's symbols and nothing else
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define DEBUG_CONSOLE 0xe9

void need(bool is_so, const char *what)
{
    if (!is_so) {
        perror(what);
        printf("bench: failed: %s\n", what);
        exit(1);
    }
}

static inline uint64_t stamp(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#define MARK(value)                                                            \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long %c0"                       \
                     :                                                         \
                     : "i"(value)                                              \
                     : "memory")

/* Natively, with QEMU's debug console: where the kernel's functions are. */
static void tell_symbols(void)
{
    static char text[1 << 16];
    FILE *const symbols = fopen("/proc/kallsyms", "r");
    size_t count;

    need(symbols != NULL && iopl(3) == 0, "symbols");
    while ((count = fread(text, 1, sizeof(text), symbols)) != 0) {
        const char *from = text;
        __asm__ volatile("rep outsb"
                         : "+S"(from), "+c"(count)
                         : "d"(DEBUG_CONSOLE)
                         : "memory");
    }
}

/* Lets the console have its line before the next row is measured. */
static void rest(void)
{
    const struct timespec while_idle = { .tv_nsec = 60000000 };

    fflush(stdout);
    nanosleep(&while_idle, NULL);
}

static void measure(const struct row *row)
{
    if (row->set_up != NULL) {
        row->set_up(row->arg);
    }
    if (row->renew != NULL) {
        row->renew();
    }
    row->run(row->times / 8 + 1);
    if (row->renew != NULL) {
        row->renew();
    }
    rest();
    MARK(MARK_BEGIN);
    const uint64_t from = stamp();
    row->run(row->times);
    const uint64_t to = stamp();
    MARK(MARK_END);
    if (row->tear_down != NULL) {
        row->tear_down();
    }
    printf("bench: row %s %u %llu\n", row->name, row->times,
           (unsigned long long)(to - from));
    rest();
}

static bool is_named(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return count == 0;
}

int main(int argc, char **argv)
{
    static const struct row *const tables[] = { call_rows, process_rows,
                                                switch_rows, memory_rows,
                                                file_rows };
    bool is_full = false;
    int option;

    if (argc == 2 && strcmp(argv[1], "end-at-once") == 0) {
        _exit(0);
    }
    while ((option = getopt(argc, argv, "fs")) != -1) {
        if (option == 's') {
            tell_symbols();
            return 0;
        }
        need(option == 'f', "option");
        is_full = true;
    }
    need(mkdir(FILE_DIR, 0755) == 0, FILE_DIR);
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct row *row = tables[t]; row->name != NULL; row++) {
            if ((is_full || !row->is_full) &&
                is_named(row->name, argc - optind, argv + optind)) {
                measure(row);
            }
        }
    }
    printf("bench: end\n");
    rest();
    return 0;
}
