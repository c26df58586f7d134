/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on stderr when a step takes longer than three seconds: rewritten in
 * place on a terminal, printed once elsewhere. One step at a time.
 */
#include <time.h>
#include <unistd.h>

#include "rf/rf.h"

#define PATIENCE_S 3
#define REDRAW_NS 200000000ll

static struct {
    const char *what;
    struct timespec start;
    s64 drawn_ns;
    bool is_shown;
    bool is_quiet;
} step;

static s64 elapsed_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - step.start.tv_sec) * 1000000000ll +
           (now.tv_nsec - step.start.tv_nsec);
}

void progress_begin(const char *what, bool quiet)
{
    step.what = what;
    step.is_shown = false;
    step.is_quiet = quiet;
    step.drawn_ns = 0;
    clock_gettime(CLOCK_MONOTONIC, &step.start);
}

void progress_tick(u64 done, u64 total)
{
    if (step.what == NULL || step.is_quiet) {
        return;
    }
    const s64 now = elapsed_ns();
    const bool is_tty = isatty(STDERR_FILENO) != 0;
    if (now < PATIENCE_S * 1000000000ll || now - step.drawn_ns < REDRAW_NS ||
        (step.is_shown && !is_tty)) {
        return;
    }
    step.drawn_ns = now;
    step.is_shown = true;
    const u64 percent = total != 0 ? done / (total / 100 + 1) : 0;
    fprintf(stderr, "%srf: %s: %llu%%%s", is_tty ? "\r" : "", step.what,
            (unsigned long long)percent, is_tty ? "" : "\n");
    fflush(stderr);
}

void progress_end(void)
{
    if (step.is_shown && isatty(STDERR_FILENO) != 0) {
        fprintf(stderr, "\rrf: %s: done\n", step.what);
    }
    step.what = NULL;
}
