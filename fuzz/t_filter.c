/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet filter: frames, rules blobs, rules as text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "guests/router/filter.h"
#include "rf/pf.h"

/* ---- rules as text ---- */

/* Three tenants; the lines are the first one's. */
struct text_set {
    struct tenant_set set;
    struct tenant tenant[3];
    struct source source[3];
};

static void add_tenant(struct text_set *t, const char *name, const char *vif)
{
    static const char head[] = "type='pv';kernel='k';memory=4;";
    struct tenant *const tenant = &t->tenant[t->set.count];
    struct settings settings;

    tenant->source = &t->source[t->set.count++];
    tenant->source->path = text_format("%s.cfg", name);
    tenant->source->text = text_format("%sname='%s';vif=[%s]", head, name, vif);
    tenant->source->bytes = strlen(tenant->source->text);
    cfg_parse(tenant->source, &settings, &t->set.diags);
    cfg_apply(&settings, tenant, &t->set.diags);
    cfg_settings_free(&settings);
}

static void set_begin(struct text_set *t)
{
    memset(t, 0, sizeof(*t));
    t->set.tenant = t->tenant;
    add_tenant(t, "web",
               "'bridge=b,mac=00:16:3e:00:00:02,ip=10.0.0.2 2001:db8::2'"
               ",'ip=10.1.0.2'");
    add_tenant(t, "db",
               "'bridge=b,mac=00:16:3e:00:00:03,"
               "ip=10.0.0.3 2001:db8::3'");
    add_tenant(t, "x", "'bridge=b,mac=00:16:3e:00:00:04,ip=10.0.0.4'");
}

static void set_lines(struct tenant *tenant, const u8 *data, size_t bytes)
{
    tenant->firewall = mem_alloc((bytes + 1) * sizeof(*tenant->firewall));
    for (size_t at = 0; at < bytes;) {
        const u8 *const end = memchr(data + at, '\n', bytes - at);
        const size_t n = end != NULL ? (size_t)(end - data) - at : bytes - at;
        struct scalar *const line = &tenant->firewall[tenant->firewall_count++];
        *line = (struct scalar){
            .at = { tenant->source, 1, 1, (unsigned)n + 2 },
            .text = text_copy((const char *)data + at, n),
        };
        at += n + 1;
    }
}

static void set_end(struct text_set *t)
{
    for (size_t i = 0; i < t->set.count; i++) {
        struct tenant *const tenant = &t->tenant[i];
        for (size_t k = 0; k < tenant->firewall_count; k++) {
            free(tenant->firewall[k].text);
        }
        if (tenant->pf != NULL) {
            pf_free(tenant->pf);
        }
        free(tenant->firewall);
        free(tenant->vif);
        free(tenant->kernel_path);
        free(tenant->source->path);
        free(tenant->source->text);
    }
    diag_free(&t->set.diags);
}

static char *print(const struct pf_rule *rule)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *const out = open_memstream(&text, &bytes);

    pf_print(out, rule);
    fclose(out);
    return text;
}

/* What is printed is read without a finding, and printed the same. */
static void read_back(struct pf *pf, size_t idx)
{
    char *const once = print(&pf->rule[idx]);
    const struct scalar line = { .text = once };
    const size_t findings = pf->diags->count;

    /* A label may hold either kind of quotes. */
    if (pf->rule[idx].label == NULL ||
        strpbrk(pf->rule[idx].label, "\"\\") == NULL) {
        pf_parse_line(pf, &line);
        if (pf->diags->count != findings) {
            fuzz_fail("'%s': %s", once, pf->diags->item[findings].text);
        }
        char *const twice = print(&pf->rule[pf->rule_count - 1]);
        if (strcmp(once, twice) != 0) {
            fuzz_fail("'%s' is read as '%s'", once, twice);
        }
        free(twice);
    }
    free(once);
}

void target_pf(const u8 *data, size_t bytes)
{
    static const u16 domid[3] = { 2, 3, 4 };
    struct text_set t;
    struct blob blob = { NULL, 0 };
    struct fault fault;

    if (memchr(data, 0, bytes) != NULL) {
        return; /* refused before it is parsed */
    }
    set_begin(&t);
    set_lines(&t.tenant[0], data, bytes);
    pf_parse_set(&t.set);
    struct pf *const pf = t.tenant[0].pf;
    if (t.set.diags.count == 0) {
        const size_t count = pf->rule_count;
        (void)!pf_blob(&t.set, domid, &blob, &fault);
        free(blob.data);
        for (size_t i = 0; i < count; i++) {
            read_back(pf, i);
        }
    }
    set_end(&t);
}

/* ---- the blob ---- */

