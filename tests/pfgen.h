/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random rules, as text, and packets that meet them now and then: few
 * addresses, ports and types, many shapes.
 */
#ifndef TESTS_PFGEN_H
#define TESTS_PFGEN_H

#include <stdio.h>
#include <string.h>

#include "guests/router/packet.h"

struct pfgen {
    u64 seed;
};

static inline u32 gen(struct pfgen *g, u32 below)
{
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;
    return (u32)(g->seed >> 24) % below;
}

struct pftext {
    char text[2048];
    size_t used;
};

static inline void gen_put(struct pftext *t, const char *word)
{
    const size_t bytes = strlen(word);

    if (t->used + bytes + 2 < sizeof(t->text)) {
        if (t->used != 0) {
            t->text[t->used++] = ' ';
        }
        memcpy(t->text + t->used, word, bytes + 1);
        t->used += bytes;
    }
}

/* is_not: what it leaves out is left. */
static inline void gen_address(struct pfgen *g, struct pftext *t, u32 families,
                               bool is_not)
{
    static const char *const ip4[] = {
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.4",
        "10.0.0.0/24",
        "10.0.0.0/8",
        "10.0.0.2/31",
        "10.0.0.3 - 10.0.0.9",

        "10.0.0.0/30",
        "10.0.0.128/25",
        "192.168.0.0/16",
        "0.0.0.0/0",
    };
    static const char *const ip6[] = {
        "2001:db8::2",
        "2001:db8::3",
        "2001:db8::/32",
        "2001:db8::/127",
        "2001:db8::4/126",

        "2001:db8::2 - 2001:db8::5",
        "fe80::/10",
        "2001:db8:0:1::/64",
        "::/0",
    };
    const bool is_ip6 = families == 2 || (families == 3 && gen(g, 3) == 0);

    gen_put(t, is_ip6 ? ip6[gen(g, ARRAY_COUNT(ip6) - is_not)]
                      : ip4[gen(g, ARRAY_COUNT(ip4) - is_not)]);
}

/* families: bit 0 IPv4, bit 1 IPv6 */
static inline void gen_host(struct pfgen *g, struct pftext *t, const char *word,
                            u32 families)
{
    gen_put(t, word);
    const u32 kind = gen(g, 8);
    if (kind == 0) {
        gen_put(t, "any");
    } else if (kind == 1) {
        gen_put(t, "!");
        gen_address(g, t, families, true);
    } else if (kind < 5) {
        gen_put(t, "{");
        for (u32 n = 1 + gen(g, 4); n > 0; n--) {
            gen_address(g, t, families, false);
            if (gen(g, 2) == 0) {
                gen_put(t, ",");
            }
        }
        gen_put(t, "}");
    } else {
        gen_address(g, t, families, false);
    }
}

static inline void gen_ports(struct pfgen *g, struct pftext *t)
{
    static const char *const ports[] = {
        "22",     "80",      "443",     "domain",   "1000:2000",
        "< 1024", ">= 80",   "!= 443",  "22 >< 80", "80 <> 90",
        "<= 22",  "> 60000", "1:65535",
    };
    const u32 n = gen(g, 4);

    gen_put(t, "port");
    if (n < 2) {
        gen_put(t, ports[gen(g, ARRAY_COUNT(ports))]);
        return;
    }
    gen_put(t, "{");
    for (u32 i = 0; i < n; i++) {
        gen_put(t, ports[gen(g, ARRAY_COUNT(ports))]);
    }
    gen_put(t, "}");
}

