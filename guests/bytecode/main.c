/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles, and the talk with the plugin: see bytecode.h and mailbox.h.
 */
#include "guests/bytecode/bytecode.h"
#include "guests/lib/guest.h"
#include "guests/lib/smp.h"

#define ARMED_NS 50000ull
#define YIELDS 3u /* so often, then it sleeps */
#define WAIT_NS 100000ull
#define REST_NS 1000000ull
#define WARDEN_NS 500000ull
#define VICTIM_NS 20000000ull
#define VICTIM_PAGES 16u
#define STATE_ENDED 5u
#define TRIES 200u
#define VIRQ_ARMED VIRQ_TIMER

static struct mailbox boxes[VCPUS];
static u32 domain;
static u64 timer_ports[VCPUS];

/* The plugin acts on the store. */
static void ask(struct mailbox *m, enum said what)
{
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t"
                     ".long %c[mark]\n\t"
                     "movl %[what], %[said]"
                     : [said] "=m"(m->said)
                     : [mark] "i"(MAILBOX_MARK), [what] "r"((u32)what)
                     : "memory");
}

/* ---- for run.c
 * -------------------------------------------------------------- */

s64 guest_call(u64 nr, const u64 arg[6])
{
    return hypercall(nr, arg[0], arg[1], arg[2], arg[3], arg[4]);
}

u64 guest_now(void)
{
    return time_ns();
}

u32 guest_try(void (*f)(u64), u64 argument)
{
    return try_call(f, argument) == 0 ? 0 : 256 + (u32)room()->seen.vector;
}

static u32 telling; /* a bit for each vCPU */

struct told *tell_begin(void)
{
    struct told *const t = &boxes[me()].told;

    if ((telling >> me() & 1) == 0) {
        return NULL;
    }
    fill(t, 0, sizeof(*t));
    return t;
}

void tell(void)
{
    ask(&boxes[me()], SAID_TOLD);
}

/* ---- actors
 * ----------------------------------------------------------------- */

static void timer_bind(void)
{
    struct arg_evtchn_virq a = { .virq = VIRQ_ARMED, .vcpu = me() };

    if (call_evtchn_bind_virq(0, &a) == 0) {
        timer_ports[me()] = a.port % 4096;
    }
}

void live_arm(void)
{
    timer_bind(); /* if it was closed */
    const u64 port = timer_ports[me()];

    __atomic_and_fetch(&shared->evtchn_mask[port / 64], ~(1ull << port % 64),
                       __ATOMIC_SEQ_CST);
    (void)call_set_timer_op(time_ns() + ARMED_NS, 0, 0, 0);
}

static u32 waits[VCPUS];

static void act_on_answer(struct mailbox *m)
{
    switch (m->answer) {
    case ANSWER_RUN:
        if ((m->detail & RUN_FRESH) != 0) {
            world_refresh();
        }
        telling = (telling & ~(1u << me())) |
                  ((m->detail & RUN_TELL) != 0 ? 1u << me() : 0);
        m->calls += run_records(domain * 2 - 2 + me(), m);
        break;
    case ANSWER_END:
        live_end(SHUTDOWN_REBOOT);
        break;
    case ANSWER_WAIT:
        if (++waits[me()] <= YIELDS) {
            (void)call_sched_yield(0, 0, 0, 0);
            return;
        }
        sleep_until(time_ns() + WAIT_NS);
        return;
    default:
        sleep_until(time_ns() + REST_NS);
        break;
    }
    waits[me()] = 0;
}

static void actor_begin(struct mailbox *m)
{
    m->actor = domain * 2 - 2 + me();
    m->calls = 0;
    m->own = boxes[0].own;
    timer_bind();
    ask(m, SAID_HELLO);
}

/* vCPU 1, again and again: it may begin anew after an exception. */
static void second_actor(void)
{
    struct mailbox *const m = &boxes[me()];

    if (m->actor == 0) {
        (void)world_root();
        actor_begin(m);
    }
    act_on_answer(m);
    ask(m, SAID_READY);
}

static NO_RETURN void actor_serve(void)
{
    struct mailbox *const m = &boxes[0];

    world_setup(&m->own);
    run_begin(m->places);
    actor_begin(m); /* before the second: its hello is that of the domain */
    const s64 rc = vcpus_start(2);
    if (rc == 0) {
        others_run(second_actor);
    } else {
        say("bytecode: second vCPU: ");
        say_dec(rc);
        say("\n");
    }
    for (;;) {
        act_on_answer(m);
        ask(m, SAID_READY);
    }
}

/* ---- the warden
 * ------------------------------------------------------------- */

static u32 state_of(u32 id)
{
    struct arg_domain_info a = { .domid = (u16)id };

    return call_domain_info(0, &a) == 0 ? a.state : 0;
}

/* It may end by itself meanwhile, and be back; and it cannot end as long as the
 * other actor maps what it has granted. False: that seems to be so. */
static bool destroy(u32 id)
{
    struct arg_domain_of a = { (u16)id };

    for (u32 i = 0; i < TRIES; i++) {
        if (state_of(id) == STATE_ENDED) {
            return true;
        }
        (void)call_domain_destroy(0, &a);
        sleep_until(time_ns() + WARDEN_NS / 4);
    }
    return false;
}

static void start(u32 id)
{
    struct arg_domain_of a = { (u16)id };

    while (call_domain_start(0, &a) != 0) {
        sleep_until(time_ns() + WARDEN_NS / 4);
    }
}

static void kill(u32 id)
{
    const u32 other = 3 - id;
    const bool alone = destroy(id);

    while (!alone && (!destroy(other) || !destroy(id))) {
    }
    start(id);
    if (!alone) {
        start(other);
    }
}

static NO_RETURN void warden_serve(void)
{
    struct mailbox *const m = &boxes[0];

    m->actor = ACTOR_WARDEN;
    for (;;) {
        ask(m, SAID_READY);
        if (m->answer == ANSWER_KILL) {
            kill(m->detail);
        } else if (m->answer == ANSWER_OFF) {
            for (u32 id = 1; id <= 3; id++) {
                (void)destroy(id);
            }
        }
        sleep_until(time_ns() + WARDEN_NS);
    }
}

/* ---- the victim
 * ------------------------------------------------------------- */

static u64 held[VICTIM_PAGES][512];

static NO_RETURN void victim_serve(void)
{
    struct mailbox *const m = &boxes[0];
    volatile u64 *const words = held[0];

    m->actor = ACTOR_VICTIM;
    m->own = (struct places){ .first = frame_of_page(world_page(0)),
                              .shared = start_info->shared_info >> PAGE_BITS };
    for (u32 i = 0; i < VICTIM_PAGES * 512; i++) {
        words[i] = i * 0x9e3779b97f4a7c15ull;
    }
    ask(m, SAID_HELLO);
    for (;;) {
        for (u32 i = 0; i < VICTIM_PAGES * 512; i++) {
            if (words[i] != i * 0x9e3779b97f4a7c15ull) {
                say("VICTIM HARM: its memory has changed\n");
                ask(m, SAID_HARM);
                words[i] = i * 0x9e3779b97f4a7c15ull;
            }
        }
        sleep_until(time_ns() + VICTIM_NS);
    }
}

void guest_main(void)
{
    domain = (u32)option_number("domain", 0);
    if (text_equal(option("role"), "warden")) {
        warden_serve();
    }
    if (text_equal(option("role"), "victim")) {
        victim_serve();
    }
    if (domain == 1 || domain == 2) {
        actor_serve();
    }
    say("bytecode: role=actor domain=1, domain=2, role=warden or victim\n");
}
