/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All interleavings of pairs of operations with up to so many preemptions.
 *
 *   explore [-n PREEMPTIONS] [-r RUNS] [-l] [PAIR...]    make fuzz-schedules
 *   explore PAIR=SCHEDULE                        one interleaving, told
 *
 * -r: one preemption less where more than RUNS runs would be needed. -l: switch
 * inside of locks' own code, too.
 *
 * A run begins with one CPU; at each switch point it goes on unless the
 * schedule says that another does: a preemption. When it can not go on, another
 * does. The first run of a schedule shows which points follow and who could go
 * on there; each is the last preemption of a further schedule. So every
 * schedule is run once. All are run twice: stores visible at once, and as late
 * as may be (cpus.h). Each pair is a process of its own, so that one with a
 * finding hides no other. A schedule is written as
 *
 *   FIRST[late],POINT>CPU,POINT>CPU...     0,17>1,23>0
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/schedules/ops.h"
#include "fuzz/schedules/race.h"
#include "fuzz/world.h"

#define DEPTH_MAX 4u
#define POINTS_MAX 4096u
#define OUTCOMES_MAX 64u

enum oracle { LOOSE, ORDER };
enum { OWN, PEER };

static const struct pair {
    const char *name;
    enum prep prep;
    bool peer;
    enum op op[CPUS];
    u32 cpus;
    enum oracle oracle;
} pairs[] = {
/* clang-format off */
#define PAIR(prep, peer, a, b, oracle)                                         \
    { #prep "-" #a "-" #b, PREP_##prep, peer, { OP_##a, OP_##b }, 2, oracle },
#define TRIPLE(prep, a, b, c)                                                  \
    { #prep "-" #a "-" #b "-" #c,  PREP_##prep, PEER,                          \
      { OP_##a, OP_##b, OP_##c }, 3, LOOSE },
#include "fuzz/schedules/pairs.def"
#undef PAIR
#undef TRIPLE
    /* clang-format on */
};
#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

struct schedule {
    u32 first;
    u32 count;
    u32 at[DEPTH_MAX];
    u32 cpu[DEPTH_MAX];
};

static const struct pair *pair;
static struct schedule plan;
static u32 step;       /* preemptions of the plan that have been made */
static bool exploring; /* else everybody goes on */
static u32 others_at[DEPTH_MAX + 1][POINTS_MAX];
static u64 runs, most_points;
static u64 runs_max = 1000000; /* if it takes more, one preemption less */
static u32 reached;            /* preemptions */
static struct outcome seen[OUTCOMES_MAX];
static u32 seen_count, orders;
/* To be told: one schedule, each time that it comes. */
static bool telling;
static struct schedule wanted;
static bool wanted_late, told;

static void print_outcome(FILE *to, const struct outcome *o)
{
    for (u32 cpu = 0; cpu < pair->cpus; cpu++) {
        fprintf(to, " CPU %u:", cpu);
        for (u32 i = 0; i < o->count[cpu] && i < RESULTS_MAX; i++) {
            fprintf(to, " %lld", (long long)o->result[cpu][i]);
        }
    }
    fprintf(to, " state %llx\n", (unsigned long long)o->digest);
}

/* ---- the schedule ----------------------------------------------------------
 */

static void print_plan(FILE *to)
{
    fprintf(to, "%s=%u%s", pair->name, plan.first, cpus_late ? "late" : "");
    for (u32 i = 0; i < plan.count; i++) {
        fprintf(to, ",%u>%u", plan.at[i], plan.cpu[i]);
    }
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "FINDING: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  build/fuzz-schedules/explore '");
    if (pair != NULL) {
        print_plan(stderr);
    }
    fprintf(stderr, "'\n");
    _exit(1);
}

enum fuzz_log fuzz_log;

void fuzz_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

u32 cpus_choose(u32 here, u32 others, bool must)
{
    if (must) {
        if (exploring && here == CPUS && (others >> plan.first & 1) != 0) {
            return plan.first;
        }
        const u32 behind = here < 31 ? others >> (here + 1) << (here + 1) : 0;

        return (u32)__builtin_ctz(behind != 0 ? behind : others);
    }
    if (!exploring) {
        return here;
    }
    if (cpus_points >= POINTS_MAX) {
        fuzz_fail("more than %u switch points", POINTS_MAX);
    }
    others_at[plan.count][cpus_points] = others;
    if (step < plan.count && plan.at[step] == cpus_points) {
        const u32 next = plan.cpu[step++];

        if (told) {
            printf("point %u: CPU %u is preempted by CPU %u\n", cpus_points,
                   here, next);
        }
        return next;
    }
    return here;
}

static bool is_told(void)
{
    bool same = plan.first == wanted.first && plan.count == wanted.count &&
                cpus_late == wanted_late;

    for (u32 i = 0; i < plan.count && same; i++) {
        same = plan.at[i] == wanted.at[i] && plan.cpu[i] == wanted.cpu[i];
    }
    return same;
}

/* One run; the number of its points. */
static u32 run(void)
{
    exploring = false;
    cpus_count = pair->cpus;
    ops_begin(pair->prep, pair->peer);
    for (u32 cpu = 0; cpu < pair->cpus; cpu++) {
        ops_give(cpu, pair->op[cpu]);
    }
    exploring = true;
    step = 0;
    cpus_points = 0;
    told = telling && is_told();
    ops_run();
    exploring = false;
    if (told) {
        print_outcome(stdout, &ops_outcome);
    }
    if (step != plan.count) {
        fuzz_fail("the same run is not the same");
    }
    runs++;
    most_points = cpus_points > most_points ? cpus_points : most_points;
    return cpus_points;
}

/* ---- results ---------------------------------------------------------------
 */

static bool same(const struct outcome *a, const struct outcome *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Both sequential orders come first, so they are what later ones must equal. */
static void judge(bool sequential)
{
    for (u32 i = 0; i < seen_count; i++) {
        if (same(&seen[i], &ops_outcome)) {
            return;
        }
    }
    if (!sequential && pair->oracle == ORDER) {
        print_outcome(stderr, &ops_outcome);
        for (u32 i = 0; i < orders; i++) {
            fprintf(stderr, "in order: ");
            print_outcome(stderr, &seen[i]);
        }
        fuzz_fail("the results are of no order");
    }
    if (seen_count < OUTCOMES_MAX) {
        seen[seen_count++] = ops_outcome;
        orders += sequential;
    }
}

/* ---- all of them -----------------------------------------------------------
 */

/* All schedules that begin as plan does. Depth: at most DEPTH_MAX. */
static void explore(u32 limit)
{
    const u32 points = run();
    const u32 depth = plan.count;
    const u32 from = depth != 0 ? plan.at[depth - 1] + 1 : 1;

    judge(false);
    if (depth == limit) {
        return;
    }
    for (u32 at = from; at <= points; at++) {
        for (u32 cpu = 0; cpu < cpus_count; cpu++) {
            if ((others_at[depth][at] >> cpu & 1) != 0) {
                plan.count = depth + 1;
                plan.at[depth] = at;
                plan.cpu[depth] = cpu;
                explore(limit);
                plan.count = depth;
            }
        }
    }
}

static void sequential(void)
{
    cpus_late = false;
    plan.count = 0;
    for (plan.first = 0; plan.first < pair->cpus; plan.first++) {
        (void)run();
        judge(true);
    }
}

/* With one more preemption at a time; each again when words that two CPUs touch
 * were learnt in it. */
static void explore_pair(u32 limit)
{
    words_forget();
    seen_count = orders = 0;
    sequential();
    (void)words_use();
    for (u32 depth = 0; depth <= limit; depth++) {
        if (depth > 1 && runs * most_points / depth > runs_max) {
            break;
        }
        reached = depth;
        do {
            runs = most_points = 0;
            for (u32 k = 0; k < 2 * pair->cpus; k++) {
                cpus_late = k >= pair->cpus;
                plan.first = k % pair->cpus;
                plan.count = 0;
                explore(depth);
            }
        } while (words_use());
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool one_pair(u32 limit)
{
    fflush(stdout);
    const pid_t child = fork();

    if (child == 0) {
        const double begun = now();

        explore_pair(limit);
        printf("ok - %-28s %8llu interleavings, %u preemptions, %3llu points, "
               "%2u outcomes, %.1f s\n",
               pair->name, (unsigned long long)runs, reached,
               (unsigned long long)most_points, seen_count, now() - begun);
        fflush(stdout);
        _exit(0);
    }
    int status = 1;

    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("not ok - %s (status %x)\n", pair->name, (unsigned)status);
        return false;
    }
    return true;
}

/* ---- one interleaving ------------------------------------------------------
 */

static void replay(const char *text)
{
    char *end = NULL;

    plan.first = (u32)strtoul(text, &end, 10);
    cpus_late = strncmp(end, "late", 4) == 0;
    end += cpus_late ? 4 : 0;
    while (*end == ',' && plan.count < DEPTH_MAX) {
        plan.at[plan.count] = (u32)strtoul(end + 1, &end, 10);
        plan.cpu[plan.count++] = (u32)strtoul(end + 1, &end, 10);
    }
    wanted = plan;
    wanted_late = cpus_late;
    telling = true;
    explore_pair(wanted.count);
}

static bool is_wanted(const struct pair *p, int argc, char **argv, int from)
{
    for (int i = from; i < argc; i++) {
        if (strstr(p->name, argv[i]) != NULL) {
            return true;
        }
    }
    return from >= argc;
}

int main(int argc, char **argv)
{
    u32 limit = 3;
    u32 passed = 0, failed = 0;
    int option;

    while ((option = getopt(argc, argv, "n:r:l")) != -1) {
        if (option == 'n') {
            limit = (u32)strtoul(optarg, NULL, 10);
        }
        if (option == 'r') {
            runs_max = strtoull(optarg, NULL, 10);
        }
        cpus_fine = cpus_fine || option == 'l';
    }
    for (u32 i = 0; i < PAIRS; i++) {
        const char *equals = optind < argc ? strchr(argv[optind], '=') : NULL;

        pair = &pairs[i];
        if (equals != NULL) {
            if (strncmp(pair->name, argv[optind],
                        (size_t)(equals - argv[optind])) == 0) {
                replay(equals + 1);
                return 0;
            }
        } else if (is_wanted(pair, argc, argv, optind)) {
            const bool good = one_pair(limit > DEPTH_MAX ? DEPTH_MAX : limit);

            passed += good;
            failed += !good;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
