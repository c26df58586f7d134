/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors as coroutines: see cpus.h. Each has a stack; a switch saves six
 * registers. Everything here is one thread, so nothing is atomic.
 */
#include <string.h>
#include <sys/mman.h>

#include "fuzz/schedules/cpus.h"
#include "fuzz/schedules/race.h"

#define STACK_BYTES 0x40000u
#define LATE_MAX 16u
#define WAITS_MAX 100000u /* turns of waiting loops in a run */
#define WORDS 4096u       /* of which it is known who touches them */

enum state { GUEST, READY, WAITS };

struct late {
    const void *p;
    u64 before; /* what others still see */
};

static struct one {
    u8 *stack;
    void *sp;
    enum state state;
    u64 seen; /* changes when it began to wait */
    bool asked;
    bool quiet;
    bool wants;
    u32 late_count;
    struct late late[LATE_MAX];
} one[CPUS];

u32 cpus_count = 2;
bool cpus_late;
bool cpus_fine;
u32 cpus_points;
static void *driver; /* the stack of cpus_run's caller */
static u32 self;
static bool busy;
static u64 changes; /* writes so far */
static u32 waits;
static u64 stale_at; /* changes, when nobody could go on */
static u32 stale;    /* turns without a change since */

void coroutine_switch(void **save, void *to);
void coroutine_entry(void);
__asm__(".text\n"
        "coroutine_switch:\n"
        "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n"
        "pushq %r14\n pushq %r15\n"
        "movq %rsp, (%rdi)\n"
        "movq %rsi, %rsp\n"
        "popq %r15\n popq %r14\n popq %r13\n popq %r12\n"
        "popq %rbx\n popq %rbp\n"
        "ret\n");

void coroutine_entry(void)
{
    machine_cpu_loop();
}

/* ---- which words two CPUs touch --------------------------------------------
 * A switch before an operation on a word that only one CPU ever touches is as
 * good as one before its next operation on a word of several. Which ones are
 * shared is learnt in all runs, and used from words_use on, so that the same
 * schedule is the same run until then.
 */

static struct word {
    const void *p;
    u8 touched, written; /* masks of CPUs */
    bool shared;
} words[WORDS];

bool words_all;

void words_forget(void)
{
    memset(words, 0, sizeof(words));
}

bool words_use(void)
{
    bool learnt = false;

    for (u32 i = 0; i < WORDS; i++) {
        struct word *w = &words[i];
        const bool shared =
            w->written != 0 && (w->touched & (w->touched - 1u)) != 0;

        learnt = learnt || shared != w->shared;
        w->shared = shared;
    }
    return learnt;
}

/* The CPU is about to touch p; is it shared? */
static bool words_touch(const void *p, enum touch touch)
{
    u32 i = (u32)(((u64)(uintptr_t)p * 0x9e3779b97f4a7c15ull) >> 52) % WORDS;
    u32 tries = 0;

    while (words[i].p != p && words[i].p != NULL) {
        i = (i + 1) % WORDS;
        if (++tries == WORDS) {
            fuzz_fail("schedules: more words than can be remembered");
        }
    }
    struct word *w = &words[i];

    w->p = p;
    w->touched |= (u8)(1u << self);
    w->written |= (u8)((touch != TOUCH_LOAD) << self);
    return w->shared;
}

/* ---- switching -------------------------------------------------------------
 */

bool cpus_busy(void)
{
    return busy;
}

u32 cpus_self(void)
{
    return self;
}

static u32 ready_mask(void)
{
    u32 mask = 0;

    for (u32 i = 0; i < cpus_count; i++) {
        const struct one *c = &one[i];
        const bool can = c->state == READY ||
                         (c->state == GUEST && (c->asked || c->wants)) ||
                         (c->state == WAITS && c->seen != changes);

        mask |= (u32)can << i;
    }
    return mask;
}

static void go(u32 next)
{
    struct one *from = &one[self];

    if (next == self) {
        return;
    }
    self = next;
    coroutine_switch(&from->sp, one[next].sp);
}

/* What this CPU stored is visible to all, in their order. */
static bool drain(struct one *c)
{
    const bool any = c->late_count != 0;

    c->late_count = 0;
    changes += any;
    return any;
}

void cpus_point(const void *p, enum touch touch)
{
    if (!busy) {
        return;
    }
    const bool shared = p == NULL || words_all || words_touch(p, touch);

    if (!shared || (one[self].quiet && !cpus_fine)) {
        return;
    }
    const u32 others = ready_mask() & ~(1u << self);

    if (others != 0) {
        cpus_points++;
        go(cpus_choose(self, others, false));
    }
}

/* Nobody can go on; but who waits may have looked before the last change. Each
 * gets two more turns before that is a deadlock. CPUS: nobody waits. */
