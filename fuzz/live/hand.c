/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which records, and when.
 *
 * A program's records are handed out in order: the run of records of one actor
 * that comes next, to that actor, when it asks; the others wait, so the same
 * program is the same run again (with one CPU and counted instructions). With
 * PROGRAM_RACE each actor gets its own records as fast as it asks.
 *
 * An actor that does not come back (it sleeps, spins, or was taken down) is
 * noticed by the warden's looks: its records are left out, and its domain is
 * ended when the program is over. The next program waits until all of its
 * actors have said hello.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/live/live.h"

/* Looks of the warden, 0.5 ms of virtual time apart. */
#define LOOKS 4u
#define LOOKS_BIRTH 400u
#define DOMAIN_OF(actor) (1 + (actor) / 2)
#define ALL_ACTORS 15u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int programs_fd = -1, results_fd = -1, told_fd = -1;

static struct program program;    /* the one that runs */
static struct result result;      /* of it */
static bool is_open;              /* there is one */
static u32 next;                  /* its next record */
static u32 own_next[ACTOR_COUNT]; /* in a race */
static u32 lives;

static struct actor {
    bool alive, fresh; /* fresh: it has had no record of this program */
    bool busy, lost;   /* it carries out records; it does not come back */
    u32 run_end;       /* of what it carries out */
    u64 calls;         /* what it said last */
} actors[ACTOR_COUNT];

static struct {
    bool ending; /* told to end, or to be killed: not yet reborn */
    bool kill;   /* by the warden, which has not heard of it */
} domains[3];
static struct places places[4];
static u32 looks; /* since something has moved */
static u32 patience = 1;

/* ---- programs ---------------------------------------------------------------
 */

static bool read_all(int fd, void *to, size_t bytes)
{
    u8 *at = to;

    while (bytes > 0) {
        const ssize_t n = read(fd, at, bytes);

        if (n <= 0) {
            return false;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Nobody there any more: the run ends. */
static void program_read(void)
{
    const size_t head = offsetof(struct program, record);

    if (!read_all(programs_fd, &program, head) ||
        program.count > PROGRAM_RECORDS_MAX ||
        !read_all(programs_fd, program.record, program.count * RECORD_SIZE)) {
        program = (struct program){ .flags = PROGRAM_STOP };
    }
    result = (struct result){ .id = program.id, .fresh = edges_seen };
    is_open = true;
    next = 0;
    looks = 0;
    memset(own_next, 0, sizeof(own_next));
    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        actors[a].fresh = true;
        actors[a].lost = false;
    }
    if ((program.flags & PROGRAM_NEW) != 0) {
        domains[1].ending = true;
        domains[2].ending = true;
    }
}

static void program_close(void)
{
    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        if (actors[a].lost && actors[a].alive && !domains[DOMAIN_OF(a)].kill) {
            domains[DOMAIN_OF(a)].kill = true;
            result.flags |= RESULT_STUCK;
        }
    }
    result.fresh = edges_seen - result.fresh;
    result.edges = edges_seen;
    result.lives = lives;
    result.entries = dispatch_entries;
    (void)!write(results_fd, &result, sizeof(result));
    is_open = false;
}

/* ---- records ----------------------------------------------------------------
 */

static u32 actor_of(u32 record)
{
    return program.record[record][1] & (ACTOR_COUNT - 1);
}

/* All that the program asks for are there. */
static bool is_complete(void)
{
    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        const u32 d = DOMAIN_OF(a);

        if ((program.actors >> a & 1) != 0 &&
            (!actors[a].alive || domains[d].ending || domains[d].kill)) {
            return false;
        }
    }
    return true;
}

static bool is_busy(void)
{
    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        if (actors[a].busy && actors[a].alive && !actors[a].lost) {
            return true;
        }
    }
    return false;
}

static bool is_able(u32 a)
{
    return (program.actors >> a & 1) != 0 && actors[a].alive && !actors[a].lost;
}

/* First record from n on of an actor that can take it. */
static u32 skip(u32 n)
{
    while (n < program.count && !is_able(actor_of(n))) {
        n++;
    }
    return n;
}

static bool is_over(void)
{
    if ((program.flags & PROGRAM_RACE) == 0) {
        return skip(next) >= program.count;
    }
    for (u32 n = 0; n < program.count; n++) {
        if (is_able(actor_of(n)) && n >= own_next[actor_of(n)]) {
            return false;
        }
    }
    return true;
}

static void run_hand(struct mailbox *m, u32 a, u32 n)
{
    m->count = 0;
    while (n < program.count && m->count < RUN_MAX && actor_of(n) == a) {
        memcpy(m->record[m->count++], program.record[n++], RECORD_SIZE);
    }
    m->answer = ANSWER_RUN;
    m->detail = (actors[a].fresh ? RUN_FRESH : 0) |
                ((program.flags & PROGRAM_TELL) != 0 ? RUN_TELL : 0);
    actors[a].fresh = false;
    actors[a].busy = true;
    actors[a].run_end = n;
    looks = 0;
}

/* Its own next records, whoever else is at work. */
static bool race_hand(struct mailbox *m, u32 a)
{
    u32 n = own_next[a];

    while (n < program.count && actor_of(n) != a) {
        n++;
    }
    if (n >= program.count) {
        own_next[a] = n;
        return false;
    }
    run_hand(m, a, n);
    own_next[a] = actors[a].run_end;
    return true;
}

