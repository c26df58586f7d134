/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from one interface to others.
 *
 * A turn of an interface: take some packets off its ring, copy all of them to
 * memory of ours in one call, ask the filter about each copy, copy those that
 * pass from there to the receivers' frames, in one call again, and answer. So
 * what was judged is what is delivered; the sender's frame is read once.
 *
 * Who has no room for a frame loses it, as on a wire: nobody waits for a
 * receiver. A sender above its limit is left waiting with its packets in its
 * own ring.
 */
#include "core/mem.h"
#include "guests/router/line.h"
#include "guests/router/router.h"

#define BATCH 32u
#define PACKET_PAGES 16u /* 65,535 bytes */
#define IN_COPIES (2 * NETRING_FRAGMENTS_MAX + PACKET_PAGES)
#define DELIVERIES 64u
#define SEGMENTS 16u
#define REPORTS_A_SECOND 4u

struct taken {
    struct netpacket packet;
    u32 first_copy;
    u32 copies;
    bool passed; /* somebody gets it */
};

struct delivery {
    struct vif *to;
    u32 bytes;
    u16 flags; /* of the rx ring, without MORE and EXTRA */
    u16 gso_bytes;
    u8 gso_type;
    u32 first_copy;
    u32 copies;
    u16 id[PACKET_PAGES];
};

static u8 buffer[BATCH][PACKET_PAGES * PAGE_BYTES]
    __attribute__((aligned(4096)));
static struct taken taken[BATCH];
static struct machine_copy in[MACHINE_COPIES];
static struct machine_copy out[MACHINE_COPIES];
static u32 out_count;
static struct delivery delivery[DELIVERIES];
static u32 delivery_count;
static u8 segment[SEGMENTS][SEGMENT_BYTES] __attribute__((aligned(4096)));

/* ---- reports ---------------------------------------------------------------
 */

/* Some packets of v a second are told of, with the number of all. */
static void tell(struct vif *v, u32 rule, const char *what, u64 now)
{
    v->unreported++;
    if (!bucket_open(&v->reports, now)) {
        return;
    }
    bucket_take(&v->reports, 1);
    const u32 count = v->unreported < U32_MAX ? (u32)v->unreported : U32_MAX;
    machine_report(v->domid, rule, count, what);
    v->unreported = 0;
}

/* A packet of v was dropped. */
static void report(struct vif *v, u32 rule, const char *what, u64 now)
{
    v->denied++;
    tell(v, rule, what, now);
}

static void report_denied(struct router *r, struct vif *v,
                          const struct packet *p, const struct filter_answer *a,
                          u64 now)
{
    char what[80];
    if (a->drop == DROP_RULE && !a->is_log) {
        v->denied++; /* its writer does not want to hear of it */
        return;
    }
    (void)filter_text(r->filter, p, a, what, sizeof(what));
    report(v, a->rule, what, now);
}

/* A packet of v passed by a rule with `log`; of a known flow no rule is asked.
 */
static void report_passed(struct router *r, struct vif *v,
                          const struct packet *p, const struct filter_answer *a,
                          u64 now)
{
    static const char word[] = "passed ";
    char what[80];
    memcpy(what, word, sizeof(word));
    (void)filter_text(r->filter, p, a, what + sizeof(word) - 1,
                      sizeof(what) - sizeof(word) + 1);
    tell(v, a->rule, what, now);
}

/* ---- delivery --------------------------------------------------------------
 */

static void answer_delivery(const struct delivery *d)
{
    bool failed = false;
    for (u32 i = 0; i < d->copies; i++) {
        failed = failed || out[d->first_copy + i].failed;
    }
    for (u32 i = 0; i < d->copies; i++) {
        const bool more = i + 1 < d->copies;
        const bool extra = i == 0 && d->gso_bytes != 0;
        const u32 flags = (i == 0 ? d->flags : 0u) | (more ? NETRX_MORE : 0u) |
                          (extra ? NETRX_EXTRA : 0u);
        netrx_answer(&d->to->rx, d->id[i], (u16)flags,
                     failed ? NET_ERROR : out[d->first_copy + i].bytes);
        if (extra) {
            netrx_answer_gso(&d->to->rx, d->gso_type, d->gso_bytes);
        }
    }
    if (!failed) {
        d->to->rx_packets++;
        d->to->rx_bytes += d->bytes;
    }
}

/* Copy what was to be delivered, and tell the receivers. */
static void deliver_all(void)
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

static u16 rx_flags(const struct netpacket *p)
{
    if ((p->flags & NETTX_CSUM_BLANK) != 0) {
        return NETRX_CSUM_BLANK | NETRX_VALIDATED;
    }
    return (p->flags & NETTX_VALIDATED) != 0 ? NETRX_VALIDATED : 0;
}

