/* SPDX-License-Identifier: Apache-2.0 */
/* The pump's rings: see wire.h. [XEN io/netif.h, io/ring.h] */
#include "guests/pump/wire.h"

#include "core/atomic.h"
#include "core/mem.h"
#include "guests/lib/guest.h"
#include "guests/netfront/front.h"
#include "guests/router/machine.h"
#include "guests/router/netring.h"

#define REQ_PROD 0u
#define REQ_EVENT 1u
#define RSP_PROD 2u
#define RSP_EVENT 3u
#define FIRST_SLOT 16u
#define TX_WORDS 3u
#define RX_WORDS 2u

#define TX_PAGES 64u
#define TX_PAGE_REF 66u
#define RX_PAGE_REF (TX_PAGE_REF + TX_PAGES)
#define REFS (RX_PAGE_REF + NETRING_SLOTS)
#define GTF_PERMIT 1u
#define GTF_IN_USE 24u

#define ETH_BYTES 14u
#define IP_BYTES 20u
#define HEADERS 42u
#define PORT_AT 34u
#define TO_PORT 7001u
#define MARK 0x50554d50u /* first word behind the headers */

struct wire_counts wire_counts;
static u32 tx[NETRING_WORDS] __attribute__((aligned(4096)));
static u32 rx[NETRING_WORDS] __attribute__((aligned(4096)));
static u8 tx_page[TX_PAGES][PAGE_BYTES] __attribute__((aligned(4096)));
static u8 rx_page[NETRING_SLOTS][PAGE_BYTES] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static u32 event_port;
static u32 frame_bytes;
static u32 tx_prod, tx_cons; /* requests written, answers taken */
static u32 rx_prod, rx_cons;

bool wire_setup(void)
{
    u64 list[1] = { 0 };
    struct arg_gnttab_setup a = { .dom = SELF,
                                  .nr_frames = 1,
                                  .frame_list = (u64)(uintptr_t)list };
    if (call_grant_setup(&a, 1, NULL) != 0 || a.status != 0) {
        return false;
    }
    const u64 frame = *(volatile u64 *)list;
    return map_va((u64)(uintptr_t)table, frame << PAGE_BITS | P_RW, 2) == 0;
}

static void grant(u32 ref, u32 dom, const void *page)
{
    atomic_store64(&table[ref],
                   GTF_PERMIT | (u64)dom << 16 | frame_of_page(page) << 32);
}

/* ---- frames ----------------------------------------------------------------
 */

static void put16(u8 *p, u32 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

/* Sum of an IPv4 header's words, its complement in place. */
static void sum_header(u8 *ip)
{
    u32 sum = 0;
    for (u32 i = 0; i < IP_BYTES; i += 2) {
        sum += (u32)ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~(sum + (sum >> 16)));
}

/* A datagram from us to the peer; only the last byte of the addresses, which
 * are the host's bytes, differs. */
static void write_frame(u8 *f, const u8 mac[6], u32 peer, u32 port)
{
    static const u8 ip[4] = { 10, 0, 0, 0 };
    fill(f, 0, frame_bytes);
    memcpy(f, mac, 6);
    f[5] = (u8)peer;
    memcpy(f + 6, mac, 6);
    put16(f + 12, 0x0800);
    u8 *const h = f + ETH_BYTES;
    h[0] = 0x45;
    put16(h + 2, frame_bytes - ETH_BYTES);
    h[8] = 64;
    h[9] = 17;
    memcpy(h + 12, ip, 4);
    memcpy(h + 16, ip, 4);
    h[15] = mac[5];
    h[19] = (u8)peer;
    sum_header(h);
    put16(f + PORT_AT, port);
    put16(f + PORT_AT + 2, TO_PORT);
    put16(f + PORT_AT + 4, frame_bytes - PORT_AT);
    const u32 mark = MARK;
    memcpy(f + HEADERS, &mark, sizeof(mark));
}

/* ---- begin and end ---------------------------------------------------------
 */

static void rx_offer(u32 id)
{
    u32 *w = rx + FIRST_SLOT + rx_prod++ % NETRING_SLOTS * RX_WORDS;
    atomic_store32(w, id);
    atomic_store32(w + 1, RX_PAGE_REF + id);
}

u32 wire_begin(u32 back, const u8 mac[6], u32 peer, u32 bytes, u32 port)
{
    fill(tx, 0, sizeof(tx));
    fill(rx, 0, sizeof(rx));
    tx_prod = tx_cons = rx_prod = rx_cons = 0;
    frame_bytes = bytes;
    tx[REQ_EVENT] = tx[RSP_EVENT] = rx[REQ_EVENT] = rx[RSP_EVENT] = 1;
    grant(FRONT_TX_REF, back, tx);
    grant(FRONT_RX_REF, back, rx);
    for (u32 i = 0; i < TX_PAGES; i++) {
        write_frame(tx_page[i], mac, peer, port + i);
        grant(TX_PAGE_REF + i, back, tx_page[i]);
    }
    for (u32 i = 0; i < NETRING_SLOTS; i++) {
        grant(RX_PAGE_REF + i, back, rx_page[i]);
        rx_offer(i);
    }
    atomic_store32(&rx[REQ_PROD], rx_prod);
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = (u16)back };
    (void)call_evtchn_alloc_unbound(0, &a);
    event_port = a.port;
    return event_port;
}

