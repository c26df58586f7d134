/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture, judged frame by frame as the router would: bindings, flows,
 * rules, with the time of the capture. Read as hostile. Format: classic pcap
 * [draft-ietf-opsawg-pcap], microseconds or nanoseconds, either byte order.
 */
#include <stdlib.h>
#include <string.h>

#include "guests/router/bytes.h"
#include "rf/explain.h"

#define CAPTURE_BYTES_MAX (1ull << 30)
#define LINKTYPE_ETHERNET 1u

struct capture {
    struct blob file;
    size_t at;
    bool is_swapped;
    u64 tick_ns;
};

static u32 word_at(const struct capture *c, size_t at)
{
    const u32 big = be32(c->file.data + at);

    return c->is_swapped ? big : __builtin_bswap32(big);
}

static bool capture_open(struct capture *c, const char *path,
                         struct fault *fault)
{
    if (!file_read(path, CAPTURE_BYTES_MAX, &c->file, fault)) {
        return false;
    }
    const u32 magic = c->file.bytes >= 24 ? word_at(c, 0) : 0;
    const u32 turned = __builtin_bswap32(magic);
    c->is_swapped = turned == 0xa1b2c3d4 || turned == 0xa1b23c4d;
    c->tick_ns = magic == 0xa1b23c4d || turned == 0xa1b23c4d ? 1 : 1000;
    c->at = 24;
    if (magic == 0x0a0d0d0a) {
        fault_set(fault, "'%s' is a pcapng file", path);
        return fault_help(fault, "editcap -F pcap makes it a pcap file");
    }
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d && !c->is_swapped) {
        return fault_set(fault, "'%s' is no capture", path);
    }
    return word_at(c, 20) == LINKTYPE_ETHERNET ||
           fault_set(fault, "'%s' is not of Ethernet", path);
}

/* The next frame; false: no more that is whole. */
static bool capture_next(struct capture *c, const u8 **frame, u32 *have,
                         u32 *bytes, u64 *now_ns)
{
    if (c->file.bytes - c->at < 16) {
        return false;
    }
    *have = word_at(c, c->at + 8);
    *bytes = word_at(c, c->at + 12);
    *now_ns =
        word_at(c, c->at) * 1000000000ull + word_at(c, c->at + 4) * c->tick_ns;
    *frame = c->file.data + c->at + 16;
    if (*have > c->file.bytes - c->at - 16 || *have > *bytes) {
        return false;
    }
    c->at += 16 + *have;
    return true;
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
    const u8 *frame;
    u32 have;
    u32 bytes;
    u64 now_ns;
    u64 number = 0;

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
    while (wrong == NULL && capture_next(&c, &frame, &have, &bytes, &now_ns)) {
        const u32 seen = have < PACKET_HEADER_MAX ? have : PACKET_HEADER_MAX;
        judge(q, f, frame, seen, bytes, ++number, now_ns, is_json);
    }
    free(states);
    free(f);
    free(c.file.data);
    return wrong == NULL || fault_set(fault, "%s", wrong);
}
