/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter against libpcap: random lists of rules are compiled by rf and
 * decided by the router's tables; each rule is also put into the words of
 * pcap-filter(7), compiled by libpcap and run by bpf_filter(3) on the bytes of
 * the frame; and the list is decided by that, as pf.conf(5) says. Both must
 * name the same rule.
 *
 *   differ [--pairs N | --seconds N] [--seed N]
 *
 * A pair is one rule and one packet. Exit 1 at the first difference.
 */
#include <getopt.h>
#include <pcap/pcap.h>
#include <time.h>

#include "tests/filter/genframe.h"
#include "tests/pf_fixture.h"

#define RULES 8u
#define PACKETS 256u

struct words {
    char text[16384];
    size_t used;
};

static void put(struct words *w, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(struct words *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    w->used += (size_t)vsnprintf(w->text + w->used, sizeof(w->text) - w->used,
                                 format, args);
    va_end(args);
    if (w->used >= sizeof(w->text)) {
        fprintf(stderr, "a rule too long for the test\n");
        exit(3);
    }
}

/* ---- a record in the words of pcap-filter ---- */

static void put_span4(struct words *w, const struct rules *r,
                      struct rules_span s, u32 at)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_range4 *const g = &r->range4[s.first + i];
        put(w, "%s(ip[%u:4] >= 0x%x and ip[%u:4] <= 0x%x)",
            i == 0 ? " and (" : " or ", at, g->low, at, g->high);
    }
    put(w, s.count != 0 ? ")" : "");
}

/* Four words are compared as one number: `sign` is < or >, the last may be
 * equal. */
static void put_compare6(struct words *w, u32 at, const u64 *value, char sign)
{
    for (u32 i = 0; i < 4; i++) {
        const u32 part = (u32)(value[i / 2] >> (i % 2 == 0 ? 32 : 0));
        const char *const or_equal = i == 3 ? "=" : "";
        put(w, "(ip6[%u:4] %c%s 0x%x", at + 4 * i, sign, or_equal, part);
        if (i < 3) {
            put(w, " or (ip6[%u:4] = 0x%x and ", at + 4 * i, part);
        }
    }
    put(w, "))))))) ");
}

static void put_span6(struct words *w, const struct rules *r,
                      struct rules_span s, u32 at)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_range6 *const g = &r->range6[s.first + i];
        put(w, i == 0 ? " and ((" : " or (");
        put_compare6(w, at, g->low, '>');
        put(w, " and ");
        put_compare6(w, at, g->high, '<');
        put(w, ")");
    }
    put(w, s.count != 0 ? ")" : "");
}

static void put_ports(struct words *w, const struct rules *r,
                      struct rules_span s, const char *end)
{
    for (u32 i = 0; i < s.count; i++) {
        const struct rules_ports *const g = &r->ports[s.first + i];
        put(w, "%s%s portrange %u-%u", i == 0 ? " and (" : " or ", end, g->low,
            g->high);
    }
    put(w, s.count != 0 ? ")" : "");
}

/* Flags of TCP stand at 13; of IPv6, libpcap counts from the IP header. */
static void put_record(struct words *w, const struct rules *r,
                       const struct rules_rule *u, bool is_ip6)
{
    const char *const flags = is_ip6 ? "ip6[53]" : "tcp[13]";
    const char *const type = is_ip6 ? "ip6[40]" : "icmp[0]";
    const char *const code = is_ip6 ? "ip6[41]" : "icmp[1]";

    put(w, is_ip6 ? "(ip6" : "(ip");
    if ((u->flags & RULE_PROTO) != 0) {
        put(w, " and %s proto %u", is_ip6 ? "ip6" : "ip", u->proto);
    }
    if (is_ip6) {
        put_span6(w, r, u->from6, 8);
        put_span6(w, r, u->to6, 24);
    } else {
        put_span4(w, r, u->from4, 12);
        put_span4(w, r, u->to4, 16);
    }
    put_ports(w, r, u->from_port, "src");
    put_ports(w, r, u->to_port, "dst");
    if (u->tcp_mask != 0) {
        put(w, " and %s & 0x%x = 0x%x", flags, u->tcp_mask, u->tcp_flags);
    }
    if ((u->flags & RULE_TYPE) != 0) {
        put(w, " and %s = %u", type, u->icmp_type);
    }
    if ((u->flags & RULE_CODE) != 0) {
        put(w, " and %s = %u", code, u->icmp_code);
    }
    if ((u->flags & RULE_STATE) != 0 && (u->flags & RULE_PROTO) == 0) {
        put(w, " and (not %s proto 6 or %s & 0x12 = 2)", is_ip6 ? "ip6" : "ip",
            flags);
    } else if ((u->flags & RULE_STATE) != 0 && u->proto == IP_TCP) {
        put(w, " and %s & 0x12 = 2", flags);
    }
    put(w, ")");
}

