/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture, judged frame by frame as the router would: bindings, flows,
 * rules, with the time of the capture. Read as hostile. Formats: classic pcap
 * [draft-ietf-opsawg-pcap], microseconds or nanoseconds, and pcapng
 * [draft-ietf-opsawg-pcapng], in either byte order.
 */
#include <stdlib.h>
#include <string.h>

#include "guests/router/bytes.h"
#include "rf/explain.h"

#define CAPTURE_BYTES_MAX (1ull << 30)
#define LINKTYPE_ETHERNET 1u
#define PORTS_MAX 64u /* interfaces of a pcapng file */

/* Blocks of pcapng. */
#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_SIMPLE 3u
#define BLOCK_PACKET 6u
#define OPTION_RESOLUTION 9u

struct capture {
    struct blob file;
    size_t at;
    bool is_swapped;
    bool is_ng;
    u64 tick_ns;
    /* of pcapng: of each interface, how many ticks a second; 0: no Ethernet */
    u64 ticks[PORTS_MAX];
    u32 ports;
};

struct captured {
    const u8 *frame;
    u32 have;
    u32 bytes;
    u64 now_ns;
};

static u32 word_at(const struct capture *c, size_t at)
{
    const u32 big = be32(c->file.data + at);

    return c->is_swapped ? big : __builtin_bswap32(big);
}

static u32 half_at(const struct capture *c, size_t at)
{
    const u32 big = be16(c->file.data + at);

    return c->is_swapped ? big : (big >> 8 | (big & 0xff) << 8);
}

static bool capture_open(struct capture *c, const char *path,
                         struct fault *fault)
{
    if (!file_read(path, CAPTURE_BYTES_MAX, &c->file, fault)) {
        return false;
    }
    const u32 magic = c->file.bytes >= 24 ? word_at(c, 0) : 0;
    const u32 turned = __builtin_bswap32(magic);
    if (magic == BLOCK_SECTION) { /* the same either way */
        c->is_ng = true;
        return true;
    }
    c->is_swapped = turned == 0xa1b2c3d4 || turned == 0xa1b23c4d;
    c->tick_ns = magic == 0xa1b23c4d || turned == 0xa1b23c4d ? 1 : 1000;
    c->at = 24;
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d && !c->is_swapped) {
        return fault_set(fault, "'%s' is no capture", path);
    }
    return word_at(c, 20) == LINKTYPE_ETHERNET ||
           fault_set(fault, "'%s' is not of Ethernet", path);
}

static bool next_classic(struct capture *c, struct captured *out)
{
    if (c->file.bytes - c->at < 16) {
        return false;
    }
    out->have = word_at(c, c->at + 8);
    out->bytes = word_at(c, c->at + 12);
    out->now_ns =
        word_at(c, c->at) * 1000000000ull + word_at(c, c->at + 4) * c->tick_ns;
    out->frame = c->file.data + c->at + 16;
    if (out->have > c->file.bytes - c->at - 16 || out->have > out->bytes) {
        return false;
    }
    c->at += 16 + out->have;
    return true;
}

/* ---- pcapng ---- */

/* if_tsresol: a power of ten, or of two with the upper bit. */
static u64 ticks_of(u8 resolution)
{
    const u32 power = resolution & 0x7f;
    u64 ticks = 1;

    if ((resolution & 0x80) != 0) {
        return power < 40 ? 1ull << power : 0;
    }
    for (u32 i = 0; i < power && i < 13; i++) {
        ticks *= 10;
    }
    return power < 13 ? ticks : 0;
}

