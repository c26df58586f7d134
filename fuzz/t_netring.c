/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of a network interface. With bit 0 of the first byte the front-end
 * writes whatever it likes wherever it likes; without it, it sends packets by
 * the book, and each must come out as it went in.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "guests/router/netring.h"

#define OPS_MAX 64u
#define FIRST_SLOT 16u
#define TX_WORDS 3u
#define QUEUE 256u

static u32 page[NETRING_WORDS] __attribute__((aligned(4096)));
static u32 before[NETRING_WORDS];
static struct netring ring;
static struct input in;

/* What an honest front-end sent and has not seen come out. */
static struct netpacket queue[QUEUE];
static u32 sent;
static u32 seen;

static u32 *tx(u32 index)
{
    return page + FIRST_SLOT + index % NETRING_SLOTS * TX_WORDS;
}

static void put(u32 first, u32 second, u32 third)
{
    u32 *w = tx(page[0]);

    w[0] = first;
    w[1] = second;
    w[2] = third;
    page[0]++;
}

static void put_packet(void)
{
    struct netpacket *p = &queue[sent % QUEUE];
    const u8 shape = take8(&in);
    const u32 frags = 1 + shape % NETRING_FRAGMENTS_MAX;
    const bool large = shape >= 0xc0;

    if (sent - seen == QUEUE || page[0] - page[2] + frags + 1 > NETRING_SLOTS) {
        return;
    }
    memset(p, 0, sizeof(*p));
    p->flags = large ? NETTX_CSUM_BLANK : shape >> 6;
    p->gso_bytes = large ? 1448 : 0;
    p->gso_type = large ? NETRING_GSO_TCP4 : 0;
    p->frags = frags;
    p->slots = frags + large;
    for (u32 i = 0; i < frags; i++) {
        struct netfrag *f = &p->frag[i];

        f->ref = take16(&in);
        f->offset = take16(&in) % 2000;
        f->bytes = (u16)(14 + take8(&in) * 8);
        if (f->bytes > 2000) {
            f->offset = (u16)(PAGE_BYTES - f->bytes); /* to its very end */
        }
        f->id = (u16)(sent * 32 + i);
        f->extras = i == 0 && large;
        p->bytes += f->bytes;
    }
    for (u32 i = 0; i < frags; i++) {
        const struct netfrag *f = &p->frag[i];
        const u32 flags = (i + 1 < frags ? NETTX_MORE : 0) |
                          (f->extras ? NETTX_EXTRA : 0) |
                          (i == 0 ? p->flags : 0u);

        put(f->ref, f->offset | flags << 16,
            f->id | (i == 0 ? p->bytes : f->bytes) << 16);
        if (f->extras) {
            put(1 | 1448u << 16, NETRING_GSO_TCP4, 0);
        }
    }
    sent++;
}

static void check_honest(const struct netpacket *p)
{
    const struct netpacket *want = &queue[seen % QUEUE];

    if (seen == sent || p->error != NETRING_OK || p->frags != want->frags ||
        p->slots != want->slots || p->bytes != want->bytes ||
        p->flags != want->flags || p->gso_bytes != want->gso_bytes ||
        p->gso_type != want->gso_type ||
        memcmp(p->frag, want->frag, p->frags * sizeof(p->frag[0])) != 0) {
        fuzz_fail("packet %u is not what was sent: %s", seen,
                  netring_text(p->error));
    }
    seen++;
}

static void check_packet(const struct netpacket *p)
{
    u32 bytes = 0;
    u32 slots = 0;

    if (p->error >= NETRING_ERRORS ||
        (p->error != NETRING_OK && p->error < NETRING_FIRST_DROP) ||
        p->frags == 0 || p->frags > NETRING_FRAGMENTS_LIE) {
        fuzz_fail("%u fragments, error %u", p->frags, p->error);
    }
    for (u32 i = 0; i < p->frags; i++) {
        slots += 1u + p->frag[i].extras;
        bytes += p->frag[i].bytes;
        if (p->error == NETRING_OK &&
            (u32)p->frag[i].offset + p->frag[i].bytes > PAGE_BYTES) {
            fuzz_fail("fragment %u leaves its page", i);
        }
    }
    if (page[0] - ring.req_cons > NETRING_SLOTS || p->frag[0].extras > 4) {
        fuzz_fail("%u slots, more than were written", p->slots);
    }
    if (slots != p->slots || (p->error == NETRING_OK && bytes != p->bytes)) {
        fuzz_fail("%u of %u slots, %u of %u bytes", slots, p->slots, bytes,
                  p->bytes);
    }
    if (p->error == NETRING_OK &&
        (p->frags > NETRING_FRAGMENTS_MAX || bytes < NETRING_HEADER_BYTES ||
         (p->gso_bytes != 0) != (p->gso_type != 0))) {
        fuzz_fail("a bad packet without an error");
    }
}

