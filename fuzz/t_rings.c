/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings that the hypervisor serves in a guest's own memory: console and
 * store. The guest is of two minds: with bit 0 of the first byte it writes the
 * page at any time, with bit 1 also between two reads of one service call;
 * without it, it keeps to the protocol, and then a plain model says what must
 * come of it.
 */
#include <string.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/xen.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"

#define OPS_MAX 200u
#define MODEL_BYTES 65536u

static struct input in;
static struct domain *d;
static u8 *page;

static void begin(const u8 *data, size_t bytes, bool console)
{
    /* Domain 2 has a rate of its own. */
    const u32 id = bytes != 0 && (data[0] & 4) != 0 ? 2 : 1;

    static const struct world_kind kind = { .services = true };

    world_begin(&kind);
    in = (struct input){ data, bytes, 0 };
    d = world_domain(id);
    host_run(&d->vcpu[0]);
    page = host_frame(console ? d->console_mfn : d->store_mfn);
}

/* Somebody writes to the page while it is being read. */
static void race(void)
{
    const u8 c = take8(&in);

    if (c >= 0x80) {
        const u32 at = c >= 0xc0 ? 2048u + c % 32u + (c & 32u) * 32u
                                 : take16(&in) % PAGE_BYTES;

        page[at] = take8(&in);
    }
}

static u32 get(u32 at)
{
    u32 v;

    memcpy(&v, page + at, 4);
    return v;
}

static void set(u32 at, u32 v)
{
    memcpy(page + at, &v, 4);
}

/* Indices that the guest alone has written, and that cannot be: the ring is to
 * be closed by the next look at it. */
static bool lies(u32 at, u32 first_bytes, u32 second_bytes)
{
    return get(at + 4) - get(at) > first_bytes ||
           get(at + 12) - get(at + 8) > second_bytes;
}

static void finish(void)
{
    host.on_guest_read = NULL;
    (void)world_check(d);
    world_check_victim();
}

/* ---- console
 * ------------------------------------------------------------------ */

#define IN_CONS 3072u
#define IN_PROD 3076u
#define OUT_CONS 3080u
#define OUT_PROD 3084u
#define OUT_AT 1024u

static u8 sent[MODEL_BYTES]; /* what an honest guest wrote, in order */
static u32 sent_count;

static void write_honestly(u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const u32 prod = get(OUT_PROD);

        if (prod - get(OUT_CONS) >= 2048 || sent_count >= MODEL_BYTES) {
            return;
        }
        const u8 c = (u8)(sent_count * 7 + count);

        page[OUT_AT + prod % 2048] = c;
        sent[sent_count++] = c;
        set(OUT_PROD, prod + 1);
    }
}

static void look_at_console(void)
{
    const bool lie = host.on_guest_read == NULL && lies(IN_CONS, 1024, 2048);

    console_service_notify(d);
    if (lie && d->con.state == CONRING_OPEN) {
        fuzz_fail("a console ring that lies was served");
    }
}

static void console_op(bool honest)
{
    static const u8 keys[600] = "typed";
    const u8 c = take8(&in);

    switch (c % 6) {
    case 0:
        look_at_console();
        break;
    case 1:
        host.now += (u64)take16(&in) * 1000000ull;
        (void)console_service_poll(host.now);
        break;
    case 2:
        (void)console_service_input(d, keys, take16(&in) % sizeof(keys));
        break;
    case 3:
        write_honestly(take16(&in) % 3000u);
        break;
    case 4:
        if (honest) {
            set(IN_CONS, get(IN_PROD));
        } else {
            set(IN_CONS + take8(&in) % 4u * 4, take16(&in) | (u32)c << 24);
        }
        break;
    default:
        host.now += 1000;
        break;
    }
}

static void check_console(bool honest, ns_t from)
{
    const struct host_console *out = &host.console[d->id];
    const u64 rate =
        d->console_rate != 0 ? d->console_rate : CONSOLE_RATE_DEFAULT;
    const u64 allowed =
        CONSOLE_BURST + (host.now - from) / 1000 * rate / 1000000;

    if (out->count != d->con.out_bytes || out->count > allowed + 1) {
        fuzz_fail("%llu bytes came out, %llu counted, %llu allowed",
                  (unsigned long long)out->count,
                  (unsigned long long)d->con.out_bytes,
                  (unsigned long long)allowed);
    }
    if (!honest) {
        return;
    }
    if (d->con.state != CONRING_OPEN) {
        fuzz_fail("the ring of an honest guest was closed");
    }
    if (out->count > sent_count ||
        (out->count <= HOST_CONSOLE_BYTES &&
         memcmp(out->bytes, sent, out->count) != 0)) {
        fuzz_fail("what came out is not what went in");
    }
}