/* A rule of the file: any of its records; none: it is for the other way. */
static bool put_rule(struct words *w, const struct rules *r, bool is_out,
                     u32 order)
{
    const struct rules_vif *const v = &r->vif[0];
    const u32 first = is_out ? v->out_first : v->in_first;
    const u32 count = is_out ? v->out_count : v->in_count;

    w->used = 0;
    for (u32 i = first; i < first + count; i++) {
        const struct rules_rule *const u = &r->rule[i];
        for (u32 ip6 = 0; ip6 < 2 && u->order == order; ip6++) {
            if ((u->flags & (ip6 != 0 ? RULE_IP6 : RULE_IP4)) != 0) {
                put(w, w->used != 0 ? " or " : "");
                put_record(w, r, u, ip6 != 0);
            }
        }
    }
    return w->used != 0;
}

/* ---- the comparison ---- */

struct round {
    struct fixture x;
    char text[RULES][2048];
    struct bpf_program program[2][RULES]; /* in, out */
    bool has[2][RULES];
};

static void begin_round(struct round *r, struct pfgen *g, pcap_t *pcap)
{
    struct words w;

    fix_tenant(&r->x, "web", "ip=10.0.0.2 2001:db8::2", "");
    struct tenant *const t = &r->x.tenant[0];
    free(t->firewall);
    t->firewall = mem_alloc(RULES * sizeof(*t->firewall));
    t->firewall_count = RULES;
    for (u32 i = 0; i < RULES; i++) {
        struct pftext text;
        gen_rule(g, &text);
        memcpy(r->text[i], text.text, text.used + 1);
        t->firewall[i].text = text_copy(text.text, text.used);
    }
    r->x.f = fix_load(&r->x);
    for (u32 out = 0; out < 2; out++) {
        for (u32 i = 0; i < RULES; i++) {
            r->has[out][i] = put_rule(&w, &r->x.f->rules, out != 0, i + 1);
            if (r->has[out][i] &&
                pcap_compile(pcap, &r->program[out][i], w.text, 1,
                             PCAP_NETMASK_UNKNOWN) != 0) {
                fprintf(stderr, "%s\n%s: %s\n", r->text[i], w.text,
                        pcap_geterr(pcap));
                exit(3);
            }
        }
    }
}

static void end_round(struct round *r)
{
    for (u32 i = 0; i < 2 * RULES; i++) {
        if (r->has[i / RULES][i % RULES]) {
            pcap_freecode(&r->program[i / RULES][i % RULES]);
        }
    }
    fix_end(&r->x);
}

static u32 decide_by_bpf(const struct round *r, const struct frame *f, u32 out)
{
    u32 last = 0;

    for (u32 i = 0; i < RULES; i++) {
        if (!r->has[out][i] || bpf_filter(r->program[out][i].bf_insns, f->b,
                                          f->bytes, f->bytes) == 0) {
            continue;
        }
        last = i + 1;
        if (r->x.tenant[0].pf->rule[i].is_quick) {
            break;
        }
    }
    return last;
}

/* How often any rule has matched; a difference ends the program. */
static u32 compare(const struct round *r, const struct frame *f, u32 out)
{
    struct packet p;
    const enum drop drop = frame_parse(f, &p);

    if (drop != DROP_NONE && drop != DROP_LAND) {
        fprintf(stderr, "a good frame is dropped: %s\n", drop_word(drop));
        exit(1);
    }
    const u16 got = filter_decide(r->x.f, 0, out != 0, &p);
    const u32 ours = got == FILTER_NO_RULE ? 0 : r->x.f->rules.rule[got].order;
    const u32 theirs = decide_by_bpf(r, f, out);
    if (ours != theirs) {
        char text[100];
        packet_text(&p, text, sizeof(text));
        fprintf(stderr, "%s, %s: rule %u, by libpcap %u\n", text,
                out != 0 ? "out" : "in", ours, theirs);
        for (u32 i = 0; i < RULES; i++) {
            fprintf(stderr, "%3u %s\n", i + 1, r->text[i]);
        }
        exit(1);
    }
    return ours != 0 ? 1 : 0;
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static u64 number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "pairs", required_argument, NULL, 'p' },
        { "seconds", required_argument, NULL, 't' },
        { "seed", required_argument, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    static struct round r;
    pcap_t *const pcap = pcap_open_dead(DLT_EN10MB, 65535);
    const double start = seconds_now();
    struct pfgen g = { 1 };
    u64 want = U64_MAX;
    double limit = 1e18;
    u64 pairs = 0;
    u64 packets = 0;
    u64 matched = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        want = c == 'p' ? number(optarg) : want;
        limit = c == 't' ? (double)number(optarg) : limit;
        g.seed = c == 's' ? number(optarg) + 1 : g.seed;
    }
    while (pairs < want && seconds_now() - start < limit) {
        begin_round(&r, &g, pcap);
        for (u32 i = 0; i < PACKETS; i++, packets++) {
            struct packet p;
            struct frame f;
            gen_packet(&g, &p);
            frame_of(&f, &p, &g);
            matched += compare(&r, &f, i % 2);
            pairs += RULES;
        }
        end_round(&r);
    }
    pcap_close(pcap);
    printf("ok - tables and libpcap agree: %llu pairs, %llu packets, %llu "
           "matched, %.0f s\n1 passed, 0 failed\n",
           (unsigned long long)pairs, (unsigned long long)packets,
           (unsigned long long)matched, seconds_now() - start);
    return matched == 0 ? 1 : 0;
}
