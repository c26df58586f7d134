/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one entry point of every fuzz target; built once for each row of
 * targets.def with FUZZ_TARGET set to its function.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum fuzz_log fuzz_log;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);
int __lsan_is_turned_off(void);
const char *__asan_default_options(void);

/* What ships has no heap and rf ends after one run; the leak checker stops all
 * threads by tracing, which hangs where that is restricted. */
__attribute__((weak)) int __lsan_is_turned_off(void)
{
    return 1;
}

/* Stacks of all allocations, stacks on the heap and fresh pages for each block
 * cost more than the parsers themselves; a finding is run again with them if
 * need be. What ships keeps no address of a variable of a function. */
const char *__asan_default_options(void)
{
    return "malloc_context_size=0:quarantine_size_mb=2:detect_leaks=0:"
           "detect_stack_use_after_return=0:max_malloc_fill_size=0:"
           "allocator_release_to_os_interval_ms=-1:allocator_may_return_null=1";
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "FINDING: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    abort();
}

void fuzz_say(const char *format, ...)
{
    va_list args;

    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    if (format[strlen(format) - 1] == '\n') {
        fflush(stdout); /* a finding may follow */
    }
}

u8 *fuzz_copy(const u8 *data, size_t bytes)
{
    u8 *copy = malloc(bytes != 0 ? bytes : 1);

    if (copy == NULL) {
        fuzz_fail("no memory");
    }
    if (bytes != 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *log = getenv("FUZZ_LOG");

    (void)argc;
    (void)argv;
    if (log != NULL && log[0] != 0 && strcmp(log, "0") != 0) {
        fuzz_log = strcmp(log, "words") == 0 ? FUZZ_WORDS
                   : strcmp(log, "2") == 0   ? FUZZ_STATE
                                             : FUZZ_LINES;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    FUZZ_TARGET(data, bytes);
    return 0;
}
