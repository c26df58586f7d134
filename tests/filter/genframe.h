/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame of a generated packet, byte by byte.
 */
#ifndef TESTS_FILTER_GENFRAME_H
#define TESTS_FILTER_GENFRAME_H

#include "tests/frames.h"
#include "tests/pfgen.h"

static inline void frame_of(struct frame *f, const struct packet *p,
                            struct pfgen *g)
{
    static const u8 to[6] = { 0, 0x16, 0x3e, 0, 0, 3 };
    static const u8 from[6] = { 0, 0x16, 0x3e, 0, 0, 2 };
    u8 a[16];
    u8 b[16];

    frame_eth(f, to, from, p->type);
    for (u32 i = 0; i < 16; i++) {
        const u32 shift = 56 - 8 * (i % 8);
        a[i] = (u8)((i < 8 ? p->flow.from.high : p->flow.from.low) >> shift);
        b[i] = (u8)((i < 8 ? p->flow.to.high : p->flow.to.low) >> shift);
    }
    if (p->flow.is_ip6) {
        frame_ip6(f, a, b, p->flow.proto, 24);
    } else {
        frame_ip4(f, (u32)p->flow.from.low, (u32)p->flow.to.low, p->flow.proto,
                  24);
        if (gen(g, 4) == 0) { /* options move all that follows */
            f->b[f->ip] = 0x46;
            put32(f->b + f->l4, 0x01010101);
            f->l4 += 4;
            f->bytes += 4;
            frame_seal(f);
        }
    }
    if (p->flow.proto == IP_TCP) {
        frame_tcp(f, p->flow.from_port, p->flow.to_port, p->tcp_flags);
    } else if (p->flow.proto == IP_UDP) {
        frame_udp(f, p->flow.from_port, p->flow.to_port);
    } else if (p->flow.proto == IP_ICMP || p->flow.proto == IP_ICMP6) {
        f->b[f->l4] = p->icmp_type;
        f->b[f->l4 + 1] = p->icmp_code;
    }
}

#endif