static bool hand(struct mailbox *m, u32 a)
{
    if (!is_able(a)) {
        return false;
    }
    if ((program.flags & PROGRAM_RACE) != 0) {
        return race_hand(m, a);
    }
    if (actors[a].fresh && a % 2 == 0 && !is_busy()) {
        run_hand(m, a, program.count); /* it gets all in order, vCPU 1, too */
        return true;
    }
    next = skip(next);
    if (is_busy() || next >= program.count || actor_of(next) != a) {
        return false;
    }
    run_hand(m, a, next);
    next = actors[a].run_end;
    return true;
}

/* ---- who asks ---------------------------------------------------------------
 */

static void hello(struct mailbox *m, u32 a)
{
    if (a % 2 == 0) {
        const u32 d = DOMAIN_OF(a);

        if (is_open && actors[a].alive && !domains[d].ending &&
            !domains[d].kill) {
            result.flags |= RESULT_DIED;
        }
        domains[d].ending = false;
        domains[d].kill = false;
        places[d] = m->own;
        actors[a + 1].alive = false;
        actors[a + 1].busy = false;
        lives++;
    }
    actors[a].alive = true;
    actors[a].busy = false;
    actors[a].calls = 0;
    looks = 0;
    m->answer = ANSWER_WAIT;
}

static void ready(struct mailbox *m, u32 a)
{
    if (actors[a].busy) {
        actors[a].busy = false;
        looks = 0;
    }
    actors[a].lost = false;
    if (is_open) {
        result.calls += (u32)(m->calls - actors[a].calls);
    }
    actors[a].calls = m->calls;
    m->answer = ANSWER_WAIT;
    memcpy(m->places, places, sizeof(places));
    if (domains[DOMAIN_OF(a)].ending) {
        m->answer = a % 2 == 0 ? ANSWER_END : ANSWER_WAIT;
        return;
    }
    while (true) {
        if (!is_open) {
            program_read();
        }
        if ((program.flags & PROGRAM_STOP) != 0) {
            m->answer = ANSWER_OFF;
            return;
        }
        if (!is_complete()) {
            m->answer =
                domains[DOMAIN_OF(a)].ending ? ANSWER_WAIT : ANSWER_REST;
            return;
        }
        if (hand(m, a)) {
            return;
        }
        if (is_busy() || !is_over()) {
            if ((program.actors >> a & 1) == 0) {
                m->answer = ANSWER_REST;
            }
            return;
        }
        program_close();
    }
}

/* Who should have come to life, and has not. */
static void give_up_lives(void)
{
    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        const u32 d = DOMAIN_OF(a);

        if (domains[d].ending ||
            (is_open && (program.actors >> a & 1) != 0 && !actors[a].alive)) {
            domains[d].kill = true;
        }
    }
}

/* Nothing has moved for long: who was to do something is lost. */
static void give_up(void)
{
    bool found = false;

    for (u32 a = 0; a < ACTOR_COUNT; a++) {
        if (actors[a].busy && actors[a].alive && !actors[a].lost) {
            actors[a].lost = true;
            found = true;
        }
    }
    next = skip(next);
    for (u32 n = next; !found && n < program.count; n++) {
        if (is_able(actor_of(n)) && n >= own_next[actor_of(n)]) {
            actors[actor_of(n)].lost = true; /* it should have come for it */
            found = true;
        }
    }
    if (is_over() && !is_busy()) {
        program_close();
    }
}

static void look(void)
{
    looks++;
    if (is_open && is_complete()) {
        if (looks > patience * LOOKS) {
            looks = 0;
            give_up();
        }
    } else if (looks > patience * LOOKS_BIRTH) {
        looks = 0;
        give_up_lives();
    }
}

static void warden(struct mailbox *m)
{
    m->answer = ANSWER_WAIT;
    if (is_open && (program.flags & PROGRAM_STOP) != 0) {
        m->answer = ANSWER_OFF;
        return;
    }
    look();
    for (u32 d = 1; d < 3; d++) {
        if (domains[d].kill) {
            domains[d].kill = false;
            domains[d].ending = true;
            actors[d * 2 - 2].alive = false;
            actors[d * 2 - 1].alive = false;
            m->answer = ANSWER_KILL;
            m->detail = d;
            looks = 0;
            return;
        }
    }
}

static void told(const struct mailbox *m)
{
    const u64 head[5] = { result.id | (u64)m->actor << 32, places[0].first,
                          places[1].first, places[2].first, places[3].first };

    if (told_fd >= 0) {
        (void)!write(told_fd, head, sizeof(head));
        (void)!write(told_fd, &m->told, sizeof(m->told));
    }
}

void hand_ask(struct mailbox *m)
{
    pthread_mutex_lock(&lock);
    if (m->said == SAID_HARM) {
        result.flags |= RESULT_HARM;
    } else if (m->said == SAID_TOLD) {
        told(m);
    } else if (m->actor == ACTOR_WARDEN) {
        warden(m);
    } else if (m->actor == ACTOR_VICTIM) {
        places[3] = m->own;
        m->answer = ANSWER_REST;
    } else if (m->actor < ACTOR_COUNT && m->said == SAID_HELLO) {
        hello(m, m->actor);
    } else if (m->actor < ACTOR_COUNT) {
        ready(m, m->actor);
    }
    pthread_mutex_unlock(&lock);
}

bool hand_open(const char *programs, const char *results, const char *file,
               u32 times)
{
    patience = times != 0 ? times : 1;
    programs_fd = open(programs, O_RDONLY | O_CLOEXEC);
    results_fd = open(results, O_WRONLY | O_CLOEXEC);
    if (file[0] != '\0') {
        told_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
    return programs_fd >= 0 && results_fd >= 0;
}