void target_conring(const u8 *data, size_t bytes)
{
    begin(data, bytes, true);
    const u8 mind = take8(&in);
    const bool honest = (mind & 1) == 0;
    const ns_t from = host.now;

    sent_count = 0;
    host.on_guest_read = (mind & 3) == 3 ? race : NULL;
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        console_op(honest);
        if (host_locks_held() != 0) {
            fuzz_fail("a lock is still held");
        }
    }
    check_console(honest, from);
    finish();
}

/* ---- store
 * -------------------------------------------------------------------- */

#define REQ_CONS 2048u
#define REQ_PROD 2052u
#define RSP_CONS 2056u
#define RSP_PROD 2060u
#define RSP_AT 1024u
#define ASKED_MAX 1024u

/* Honest guest: the requests that are under way. */
static struct {
    u32 id, left; /* bytes of the body that are still to be written */
    u32 header;   /* bytes of the header that are written */
} asking;
static u32 asked[ASKED_MAX];
static u32 asked_count, answered;
static u8 reply[64];
static u32 reply_bytes;

static void put_byte(u8 c)
{
    const u32 prod = get(REQ_PROD);

    page[prod % 1024] = c;
    set(REQ_PROD, prod + 1);
}

static bool has_room(void)
{
    return get(REQ_PROD) - get(REQ_CONS) < 1024;
}

/* Write up to count bytes of one request after the other. */
static void ask(u32 count, u32 body)
{
    for (u32 i = 0; i < count && has_room(); i++) {
        if (asking.left == 0 && asking.header == 0) {
            if (asked_count == ASKED_MAX) {
                return;
            }
            asking.id = asked_count * 31 + 5;
            asking.left = body;
        }
        if (asking.header < 16) {
            const u32 word[4] = { 2, asking.id, 0, asking.left };

            put_byte(((const u8 *)word)[asking.header]);
            asking.header++;
        } else {
            put_byte((u8)i);
            asking.left--;
        }
        if (asking.header == 16 && asking.left == 0) {
            asked[asked_count++] = asking.id;
            asking.header = 0;
        }
    }
}

static void check_reply(void)
{
    u32 word[4];

    memcpy(word, reply, sizeof(word));
    if (answered >= asked_count || word[0] != 16 ||
        word[1] != asked[answered] || word[3] != 7 ||
        memcmp(reply + 16, "ENOENT", 7) != 0) {
        fuzz_fail("reply %u is not the answer to request %u", word[1],
                  answered < asked_count ? asked[answered] : 0);
    }
    answered++;
}

static void read_replies(u32 count)
{
    for (u32 i = 0; i < count && get(RSP_CONS) != get(RSP_PROD); i++) {
        const u32 cons = get(RSP_CONS);

        reply[reply_bytes++] = page[RSP_AT + cons % 1024];
        set(RSP_CONS, cons + 1);
        if (reply_bytes == 23) {
            check_reply();
            reply_bytes = 0;
        }
    }
}

static void look_at_store(void)
{
    const bool lie = host.on_guest_read == NULL && lies(REQ_CONS, 1024, 1024);

    store_service_notify(d);
    if (lie && d->store.state == CONRING_OPEN) {
        fuzz_fail("a store ring that lies was served");
    }
}

static void store_op(bool honest)
{
    const u8 c = take8(&in);

    switch (c % 4) {
    case 0:
        look_at_store();
        break;
    case 1:
        if (honest) {
            const u32 count = take16(&in) % 1200u;

            ask(count, take16(&in) % (STORE_PAYLOAD_MAX + 1));
        } else {
            set(REQ_CONS + take8(&in) % 4u * 4, take16(&in) | (u32)c << 24);
        }
        break;
    case 2:
        if (honest) {
            read_replies(take16(&in) % 600u);
        } else {
            page[take16(&in) % 2064u] = take8(&in);
        }
        break;
    default:
        if (!honest) {
            const u32 prod = get(REQ_PROD);
            const u32 word[4] = { c, take8(&in), 0, take16(&in) };

            for (u32 i = 0; i < 16; i++) {
                page[(prod + i) % 1024] = ((const u8 *)word)[i];
            }
            set(REQ_PROD, prod + 16 + take8(&in));
        }
        store_service_notify(d);
        break;
    }
}

void target_store(const u8 *data, size_t bytes)
{
    begin(data, bytes, false);
    const u8 mind = take8(&in);
    const bool honest = (mind & 1) == 0;

    memset(&asking, 0, sizeof(asking));
    asked_count = 0;
    answered = 0;
    reply_bytes = 0;
    host.on_guest_read = (mind & 3) == 3 ? race : NULL;
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        store_op(honest);
        if (host_locks_held() != 0) {
            fuzz_fail("a lock is still held");
        }
    }
    if (honest) {
        if (d->store.state != CONRING_OPEN) {
            fuzz_fail("the ring of an honest guest was closed");
        }
        u32 before = U32_MAX;

        while (answered != before) {
            before = answered;
            store_service_notify(d);
            read_replies(1024);
        }
        if (answered != asked_count) {
            fuzz_fail("%u requests, %u replies", asked_count, answered);
        }
    }
    finish();
}
