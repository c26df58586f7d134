/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, console and exceptions of a small guest: see guest.h.
 */
#include "guests/lib/guest.h"

#define UVMF_INVLPG 2u
#define NMI 2u
/* 1,000,000 bytes a second, 4096 in advance; a line less than that. */
#define CONSOLE_BYTE_NS 1000u
#define CONSOLE_AHEAD_NS (3800u * CONSOLE_BYTE_NS)

struct start_info *start_info;
struct shared_info *shared;
struct room rooms[VCPUS];
volatile u64 event_count;

static u8 shared_page[PAGE_BYTES] __attribute__((aligned(4096)));
static u32 console_taken; /* one line at a time */

/* ---- console ---------------------------------------------------------------
 */

static struct console_ring *console(void)
{
    return page_of_frame(start_info->console_mfn);
}

static void console_notify(void)
{
    struct arg_evtchn_port p = { start_info->console_evtchn };
    (void)call_evtchn_send(0, &p);
}

/* By the emergency call, which needs nobody to serve a ring. It drops what goes
 * beyond its rate, so wait for that. */
void say_flush(void)
{
    struct room *const own = room();
    static u64 paid_ns; /* until then the bytes so far are paid for */
    while (__atomic_exchange_n(&console_taken, 1, __ATOMIC_ACQUIRE) != 0) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
    while (time_ns() + CONSOLE_AHEAD_NS < paid_ns) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
    const u64 now = time_ns();
    paid_ns =
        (paid_ns < now ? now : paid_ns) + own->line_used * CONSOLE_BYTE_NS;
    (void)call_console_write(own->line_used, (u64)(uintptr_t)own->line, 0, 0);
    own->line_used = 0;
    __atomic_store_n(&console_taken, 0, __ATOMIC_RELEASE);
}

s32 typed(void)
{
    struct console_ring *r = console();
    const u32 cons = r->in_cons;
    if (*(volatile u32 *)&r->in_prod == cons) {
        return -1;
    }
    const u8 c = *(volatile u8 *)&r->in[cons % sizeof(r->in)];
    *(volatile u32 *)&r->in_cons = cons + 1;
    console_notify();
    return c;
}

static void say_char(char c)
{
    struct room *const own = room();
    own->line[own->line_used++] = c;
    if (c == '\n' || own->line_used == LINE_BYTES) {
        say_flush();
    }
}

void say(const char *text)
{
    for (; *text != '\0'; text++) {
        say_char(*text);
    }
}

void say_dec(s64 n)
{
    char digits[24];
    u32 count = 0;
    u64 left = n < 0 ? 0 - (u64)n : (u64)n;
    if (n < 0) {
        say_char('-');
    }
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    while (count != 0) {
        say_char(digits[--count]);
    }
}

void say_hex(u64 n)
{
    say("0x");
    for (s32 shift = 60; shift >= 0; shift -= 4) {
        if (n >> shift != 0 || shift == 0) {
            say_char("0123456789abcdef"[n >> shift & 15]);
        }
    }
}

/* ---- exceptions -------------------------------------------------------------
 */

static void report(const struct trap_frame *f)
{
    say("guest: exception ");
    say_dec((s64)f->vector);
    say(" error ");
    say_hex(f->error);
    say(" rip ");
    say_hex(f->rip);
    say(" cs ");
    say_hex(f->cs);
    say(" rsp ");
    say_hex(f->rsp);
    say(" cr2 ");
    say_hex(my_info()->cr2);
    say(" vcpu ");
    say_dec(me());
    say("\n");
}

static void take_events(void)
{
    struct vcpu_info *v = my_info();
    event_count++;
    __atomic_store_n(&v->upcall_pending, 0, __ATOMIC_SEQ_CST);
    u64 words = __atomic_exchange_n(&v->pending_sel, 0, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < 64; i++) {
        if ((words >> i & 1) != 0) {
            (void)__atomic_exchange_n(&shared->evtchn_pending[i], 0,
                                      __ATOMIC_SEQ_CST);
        }
    }
}