static const struct blob *good_blob(void)
{
    static const char lines[] =
        "block log\n"
        "pass out proto { tcp udp } to { 10.0.0.3 2001:db8::/64 } port 20:30\n"
        "pass in proto tcp from any port 80 to self flags S/SAFR label x\n"
        "pass inet proto icmp icmp-type { 8 code 0, 0 }\n"
        "pass quick inet6 proto icmp6\n"
        "pass out proto udp no state";
    static const u16 domid[3] = { 2, 3, 4 };
    static struct blob blob;
    struct text_set t;
    struct fault fault;

    if (blob.data == NULL) {
        set_begin(&t);
        for (u32 i = 0; i < 3; i++) {
            set_lines(&t.tenant[i], (const u8 *)lines, sizeof(lines) - 1);
        }
        pf_parse_set(&t.set);
        if (!pf_blob(&t.set, domid, &blob, &fault)) {
            fuzz_fail("%s", fault.text);
        }
        set_end(&t);
    }
    return &blob;
}

static void take_packet(struct input *in, struct packet *p)
{
    static const u8 protos[] = { IP_TCP, IP_UDP, IP_ICMP, IP_ICMP6 };
    const u8 how = take8(in);

    *p = (struct packet){ .type = (how & 1) != 0 ? ETH_IP6 : ETH_IP4 };
    p->flow.is_ip6 = (how & 1) != 0;
    p->flow.proto = (how & 2) != 0 ? take8(in) : protos[how >> 2 & 3];
    p->flow.from.low = 0x0a000000u | (how & 0x10 ? take8(in) : 2);
    p->flow.to.low = 0x0a000000u | (how & 0x10 ? take8(in) : 3);
    if (p->flow.is_ip6) {
        p->flow.from.high = p->flow.to.high = 0x20010db800000000ull;
        p->flow.from.low &= 0xff;
        p->flow.to.low &= 0xff;
    }
    p->flow.from_port = (how & 0x20) != 0 ? take16(in) : 80;
    p->flow.to_port = (how & 0x40) != 0 ? take16(in) : 22;
    p->tcp_flags = (how & 0x80) != 0 ? take8(in) : TCP_SYN;
    p->icmp_type = take8(in);
    p->icmp_code = take8(in);
}

void target_rules(const u8 *data, size_t bytes)
{
    static struct filter *f;
    struct input in = { data, bytes, 0 };
    const struct blob *const good = good_blob();
    u8 *const copy = fuzz_copy(good->data, good->bytes);
    const u32 cut = take8(&in) == 0 ? take16(&in) : 0;

    f = f != NULL ? f : calloc(1, sizeof(*f));
    for (u32 changes = take8(&in) % 8; changes > 0; changes--) {
        copy[take16(&in) % good->bytes] = take8(&in);
    }
    const u32 size =
        cut < good->bytes ? (u32)good->bytes - cut : (u32)good->bytes;
    if (filter_load(f, copy, size) == NULL) {
        for (u32 i = 0; i < 8; i++) {
            struct packet p;
            take_packet(&in, &p);
            for (u32 k = 0; k < 2 * f->rules.header->vif_count; k++) {
                const u16 a = filter_decide(f, k / 2, k % 2 != 0, &p);
                const u16 b =
                    filter_decide_slowly(&f->rules, k / 2, k % 2 != 0, &p);
                if (a != b) {
                    fuzz_fail("rule %u by the tables, %u by the list", a, b);
                }
            }
        }
    }
    free(copy);
}

/* ---- frames ---- */

#define FRAMES_MAX 24u
#define TOUCHED 64u /* entries of a table that so few frames can use */

static struct filter *net;
static struct states *fresh;

/* The tables of flows as they were, as far as they were used. */
static void net_reset(void)
{
    if (net == NULL) {
        net = calloc(1, sizeof(*net));
        fresh = calloc(1, sizeof(*fresh));
        states_init(fresh, 5);
        if (filter_load(net, good_blob()->data, (u32)good_blob()->bytes) !=
            NULL) {
            fuzz_fail("the good rules are refused");
        }
        for (u32 i = 0; i < net->rules.header->vif_count; i++) {
            net->states[i] = malloc(sizeof(*fresh));
            memcpy(net->states[i], fresh, sizeof(*fresh));
        }
    }
    for (u32 i = 0; i < net->rules.header->vif_count; i++) {
        /* Whoever has asked for room has moved the hand. */
        if (net->states[i]->hand != 0) {
            memcpy(net->states[i], fresh,
                   offsetof(struct states, state) +
                       TOUCHED * sizeof(struct state));
        }
        net->states[i]->generation = net->generation;
        net->states[i]->packets_until_ns = 0;
        net->states[i]->answers_until_ns = 0;
        memset(net->fragment[i], 0, sizeof(net->fragment[i]));
    }
}