static u32 next_waiter(void)
{
    u32 waiter = CPUS;

    for (u32 i = 1; i <= cpus_count; i++) {
        const u32 cpu = (self + i) % cpus_count;

        if (one[cpu].state == WAITS && waiter == CPUS) {
            waiter = cpu;
        }
    }
    stale = stale_at == changes ? stale + 1 : 0;
    stale_at = changes;
    if (waiter < CPUS && stale > 3 * CPUS) {
        fuzz_fail("CPU %u waits, and nobody is there to end it", waiter);
    }
    return waiter;
}

/* This CPU can not go on now. */
static void leave(void)
{
    u32 others = ready_mask();
    bool more = true;

    while (others == 0 && more) { /* time passes */
        more = false;
        for (u32 i = 0; i < cpus_count; i++) {
            more = drain(&one[i]) || more;
        }
        others = ready_mask();
    }
    if (others != 0) {
        go((others & (others - 1)) == 0 && (others >> self & 1) == 0
               ? (u32)__builtin_ctz(others)
           : others == 1u << self
               ? self
               : cpus_choose(self, others & ~(1u << self), true));
        return;
    }
    const u32 waiter = next_waiter();

    if (waiter < CPUS) {
        go(waiter);
        return;
    }
    coroutine_switch(&one[self].sp, driver);
}

void cpus_wait(void)
{
    if (++waits > WAITS_MAX) {
        fuzz_fail("CPUs wait for each other without end");
    }
    one[self].state = WAITS;
    one[self].seen = changes;
    leave();
    one[self].state = READY;
}

/* The way to a guest, and from it, is by serialising instructions. */
void cpus_sleep(bool wants)
{
    struct one *c = &one[self];

    (void)drain(c);
    c->state = GUEST;
    c->wants = wants;
    while (!c->asked && !c->wants) {
        leave();
    }
    if (busy && (c->wants || c->asked)) { /* it may be another's turn first */
        cpus_point(NULL, TOUCH_SWAP);
    }
    c->state = READY;
    c->wants = false;
}

void cpus_interrupt(u32 cpu)
{
    one[cpu].asked = true;
    changes++;
}

bool cpus_take_interrupt(void)
{
    const bool asked = one[self].asked;

    one[self].asked = false;
    return asked;
}

void cpus_quiet(bool quiet)
{
    one[self].quiet = quiet;
}

void cpus_want(u32 cpu)
{
    one[cpu].wants = true;
}

static void fresh_stack(struct one *c)
{
    void (*entry)(void) = coroutine_entry;

    if (c->stack == NULL) {
        c->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (c->stack == MAP_FAILED) {
            fuzz_fail("no memory");
        }
    }
    u64 *sp = (u64 *)(void *)(c->stack + STACK_BYTES) - 3;

    *--sp = (u64)(uintptr_t)entry; /* where the first switch returns to */
    sp -= 6;
    memset(sp, 0, 6 * sizeof(u64));
    c->sp = sp;
}

bool cpus_on_stack(const void *p)
{
    const u64 at = (u64)(uintptr_t)p;
    const u64 base = (u64)(uintptr_t)one[self].stack;

    return at - base < STACK_BYTES;
}

void cpus_reset(void)
{
    for (u32 i = 0; i < CPUS; i++) {
        fresh_stack(&one[i]);
        one[i].state = GUEST;
        one[i].asked = false;
        one[i].quiet = false;
        one[i].wants = false;
        one[i].late_count = 0;
    }
    waits = 0;
    stale = 0;
    cpus_points = 0;
    race_reset();
}

void cpus_run(void)
{
    const u32 ready = ready_mask();

    if (ready == 0) {
        return;
    }
    busy = true;
    self = cpus_choose(CPUS, ready, true);
    coroutine_switch(&driver, one[self].sp);
    busy = false;
    self = 0;
}

/* ---- stores that are late --------------------------------------------------
 * The word holds the new value at once, for its own CPU; others are told the
 * old one as long as the store is in the buffer.
 */

u64 cpus_seen(const void *p, u64 now)
{
    if (!cpus_late || !busy) {
        return now;
    }
    for (u32 i = 0; i < cpus_count; i++) {
        for (u32 k = 0; i != self && k < one[i].late_count; k++) {
            if (one[i].late[k].p == p) {
                return one[i].late[k].before;
            }
        }
    }
    return now;
}

void cpus_storing(void *p, u64 before, bool locked)
{
    if (!busy) {
        return;
    }
    changes++;
    if (!cpus_late) {
        return;
    }
    struct one *c = &one[self];

    for (u32 i = 0; i < cpus_count; i++) {
        for (u32 k = 0; i != self && k < one[i].late_count; k++) {
            if (one[i].late[k].p == p) {
                (void)drain(&one[i]);
            }
        }
    }
    if (locked || c->late_count == LATE_MAX) {
        (void)drain(c);
    }
    if (!locked) {
        c->late[c->late_count++] = (struct late){ p, before };
    }
}