/* An interface: its kind of link, then options up to the end of the block. */
static bool add_port(struct capture *c, size_t at, size_t end)
{
    u64 ticks = 1000000;

    if (c->ports == PORTS_MAX || end - at < 16) {
        return false;
    }
    for (size_t option = at + 16; end - option >= 4;) {
        const u32 bytes = half_at(c, option + 2);
        const size_t step = 4 + (bytes + 3u) / 4 * 4;
        if (step > end - option) {
            return false;
        }
        if (half_at(c, option) == OPTION_RESOLUTION && bytes == 1) {
            ticks = ticks_of(c->file.data[option + 4]);
        }
        option += step;
    }
    c->ticks[c->ports++] = half_at(c, at + 8) == LINKTYPE_ETHERNET ? ticks : 0;
    return true;
}

/* A packet with its time; false: it is none that we can judge. */
static bool read_packet(const struct capture *c, size_t at, size_t end,
                        struct captured *out)
{
    if (end - at < 28) {
        return false;
    }
    const u32 port = word_at(c, at + 8);
    const u64 ticks = port < c->ports ? c->ticks[port] : 0;
    const u64 time = (u64)word_at(c, at + 12) << 32 | word_at(c, at + 16);
    out->have = word_at(c, at + 20);
    out->bytes = word_at(c, at + 24);
    out->frame = c->file.data + at + 28;
    if (ticks == 0 || out->have > end - at - 28 || out->have > out->bytes) {
        return false;
    }
    out->now_ns = time / ticks * 1000000000ull +
                  (u64)((double)(time % ticks) * 1e9 / (double)ticks);
    return true;
}

/* One without time: it follows the last one at once. */
static bool read_simple(const struct capture *c, size_t at, size_t end,
                        struct captured *out)
{
    if (end - at < 12 || c->ports == 0 || c->ticks[0] == 0) {
        return false;
    }
    const size_t room = end - at - 12;
    out->bytes = word_at(c, at + 8);
    out->have = out->bytes < room ? out->bytes : (u32)room;
    out->frame = c->file.data + at + 12;
    return true;
}

/* [draft-ietf-opsawg-pcapng]: blocks, each with its length in front and behind.
 * Those of kinds that we do not know are passed over. */
static bool next_ng(struct capture *c, struct captured *out)
{
    while (c->file.bytes - c->at >= 12) {
        const size_t at = c->at;
        if (be32(c->file.data + at) == BLOCK_SECTION) {
            const u32 order = be32(c->file.data + at + 8);
            c->is_swapped = order == 0x1a2b3c4d;
            c->ports = 0;
            if (order != 0x1a2b3c4d && order != 0x4d3c2b1a) {
                return false;
            }
        }
        const u32 type = word_at(c, at);
        const u32 bytes = word_at(c, at + 4);
        if (bytes < 12 || bytes % 4 != 0 || bytes > c->file.bytes - at) {
            return false;
        }
        c->at += bytes;
        const size_t end = at + bytes - 4;
        if (type == BLOCK_INTERFACE && !add_port(c, at, end)) {
            return false;
        }
        if ((type == BLOCK_PACKET && read_packet(c, at, end, out)) ||
            (type == BLOCK_SIMPLE && read_simple(c, at, end, out))) {
            return true;
        }
    }
    return false;
}

/* The next frame; false: no more that is whole. */
static bool capture_next(struct capture *c, struct captured *out)
{
    return c->is_ng ? next_ng(c, out) : next_classic(c, out);
}

static void put_line(const struct question *q, u64 number, const char *to,
                     const char *text, bool is_pass, bool is_json)
{
    (void)q;
    if (!is_json) {
        printf("%6llu %-5s %s%s%s\n", (unsigned long long)number,
               is_pass ? "pass" : "drop", text, to[0] != '\0' ? "  to " : "",
               to);
        return;
    }
    printf("{\"schema\":\"ringfence.explain-pcap.1\",\"frame\":%llu,"
           "\"passes\":%s,\"text\":",
           (unsigned long long)number, is_pass ? "true" : "false");
    json_string(stdout, text);
    printf(",\"to\":");
    json_string(stdout, to);
    printf("}\n");
}

