/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors as threads, for ThreadSanitizer: see cpus.h. All pairs of
 * pairs.def in turn, each with a few more operations of anything, for so many
 * seconds.
 *
 *   threads [SECONDS [SEED]]                     make fuzz-tsan SECS=60
 *
 * The sanitizer is told of no order between CPUs but what the code that ships
 * makes: this file is compiled without it, waits by looking, and tells it only
 * that a round begins after the last one. It looks for races alone, and at what
 * must hold at the end; translations are the explorer's business.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/schedules/ops.h"
#include "fuzz/schedules/race.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"

#define STUCK_SECONDS 60u

void __tsan_acquire(void *p);
void __tsan_release(void *p);

static struct one {
    u32 sleeps, asked, wants; /* atomic, as all that is shared here */
    u32 round;                /* its own */
    u64 dice;
    jmp_buf top;
} one[CPUS];

u32 cpus_count = CPUS;
bool cpus_late, cpus_fine;
u32 cpus_points;
enum fuzz_log fuzz_log;
static __thread u32 self;
static __thread bool busy;
static u32 round_no; /* CPUs begin anew when it changes */
static u32 running;  /* they may go on */
static u32 activity; /* wake-ups so far */
static u64 seed = 1;

static u32 get(const u32 *p)
{
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void set(u32 *p, u32 v)
{
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static u32 roll(u64 *dice, u32 sides)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (u32)(*dice >> 32) % sides;
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "FINDING: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    _exit(1);
}

void fuzz_say(const char *format, ...)
{
    (void)format;
}

/* ---- the CPUs --------------------------------------------------------------
 */

u32 cpus_self(void)
{
    return self;
}

bool cpus_busy(void)
{
    return busy;
}

/* Threads share two cores: let another in at times. */
void cpus_point(const void *p, enum touch touch)
{
    (void)p;
    (void)touch;
    if (busy && roll(&one[self].dice, 16) == 0) {
        sched_yield();
    }
}

void cpus_wait(void)
{
    sched_yield();
}

void cpus_quiet(bool quiet)
{
    (void)quiet;
}

void cpus_want(u32 cpu)
{
    set(&one[cpu].wants, 1);
}

void cpus_interrupt(u32 cpu)
{
    set(&one[cpu].asked, 1);
}

bool cpus_take_interrupt(void)
{
    return __atomic_exchange_n(&one[self].asked, 0, __ATOMIC_SEQ_CST) != 0;
}

/* The end of a round is a sleep, too, from which the next one begins. */
void cpus_sleep(bool wants)
{
    struct one *c = &one[self];

    if (wants) {
        set(&c->wants, 1);
    }
    __tsan_release(c);
    set(&c->sleeps, 1);
    for (bool go = false; !go;) {
        go = get(&running) != 0 && (get(&c->asked) | get(&c->wants)) != 0;
        if (get(&round_no) != c->round) { /* which changes before running */
            longjmp(c->top, 1);
        }
        if (!go) {
            sched_yield();
        }
    }
    (void)__atomic_add_fetch(&activity, 1, __ATOMIC_SEQ_CST);
    set(&c->sleeps, 0);
    set(&c->wants, 0);
    __tsan_acquire(&round_no);
}

static void *cpu_thread(void *arg)
{
    self = (u32)(uintptr_t)arg;
    busy = true;
    (void)setjmp(one[self].top);
    for (bool go = false; !go;) {
        set(&one[self].sleeps, 1);
        go = get(&running) != 0 &&
             (get(&one[self].asked) | get(&one[self].wants)) != 0;
        one[self].round = get(&round_no);
        if (!go) {
            sched_yield();
        }
    }
    (void)__atomic_add_fetch(&activity, 1, __ATOMIC_SEQ_CST);
    set(&one[self].sleeps, 0);
    __tsan_acquire(&round_no);
    machine_cpu_loop();
}

/* All are looked at twice: the last to go to sleep may have woken one who had
 * been looked at. */
static bool all_sleep(void)
{
    const u32 before = get(&activity);

    for (u32 n = 0; n < 2 * CPUS; n++) {
        const struct one *c = &one[n % CPUS];

        if (get(&c->sleeps) == 0 || (get(&c->asked) | get(&c->wants)) != 0) {
            return false;
        }
    }
    return get(&activity) == before;
}

void cpus_reset(void)
{
    static bool there;

    for (u32 i = 0; i < CPUS && !there; i++) {
        pthread_t thread;

        one[i].dice = seed * 0x9e3779b97f4a7c15ull + i + 1;
        if (pthread_create(&thread, NULL, cpu_thread, (void *)(uintptr_t)i) !=
            0) {
            fuzz_fail("no thread");
        }
    }
    there = true;
    (void)__atomic_add_fetch(&round_no, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < CPUS; i++) {
        set(&one[i].asked, 0);
        set(&one[i].wants, 0);
        while (get(&one[i].sleeps) == 0) {
            sched_yield();
        }
    }
}

void cpus_run(void)
{
    __tsan_release(&round_no);
    set(&running, 1);
    alarm(STUCK_SECONDS);
    while (!all_sleep()) {
        sched_yield();
    }
    alarm(0);
    set(&running, 0);
    for (u32 i = 0; i < CPUS; i++) {
        __tsan_acquire(&one[i]);
    }
}

/* ---- what is otherwise with threads ----------------------------------------
 */

void race_before(u32 cpu)
{
    (void)cpu;
}

/* As tests/host_memory.c has it, for several at a time. */
void *host_frame(mfn_t m)
{
    if (m.v >= frame_table_count) {
        fuzz_fail("frame outside the machine");
    }
    (void)__atomic_fetch_or(&host_memory.dirty[m.v / 64], 1ull << (m.v % 64),
                            __ATOMIC_RELAXED);
    return host_memory.arena + (m.v << PAGE_BITS);
}

u64 *host_table(mfn_t m)
{
    return host_frame(m);
}

void tlb_reset(void)
{
}

void tlb_forget(u32 cpu)
{
    (void)cpu;
}

void tlb_forget_page(u32 cpu, u64 va)
{
    (void)cpu;
    (void)va;
}

bool tlb_touch(u64 va, bool write)
{
    (void)va;
    return write;
}

void tlb_check_table(mfn_t m)
{
    (void)m;
}

void tlb_check(void)
{
}

/* ---- rounds ----------------------------------------------------------------
 */

enum { OWN, PEER };
static const struct {
    enum prep prep;
    bool peer;
    enum op op[CPUS];
} pairs[] = {
#define PAIR(prep, peer, a, b, oracle)                                         \
    { PREP_##prep, peer, { OP_##a, OP_##b, OP_nothing } },
#define TRIPLE(prep, a, b, c) { PREP_##prep, PEER, { OP_##a, OP_##b, OP_##c } },
#include "fuzz/schedules/pairs.def"
#undef PAIR
#undef TRIPLE
};

/* An end leaves little to do: seldom. */
static enum op any_op(u64 *dice)
{
    const enum op op = (enum op)roll(dice, OP_COUNT);
    const bool ends = op == OP_end || op == OP_crash || op == OP_down0;

    return ends && roll(dice, 4) != 0 ? OP_send : op;
}

static void one_round(u32 n, u64 *dice)
{
    const u32 which = n % (u32)(sizeof(pairs) / sizeof(pairs[0]));
    const u32 more =
        n < 2 * sizeof(pairs) / sizeof(pairs[0]) ? 0 : roll(dice, OPS_MAX - 1);

    cpus_count = 2 + roll(dice, 2);
    ops_begin(pairs[which].prep, pairs[which].peer);
    for (u32 cpu = 0; cpu < cpus_count; cpu++) {
        ops_give(cpu, pairs[which].op[cpu]);
        for (u32 i = 0; i < more; i++) {
            ops_give(cpu, any_op(dice));
        }
    }
    ops_run();
}

int main(int argc, char **argv)
{
    const time_t seconds = argc > 1 ? atoi(argv[1]) : 10;
    u32 rounds = 0;

    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (u64)time(NULL);
    u64 dice = seed * 0x9e3779b97f4a7c15ull + 1;
    const time_t until = time(NULL) + seconds;

    printf("threads: seed %llu\n", (unsigned long long)seed);
    while (time(NULL) < until) {
        one_round(rounds++, &dice);
    }
    printf("ok - threads: %u rounds\n", rounds);
    fflush(stdout);
    return 0; /* the sanitizer's, if it has found anything */
}
