/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, console and exceptions of a small guest: see guest.h.
 */
#include "guests/lib/guest.h"

#define LINE_BYTES 240u
#define UVMF_INVLPG 2u

struct start_info *start_info;
struct shared_info *shared;
struct trap_seen trap_seen;
volatile u64 event_count;

static u8 shared_page[PAGE_BYTES] __attribute__((aligned(4096)));
static char line[LINE_BYTES];
static u32 line_used;
static u8 user_stack[PAGE_BYTES] __attribute__((aligned(4096)));

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

static void line_send(void)
{
    struct console_ring *r = console();
    u32 prod = r->out_prod;
    for (u32 i = 0; i < line_used; i++) {
        while (prod - *(volatile u32 *)&r->out_cons >= sizeof(r->out)) {
            console_notify();
            (void)call_sched_yield(0, 0, 0, 0);
        }
        r->out[prod % sizeof(r->out)] = (u8)line[i];
        prod++;
        barrier();
        *(volatile u32 *)&r->out_prod = prod;
    }
    console_notify();
    line_used = 0;
}

static void say_char(char c)
{
    line[line_used++] = c;
    if (c == '\n' || line_used == LINE_BYTES) {
        line_send();
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
    say_hex(shared->vcpu_info[0].cr2);
    say("\n");
}

static void take_events(void)
{
    struct vcpu_info *v = &shared->vcpu_info[0];
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

void trap_handle(struct trap_frame *f)
{
    if (f->vector == EVENT) {
        take_events();
        return;
    }
    if (try_stack == 0) {
        report(f);
        guest_end(SHUTDOWN_CRASH);
    }
    trap_seen.vector = f->vector;
    trap_seen.error = f->error;
    trap_seen.cr2 = shared->vcpu_info[0].cr2;
    trap_seen.rip = f->rip;
    trap_seen.cs = f->cs;
    trap_seen.rax = f->rax;
    f->rip = (u64)(uintptr_t)try_recover;
    f->cs = CS_KERNEL & ~3u;
    f->ss = SS_KERNEL;
    /* Somewhere harmless: try_recover takes its own. */
    f->rsp = try_stack;
    f->rflags = 0; /* events stay masked */
}

void traps_setup(void)
{
    static struct trap_info table[33];
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
    const u64 top = (u64)(uintptr_t)user_stack + sizeof(user_stack);
    (void)call_stack_switch(SS_KERNEL, top, 0, 0);
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
    if (map_va((u64)(uintptr_t)shared_page, s->shared_info | P_RW,
               UVMF_INVLPG) != 0) {
        guest_end(SHUTDOWN_CRASH);
    }
    traps_setup();
    guest_main();
    guest_end(SHUTDOWN_POWEROFF);
}
