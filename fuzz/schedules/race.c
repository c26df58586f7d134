/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data races between coroutines: see race.h.
 */
#include "fuzz/schedules/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS 0x4000u
#define PROBES 64u
#define NAMES_MAX 64u
#define PAIRS_MAX 256u

enum kind { READ, WRITE, ATOMIC_READ, ATOMIC_WRITE, KINDS };

struct cell {
    const void *p;
    u64 run;
    u32 clock[KINDS][CPUS];
    u32 sync[CPUS]; /* what a load of the word tells */
    const void *pc[KINDS][CPUS];
};

bool race_watched = true;
u64 race_suppressed;
static struct cell cells[CELLS];
static u64 run;
static u32 clocks[CPUS][CPUS];

/* ---- races that are meant --------------------------------------------------
 */

static char names[NAMES_MAX][64];
static u32 name_count;
static struct {
    const void *a, *b;
} known[PAIRS_MAX];
static u32 known_count;

__asm__(".section .rodata\n"
        "races: .incbin \"fuzz/schedules/races.supp\"\n"
        ".byte 0\n"
        ".text\n");
extern const char races[] __asm__("races");

static void read_names(void)
{
    const char *at = races;

    while (at != NULL && name_count < NAMES_MAX) {
        name_count += sscanf(at, "race:%63s", names[name_count]) == 1;
        at = strchr(at, '\n');
        at += at != NULL;
    }
}

/* The functions at pc, the innermost first, as addr2line has them. */
static void functions(const void *pc, char *text, size_t bytes)
{
    extern const u8 __executable_start[];
    char exe[256] = { 0 };
    char command[512];

    if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0) {
        fuzz_fail("no /proc/self/exe");
    }
    snprintf(command, sizeof(command), "addr2line -f -i -s -e %s 0x%llx", exe,
             (unsigned long long)((u64)(uintptr_t)pc - 1 -
                                  (u64)(uintptr_t)__executable_start));
    FILE *f = popen(command, "r");
    const size_t got = f != NULL ? fread(text, 1, bytes - 1, f) : 0;

    text[got] = 0;
    for (size_t i = 0; i < got; i++) {
        text[i] = text[i] == '\n' ? ' ' : text[i];
    }
    if (f != NULL) {
        pclose(f);
    }
}

static bool named(const char *text)
{
    for (u32 i = 0; i < name_count; i++) {
        const char *at = strstr(text, names[i]);
        const size_t n = strlen(names[i]);

        if (at == text && at[n] == ' ') {
            return true;
        }
    }
    return false;
}

static void found(const struct cell *c, enum kind mine, const void *pc,
                  enum kind theirs, u32 cpu)
{
    static const char *const what[KINDS] = { "reads", "writes",
                                             "reads atomically",
                                             "writes atomically" };
    const void *other = c->pc[theirs][cpu];
    char a[1024], b[1024];

    for (u32 i = 0; i < known_count; i++) {
        if (known[i].a == pc && known[i].b == other) {
            race_suppressed++;
            return;
        }
    }
    if (name_count == 0) {
        read_names();
    }
    functions(pc, a, sizeof(a));
    functions(other, b, sizeof(b));
    if (named(a) || named(b)) {
        race_suppressed++;
        if (known_count < PAIRS_MAX) {
            known[known_count].a = pc;
            known[known_count++].b = other;
        }
        return;
    }
    fuzz_fail("race: CPU %u %s %s: CPU %u %s %s, and nothing orders them",
              cpus_self(), what[mine], a, cpu, what[theirs], b);
}

/* ---- clocks ----------------------------------------------------------------
 */

static struct cell *cell_at(const void *p)
{
    u32 i = (u32)(((u64)(uintptr_t)p * 0x9e3779b97f4a7c15ull) >> 50) % CELLS;

    for (u32 n = 0; n < PROBES; n++, i = (i + 1) % CELLS) {
        struct cell *c = &cells[i];

        if (c->run != run) {
            memset(c, 0, sizeof(*c));
            c->p = p;
            c->run = run;
        }
        if (c->p == p) {
            return c;
        }
    }
    return NULL; /* a table's five hundredth entry: not looked at */
}

static void look(struct cell *c, enum kind kind, const void *pc)
{
    static const u32 against[KINDS] = {
        [READ] = 1u << WRITE | 1u << ATOMIC_WRITE,
        [WRITE] =
            1u << READ | 1u << WRITE | 1u << ATOMIC_READ | 1u << ATOMIC_WRITE,
        [ATOMIC_READ] = 1u << WRITE,
        [ATOMIC_WRITE] = 1u << READ | 1u << WRITE,
    };
    const u32 me = cpus_self();

    for (u32 cpu = 0; cpu < cpus_count; cpu++) {
        for (u32 k = 0; cpu != me && k < KINDS; k++) {
            if ((against[kind] >> k & 1) != 0 &&
                c->clock[k][cpu] > clocks[me][cpu]) {
                found(c, kind, pc, (enum kind)k, cpu);
            }
        }
    }
    c->clock[kind][me] = clocks[me][me];
    c->pc[kind][me] = pc;
}

static void learn(u32 *to, const u32 *from)
{
    for (u32 i = 0; i < CPUS; i++) {
        to[i] = from[i] > to[i] ? from[i] : to[i];
    }
}

static bool watching(void)
{
    return race_watched && cpus_busy() && !cpus_late;
}

void race_plain(const void *p, u32 bytes, bool write, const void *pc)
{
    if (!watching() || cpus_on_stack(p)) {
        return;
    }
    for (u32 at = 0; at < bytes && at < 64; at += 8) {
        struct cell *c = cell_at((const u8 *)p + at);

        if (c != NULL) {
            look(c, write ? WRITE : READ, pc);
        }
    }
}

void race_atomic(const void *p, enum touch touch, const void *pc)
{
    if (!watching() || cpus_on_stack(p)) {
        return;
    }
    struct cell *c = cell_at(p);
    const u32 me = cpus_self();

    if (c == NULL) {
        return;
    }
    look(c, touch == TOUCH_LOAD ? ATOMIC_READ : ATOMIC_WRITE, pc);
    if (touch != TOUCH_STORE) {
        learn(clocks[me], c->sync);
    }
    if (touch != TOUCH_LOAD) {
        learn(c->sync, clocks[me]);
        clocks[me][me]++;
    }
}

void race_before(u32 cpu)
{
    const u32 me = cpus_self();

    if (cpus_busy()) {
        learn(clocks[cpu], clocks[me]);
        clocks[me][me]++;
    }
}

void race_reset(void)
{
    run++;
    memset(clocks, 0, sizeof(clocks));
    for (u32 i = 0; i < CPUS; i++) {
        clocks[i][i] = 1;
    }
}
