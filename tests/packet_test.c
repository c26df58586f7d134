/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Malformed and spoofed frames: each is dropped for its reason and counted by
 * its name; each reason of drops.def has a frame here or in verdict_test.c.
 */
#include "tests/frames.h"
#include "tests/pf_fixture.h"

static const u8 web[6] = { 0, 0x16, 0x3e, 0, 0, 2 };
static const u8 db[6] = { 0, 0x16, 0x3e, 0, 0, 3 };
static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const u8 web6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };
static const u8 db6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 3 };

#define WEB 0x0a000002u
#define DB 0x0a000003u

static void tcp4(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP4);
    frame_ip4(f, WEB, DB, IP_TCP, 20);
    frame_tcp(f, 40000, 80, TCP_SYN);
}

static void udp4(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP4);
    frame_ip4(f, WEB, DB, IP_UDP, 16);
    frame_udp(f, 40000, 53);
}

static void icmp4(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP4);
    frame_ip4(f, WEB, DB, IP_ICMP, 64);
    f->b[f->l4] = 8;
}

static void tcp6(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP6);
    frame_ip6(f, web6, db6, IP_TCP, 20);
    frame_tcp(f, 40000, 80, TCP_SYN);
}

static void udp6(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP6);
    frame_ip6(f, web6, db6, IP_UDP, 16);
    frame_udp(f, 40000, 53);
}

/* A neighbour advertisement of web's own address. */
static void nd6(struct frame *f)
{
    frame_eth(f, db, web, ETH_IP6);
    frame_ip6(f, web6, db6, IP_ICMP6, 32);
    f->b[f->l4] = 136;
    memcpy(f->b + f->l4 + 8, web6, 16);
    f->b[f->l4 + 24] = 2;
    f->b[f->l4 + 25] = 1;
    memcpy(f->b + f->l4 + 26, web, 6);
}

static void arp(struct frame *f)
{
    frame_eth(f, all, web, ETH_ARP);
    u8 *const a = f->b + 14;
    put16(a, 1);
    put16(a + 2, ETH_IP4);
    a[4] = 6;
    a[5] = 4;
    put16(a + 6, 1);
    memcpy(a + 8, web, 6);
    put32(a + 14, WEB);
    put32(a + 24, DB);
    f->bytes = 42;
}

enum base { TCP4, UDP4, ICMP4, TCP6, UDP6, ND6, ARP };

static void (*const bases[])(struct frame *f) = { tcp4, udp4, icmp4, tcp6,
                                                  udp6, nd6,  arp };

/* A change of a good frame: one value at a place from the frame's start, the
 * IP header or the transport header; then its length; then sealed or not. */
enum where { ETH, IP, L4 };

struct change {
    enum where where;
    u32 at;
    u32 width; /* bytes: 1, 2, 4; 0: no change */
    u32 value;
};

struct bad {
    const char *name;
    enum base base;
    struct change change[3];
    u32 bytes;   /* of the frame, then; 0: as it was */
    bool is_raw; /* lengths and sum are not made right */
    enum drop drop;
};

