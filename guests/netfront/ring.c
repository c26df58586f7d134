/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of the hostile front-end: see ring.h. */
#include "guests/netfront/ring.h"

#include "core/atomic.h"
#include "core/mem.h"
#include "guests/lib/guest.h"
#include "guests/netfront/front.h"
#include "guests/router/machine.h"
#include "guests/router/netring.h"

#define BUFFER_REF 66u
#define NO_REF 90u /* granted to nobody */
#define GTF_PERMIT 1u
#define GTF_IN_USE 24u
#define MS 1000000ull
#define PATIENCE_MS 5000u

static u32 tx[NETRING_WORDS] __attribute__((aligned(4096)));
static u32 rx[NETRING_WORDS] __attribute__((aligned(4096)));
static u8 buffer[PAGE_BYTES] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static u32 port;
static u32 prod; /* written; shown by show() */

bool ring_setup(void)
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

u32 ring_begin(u32 back)
{
    fill(tx, 0, sizeof(tx));
    fill(rx, 0, sizeof(rx));
    prod = 0;
    tx[1] = tx[3] = rx[1] = rx[3] = 1;
    grant(FRONT_TX_REF, back, tx);
    grant(FRONT_RX_REF, back, rx);
    grant(BUFFER_REF, back, buffer);
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = (u16)back };
    (void)call_evtchn_alloc_unbound(0, &a);
    port = a.port;
    return port;
}

bool ring_end(void)
{
    struct arg_evtchn_port a = { port };
    bool clean = true;
    for (u32 ref = FRONT_TX_REF; ref <= BUFFER_REF; ref++) {
        clean = clean && (atomic_load64(&table[ref]) & GTF_IN_USE) == 0;
        atomic_store64(&table[ref], 0);
    }
    (void)call_evtchn_close(0, &a);
    return clean;
}

static void put(u32 ref, u32 offset_and_flags, u32 id_and_bytes)
{
    u32 *w = tx + 16 + prod++ % NETRING_SLOTS * 3;
    atomic_store32(w, ref);
    atomic_store32(w + 1, offset_and_flags);
    atomic_store32(w + 2, id_and_bytes);
}

/* The router sees what was put, all at once. */
static void show(void)
{
    atomic_store32(&tx[0], prod);
    machine_notify(port);
}

static void packet(u32 bytes, u32 flags)
{
    put(BUFFER_REF, flags << 16, bytes << 16);
}

static void extra(u8 type, u32 bytes, u32 gso_type)
{
    put(type | bytes << 16, gso_type, 0);
}

static void chain(u32 frags)
{
    for (u32 i = 0; i < frags; i++) {
        packet(i == 0 ? 2000 : 20, i + 1 < frags ? NETTX_MORE : 0);
    }
}

static void lie_in_slots(u32 which)
{
    switch (which) {
    case 2:
        packet(60, NETTX_EXTRA);
        break;
    case 3:
        packet(60, NETTX_EXTRA);
        extra(9, 0, 0);
        break;
    case 4:
        packet(60, NETTX_EXTRA | NETTX_CSUM_BLANK);
        extra(1, 0, NETRING_GSO_TCP4);
        break;
    case 5:
        packet(60, NETTX_EXTRA | NETTX_CSUM_BLANK);
        extra(1, 1000, 7);
        break;
    case 6:
        packet(60, NETTX_MORE);
        break;
    case 7:
        chain(21);
        break;
    case 8:
        put(BUFFER_REF, 4090, 60u << 16);
        break;
    default:
        packet(60, NETTX_MORE);
        put(BUFFER_REF, 4095, 30u << 16);
        break;
    }
}

void ring_lie(u32 which)
{
    if (which == 0) {
        prod = 300;
    } else if (which == 1) {
        prod = U32_MAX;
    } else {
        lie_in_slots(which);
    }
    show();
}

/* A frame from that address to all; ARP, with nothing behind its header. */
static void frame(const u8 mac[6])
{
    fill(buffer, 0, sizeof(buffer));
    fill(buffer, 0xff, 6);
    memcpy(buffer + 6, mac, 6);
    buffer[12] = 8;
    buffer[13] = 6;
}

static void write_bad_packet(u32 which, const u8 mac[6])
{
    u8 other[6];
    memcpy(other, mac, 6);
    other[5] ^= 1;
    frame(which == 0 ? other : mac);
    switch (which) {
    case 0: /* of somebody else */
    case 1: /* of the ARP type, and empty */
        packet(60, 0);
        break;
    case 2:
        packet(13, 0);
        break;
    case 3:
        put(NO_REF, 0, 60u << 16);
        break;
    case 4:
        chain(19);
        break;
    case 5:
        packet(60, 16);
        break;
    case 6:
        packet(60, NETTX_EXTRA);
        extra(2, 0, 0);
        break;
    case 7: /* a large packet with its checksum */
        packet(60, NETTX_EXTRA);
        extra(1, 1000, NETRING_GSO_TCP4);
        break;
    default: /* from a group address */
        buffer[6] |= 1;
        packet(60, 0);
        break;
    }
}

s32 ring_bad_packet(u32 which, const u8 mac[6])
{
    const u32 first = prod;
    write_bad_packet(which, mac);
    show();
    const u64 until = time_ns() + PATIENCE_MS * MS;
    while (atomic_load32(&tx[2]) != prod) {
        if (time_ns() > until) {
            return 1;
        }
        machine_wait(until);
    }
    return (s16)(atomic_load32(tx + 16 + first % NETRING_SLOTS * 3) >> 16);
}