/* Line the frame up for the receiver, whose requests are taken here. */
static void deliver(struct vif *to, const struct netpacket *p, u8 *frame,
                    u16 flags)
{
    const u32 pages = (p->bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    const bool large = p->gso_bytes != 0;
    if (out_count + pages > MACHINE_COPIES || delivery_count == DELIVERIES) {
        deliver_all();
    }
    if (netring_waiting(&to->rx) < pages + large) {
        to->no_room++;
        return;
    }
    struct delivery *d = &delivery[delivery_count++];
    *d = (struct delivery){ .to = to,
                            .bytes = p->bytes,
                            .flags = flags,
                            .gso_bytes = p->gso_bytes,
                            .gso_type = p->gso_type,
                            .first_copy = out_count,
                            .copies = pages };
    for (u32 i = 0; i < pages; i++) {
        const u32 at = i * PAGE_BYTES;
        const struct netrx_slot slot = netrx_take(&to->rx);
        d->id[i] = slot.id;
        if (i == 0 && large) {
            (void)netrx_take(&to->rx); /* its slot is for the extra info */
        }
        out[out_count++] = (struct machine_copy){
            .domid = to->domid,
            .ref = slot.ref,
            .bytes =
                (u16)(p->bytes - at < PAGE_BYTES ? p->bytes - at : PAGE_BYTES),
            .is_out = true,
            .own = frame + at
        };
    }
}

/* Does the receiver take large packets of that type, without a checksum? */
static bool takes_large(const struct vif *to, const struct netpacket *p)
{
    return p->gso_type == NETRING_GSO_TCP4 ? to->gso4 && !to->csum4_full
                                           : to->gso6 && !to->csum6_full;
}

/* In pieces, which are its last bytes' only readers: it is delivered before
 * this returns. */
static void deliver_segments(struct vif *to, const struct netpacket *p,
                             const u8 *frame)
{
    struct netpacket piece = { .frags = 1 };
    struct segments s;
    u32 used = 0;
    if (!segment_begin(&s, frame, p->bytes, p->gso_bytes)) {
        to->no_room++;
        return;
    }
    for (;;) {
        piece.bytes = segment_next(&s, segment[used]);
        if (piece.bytes == 0) {
            break;
        }
        deliver(to, &piece, segment[used], NETRX_VALIDATED);
        used = (used + 1) % SEGMENTS;
        if (used == 0) {
            deliver_all();
        }
    }
    deliver_all();
}

/* Hand the packet over as the receiver takes it. A checksum that one receiver
 * wants in full is filled in for all that come after it. */
static void hand_over(struct vif *to, const struct netpacket *p,
                      const struct packet *h, u8 *frame, u16 *flags)
{
    const bool full = h->flow.is_ip6 ? to->csum6_full : to->csum4_full;
    if (p->gso_type != 0 && !takes_large(to, p)) {
        deliver_segments(to, p, frame);
        return;
    }
    if (full && (*flags & NETRX_CSUM_BLANK) != 0) {
        deliver_all(); /* those before it get it as it was */
        if (checksum_fill(frame, p->bytes)) {
            *flags = NETRX_VALIDATED;
        }
    }
    deliver(to, p, frame, *flags);
}

/* ---- one packet ------------------------------------------------------------
 */

static bool offer(struct router *r, struct vif *from, u32 to_index,
                  const struct packet *h, struct taken *t, u8 *frame,
                  u16 *flags)
{
    const u64 now = machine_now();
    struct filter_answer a;
    struct vif *to = &r->vif[r->vif_of[to_index]];
    if (!filter_pass(r->filter, from->index, to_index, h, now, &a)) {
        report_denied(r, from, h, &a, now);
        return false;
    }
    if (a.is_log) {
        report_passed(r, from, h, &a, now);
    }
    hand_over(to, &t->packet, h, frame, flags);
    t->passed = true;
    return true;
}

static bool is_candidate(const struct router *r, const struct vif *from,
                         u32 index)
{
    return index != from->index &&
           r->bridge_of[index] == r->bridge_of[from->index] &&
           r->vif_of[index] != NO_VIF &&
           r->vif[r->vif_of[index]].state == VIF_CONNECTED &&
           r->vif[r->vif_of[index]].rx.lie == NETRING_OK;
}

static void forward(struct router *r, struct vif *from, struct taken *t,
                    u8 *frame)
{
    struct filter *f = r->filter;
    const u32 bytes = t->packet.bytes;
    struct packet h;
    struct filter_answer a = { .rule = FILTER_NO_RULE, .vif = from->index };
    a.drop = packet_parse(&h, frame,
                          bytes < PACKET_HEADER_MAX ? bytes : PACKET_HEADER_MAX,
                          bytes);
    if (a.drop != DROP_NONE) {
        filter_count(f, from->index, a.drop);
    } else {
        a.drop = filter_source(f, from->index, &h);
    }
    if (a.drop != DROP_NONE) {
        report_denied(r, from, &h, &a, machine_now());
        return;
    }
    u16 flags = rx_flags(&t->packet);
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        if (!is_candidate(r, from, i) || !filter_accepts(f, i, &h)) {
            continue;
        }
        (void)offer(r, from, i, &h, t, frame, &flags);
        if (!h.is_group) {
            return;
        }
    }
    if (!h.is_group) {
        filter_count(f, from->index, DROP_BIND_DEST);
    }
}