/* clang-format off */
static const struct bad bads[] = {
    { "no whole Ethernet header", TCP4, { { 0 } }, 13, true, DROP_FRAME_SHORT },
    { "a multicast source", TCP4, { { ETH, 6, 1, 1 } }, 0, false, DROP_ETH_SOURCE },
    { "a source that is the destination", TCP4, { { ETH, 5, 1, 2 } }, 0, false, DROP_ETH_SAME },
    { "spanning tree", TCP4, { { ETH, 0, 4, 0x0180c200 }, { ETH, 4, 2, 0 } }, 0, false, DROP_ETH_RESERVED },
    { "the last reserved group", TCP4, { { ETH, 0, 4, 0x0180c200 }, { ETH, 4, 2, 0x0f } }, 0, false, DROP_ETH_RESERVED },
    { "802.1Q", TCP4, { { ETH, 12, 2, 0x8100 } }, 0, true, DROP_ETH_VLAN },
    { "QinQ", TCP4, { { ETH, 12, 2, 0x88a8 } }, 0, true, DROP_ETH_VLAN },
    { "old QinQ", TCP4, { { ETH, 12, 2, 0x9100 } }, 0, true, DROP_ETH_VLAN },
    { "a pause frame", TCP4, { { ETH, 0, 4, 0x0180c200 }, { ETH, 4, 2, 1 }, { ETH, 12, 2, 0x8808 } }, 0, true, DROP_ETH_PAUSE },
    { "LLDP", TCP4, { { ETH, 12, 2, 0x88cc } }, 0, true, DROP_ETH_LLDP },
    { "an 802.3 length", TCP4, { { ETH, 12, 2, 46 } }, 0, true, DROP_ETH_802_3 },
    { "an unknown type", TCP4, { { ETH, 12, 2, 0x0805 } }, 0, true, DROP_ETH_TYPE },

    { "ARP cut off", ARP, { { 0 } }, 41, true, DROP_ARP_SHORT },
    { "ARP of other hardware", ARP, { { IP, 0, 2, 6 } }, 0, true, DROP_ARP_FORM },
    { "ARP with long addresses", ARP, { { IP, 4, 1, 16 } }, 0, true, DROP_ARP_FORM },
    { "reverse ARP", ARP, { { IP, 6, 2, 3 } }, 0, true, DROP_ARP_OPERATION },

    { "IPv4 cut off", TCP4, { { 0 } }, 33, true, DROP_IP4_SHORT },
    { "version 5", TCP4, { { IP, 0, 1, 0x55 } }, 0, true, DROP_IP4_VERSION },
    { "a header of 16 bytes", TCP4, { { IP, 0, 1, 0x44 } }, 0, true, DROP_IP4_IHL },
    { "a header beyond the frame", TCP4, { { IP, 0, 1, 0x4f } }, 0, true, DROP_IP4_IHL },
    { "longer than its frame", TCP4, { { IP, 2, 2, 41 } }, 0, true, DROP_IP4_LENGTH },
    { "shorter than its header", TCP4, { { IP, 2, 2, 19 } }, 0, true, DROP_IP4_LENGTH },
    { "a wrong sum", TCP4, { { IP, 10, 2, 0x1234 } }, 0, true, DROP_IP4_CHECKSUM },
    { "an option beyond the header", ICMP4, { { IP, 0, 1, 0x46 }, { IP, 20, 2, 0x0705 } }, 0, false, DROP_IP4_OPTION },
    { "an option of one byte", ICMP4, { { IP, 0, 1, 0x46 }, { IP, 20, 2, 0x0701 } }, 0, false, DROP_IP4_OPTION },
    { "a loose source route", ICMP4, { { IP, 0, 1, 0x46 }, { IP, 20, 2, 0x8304 } }, 0, false, DROP_IP4_ROUTE },
    { "a strict source route behind a no-op", ICMP4, { { IP, 0, 1, 0x46 }, { IP, 20, 4, 0x01890304 } }, 0, false, DROP_IP4_ROUTE },
    { "from 0.0.0.0", UDP4, { { IP, 12, 4, 0 } }, 0, false, DROP_IP4_SOURCE },
    { "from 127.0.0.1", UDP4, { { IP, 12, 4, 0x7f000001 } }, 0, false, DROP_IP4_SOURCE },
    { "from a group", UDP4, { { IP, 12, 4, 0xe0000001 } }, 0, false, DROP_IP4_SOURCE },
    { "from everybody", UDP4, { { IP, 12, 4, 0xffffffff } }, 0, false, DROP_IP4_SOURCE },
    { "no time to live", UDP4, { { IP, 8, 1, 0 } }, 0, false, DROP_IP4_TTL },
    { "the reserved flag", UDP4, { { IP, 6, 2, 0x8000 } }, 0, false, DROP_IP4_FLAGS },
    { "to a group by a unicast frame", UDP4, { { IP, 16, 4, 0xe0000001 } }, 0, false, DROP_IP4_GROUP_MAC },
    { "to a host by a group's frame", UDP4, { { ETH, 0, 4, 0x01005e00 } }, 0, false, DROP_IP4_GROUP_MAC },
    { "to one group by another's frame", UDP4, { { ETH, 0, 4, 0x01005e00 }, { ETH, 4, 2, 1 }, { IP, 16, 4, 0xe0000002 } }, 0, false, DROP_IP4_GROUP_MAC },

    { "IPv6 cut off", TCP6, { { 0 } }, 53, true, DROP_IP6_SHORT },
    { "IPv6 of version 4", TCP6, { { IP, 0, 1, 0x40 } }, 0, true, DROP_IP6_VERSION },
    { "IPv6 longer than its frame", TCP6, { { IP, 4, 2, 21 } }, 0, true, DROP_IP6_LENGTH },
    { "IPv6 without anything", TCP6, { { IP, 4, 2, 0 } }, 0, true, DROP_IP6_LENGTH },
    { "from ::", TCP6, { { IP, 8, 4, 0 }, { IP, 20, 4, 0 } }, 0, false, DROP_IP6_SOURCE },
    { "from ::1", TCP6, { { IP, 8, 4, 0 }, { IP, 20, 4, 1 } }, 0, false, DROP_IP6_SOURCE },
    { "from ff02::1", TCP6, { { IP, 8, 4, 0xff020000 } }, 0, false, DROP_IP6_SOURCE },
    { "from ::ffff:10.0.0.2", TCP6, { { IP, 8, 4, 0 }, { IP, 16, 4, 0xffff }, { IP, 20, 4, WEB } }, 0, false, DROP_IP6_SOURCE },
    { "no hops left", TCP6, { { IP, 7, 1, 0 } }, 0, false, DROP_IP6_HOPS },
    { "an extension beyond the frame", UDP6, { { IP, 6, 1, 60 }, { L4, 0, 2, 0x1105 } }, 0, false, DROP_IP6_EXTENSION },
    { "hop-by-hop options that come second", UDP6, { { IP, 6, 1, 60 }, { L4, 0, 2, 0 } }, 0, false, DROP_IP6_EXTENSION },
    { "two fragment headers", UDP6, { { IP, 6, 1, 44 }, { L4, 0, 4, 0x2c000001 }, { L4, 8, 4, 0x11000001 } }, 0, false, DROP_IP6_EXTENSION },
    { "routing header 0", UDP6, { { IP, 6, 1, 43 } }, 0, false, DROP_IP6_ROUTE },
    { "a routing header behind options", UDP6, { { IP, 6, 1, 60 }, { L4, 0, 2, 0x2b00 } }, 0, false, DROP_IP6_ROUTE },
    { "to ff02::1 by a unicast frame", UDP6, { { IP, 24, 4, 0xff020000 } }, 0, false, DROP_IP6_GROUP_MAC },

    { "a first fragment without the ports", UDP4, { { IP, 6, 2, 0x2000 }, { IP, 9, 1, 17 } }, 34, false, DROP_FRAG_LENGTH },
    { "a first fragment of 8 bytes less", ICMP4, { { IP, 6, 2, 0x2000 } }, 34 + 7, false, DROP_FRAG_LENGTH },
    { "a tiny fragment of an IPv6 packet", UDP6, { { IP, 6, 1, 44 }, { L4, 0, 4, 0x11000001 } }, 62, false, DROP_FRAG_LENGTH },
    { "an IPv6 first fragment that ends in its options", UDP6, { { IP, 6, 1, 44 }, { L4, 0, 4, 0x3c000001 }, { L4, 8, 2, 0x1101 } }, 0, false, DROP_IP6_EXTENSION },
    { "a middle fragment of 9 bytes", UDP4, { { IP, 6, 2, 0x2001 } }, 34 + 9, false, DROP_FRAG_LENGTH },
    { "an end beyond 64 KiB", UDP4, { { IP, 6, 2, 0x1ffe } }, 0, false, DROP_FRAG_BEYOND },
    { "an ICMP error in fragments", ICMP4, { { IP, 6, 2, 0x2000 }, { L4, 0, 1, 3 } }, 0, false, DROP_FRAG_ICMP },
    { "a TCP fragment", TCP4, { { IP, 6, 2, 0x2000 } }, 34 + 24, false, DROP_FRAG_TCP },
    { "a TCP fragment over the flags", TCP4, { { IP, 6, 2, 1 } }, 0, false, DROP_FRAG_TCP },

    { "to itself", TCP4, { { IP, 16, 4, WEB } }, 0, false, DROP_LAND },
    { "TCP cut off", TCP4, { { 0 } }, 34 + 19, false, DROP_TCP_SHORT },
    { "a TCP header of 16 bytes", TCP4, { { L4, 12, 1, 0x40 } }, 0, false, DROP_TCP_OFFSET },
    { "a TCP header beyond the packet", TCP4, { { L4, 12, 1, 0x60 } }, 0, false, DROP_TCP_OFFSET },
    { "no flags", TCP4, { { L4, 13, 1, 0 } }, 0, false, DROP_TCP_NULL },
    { "PSH and URG alone", TCP4, { { L4, 13, 1, TCP_PUSH | TCP_URG } }, 0, false, DROP_TCP_NULL },
    { "SYN and FIN", TCP4, { { L4, 13, 1, TCP_SYN | TCP_FIN } }, 0, false, DROP_TCP_SYN_FIN },
    { "SYN and RST", TCP4, { { L4, 13, 1, TCP_SYN | TCP_RST } }, 0, false, DROP_TCP_SYN_RST },
    { "a Christmas tree", TCP4, { { L4, 13, 1, TCP_FIN | TCP_PUSH | TCP_URG } }, 0, false, DROP_TCP_XMAS },
    { "TCP to port 0", TCP4, { { L4, 2, 2, 0 } }, 0, false, DROP_TCP_PORT },
    { "UDP cut off", UDP4, { { 0 } }, 34 + 7, false, DROP_UDP_SHORT },
    { "UDP longer than its packet", UDP4, { { L4, 4, 2, 17 } }, 0, false, DROP_UDP_LENGTH },
    { "UDP shorter than its header", UDP4, { { L4, 4, 2, 7 } }, 0, false, DROP_UDP_LENGTH },
    { "UDP to port 0", UDP4, { { L4, 2, 2, 0 } }, 0, false, DROP_UDP_PORT },
    { "a DHCP server", UDP4, { { L4, 0, 4, 67u << 16 | 68 } }, 0, false, DROP_DHCP_SERVER },
    { "a DHCPv6 server", UDP6, { { L4, 0, 4, 547u << 16 | 546 } }, 0, false, DROP_DHCP_SERVER },
    { "ICMP cut off", ICMP4, { { 0 } }, 34 + 7, false, DROP_ICMP_SHORT },
    { "an ICMP redirect", ICMP4, { { L4, 0, 1, 5 } }, 0, false, DROP_ICMP_REDIRECT },
    { "an ICMPv6 redirect", ND6, { { L4, 0, 1, 137 } }, 0, false, DROP_ICMP_REDIRECT },
    { "an ICMP router advertisement", ICMP4, { { L4, 0, 1, 9 } }, 0, false, DROP_ICMP_ROUTER },
    { "an ICMPv6 router advertisement", ND6, { { L4, 0, 1, 134 } }, 0, false, DROP_ICMP_ROUTER },
    { "an ICMP error about nothing", ICMP4, { { L4, 0, 1, 3 } }, 34 + 8, false, DROP_ICMP_INNER },
    { "an ICMP error about version 0", ICMP4, { { L4, 0, 1, 3 } }, 0, false, DROP_ICMP_INNER },
    { "ICMPv6 in IPv4", ICMP4, { { IP, 9, 1, IP_ICMP6 } }, 0, false, DROP_ICMP_FAMILY },
    { "ICMP in IPv6", ND6, { { IP, 6, 1, IP_ICMP } }, 0, false, DROP_ICMP_FAMILY },
    { "an advertisement for a group", ND6, { { L4, 8, 4, 0xff020000 } }, 0, false, DROP_ND_FORM },
    { "an ND option of no length", ND6, { { L4, 25, 1, 0 } }, 0, false, DROP_ND_FORM },
    { "an advertisement from afar", ND6, { { IP, 7, 1, 254 } }, 0, false, DROP_ND_HOPS },

    { "another's MAC", TCP4, { { ETH, 10, 2, 4 } }, 0, false, DROP_BIND_MAC },
    { "ARP with another's MAC inside", ARP, { { IP, 12, 2, 3 } }, 0, true, DROP_BIND_ARP_MAC },
    { "ARP for another's address", ARP, { { IP, 14, 4, DB } }, 0, true, DROP_BIND_ARP_IP },
    { "an ARP answer from nobody", ARP, { { IP, 6, 2, 2 }, { IP, 14, 4, 0 } }, 0, true, DROP_BIND_ARP_IP },
    { "another's IPv4 address", TCP4, { { IP, 12, 4, 0x0a000009 } }, 0, false, DROP_BIND_IP4 },
    { "another's IPv6 address", TCP6, { { IP, 20, 4, 9 } }, 0, false, DROP_BIND_IP6 },
    { "another's link-local address", TCP6, { { IP, 8, 4, 0xfe800000 } }, 0, false, DROP_BIND_IP6 },
    { "an advertisement of another's address", ND6, { { L4, 20, 4, 3 } }, 0, false, DROP_BIND_ND },
    { "an advertisement with another's MAC", ND6, { { L4, 28, 4, 3 } }, 0, false, DROP_BIND_ND },
};
/* clang-format on */

