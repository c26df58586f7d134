/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames, byte by byte, for the tests of the packet filter.
 */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <string.h>

#include "guests/router/packet.h"

struct frame {
    u8 b[2048];
    u32 bytes; /* in b */
    u32 ip;    /* where the IP header is */
    u32 l4;    /* where the transport header is */
};

static inline void put16(u8 *at, u32 v)
{
    at[0] = (u8)(v >> 8);
    at[1] = (u8)v;
}

static inline void put32(u8 *at, u32 v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

/* Lengths and checksum of the IP header, after a change. */
static inline void frame_seal(struct frame *f)
{
    u8 *const ip = f->b + f->ip;
    u32 sum = 0;

    if (ip[0] >> 4 == 6) {
        put16(ip + 4, f->bytes - f->ip - 40);
        return;
    }
    put16(ip + 2, f->bytes - f->ip);
    put16(ip + 10, 0);
    for (u32 i = 0; i < (ip[0] & 15u) * 4; i += 2) {
        sum += (u32)ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
}

static inline void frame_eth(struct frame *f, const u8 *to, const u8 *from,
                             u32 type)
{
    memset(f, 0, sizeof(*f));
    memcpy(f->b, to, 6);
    memcpy(f->b + 6, from, 6);
    put16(f->b + 12, type);
    f->bytes = 14;
    f->ip = 14;
}

static inline void frame_ip4(struct frame *f, u32 from, u32 to, u8 proto,
                             u32 payload)
{
    u8 *const ip = f->b + 14;

    ip[0] = 0x45;
    put16(ip + 4, 0x1234);
    ip[8] = 64;
    ip[9] = proto;
    put32(ip + 12, from);
    put32(ip + 16, to);
    f->l4 = 34;
    f->bytes = 34 + payload;
    frame_seal(f);
}

static inline void frame_ip6(struct frame *f, const u8 *from, const u8 *to,
                             u8 proto, u32 payload)
{
    u8 *const ip = f->b + 14;

    ip[0] = 0x60;
    ip[6] = proto;
    ip[7] = 255;
    memcpy(ip + 8, from, 16);
    memcpy(ip + 24, to, 16);
    f->l4 = 54;
    f->bytes = 54 + payload;
    frame_seal(f);
}

static inline void frame_tcp(struct frame *f, u32 from, u32 to, u8 flags)
{
    u8 *const t = f->b + f->l4;

    put16(t, from);
    put16(t + 2, to);
    put32(t + 4, 1000);
    t[12] = 0x50;
    t[13] = flags;
    put16(t + 14, 8192);
}

static inline void frame_udp(struct frame *f, u32 from, u32 to)
{
    u8 *const t = f->b + f->l4;

    put16(t, from);
    put16(t + 2, to);
    put16(t + 4, f->bytes - f->l4);
}

static inline enum drop frame_parse(const struct frame *f, struct packet *p)
{
    const u32 have =
        f->bytes < PACKET_HEADER_MAX ? f->bytes : PACKET_HEADER_MAX;

    return packet_parse(p, f->b, have, f->bytes);
}

#endif