/* ---- one interface ---------------------------------------------------------
 */

/* Copies that bring the packet's fragments, one behind the other, into own. */
static u32 gather(const struct vif *v, const struct netpacket *p, u8 *own,
                  u32 count)
{
    u32 at = 0;
    for (u32 i = 0; i < p->frags; i++) {
        const struct netfrag *f = &p->frag[i];
        for (u32 done = 0; done < f->bytes;) {
            const u32 left = f->bytes - done;
            const u32 room = PAGE_BYTES - at % PAGE_BYTES;
            const u32 part = left < room ? left : room;
            in[count++] =
                (struct machine_copy){ .domid = v->domid,
                                       .ref = f->ref,
                                       .offset = (u16)(f->offset + done),
                                       .bytes = (u16)part,
                                       .own = own + at };
            at += part;
            done += part;
        }
    }
    return count;
}

static bool may_send(struct vif *v, u64 now, u64 *wake_ns)
{
    const bool bytes = bucket_open(&v->bytes, now);
    const bool packets = bucket_open(&v->packets, now);
    if (bytes && packets) {
        return true;
    }
    const u64 b = bucket_opens(&v->bytes);
    const u64 p = bucket_opens(&v->packets);
    const u64 when = b > p ? b : p;
    if (when < *wake_ns) {
        *wake_ns = when;
    }
    return false;
}

/* Take a batch; returns how many, and how many copies they need. */
static u32 take_batch(struct vif *v, u64 now, u64 *wake_ns, u32 *copies)
{
    u32 n = 0;
    *copies = 0;
    while (n < BATCH && *copies + IN_COPIES <= MACHINE_COPIES &&
           may_send(v, now, wake_ns)) {
        struct taken *t = &taken[n];
        const u32 offered = 1u << NETRING_GSO_TCP4 | 1u << NETRING_GSO_TCP6;
        if (nettx_take(&v->tx, offered, &t->packet) != NETTX_PACKET) {
            break;
        }
        t->passed = false;
        t->first_copy = *copies;
        if (t->packet.error == NETRING_OK) {
            *copies = gather(v, &t->packet, buffer[n], *copies);
        }
        t->copies = *copies - t->first_copy;
        bucket_take(&v->bytes, t->packet.bytes);
        bucket_take(&v->packets, 1);
        n++;
    }
    return n;
}

static s32 serve_packet(struct router *r, struct vif *v, u32 n, u64 now)
{
    struct taken *t = &taken[n];
    if (t->packet.error != NETRING_OK) {
        v->tx_errors++;
        report(v, FILTER_NO_RULE, netring_text(t->packet.error), now);
        return NET_ERROR;
    }
    for (u32 i = 0; i < t->copies; i++) {
        if (in[t->first_copy + i].failed) {
            v->tx_errors++;
            report(v, FILTER_NO_RULE, "a frame that is not granted", now);
            return NET_ERROR;
        }
    }
    v->tx_packets++;
    v->tx_bytes += t->packet.bytes;
    forward(r, v, t, buffer[n]);
    return t->passed ? NET_OKAY : NET_DROPPED;
}

/* True: it has more. */
static bool serve(struct router *r, struct vif *v, u64 *wake_ns)
{
    const u64 now = machine_now();
    s32 status[BATCH];
    u32 copies = 0;
    const u32 n = take_batch(v, now, wake_ns, &copies);
    if (n != 0) {
        machine_copy(in, copies);
        for (u32 i = 0; i < n; i++) {
            status[i] = serve_packet(r, v, i, now);
        }
        deliver_all();
        for (u32 i = 0; i < n; i++) {
            nettx_answer(&v->tx, &taken[i].packet, status[i]);
        }
        if (netring_push(&v->tx)) {
            machine_notify(v->port);
        }
    }
    /* Above its limit it need not tell of more: wake_ns brings us back. */
    return may_send(v, now, wake_ns) && netring_arm(&v->tx);
}

bool switch_turn(struct router *r, u64 *wake_ns)
{
    bool more = false;
    if (r->filter == NULL) {
        return false;
    }
    r->turn = (r->turn + 1) % VIFS_MAX;
    for (u32 i = 0; i < VIFS_MAX; i++) {
        struct vif *v = &r->vif[(r->turn + i) % VIFS_MAX];
        if (v->state == VIF_CONNECTED && v->tx.lie == NETRING_OK &&
            v->rx.lie == NETRING_OK && serve(r, v, wake_ns)) {
            more = true;
        }
    }
    return more;
}
