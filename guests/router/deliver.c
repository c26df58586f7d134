/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: see deliver.h. */
#include "guests/router/deliver.h"

#define DELIVERIES 64u
#define SEGMENTS 16u
#define SLOTS_MAX NETRING_FRAGMENTS_MAX
/* The piece in which the head ends comes in two parts. */
#define OUT_COPIES_MAX (SLOTS_MAX + 1)
/* Front-ends take a packet of as many pieces as a sender's may have only if the
 * first is so short that they copy it out. [as Linux does] */
#define SHORT_BYTES 256u

struct delivery {
    struct vif *to;
    struct vif *from;               /* whose frames are read; NULL: ours */
    const struct netpacket *packet; /* of `from` */
    u32 packet_bytes;
    u32 first_copy;
    u32 copies;
    u32 slots;
    u16 flags; /* of the rx ring, without MORE and EXTRA */
    u16 gso_bytes;
    u8 gso_type;
    u16 id[SLOTS_MAX];
    u16 bytes[SLOTS_MAX];
};

static struct machine_copy out[MACHINE_COPIES];
static u32 out_count;
static struct delivery delivery[DELIVERIES];
static u32 delivery_count;
static u8 segment[SEGMENTS][SEGMENT_BYTES] __attribute__((aligned(4096)));
static u8 nowhere[PAGE_BYTES] __attribute__((aligned(4096)));

static u32 min32(u32 a, u32 b)
{
    return a < b ? a : b;
}

/* ---- into memory of ours ---------------------------------------------------
 */

u32 deliver_head(const struct netpacket *p)
{
    const bool rest_goes_directly =
        p->bytes > PAGE_BYTES &&
        (p->frags < SLOTS_MAX || p->frag[0].bytes <= SHORT_BYTES);
    return rest_goes_directly ? PACKET_HEADER_MAX : p->bytes;
}

u32 deliver_gather(const struct vif *from_vif, const struct netpacket *p,
                   u8 *own, u32 from, u32 end, struct machine_copy *list)
{
    u32 count = 0;
    u32 first = 0; /* of the packet's bytes, in this fragment */
    for (u32 i = 0; i < p->frags && first < end; i++) {
        const struct netfrag *f = &p->frag[i];
        const u32 stop = min32(first + f->bytes, end);
        u32 at = from > first ? from : first;
        while (at < stop) {
            const u32 part = min32(stop - at, PAGE_BYTES - at % PAGE_BYTES);
            list[count++] =
                (struct machine_copy){ .domid = from_vif->domid,
                                       .ref = f->ref,
                                       .offset = (u16)(f->offset + at - first),
                                       .bytes = (u16)part,
                                       .own = own + at };
            at += part;
        }
        first += f->bytes;
    }
    return count;
}

static bool some_failed(const struct machine_copy *list, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (list[i].failed) {
            return true;
        }
    }
    return false;
}

/* All of the packet, for who cannot take it as it is. */
static bool complete(struct parcel *a)
{
    static struct machine_copy rest[GATHER_COPIES];
    const u32 bytes = a->packet->bytes;
    const u32 count =
        deliver_gather(a->from, a->packet, a->own, a->have, bytes, rest);
    machine_copy(rest, count);
    if (some_failed(rest, count)) {
        netring_close(&a->from->tx, NETRING_GRANT);
        return false;
    }
    a->have = bytes;
    return true;
}

/* ---- out of it, or past it -------------------------------------------------
 */

/* Why did copies of the sender's frames fail: by what it granted? */
static void check_sender(const struct delivery *d)
{
    struct machine_copy probe[NETRING_FRAGMENTS_LIE];
    const u32 count = d->packet->frags;
    for (u32 i = 0; i < count; i++) {
        probe[i] = (struct machine_copy){ .domid = d->from->domid,
                                          .ref = d->packet->frag[i].ref,
                                          .own = nowhere };
    }
    machine_copy(probe, count);
    if (some_failed(probe, count)) {
        netring_close(&d->from->tx, NETRING_GRANT);
    }
}

static void answer_delivery(const struct delivery *d)
{
    const bool failed = some_failed(&out[d->first_copy], d->copies);
    for (u32 i = 0; i < d->slots; i++) {
        const bool more = i + 1 < d->slots;
        const bool extra = i == 0 && d->gso_bytes != 0;
        const u32 flags = (i == 0 ? d->flags : 0u) | (more ? NETRX_MORE : 0u) |
                          (extra ? NETRX_EXTRA : 0u);
        netrx_answer(&d->to->rx, d->id[i], (u16)flags,
                     failed ? NET_ERROR : d->bytes[i]);
        if (extra) {
            netrx_answer_gso(&d->to->rx, d->gso_type, d->gso_bytes);
        }
    }
    if (!failed) {
        d->to->rx_packets++;
        d->to->rx_bytes += d->packet_bytes;
    } else if (d->from != NULL) {
        check_sender(d);
    }
}

void deliver_all(void)
{
    machine_copy(out, out_count);
    for (u32 i = 0; i < delivery_count; i++) {
        answer_delivery(&delivery[i]);
    }
    for (u32 i = 0; i < delivery_count; i++) {
        struct vif *to = delivery[i].to;
        if (netring_push(&to->rx)) {
            machine_notify(to->port);
        }
    }
    out_count = 0;
    delivery_count = 0;
}