/* Only slots of answers and our own indices may have changed. */
static void check_page(u32 from, u32 words)
{
    for (u32 i = from; i != ring.rsp_pvt; i++) {
        const u32 at = FIRST_SLOT + i % NETRING_SLOTS * words;

        memcpy(before + at, page + at, words * sizeof(u32));
    }
    before[1] = page[1];
    before[2] = page[2];
    if (memcmp(before, page, sizeof(page)) != 0) {
        fuzz_fail("a word that is not ours was written");
    }
    if (ring.req_cons - ring.rsp_pvt > NETRING_SLOTS) {
        fuzz_fail("more answers than requests");
    }
}

/* Publish; the other end is told when it asked for one of these answers. */
static void push(void)
{
    const u32 fresh = ring.rsp_pvt - ring.rsp_sent;
    const u32 since = ring.rsp_pvt - page[3];
    const bool told = netring_push(&ring);

    if (ring.lie == NETRING_OK && told != (since < fresh)) {
        fuzz_fail("%u answers, asked for the one before %u: told %d", fresh,
                  since, told);
    }
}

static void send_some(bool honest)
{
    const u32 from = ring.rsp_pvt;
    struct netpacket p;

    memcpy(before, page, sizeof(page));
    for (u32 i = 0; i < 1 + take8(&in) % 8u; i++) {
        const enum nettx_result r =
            nettx_take(&ring, 1u << NETRING_GSO_TCP4, &p);

        if (r == NETTX_CLOSED && honest) {
            fuzz_fail("an honest ring was closed: %s", netring_text(ring.lie));
        }
        if (r != NETTX_PACKET) {
            break;
        }
        check_packet(&p);
        if (honest) {
            check_honest(&p);
        }
        nettx_answer(&ring, &p, p.error == NETRING_OK ? NET_OKAY : NET_ERROR);
        if (ring.rsp_pvt != ring.req_cons) {
            fuzz_fail("answers and requests differ");
        }
    }
    push();
    (void)netring_arm(&ring);
    check_page(from, TX_WORDS);
}

static void receive_some(void)
{
    const u32 from = ring.rsp_pvt;
    const u32 count = netring_waiting(&ring);
    u32 take = take8(&in) % 20u;

    memcpy(before, page, sizeof(page));
    for (take = take < count ? take : count; take != 0; take--) {
        const struct netrx_slot s = netrx_take(&ring);

        if (take % 5 == 1) {
            netrx_answer_gso(&ring, NETRING_GSO_TCP4, 1448);
        } else {
            netrx_answer(&ring, s.id, NETRX_MORE, 4096);
        }
    }
    push();
    check_page(from, 2);
}

/* A slot as a tx request or, the same bytes, an extra info. */
static void put_anything(void)
{
    const u8 shape = take8(&in);
    const u8 flags = take8(&in);

    if (shape % 4 == 0) {
        put((shape >> 2) % 6u | (flags & 1u) << 8 | (shape & 0x80u) << 12,
            flags >> 6, 0);
    } else {
        put(shape, (flags >= 0xf0 ? 4090u : 0u) | (flags % 20u) << 16,
            (shape < 16 ? shape : shape * 16u) << 16);
    }
}

static void write_anything(u8 what)
{
    if (what < 0x30) {
        page[what % 4] = page[2] + take8(&in);
    } else if (what < 0x40) {
        page[what % 4] = (u32)take64(&in);
    } else if (what < 0x60) {
        u32 *w = tx(ring.req_cons + what % 32u);

        w[0] = take16(&in);
        w[1] = take16(&in) % 4096u | (u32)take8(&in) % 32u << 16;
        w[2] = what | (u32)take16(&in) << 16;
    } else {
        for (u32 i = 0; i <= what % 32u; i++) {
            put_anything();
        }
    }
}

void target_netring(const u8 *data, size_t bytes)
{
    in = (struct input){ data, bytes, 0 };
    const u8 mind = take8(&in);
    const bool honest = (mind & 1) == 0;
    const bool is_rx = (mind & 3) == 3;

    memset(page, 0, sizeof(page));
    page[0] = page[2] = (u32)take16(&in) << 16 | (mind >= 0x80 ? 0xfff0u : 0);
    sent = 0;
    seen = 0;
    if (!netring_attach(&ring, page)) {
        fuzz_fail("an empty ring was refused");
    }
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        const u8 c = take8(&in);

        if (c % 4 == 0) {
            if (is_rx) {
                receive_some();
            } else {
                send_some(honest);
            }
        } else if (honest) {
            put_packet();
        } else {
            write_anything(c);
        }
        if (c == 0xff && ring.rsp_pvt == ring.req_cons) {
            (void)netring_attach(&ring, page);
        }
    }
}
