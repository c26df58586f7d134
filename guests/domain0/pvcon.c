/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console rings: see pvcon.h.
 */
#include "guests/domain0/pvcon.h"
#include "guests/domain0/copy.h"

#define IN_BYTES 1024u
#define OUT_BYTES 2048u
#define NS_PER_S 1000000000ull

static void order(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void pvcon_open(struct pvcon *c, volatile struct console_ring *page, u32 rate,
                u64 now_ns)
{
    *c = (struct pvcon){ .page = page,
                         .state = PVCON_OPEN,
                         .rate = rate != 0 ? rate : PVCON_RATE,
                         .tokens = PVCON_BURST,
                         .filled_ns = now_ns };
}

void pvcon_close(struct pvcon *c)
{
    c->page = NULL;
    c->state = PVCON_CLOSED;
}

/* Tokens of the time since they were last added. */
static void refill(struct pvcon *c, u64 now_ns)
{
    if (now_ns <= c->filled_ns) {
        return;
    }
    const u64 passed = now_ns - c->filled_ns;
    if (passed >= PVCON_BURST * NS_PER_S / c->rate) {
        c->tokens = PVCON_BURST; /* enough to fill it from empty */
        c->filled_ns = now_ns;
        return;
    }
    const u64 more = passed * c->rate / NS_PER_S;
    const u64 sum = c->tokens + more;
    c->tokens = sum < PVCON_BURST ? sum : PVCON_BURST;
    /* Only the time that made whole tokens is spent. */
    c->filled_ns += more * NS_PER_S / c->rate;
}

u32 pvcon_look(struct pvcon *c, u64 now_ns, u8 *to, u32 room)
{
    if (c->state != PVCON_OPEN) {
        return 0;
    }
    const u32 cons = c->page->out_cons;
    const u32 there = c->page->out_prod - cons;
    order();
    if (there > OUT_BYTES) {
        c->state = PVCON_BROKEN;
        return 0;
    }
    refill(c, now_ns);
    u32 bytes = there < room ? there : room;
    if (bytes > c->tokens) {
        bytes = (u32)c->tokens;
    }
    return ring_read(to, 0, bytes, c->page->out, OUT_BYTES, cons);
}

void pvcon_sent(struct pvcon *c, u32 bytes)
{
    c->tokens -= bytes;
    c->out_bytes += bytes;
    order();
    c->page->out_cons += bytes;
    order();
}

bool pvcon_waits(const struct pvcon *c)
{
    return c->state == PVCON_OPEN && c->page->out_prod != c->page->out_cons;
}

u64 pvcon_due_ns(const struct pvcon *c)
{
    if (c->tokens != 0 || !pvcon_waits(c)) {
        return 0;
    }
    /* Some hundred bytes at once, not one. */
    return c->filled_ns + PVCON_BURST / 8 * NS_PER_S / c->rate;
}

void pvcon_type(struct pvcon *c, const u8 *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (c->typed_bytes == TYPED_MAX) {
            c->lost_bytes += count - i;
            return;
        }
        c->typed[c->typed_bytes++] = bytes[i];
    }
}

bool pvcon_flush(struct pvcon *c)
{
    if (c->state != PVCON_OPEN || c->typed_bytes == 0) {
        return false;
    }
    const u32 prod = c->page->in_prod;
    const u32 there = prod - c->page->in_cons;
    if (there > IN_BYTES) {
        c->state = PVCON_BROKEN;
        return false;
    }
    const u32 room = IN_BYTES - there;
    const u32 bytes = c->typed_bytes < room ? c->typed_bytes : room;
    (void)ring_write(c->page->in, IN_BYTES, prod, c->typed, 0, bytes);
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