/* Go on at that place, which takes a stack of its own. */
static void go_on_at(struct trap_frame *f, void (*place)(void))
{
    f->rip = (u64)(uintptr_t)place;
    f->cs = CS_KERNEL & ~3u;
    f->ss = SS_KERNEL;
    f->rsp = (u64)(uintptr_t)room()->user_stack; /* somewhere harmless */
    f->rflags = 0;                               /* events stay masked */
}

void trap_handle(struct trap_frame *f)
{
    struct room *const own = room();
    if (f->vector == EVENT) {
        take_events();
        return;
    }
    if (f->vector == NMI) {
        own->nmi_count++;
        return;
    }
    if (f->vector < 32 && (own->passing >> f->vector & 1) != 0) {
        own->passed[f->vector]++;
        return;
    }
    if (own->may_fault) {
        go_on_at(f, vcpu_entry);
        return;
    }
    if (own->try_stack == 0) {
        report(f);
        guest_end(SHUTDOWN_CRASH);
    }
    own->seen = (struct seen){ .vector = f->vector,
                               .error = f->error,
                               .cr2 = my_info()->cr2,
                               .rip = f->rip,
                               .cs = f->cs,
                               .rax = f->rax };
    go_on_at(f, try_recover);
}

void traps_setup(void)
{
    struct trap_info table[33] = { { 0 } };
    for (u32 n = 0; n < 32; n++) {
        table[n] = (struct trap_info){ .vector = (u8)n,
                                       .flags = n == 3 || n == 4 ? 3 : 0,
                                       .cs = CS_KERNEL,
                                       .address = trap_stubs[n] };
    }
    (void)call_set_trap_table((u64)(uintptr_t)table, 0, 0, 0);
    struct arg_callback a = { .type = 0,
                              .address = (u64)(uintptr_t)event_entry };
    (void)call_callback_event(0, &a);
    a = (struct arg_callback){ .type = 1,
                               .address = (u64)(uintptr_t)failsafe_entry };
    (void)call_callback_failsafe(0, &a);
    a = (struct arg_callback){ .type = 2,
                               .address = (u64)(uintptr_t)syscall_entry };
    (void)call_callback_syscall(0, &a);
    const u64 top = (u64)(uintptr_t)room()->user_stack + PAGE_BYTES;
    (void)call_stack_switch(SS_KERNEL, top, 0, 0);
}

/* ---- time
 * -------------------------------------------------------------------- */

u64 time_ns(void)
{
    const volatile struct vcpu_time_info *t = &my_info()->time;
    for (;;) {
        const u32 version = t->version;
        barrier();
        const u64 base = t->system_time;
        const u32 mul = t->tsc_to_system_mul;
        const s8 shift = t->tsc_shift;
        u64 ticks = __builtin_ia32_rdtsc() - t->tsc_timestamp;
        barrier();
        if (version % 2 == 0 && version == t->version) {
            ticks = shift < 0 ? ticks >> -shift : ticks << shift;
            return base + (u64)((unsigned __int128)ticks * mul >> 32);
        }
    }
}

void sleep_until(u64 ns)
{
    struct arg_sched_poll a = { .timeout = ns };
    if (ns > time_ns()) {
        (void)call_sched_poll(0, &a);
    }
}

/* ---- begin and end
 * ----------------------------------------------------------- */

void guest_end(u32 reason)
{
    struct arg_sched_shutdown a = { reason };
    /* What is in the ring shall be read first. */
    guest_wait(2000);
    for (;;) {
        (void)call_sched_shutdown(0, &a);
    }
}

void guest_wait(u32 turns)
{
    for (u32 i = 0; i < turns; i++) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
}

void guest_start(struct start_info *s)
{
    start_info = s;
    shared = (struct shared_info *)(void *)shared_page;
    for (u32 i = 0; i < VCPUS; i++) {
        rooms[i].pages = rooms[i].own;
    }
    if (map_va((u64)(uintptr_t)shared_page, s->shared_info | P_RW,
               UVMF_INVLPG) != 0) {
        guest_end(SHUTDOWN_CRASH);
    }
    traps_setup();
    guest_main();
    guest_end(SHUTDOWN_POWEROFF);
}