/* A rule that is right, by the BNF of ringfence-firewall(5). */
static inline void gen_rule(struct pfgen *g, struct pftext *t)
{
    static const char *const types[] = { "echoreq", "echorep", "13", "8 code 0",
                                         "{ 8, 0 code 1 }" };
    static const char *const flags[] = { "S/SA", "S/SAFR", "SA/SA",  "A/A",
                                         "R/R",  "any",    "/FSRPAU" };
    const bool is_pass = gen(g, 3) != 0;
    const u32 way = gen(g, 4);
    u32 families = gen(g, 4);
    const u32 proto = gen(g, 8);
    bool is_stateless = is_pass && gen(g, 3) == 0;

    t->used = 0;
    gen_put(t, is_pass ? "pass" : gen(g, 2) == 0 ? "block" : "block drop");
    if (way < 2) {
        gen_put(t, way == 0 ? "in" : "out");
    }
    if (gen(g, 4) == 0) {
        gen_put(t, "log");
    }
    if (gen(g, 4) == 0) {
        gen_put(t, "quick");
    }
    if (gen(g, 4) == 0) {
        gen_put(t, gen(g, 2) == 0 ? "on vif0" : "on any");
    }
    if (proto == 2) {
        families = 1;
    } else if (proto == 3) {
        families = 2;
    } else if (families == 0) {
        families = 3;
    }
    if (families != 3) {
        gen_put(t, families == 1 ? "inet" : "inet6");
    }
    static const char *const protos[] = { "tcp",        "udp",          "icmp",
                                          "icmp6",      "{ tcp, udp }", "47",
                                          "{ tcp 132 }" };
    if (proto < 7) {
        gen_put(t, "proto");
        gen_put(t, protos[proto]);
    }
    const bool has_ports = proto < 2 || proto == 4;
    /* One family for both ends, or the rule may match nothing. */
    const u32 of = families == 3 ? 1 + gen(g, 2) : families;
    const u32 ends = gen(g, 4);
    if ((ends & 1) != 0) {
        gen_host(g, t, "from", of);
    }
    if (has_ports && (ends & 1) != 0 && gen(g, 4) == 0) {
        gen_ports(g, t);
    }
    if ((ends & 2) != 0) {
        gen_host(g, t, "to", of);
    }
    if (has_ports && (ends & 2) != 0 && gen(g, 2) == 0) {
        gen_ports(g, t);
    }
    if (proto == 0 && gen(g, 3) == 0) {
        const u32 n = gen(g, is_pass && !is_stateless ? 2 : 7);
        gen_put(t, "flags");
        gen_put(t, flags[n]);
    }
    if (proto == 2 && gen(g, 2) == 0) {
        gen_put(t, "icmp-type");
        gen_put(t, types[gen(g, ARRAY_COUNT(types))]);
    }
    if (proto == 3 && gen(g, 2) == 0) {
        gen_put(t, "icmp6-type { 128 129 code 0 }");
    }
    if (is_stateless) {
        gen_put(t, "no state");
    } else if (is_pass && gen(g, 3) == 0) {
        static const char *const options[] = { "", "(max 17)", "(no-sync)",
                                               "(no-sync, max 9)" };
        gen_put(t, "keep state");
        gen_put(t, options[gen(g, ARRAY_COUNT(options))]);
    }
    if (gen(g, 8) == 0) {
        gen_put(t, "label a-label");
    }
}

/* What packet_parse could have made of a frame. */
static inline void gen_packet(struct pfgen *g, struct packet *p)
{
    static const u16 ports[] = { 22,  80,   443,  53,    1000,  1024, 1023,
                                 81,  90,   91,   60000, 60001, 1,    65535,
                                 442, 2000, 2001, 79,    23 };
    static const u8 protos[] = { IP_TCP, IP_TCP, IP_UDP, IP_ICMP, 47, 132, 50 };
    static const u8 flags[] = {
        TCP_SYN, TCP_SYN,           TCP_SYN | TCP_ACK,          TCP_ACK,
        TCP_RST, TCP_FIN | TCP_ACK, TCP_SYN | TCP_ECE | TCP_CWR
    };

    *p = (struct packet){ .type = ETH_IP4 };
    p->flow.proto = protos[gen(g, sizeof(protos))];
    p->flow.is_ip6 = gen(g, 3) == 0;
    if (p->flow.is_ip6) {
        p->type = ETH_IP6;
        p->flow.from.high = 0x20010db800000000ull + (gen(g, 8) == 0);
        p->flow.to.high = 0x20010db800000000ull;
        p->flow.from.low = gen(g, 8);
        p->flow.to.low = gen(g, 8);
        p->flow.proto = p->flow.proto == IP_ICMP ? (u8)IP_ICMP6 : p->flow.proto;
    } else {
        p->flow.from.low = 0x0a000000u + gen(g, 12);
        p->flow.to.low =
            gen(g, 8) == 0 ? 0xc0a80001u : 0x0a000000u + gen(g, 12);
    }
    if (p->flow.proto == IP_TCP || p->flow.proto == IP_UDP) {
        p->flow.from_port = ports[gen(g, ARRAY_COUNT(ports))];
        p->flow.to_port = ports[gen(g, ARRAY_COUNT(ports))];
    }
    if (p->flow.proto == IP_TCP) {
        p->tcp_flags = flags[gen(g, sizeof(flags))];
    }
    if (p->flow.proto == IP_ICMP || p->flow.proto == IP_ICMP6) {
        static const u8 types[] = { 8, 0, 13, 128, 129 };
        p->icmp_type = types[gen(g, sizeof(types))];
        p->icmp_code = (u8)gen(g, 2);
        p->flow.from_port = 7;
        p->flow.to_port = 7;
        p->is_icmp_query = true;
    }
}

#endif