static void apply(struct frame *f, const struct change *c)
{
    u8 *const at = f->b +
                   (c->where == ETH  ? 0
                    : c->where == IP ? f->ip
                                     : f->l4) +
                   c->at;

    for (u32 i = 0; i < c->width; i++) {
        at[i] = (u8)(c->value >> (8 * (c->width - 1 - i)));
    }
}

static struct fixture net;

static int begin(void **state)
{
    (void)state;
    fix_tenant(&net, "web",
               "bridge=b,mac=00:16:3e:00:00:02,"
               "ip=10.0.0.2 2001:db8::2",
               "'pass'");
    fix_tenant(&net, "db",
               "bridge=b,mac=00:16:3e:00:00:03,"
               "ip=10.0.0.3 2001:db8::3",
               "'pass'");
    fix_begin(&net);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fix_end(&net);
    return 0;
}

/* As the router does it: parsed, bound, and counted by whoever found it. */
static enum drop judge(const struct frame *f, struct packet *p)
{
    const enum drop drop = frame_parse(f, p);

    if (drop != DROP_NONE) {
        filter_count(net.f, 0, drop);
        return drop;
    }
    return filter_source(net.f, 0, p);
}

static bool is_met[DROP_COUNT];

static void test_bad_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bads); i++) {
        const struct bad *const bad = &bads[i];
        struct frame f;
        struct packet p;
        bases[bad->base](&f);
        for (size_t k = 0; k < 3; k++) {
            apply(&f, &bad->change[k]);
        }
        f.bytes = bad->bytes != 0 ? bad->bytes : f.bytes;
        if (!bad->is_raw) {
            frame_seal(&f);
        }
        const u64 before = net.f->drops[0][bad->drop];
        const enum drop drop = judge(&f, &p);
        if (drop != bad->drop || net.f->drops[0][drop] != before + 1) {
            fail_msg("%s: %s, not %s", bad->name, drop_word(drop),
                     drop_word(bad->drop));
        }
        is_met[drop] = true;
    }
    print_message("%zu frames\n", ARRAY_COUNT(bads));
}

