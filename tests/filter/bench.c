/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the filter takes for a packet: by number of rules, and for a known
 * flow. Each figure is the best of several rounds, since other work on the
 * machine only adds; packets are parsed before.
 */
#include <time.h>

#include "tests/frames.h"
#include "tests/pf_fixture.h"
#include "tests/pfgen.h"

#define PACKETS 1024u
#define ROUNDS 200u

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* n rules that share nothing: an address and a port of its own each. */
static void begin(struct fixture *x, u32 n)
{
    char *lines = text_copy("", 0);

    for (u32 i = 0; i < n; i++) {
        char *const more = text_format(
            "%s'pass out proto tcp from 10.0.%u.%u to 10.1.%u.%u port %u',",
            lines, i / 250, 2 + i % 250, i / 250, 1 + i % 250, 1000 + i);
        free(lines);
        lines = more;
    }
    fix_tenant(x, "web", "bridge=b,ip=10.0.0.2", lines);
    fix_tenant(x, "db", "bridge=b,ip=10.0.0.3", "'pass in no state'");
    fix_begin(x);
    free(lines);
}

/* Packets that meet a rule each, spread over all; every fourth meets none. */
static void fill(struct packet *p, u32 n)
{
    for (u32 i = 0; i < PACKETS; i++) {
        const u32 k = (i * 7919u) % n;
        p[i] = (struct packet){
            .type = ETH_IP4,
            .flow = { .from = { 0, 0x0a000000u + (k / 250 << 8) + 2 + k % 250 },
                      .to = { 0, 0x0a010000u + (k / 250 << 8) + 1 + k % 250 },
                      .from_port = 40000,
                      .to_port = (u16)(1000 + k + (i % 4 == 0 ? 1 : 0)),
                      .proto = IP_TCP },
            .tcp_flags = TCP_SYN,
        };
    }
}

static double time_rules(const struct filter *f, const struct packet *p)
{
    double best = 1e18;
    volatile u32 sink = 0;

    for (u32 round = 0; round < ROUNDS; round++) {
        const double start = now();
        for (u32 i = 0; i < PACKETS; i++) {
            sink += filter_decide(f, 0, true, &p[i]);
        }
        const double took = (now() - start) / PACKETS;
        best = took < best ? took : best;
    }
    return best;
}

/* The sender keeps state, the receiver does not: one known flow, one rule. */
static double time_flows(struct fixture *x, const struct packet *syn)
{
    double best = 1e18;
    struct packet p[PACKETS];
    struct filter_answer a;
    volatile u32 sink = 0;
    u32 count = 0;

    for (u32 i = 0; i < PACKETS; i++) {
        if (filter_pass(x->f, 0, 1, &syn[i], 1, &a)) {
            p[count] = syn[i];
            count++;
        }
    }
    for (u32 round = 0; round < ROUNDS; round++) {
        const double start = now();
        for (u32 i = 0; i < count; i++) {
            sink += filter_pass(x->f, 0, 1, &p[i], 1, &a) ? 1 : 0;
        }
        const double took = (now() - start) / count;
        best = took < best ? took : best;
    }
    return best;
}

/* All that the router asks about a frame of a known flow: headers, binding,
 * receiver, both ends. */
static double time_frames(struct fixture *x)
{
    static const u8 web[6] = { 0, 0x16, 0x3e, 0, 0, 2 };
    static const u8 db[6] = { 0, 0x16, 0x3e, 0, 0, 3 };
    double best = 1e18;
    struct frame f;
    volatile u32 sink = 0;

    frame_eth(&f, db, web, ETH_IP4);
    frame_ip4(&f, 0x0a000002, 0x0a000003, IP_UDP, 1400);
    frame_udp(&f, 40000, 53);
    for (u32 round = 0; round < ROUNDS; round++) {
        const double start = now();
        for (u32 i = 0; i < PACKETS; i++) {
            struct packet p;
            struct filter_answer a;
            sink += frame_parse(&f, &p) == DROP_NONE &&
                            filter_source(x->f, 0, &p) == DROP_NONE &&
                            filter_accepts(x->f, 1, &p) &&
                            filter_pass(x->f, 0, 1, &p, 1, &a)
                        ? 1
                        : 0;
        }
        const double took = (now() - start) / PACKETS;
        best = took < best ? took : best;
    }
    return sink == ROUNDS * PACKETS ? best : 0;
}

int main(void)
{
    static const u32 sizes[] = { 10, 100, 1000 };
    static struct packet p[PACKETS];

    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct fixture x = { .f = NULL };
        begin(&x, sizes[i]);
        struct filter *const again = calloc(1, sizeof(*again));
        double start = 0;
        for (u32 k = 0; k < 2; k++) { /* the first time takes the pages */
            start = now();
            if (filter_load(again, x.f->blob, x.f->rules.header->bytes) !=
                NULL) {
                return 1;
            }
        }
        const double built = now() - start;
        free(again);
        fill(p, sizes[i]);
        printf("%4u rules: %6.1f ns a packet without flows, %6.1f ns with a "
               "known flow on one side; tables %u KiB, loaded in %.2f ms\n",
               sizes[i], time_rules(x.f, p), time_flows(&x, p),
               x.f->used_words / 128, built / 1e6);
        fix_end(&x);
    }
    struct fixture x = { .f = NULL };
    fix_tenant(&x, "web", "bridge=b,mac=00:16:3e:00:00:02,ip=10.0.0.2",
               "'pass out proto udp'");
    fix_tenant(&x, "db", "bridge=b,mac=00:16:3e:00:00:03,ip=10.0.0.3",
               "'pass in proto udp'");
    fix_begin(&x);
    printf("a frame of a flow that both ends know, from its bytes: %.1f ns\n",
           time_frames(&x));
    printf("memory: %zu KiB a set of rules, %zu KiB an interface's flows\n",
           sizeof(struct filter) / 1024, sizeof(struct states) / 1024);
    fix_end(&x);
    return 0;
}