static u32 sender_of(const struct question *q, const u8 *mac)
{
    for (u32 i = 0; i < q->rules.header->vif_count; i++) {
        if (mac_equal(q->rules.vif[i].mac, mac)) {
            return i;
        }
    }
    return RULES_NO_VIF;
}

/* To everybody on the bridge whom it is for. */
static void deliver(const struct question *q, struct filter *f, u32 from,
                    const struct packet *p, u64 number, u64 now_ns,
                    bool is_json)
{
    bool is_for_somebody = false;
    char text[200];

    for (u32 to = 0; to < f->rules.header->vif_count; to++) {
        struct filter_answer a;
        if (to == from ||
            memcmp(f->rules.vif[from].bridge, f->rules.vif[to].bridge,
                   sizeof(f->rules.vif[to].bridge)) != 0 ||
            !filter_accepts(f, to, p)) {
            continue;
        }
        const bool is_pass = filter_pass(f, from, to, p, now_ns, &a);
        filter_text(f, p, &a, text, sizeof(text));
        put_line(q, number, &f->rules.text[f->rules.vif[to].name], text,
                 is_pass, is_json);
        is_for_somebody = true;
    }
    if (!is_for_somebody) {
        const u32 used = packet_text(p, text, sizeof(text));
        snprintf(text + used, sizeof(text) - used, " %s",
                 drop_word(DROP_BIND_DEST));
        put_line(q, number, "", text, false, is_json);
    }
}

static void judge(const struct question *q, struct filter *f, const u8 *frame,
                  u32 have, u32 bytes, u64 number, u64 now_ns, bool is_json)
{
    struct packet p;
    char text[200];
    enum drop drop = packet_parse(&p, frame, have, bytes);
    const u32 from =
        drop == DROP_FRAME_SHORT ? RULES_NO_VIF : sender_of(q, p.from_mac);

    if (drop == DROP_NONE && from == RULES_NO_VIF) {
        drop = DROP_BIND_MAC;
    }
    if (drop == DROP_NONE) {
        drop = filter_source(f, from, &p);
    }
    if (drop == DROP_NONE) {
        deliver(q, f, from, &p, number, now_ns, is_json);
        return;
    }
    if (from == RULES_NO_VIF) { /* of whose interface, a capture cannot say */
        const u32 used = packet_text(&p, text, sizeof(text));
        snprintf(text + used, sizeof(text) - used, " %s", drop_word(drop));
    } else {
        const struct filter_answer a = { .drop = drop,
                                         .rule = FILTER_NO_RULE,
                                         .vif = (u16)from };
        (void)filter_text(f, &p, &a, text, sizeof(text));
    }
    put_line(q, number, "", text, false, is_json);
}

bool pcap_explain(struct question *q, const char *path, bool is_json,
                  struct fault *fault)
{
    struct capture c = { .at = 0 };
    struct captured p = { .now_ns = 0 };
    u64 number = 0;
    u64 now_ns = 0;

    if (!capture_open(&c, path, fault)) {
        free(c.file.data);
        return false;
    }
    struct filter *const f = mem_alloc(sizeof(*f));
    const u32 count = q->rules.header->vif_count;
    struct states *const states = mem_alloc(count * sizeof(*states));
    const char *const wrong = filter_load(f, q->blob.data, (u32)q->blob.bytes);
    for (u32 i = 0; wrong == NULL && i < count; i++) {
        states_init(&states[i], i);
        filter_attach(f, i, &states[i]);
    }
    while (wrong == NULL && capture_next(&c, &p)) {
        const u32 seen =
            p.have < PACKET_HEADER_MAX ? p.have : PACKET_HEADER_MAX;
        now_ns = p.now_ns > now_ns ? p.now_ns : now_ns; /* never back */
        judge(q, f, p.frame, seen, p.bytes, ++number, now_ns, is_json);
    }
    free(states);
    free(f);
    free(c.file.data);
    return wrong == NULL || fault_set(fault, "%s", wrong);
}
