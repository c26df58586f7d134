/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets and verdicts in words, for the log: see text.h, packet_text,
 * filter_text.
 */
#include "guests/router/text.h"

#include "guests/router/filter.h"

void text_begin(struct text *t, char *at, u32 room)
{
    t->at = at;
    t->room = room;
    t->used = 0;
    at[0] = 0;
}

static void put_char(struct text *t, char c)
{
    if (t->used + 1 < t->room) {
        t->at[t->used++] = c;
        t->at[t->used] = 0;
    }
}

void text_put(struct text *t, const char *word)
{
    for (u32 i = 0; word[i] != 0; i++) {
        put_char(t, word[i]);
    }
}

/* At least one digit. */
static void put_base(struct text *t, u32 number, u32 base)
{
    static const char digits[] = "0123456789abcdef";
    char reversed[10];
    u32 used = 0;

    do {
        reversed[used++] = digits[number % base];
        number /= base;
    } while (number != 0);
    while (used > 0) {
        put_char(t, reversed[--used]);
    }
}

void text_number(struct text *t, u32 number)
{
    put_base(t, number, 10);
}

static u32 group_of(struct addr a, u32 i)
{
    return (u32)((i < 4 ? a.high : a.low) >> (48 - 16 * (i % 4))) & 0xffffu;
}

/* The longest run of zero groups, two or more, is '::'. */
static void put_ip6(struct text *t, struct addr a)
{
    u32 best = 8;
    u32 best_count = 1;

    for (u32 i = 0; i < 8; i++) {
        u32 count = 0;
        while (i + count < 8 && group_of(a, i + count) == 0) {
            count++;
        }
        if (count > best_count) {
            best = i;
            best_count = count;
        }
    }
    for (u32 i = 0; i < 8; i++) {
        if (i == best) {
            text_put(t, "::");
            i += best_count - 1;
            continue;
        }
        if (i != 0 && i != best + best_count) {
            put_char(t, ':');
        }
        put_base(t, group_of(a, i), 16);
    }
}

void text_address(struct text *t, struct addr a, bool is_ip6)
{
    if (is_ip6) {
        put_ip6(t, a);
        return;
    }
    for (u32 i = 0; i < 4; i++) {
        if (i != 0) {
            put_char(t, '.');
        }
        text_number(t, (u32)(a.low >> (24 - 8 * i)) & 0xffu);
    }
}

static void put_end(struct text *t, const struct packet *p, struct addr a,
                    u16 port)
{
    const bool has_port = p->flow.proto == IP_TCP || p->flow.proto == IP_UDP;
    const bool is_bracketed = p->flow.is_ip6 && has_port;

    text_put(t, is_bracketed ? "[" : "");
    text_address(t, a, p->flow.is_ip6);
    text_put(t, is_bracketed ? "]" : "");
    if (has_port) {
        put_char(t, ':');
        text_number(t, port);
    }
}

static void put_proto(struct text *t, const struct packet *p)
{
    switch (p->flow.proto) {
    case IP_TCP:
        text_put(t, "tcp ");
        return;
    case IP_UDP:
        text_put(t, "udp ");
        return;
    case IP_ICMP:
    case IP_ICMP6:
        text_put(t, p->flow.proto == IP_ICMP ? "icmp/" : "icmp6/");
        text_number(t, p->icmp_type);
        put_char(t, ' ');
        return;
    default:
        text_put(t, "proto/");
        text_number(t, p->flow.proto);
        put_char(t, ' ');
        return;
    }
}

static void put_packet(struct text *t, const struct packet *p)
{
    const struct addr arp_from = { 0, p->arp_from };
    const struct addr arp_to = { 0, p->arp_to };

    if (p->type == ETH_ARP) {
        text_put(t, "arp ");
        text_address(t, arp_from, false);
        text_put(t, " -> ");
        text_address(t, arp_to, false);
        return;
    }
    if (p->type != ETH_IP4 && p->type != ETH_IP6) {
        text_put(t, "frame 0x");
        put_base(t, p->type, 16);
        return;
    }
    put_proto(t, p);
    put_end(t, p, p->flow.from, p->flow.from_port);
    text_put(t, " -> ");
    put_end(t, p, p->flow.to, p->flow.to_port);
}

u32 packet_text(const struct packet *packet, char *text, u32 room)
{
    struct text t;

    text_begin(&t, text, room);
    put_packet(&t, packet);
    return t.used;
}

/* Where in a tenant's file it is written that the packet passes or not. */
static void put_place(struct text *t, const struct filter *f,
                      const struct filter_answer *a)
{
    const struct rules_vif *const v = &f->rules.vif[a->vif];
    const bool is_list =
        a->drop == DROP_RULE_DEFAULT || a->drop == DROP_ISOLATED;
    u16 file = v->file;
    u16 line = is_list ? v->list_line : v->line;

    if (a->rule != FILTER_NO_RULE) {
        file = f->rules.rule[a->rule].file;
        line = f->rules.rule[a->rule].line;
    } else if (a->drop == DROP_NONE || file == 0) {
        return;
    }
    put_char(t, ' ');
    text_put(t, &f->rules.text[file]);
    put_char(t, ':');
    text_number(t, line);
}

u32 filter_text(const struct filter *f, const struct packet *p,
                const struct filter_answer *a, char *text, u32 room)
{
    char behind[128];
    struct text end;
    struct text t;

    text_begin(&end, behind, sizeof(behind));
    if (a->drop != DROP_NONE && a->drop != DROP_RULE) {
        put_char(&end, ' ');
        text_put(&end, drop_word(a->drop));
    }
    text_put(&end, a->is_picked ? " picked-up" : "");
    put_place(&end, f, a);
    /* A byte less than there is: a reader takes what fills its room for cut. */
    text_begin(&t, text, end.used + 2 < room ? room - end.used - 1 : 1);
    put_packet(&t, p);
    t.room = room;
    text_put(&t, behind);
    return t.used;
}