/* What needs more than three changes. */
static void test_bad_shapes(void **state)
{
    struct frame f;
    struct packet p;

    (void)state;
    u8 *const big = calloc(1, PACKET_HEADER_MAX);
    tcp4(&f);
    memcpy(big, f.b, f.bytes);
    assert_int_equal(packet_parse(&p, big, PACKET_HEADER_MAX, 65550),
                     DROP_FRAME_LONG);
    /* A copy that is shorter than was agreed is no frame. */
    assert_int_equal(packet_parse(&p, big, 60, 61), DROP_FRAME_SHORT);
    free(big);
    is_met[DROP_FRAME_LONG] = true;

    frame_eth(&f, db, web, ETH_IP6); /* fragment header, then 4 bytes of UDP */
    frame_ip6(&f, web6, db6, 44, 8 + 4);
    f.b[f.l4] = IP_UDP;
    assert_int_equal(frame_parse(&f, &p), DROP_UDP_SHORT);
    f.b[f.l4 + 3] = 1;
    assert_int_equal(frame_parse(&f, &p), DROP_FRAG_LENGTH);
    frame_eth(&f, db, web, ETH_IP6); /* options of 8 bytes, no room for ports */
    frame_ip6(&f, web6, db6, 44, 8 + 8);
    f.b[f.l4] = 60;
    f.b[f.l4 + 3] = 1;
    f.b[f.l4 + 8] = IP_UDP;
    assert_int_equal(frame_parse(&f, &p), DROP_FRAG_TINY);
    is_met[DROP_FRAG_TINY] = true;
}