bool wire_end(void)
{
    struct arg_evtchn_port a = { event_port };
    bool clean = true;
    for (u32 ref = FRONT_TX_REF; ref < REFS; ref++) {
        clean = clean && (atomic_load64(&table[ref]) & GTF_IN_USE) == 0;
        atomic_store64(&table[ref], 0);
    }
    (void)call_evtchn_close(0, &a);
    return clean;
}

/* ---- traffic ---------------------------------------------------------------
 */

u32 wire_open(void)
{
    return tx_prod - tx_cons;
}

/* Show the router what was written from `old` on; it is told if it wants to
 * be. */
static void push(u32 *ring, u32 old, u32 now)
{
    (void)atomic_swap32(&ring[REQ_PROD], now);
    if (now - atomic_load32(&ring[REQ_EVENT]) < now - old) {
        machine_notify(event_port);
    }
}

u32 wire_send(u32 count)
{
    const u32 room = NETRING_SLOTS - wire_open();
    const u32 old = tx_prod;
    const u32 n = count < room ? count : room;
    for (u32 i = 0; i < n; i++) {
        u32 *w = tx + FIRST_SLOT + tx_prod % NETRING_SLOTS * TX_WORDS;
        atomic_store32(w, TX_PAGE_REF + tx_prod % TX_PAGES);
        atomic_store32(w + 1, 0);
        atomic_store32(w + 2, frame_bytes << 16 | tx_prod % NETRING_SLOTS);
        tx_prod++;
    }
    if (n != 0) {
        wire_counts.sent += n;
        push(tx, old, tx_prod);
    }
    return n;
}

static void look_tx(void)
{
    const u32 now = atomic_load32(&tx[RSP_PROD]);
    while (tx_cons != now) {
        const u32 w =
            atomic_load32(tx + FIRST_SLOT + tx_cons % NETRING_SLOTS * TX_WORDS);
        tx_cons++;
        if ((s16)(w >> 16) == NET_OKAY) {
            wire_counts.okay++;
        } else {
            wire_counts.refused++;
        }
    }
}

static void count_frame(u32 id, u32 second)
{
    const s32 status = (s16)(second >> 16);
    u32 mark = 0;
    memcpy(&mark, rx_page[id] + HEADERS, sizeof(mark));
    if (status < 0) {
        wire_counts.errors++;
    } else if ((u32)status == frame_bytes && mark == MARK) {
        wire_counts.taken++;
    } else {
        wire_counts.others++;
    }
}

static void look_rx(void)
{
    const u32 now = atomic_load32(&rx[RSP_PROD]);
    const u32 old = rx_prod;
    while (rx_cons != now) {
        const u32 *w = rx + FIRST_SLOT + rx_cons++ % NETRING_SLOTS * RX_WORDS;
        const u32 id = atomic_load32(w) % NETRING_SLOTS;
        count_frame(id, atomic_load32(w + 1));
        rx_offer(id);
    }
    if (rx_prod != old) {
        push(rx, old, rx_prod);
    }
}

void wire_look(void)
{
    look_tx();
    look_rx();
}

void wire_wait(u64 until_ns)
{
    const u32 open = wire_open();
    /* Woken when half of what is open is answered, and by each frame. */
    (void)atomic_swap32(&tx[RSP_EVENT], tx_cons + (open + 1) / 2);
    (void)atomic_swap32(&rx[RSP_EVENT], rx_cons + 1);
    if (atomic_load32(&rx[RSP_PROD]) != rx_cons ||
        atomic_load32(&tx[RSP_PROD]) - tx_cons > open / 2) {
        return;
    }
    u32 port = event_port;
    u64 *word = &shared->evtchn_pending[port / 64 % PORT_WORDS];
    struct arg_sched_poll a = { .ports = (u64)(uintptr_t)&port,
                                .nr_ports = 1,
                                .timeout = until_ns };
    (void)call_sched_poll(0, &a);
    (void)atomic_and64(word, ~(1ull << port % 64));
}
