/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from one interface to others.
 *
 * A turn of an interface: take some packets off its ring, copy them, or their
 * heads, to memory of ours in one call, ask the filter about each copy, deliver
 * those that pass in one call again (deliver.h), and answer. What was judged is
 * what is delivered.
 *
 * Who has no room for a frame loses it, as on a wire: nobody waits for a
 * receiver. A sender above its limit is left waiting with its packets in its
 * own ring.
 */
#include "core/mem.h"
#include "guests/router/deliver.h"

#define BATCH 32u
#define REPORTS_A_SECOND 4u

struct taken {
    struct netpacket packet;
    u32 first_copy;
    u32 copies;
};

static u8 buffer[BATCH][PACKET_PAGES * PAGE_BYTES]
    __attribute__((aligned(4096)));
static struct taken taken[BATCH];
static struct machine_copy in[MACHINE_COPIES];

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
    if ((a->drop == DROP_RULE || a->drop == DROP_GROUP) && !a->is_log) {
        v->denied++; /* nobody wants to hear of it */
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

/* ---- one packet ------------------------------------------------------------
 */

static u16 rx_flags(const struct netpacket *p)
{
    if ((p->flags & NETTX_CSUM_BLANK) != 0) {
        return NETRX_CSUM_BLANK | NETRX_VALIDATED;
    }
    return (p->flags & NETTX_VALIDATED) != 0 ? NETRX_VALIDATED : 0;
}

static void offer(struct router *r, u32 to_index, const struct packet *h,
                  struct parcel *parcel, bool *passed)
{
    const u64 now = machine_now();
    struct vif *from = parcel->from;
    struct filter_answer a;
    if (!filter_pass(r->filter, from->index, to_index, h, now, &a)) {
        report_denied(r, from, h, &a, now);
        return;
    }
    if (a.is_log) {
        report_passed(r, from, h, &a, now);
    }
    deliver_to(&r->vif[r->vif_of[to_index]], parcel, h);
    *passed = true;
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

static void forward(struct router *r, struct parcel *parcel, bool *passed)
{
    struct vif *from = parcel->from;
    struct filter *f = r->filter;
    const u32 bytes = parcel->packet->bytes;
    struct packet h;
    struct filter_answer a = { .rule = FILTER_NO_RULE, .vif = from->index };
    a.drop = packet_parse(&h, parcel->own,
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
    for (u32 i = 0; i < f->rules.header->vif_count; i++) {
        if (!is_candidate(r, from, i) || !filter_accepts(f, i, &h)) {
            continue;
        }
        offer(r, i, &h, parcel, passed);
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
    while (n < BATCH && *copies + GATHER_COPIES <= MACHINE_COPIES &&
           may_send(v, now, wake_ns)) {
        struct taken *t = &taken[n];
        const u32 offered = 1u << NETRING_GSO_TCP4 | 1u << NETRING_GSO_TCP6;
        if (nettx_take(&v->tx, offered, &t->packet) != NETTX_PACKET) {
            break;
        }
        t->first_copy = *copies;
        if (t->packet.error == NETRING_OK) {
            *copies += deliver_gather(v, &t->packet, buffer[n], 0,
                                      deliver_head(&t->packet), &in[*copies]);
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
    struct parcel parcel = { .from = v,
                             .packet = &t->packet,
                             .own = buffer[n],
                             .have = deliver_head(&t->packet),
                             .flags = rx_flags(&t->packet) };
    bool passed = false;
    forward(r, &parcel, &passed);
    return passed ? NET_OKAY : NET_DROPPED;
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