/* drops.def: parsing and binding end where states begin. */
static void test_each_reason_has_a_frame(void **state)
{
    (void)state;
    is_met[DROP_NONE] = true;
    is_met[DROP_FRAG_ORDER] = true; /* verdict_test.c */
    is_met[DROP_FRAG_UNKNOWN] = true;
    is_met[DROP_BIND_DEST] = true; /* the router's */
    for (u32 i = 0; i < DROP_TCP_WINDOW; i++) {
        if (!is_met[i]) {
            fail_msg("no frame for %s", drop_word((enum drop)i));
        }
    }
}

static void test_good_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        struct frame f;
        struct packet p;
        bases[i](&f);
        assert_int_equal(judge(&f, &p), DROP_NONE);
    }
    struct frame f;
    struct packet p;
    nd6(&f); /* duplicate address detection: from ::, to the group */
    memset(f.b + f.ip + 8, 0, 16);
    f.b[f.l4] = 135;
    f.bytes -= 8;
    memcpy(f.b, (u8[]){ 0x33, 0x33, 0xff, 0, 0, 2 }, 6);
    memcpy(f.b + f.ip + 24,
           (u8[]){ 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2 }, 16);
    frame_seal(&f);
    assert_int_equal(judge(&f, &p), DROP_NONE);
    /* The link-local address that the MAC makes. */
    tcp6(&f);
    memcpy(f.b + f.ip + 8,
           (u8[]){ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0x16, 0x3e, 0xff, 0xfe, 0,
                   0, 2 },
           16);
    assert_int_equal(judge(&f, &p), DROP_NONE);
}