static void check_states(const struct states *s)
{
    u32 used = 0;
    u32 chained = 0;
    u32 unasked = 0;

    if (s->hand == 0 && s->count == 0) {
        return;
    }
    for (u32 i = 0; i < TOUCHED; i++) {
        used += s->state[i].is_used ? 1 : 0;
        unasked += s->state[i].is_used && s->state[i].is_unasked ? 1 : 0;
    }
    for (u32 i = 0; i < STATES_MAX; i++) {
        for (u16 k = s->head[i]; k != STATE_NONE; k = s->state[k].next) {
            chained++;
        }
    }
    if (used != s->count || chained != s->count || unasked != s->unasked) {
        fuzz_fail("%u flows, %u used, %u found; %u unasked, %u found", s->count,
                  used, chained, s->unasked, unasked);
    }
}

/* What came through has the sender's addresses and the receiver's MAC. */
static void check_passed(const struct packet *p, u32 from, u32 to)
{
    const struct rules_vif *const v = &net->rules.vif[from];

    if (memcmp(p->from_mac, v->mac, 6) != 0 ||
        (!p->is_group && memcmp(p->to_mac, net->rules.vif[to].mac, 6) != 0)) {
        fuzz_fail("a frame of another got through");
    }
    if (p->type == ETH_IP4 && p->flow.from.low != v->ip4[0]) {
        fuzz_fail("an address of another got through");
    }
    if (p->type == ETH_ARP && p->arp_from != 0 && p->arp_from != v->ip4[0]) {
        fuzz_fail("an ARP address of another got through");
    }
    if (p->flow.proto == IP_TCP && !p->is_icmp_error &&
        (p->tcp_flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN)) {
        fuzz_fail("SYN and FIN got through");
    }
}

/* Addresses and sum are made right, so that rules and flows are met. */
static void mend(u8 *frame, u32 bytes, u8 how, u32 from, u32 to)
{
    static const u8 last[4] = { 2, 0, 3, 4 };
    u32 sum = 0;

    if ((how & 1) != 0 || bytes < 34) {
        return;
    }
    memcpy(frame, net->rules.vif[to].mac, 6);
    memcpy(frame + 6, net->rules.vif[from].mac, 6);
    frame[12] = 8;
    frame[13] = (how & 2) != 0 ? 6 : 0;
    if (frame[13] != 0) {
        return;
    }
    u8 *const ip = frame + 14;
    ip[2] = (u8)((bytes - 14) >> 8);
    ip[3] = (u8)(bytes - 14);
    memcpy(ip + 12, (u8[]){ 10, 0, 0, last[from], 10, 0, 0, last[to] }, 8);
    ip[0] = 0x45;
    ip[8] |= 1;
    ip[10] = 0;
    ip[11] = 0;
    for (u32 i = 0; i < 20; i += 2) {
        sum += (u32)ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    ip[10] = (u8)(sum >> 8);
    ip[11] = (u8)sum;
}

static void one_frame(struct input *in, u64 *now)
{
    /* Interfaces of one bridge; the second of web's is on another. */
    static const u32 vif[3] = { 0, 2, 3 };
    const u8 how = take8(in);
    const u32 from = vif[(how >> 2 & 3) % 3];
    const u32 to = vif[((how >> 2 & 3) + 1 + (how >> 4 & 1)) % 3];
    const size_t asked = take8(in) * ((how & 0x20) != 0 ? 4u : 1u);
    const u32 size = (u32)(asked < left(in) ? asked : left(in));
    u8 *const frame = fuzz_copy(in->data + in->at, size);
    struct packet p;
    struct filter_answer a;
    char text[80];

    in->at += size;
    *now += (u64)(how >> 6) << 33;
    mend(frame, size, how, from, to);
    const u32 have = size < PACKET_HEADER_MAX ? size : PACKET_HEADER_MAX;
    const enum drop drop = packet_parse(&p, frame, have, size);
    free(frame);
    if ((u32)drop >= DROP_COUNT || packet_text(&p, text, 80) >= 80) {
        fuzz_fail("no such reason");
    }
    if (drop == DROP_NONE && filter_source(net, from, &p) == DROP_NONE &&
        filter_accepts(net, to, &p)) {
        if (filter_pass(net, from, to, &p, *now, &a)) {
            check_passed(&p, from, to);
        }
        (void)filter_text(net, &p, &a, text, sizeof(text));
    }
}

void target_packet(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };
    u64 now = 1;

    net_reset();
    /* Half of the inputs meet a router that follows another. */
    for (u32 i = 0; bytes % 16 >= 8 && i < net->rules.header->vif_count; i++) {
        filter_resume(net, i, now);
    }
    for (u32 i = 0; i < FRAMES_MAX && left(&in) != 0; i++) {
        one_frame(&in, &now);
    }
    if (bytes % 8 == 0) {
        for (u32 i = 0; i < net->rules.header->vif_count; i++) {
            check_states(net->states[i]);
        }
    }
}