static struct netrx_slot take_slot(struct vif *to, const struct vif *from)
{
    share_take(&to->share, from->number, to->rx.req_cons);
    return netrx_take(&to->rx);
}

/* One more page of the receiver for the packet's bytes at..end: what we have of
 * them, and the rest of the fragment that they are. */
static void add_slot(struct delivery *d, const struct parcel *a, u32 at,
                     u32 end, const struct netfrag *f)
{
    const struct netrx_slot slot = take_slot(d->to, a->from);
    const u32 mid = min32(a->have > at ? a->have : at, end);
    struct machine_copy c = { .domid = d->to->domid,
                              .ref = slot.ref,
                              .is_out = true };
    d->id[d->slots] = slot.id;
    d->bytes[d->slots] = (u16)(end - at);
    d->slots++;
    if (at < mid) {
        c.bytes = (u16)(mid - at);
        c.own = a->own + at;
        out[out_count++] = c;
    }
    if (mid < end) {
        c.own = NULL;
        c.offset = (u16)(mid - at);
        c.bytes = (u16)(end - mid);
        c.from_domid = a->from->domid;
        c.from_ref = f->ref;
        c.from_offset = (u16)(f->offset + mid - at);
        out[out_count++] = c;
    }
}

/* Pages of the receiver that the packet needs. */
static u32 slots_of(const struct netpacket *p, bool is_whole)
{
    u32 slots = 0;
    if (is_whole) {
        return (p->bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    }
    for (u32 i = 0; i < p->frags; i++) {
        slots += p->frag[i].bytes != 0;
    }
    return slots;
}

/* Line the packet up for the receiver, whose requests are taken here. */
static void line_up(struct vif *to, const struct parcel *a)
{
    const struct netpacket *p = a->packet;
    const bool is_whole = a->have == p->bytes;
    const bool large = p->gso_bytes != 0;
    if (out_count + OUT_COPIES_MAX > MACHINE_COPIES ||
        delivery_count == DELIVERIES) {
        deliver_all();
    }
    const u32 waiting = netring_waiting(&to->rx);
    share_settle(&to->share, &to->rx, waiting);
    if (!share_open(&to->share, a->from->number, slots_of(p, is_whole) + large,
                    waiting)) {
        to->no_room++;
        return;
    }
    struct delivery *d = &delivery[delivery_count++];
    *d = (struct delivery){ .to = to,
                            .from = is_whole ? NULL : a->from,
                            .packet = p,
                            .packet_bytes = p->bytes,
                            .flags = a->flags,
                            .gso_bytes = p->gso_bytes,
                            .gso_type = p->gso_type,
                            .first_copy = out_count };
    u32 at = 0;
    for (u32 i = 0; at < p->bytes; i++) {
        const u32 part =
            is_whole ? min32(p->bytes - at, PAGE_BYTES) : p->frag[i].bytes;
        if (part == 0) {
            continue;
        }
        add_slot(d, a, at, at + part, is_whole ? NULL : &p->frag[i]);
        if (d->slots == 1 && large) {
            (void)take_slot(to, a->from); /* its slot is for the extra info */
        }
        at += part;
    }
    d->copies = out_count - d->first_copy;
}

/* Does the receiver take large packets of that type, without a checksum? */
static bool takes_large(const struct vif *to, const struct netpacket *p)
{
    return p->gso_type == NETRING_GSO_TCP4 ? to->gso4 && !to->csum4_full
                                           : to->gso6 && !to->csum6_full;
}

/* In pieces, which are its last bytes' only readers: it is delivered before
 * this returns. */
static void deliver_segments(struct vif *to, const struct parcel *a)
{
    struct netpacket piece = { .frags = 1 };
    struct segments s;
    u32 used = 0;
    if (!segment_begin(&s, a->own, a->packet->bytes, a->packet->gso_bytes)) {
        to->no_room++;
        return;
    }
    for (;;) {
        const u32 bytes = segment_next(&s, segment[used]);
        if (bytes == 0) {
            break;
        }
        piece.bytes = bytes;
        const struct parcel one = { .from = a->from,
                                    .packet = &piece,
                                    .own = segment[used],
                                    .have = bytes,
                                    .flags = NETRX_VALIDATED };
        line_up(to, &one);
        used = (used + 1) % SEGMENTS;
        if (used == 0) {
            deliver_all();
        }
    }
    deliver_all();
}

void deliver_to(struct vif *to, struct parcel *a, const struct packet *h)
{
    const bool full = (h->flow.is_ip6 ? to->csum6_full : to->csum4_full) &&
                      (a->flags & NETRX_CSUM_BLANK) != 0;
    const bool cut = a->packet->gso_type != 0 && !takes_large(to, a->packet);
    if (full || cut) {
        deliver_all(); /* those before it get it as it was */
        if (a->have != a->packet->bytes && !complete(a)) {
            return;
        }
    }
    if (cut) {
        deliver_segments(to, a);
        return;
    }
    if (full && checksum_fill(a->own, a->packet->bytes)) {
        a->flags = NETRX_VALIDATED;
    }
    line_up(to, a);
}