static void test_fields(void **state)
{
    struct frame f;
    struct packet p;

    (void)state;
    tcp6(&f);
    assert_int_equal(frame_parse(&f, &p), DROP_NONE);
    assert_true(p.flow.is_ip6 && p.flow.proto == IP_TCP);
    assert_int_equal(p.flow.from_port, 40000);
    assert_int_equal(p.flow.to_port, 80);
    assert_int_equal(p.tcp_seq, 1000);
    char text[80];
    packet_text(&p, text, sizeof(text));
    assert_string_equal(text, "tcp [2001:db8::2]:40000 -> [2001:db8::3]:80");
    assert_int_equal(packet_text(&p, text, 10), 9);
    assert_string_equal(text, "tcp [2001");
    icmp4(&f);
    put16(f.b + f.l4 + 4, 77);
    assert_int_equal(frame_parse(&f, &p), DROP_NONE);
    assert_true(p.is_icmp_query && p.flow.from_port == 77);
    packet_text(&p, text, sizeof(text));
    assert_string_equal(text, "icmp/8 10.0.0.2 -> 10.0.0.3");
    tcp4(&f); /* window scale 7, behind a no-op */
    f.bytes += 4;
    f.b[f.l4 + 12] = 0x60;
    put32(f.b + f.l4 + 20, 0x01030307);
    frame_seal(&f);
    assert_int_equal(frame_parse(&f, &p), DROP_NONE);
    assert_int_equal(p.tcp_scale, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_bad_shapes),
        cmocka_unit_test(test_each_reason_has_a_frame),
        cmocka_unit_test(test_good_frames),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
