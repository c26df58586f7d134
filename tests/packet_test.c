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

static const struct bad bads[] = {
#include "tests/bad_frames.def"
};

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

/* A datagram of 64 bytes in fragments: each of a list, at a place in words of
 * 8 bytes; the last of the list is the bad one. */
static enum drop fragments(u32 id, const u32 *at, u32 count)
{
    struct filter_answer a = { .drop = DROP_NONE };
    u64 before = 0;

    for (u32 i = 0; i < count; i++) {
        struct frame f;
        struct packet p;
        frame_eth(&f, db, web, ETH_IP4);
        frame_ip4(&f, WEB, DB, IP_UDP, 32);
        frame_udp(&f, 40000, 53);
        put16(f.b + f.l4 + 4, 64);
        put16(f.b + f.ip + 4, id);
        put16(f.b + f.ip + 6, (at[i] < 4 ? 0x2000u : 0) | at[i]);
        frame_seal(&f);
        assert_int_equal(judge(&f, &p), DROP_NONE);
        before = net.f->drops[0][DROP_FRAG_ORDER] +
                 net.f->drops[0][DROP_FRAG_UNKNOWN];
        (void)!filter_pass(net.f, 0, 1, &p, 1, &a);
        assert_true(i + 1 == count || a.drop == DROP_NONE);
    }
    assert_int_equal(net.f->drops[0][DROP_FRAG_ORDER] +
                         net.f->drops[0][DROP_FRAG_UNKNOWN],
                     before + (a.drop != DROP_NONE ? 1 : 0));
    is_met[a.drop] = true;
    return a.drop;
}

static void test_bad_fragments(void **state)
{
    static const struct {
        const char *name;
        u32 at[3];
        u32 count;
        enum drop drop;
    } rows[] = {
        { "whole", { 0, 4 }, 2, DROP_NONE },
        { "one that overlaps the first", { 0, 3 }, 2, DROP_FRAG_ORDER },
        { "one that covers the ports", { 0, 1 }, 2, DROP_FRAG_ORDER },
        { "a first one again", { 0, 0 }, 2, DROP_FRAG_ORDER },
        { "a gap", { 0, 5 }, 2, DROP_FRAG_ORDER },
        { "one more than there are", { 0, 4, 4 }, 3, DROP_FRAG_UNKNOWN },
        { "no first one", { 4 }, 1, DROP_FRAG_UNKNOWN },
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        const enum drop drop = fragments(100 + i, rows[i].at, rows[i].count);
        if (drop != rows[i].drop) {
            fail_msg("%s: %s", rows[i].name, drop_word(drop));
        }
    }
}

/* drops.def: parsing and binding end where states begin. */
static void test_each_reason_has_a_frame(void **state)
{
    (void)state;
    is_met[DROP_NONE] = true;
    is_met[DROP_BIND_DEST] = true; /* the router's */
    for (u32 i = 0; i < DROP_ISOLATED; i++) {
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
        cmocka_unit_test(test_bad_fragments),
        cmocka_unit_test(test_each_reason_has_a_frame),
        cmocka_unit_test(test_good_frames),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
