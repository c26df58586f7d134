/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three tenants on a bridge, and packets between them, for the tests of the
 * verdict.
 */
#ifndef TESTS_VERDICT_FIXTURE_H
#define TESTS_VERDICT_FIXTURE_H

#include "tests/frames.h"
#include "tests/pf_fixture.h"

static const u8 mac[3][6] = { { 0, 0x16, 0x3e, 0, 0, 2 },
                              { 0, 0x16, 0x3e, 0, 0, 3 },
                              { 0, 0x16, 0x3e, 0, 0, 4 } };

#define IP(n) (0x0a000002u + (n))
#define SECOND 1000000000ull

static struct fixture net;
static u64 now;
static struct filter_answer answer;

static inline void begin(const char *web, const char *db, const char *other)
{
    now = SECOND;
    fix_tenant(&net, "web", "bridge=b,mac=00:16:3e:00:00:02,ip=10.0.0.2", web);
    fix_tenant(&net, "db", "bridge=b,mac=00:16:3e:00:00:03,ip=10.0.0.3", db);
    fix_tenant(&net, "other", "bridge=b,mac=00:16:3e:00:00:04,ip=10.0.0.4",
               other);
    fix_begin(&net);
}

/* Parse, bind, ask; the frame is delivered or why not. */
static inline enum drop send(const struct frame *f, u32 from, u32 to)
{
    struct packet p;
    const enum drop drop = frame_parse(f, &p);

    if (drop != DROP_NONE) {
        return drop;
    }
    const enum drop spoof = filter_source(net.f, from, &p);
    if (spoof != DROP_NONE) {
        return spoof;
    }
    if (!filter_accepts(net.f, to, &p)) {
        return DROP_BIND_DEST;
    }
    const bool pass = filter_pass(net.f, from, to, &p, now, &answer);
    assert_true(pass == (answer.drop == DROP_NONE));
    return answer.drop;
}

static inline enum drop udp(u32 from, u32 to, u32 from_port, u32 to_port)
{
    struct frame f;

    frame_eth(&f, mac[to], mac[from], ETH_IP4);
    frame_ip4(&f, IP(from), IP(to), IP_UDP, 16);
    frame_udp(&f, from_port, to_port);
    return send(&f, from, to);
}

struct segment {
    u8 flags;
    u32 seq;
    u32 ack;
    u32 bytes;
    u32 window;
};

static inline enum drop tcp(u32 from, u32 to, u32 from_port, u32 to_port,
                            struct segment s)
{
    struct frame f;

    frame_eth(&f, mac[to], mac[from], ETH_IP4);
    frame_ip4(&f, IP(from), IP(to), IP_TCP, 20 + s.bytes);
    frame_tcp(&f, from_port, to_port, s.flags);
    put32(f.b + f.l4 + 4, s.seq);
    put32(f.b + f.l4 + 8, s.ack);
    put16(f.b + f.l4 + 14, s.window != 0 ? s.window : 8192);
    return send(&f, from, to);
}

static inline enum drop ping(u32 from, u32 to, u8 type, u32 id)
{
    struct frame f;

    frame_eth(&f, mac[to], mac[from], ETH_IP4);
    frame_ip4(&f, IP(from), IP(to), IP_ICMP, 16);
    f.b[f.l4] = type;
    put16(f.b + f.l4 + 4, id);
    return send(&f, from, to);
}

#define AB 0, 1, 40000, 80
#define BA 1, 0, 80, 40000

static inline void handshake(void)
{
    assert_int_equal(tcp(AB, (struct segment){ TCP_SYN, 100, 0, 0, 0 }),
                     DROP_NONE);
    assert_int_equal(
        tcp(BA, (struct segment){ TCP_SYN | TCP_ACK, 900, 101, 0, 0 }),
        DROP_NONE);
    assert_int_equal(tcp(AB, (struct segment){ TCP_ACK, 101, 901, 0, 0 }),
                     DROP_NONE);
}

#endif
