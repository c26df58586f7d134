/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console rings: see console.h.
 */
#include "guests/domain0/console.h"

#define IN_BYTES 1024u
#define OUT_BYTES 2048u
#define NS_PER_S 1000000000ull

static void order(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void console_open(struct console *c, volatile struct console_ring *page,
                  u64 now_ns)
{
    *c = (struct console){ .page = page,
                           .state = CONSOLE_OPEN,
                           .tokens = CONSOLE_BURST,
                           .filled_ns = now_ns };
}

void console_close(struct console *c)
{
    c->page = NULL;
    c->state = CONSOLE_CLOSED;
}

/* Tokens of the time since they were last added. */
static void refill(struct console *c, u64 now_ns)
{
    if (now_ns <= c->filled_ns) {
        return;
    }
    const u64 passed = now_ns - c->filled_ns;
    if (passed >= CONSOLE_BURST * NS_PER_S / CONSOLE_RATE) {
        c->tokens = CONSOLE_BURST; /* enough to fill it from empty */
        c->filled_ns = now_ns;
        return;
    }
    const u64 more = passed * CONSOLE_RATE / NS_PER_S;
    const u64 sum = c->tokens + more;
    c->tokens = sum < CONSOLE_BURST ? sum : CONSOLE_BURST;
    /* Only the time that made whole tokens is spent. */
    c->filled_ns += more * NS_PER_S / CONSOLE_RATE;
}

u32 console_look(struct console *c, u64 now_ns, u8 *to, u32 room)
{
    if (c->state != CONSOLE_OPEN) {
        return 0;
    }
    const u32 cons = c->page->out_cons;
    const u32 there = c->page->out_prod - cons;
    order();
    if (there > OUT_BYTES) {
        c->state = CONSOLE_BROKEN;
        return 0;
    }
    refill(c, now_ns);
    u32 bytes = there < room ? there : room;
    if (bytes > c->tokens) {
        bytes = (u32)c->tokens;
    }
    for (u32 i = 0; i < bytes; i++) {
        to[i] = c->page->out[(cons + i) % OUT_BYTES];
    }
    return bytes;
}

void console_sent(struct console *c, u32 bytes)
{
    c->tokens -= bytes;
    c->out_bytes += bytes;
    order();
    c->page->out_cons += bytes;
    order();
}

u64 console_due_ns(const struct console *c)
{
    if (c->state != CONSOLE_OPEN || c->tokens != 0 ||
        c->page->out_prod == c->page->out_cons) {
        return 0;
    }
    /* Some hundred bytes at once, not one. */
    return c->filled_ns + CONSOLE_BURST / 8 * NS_PER_S / CONSOLE_RATE;
}

void console_type(struct console *c, const u8 *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (c->typed_bytes == TYPED_MAX) {
            c->lost_bytes += count - i;
            return;
        }
        c->typed[c->typed_bytes++] = bytes[i];
    }
}

bool console_flush(struct console *c)
{
    if (c->state != CONSOLE_OPEN || c->typed_bytes == 0) {
        return false;
    }
    const u32 prod = c->page->in_prod;
    const u32 there = prod - c->page->in_cons;
    if (there > IN_BYTES) {
        c->state = CONSOLE_BROKEN;
        return false;
    }
    const u32 room = IN_BYTES - there;
    const u32 bytes = c->typed_bytes < room ? c->typed_bytes : room;
    for (u32 i = 0; i < bytes; i++) {
        c->page->in[(prod + i) % IN_BYTES] = c->typed[i];
    }
    for (u32 i = bytes; i < c->typed_bytes; i++) {
        c->typed[i - bytes] = c->typed[i];
    }
    c->typed_bytes -= bytes;
    c->in_bytes += bytes;
    order();
    c->page->in_prod = prod + bytes;
    order();
    return bytes != 0;
}
