/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network as a table, as JSON, as a graph for dot(1), as nftables.
 */
#include "rf/shownet.h"

#include <stdlib.h>
#include <string.h>

#include "guests/router/bytes.h"
#include "guests/router/text.h"
#include "rf/explain.h"
#include "rf/reach.h"

static void address_text(const struct rules_vif *v, bool is_ip6, u32 i,
                         char *out, u32 room)
{
    const struct addr a =
        is_ip6 ? (struct addr){ be64(v->ip6[i]), be64(v->ip6[i] + 8) }
               : (struct addr){ 0, v->ip4[i] };
    struct text t;

    text_begin(&t, out, room);
    text_address(&t, a, is_ip6);
}

static const char *name_of(const struct rules *r, u32 vif)
{
    return &r->text[r->vif[vif].name];
}

/* ---- interfaces ---- */

static void print_vif(const struct rules *r, u32 i)
{
    const struct rules_vif *const v = &r->vif[i];
    char end[48];
    char text[64];

    snprintf(end, sizeof(end), "%s.vif%u", name_of(r, i), v->handle);
    printf("%-20s %-11s %02x:%02x:%02x:%02x:%02x:%02x ", end, v->bridge,
           v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
    for (u32 k = 0; k < (u32)v->ip4_count + v->ip6_count; k++) {
        const bool is_ip6 = k >= v->ip4_count;
        address_text(v, is_ip6, is_ip6 ? k - v->ip4_count : k, text,
                     sizeof(text));
        printf(" %s", text);
    }
    if (v->rate_bytes != 0) {
        printf("  %.4g Mbit/s", v->rate_bytes * 8 / 1e6);
    }
    if (v->rate_packets != 0) {
        printf("  %u packets/s", v->rate_packets);
    }
    printf("  %u out, %u in\n", v->out_count, v->in_count);
}

static void json_vif(const struct rules *r, u32 i)
{
    const struct rules_vif *const v = &r->vif[i];
    char text[64];

    printf("%s\n{\"tenant\":", i == 0 ? "" : ",");
    json_string(stdout, name_of(r, i));
    printf(",\"number\":%u,\"bridge\":", v->handle);
    json_string(stdout, v->bridge);
    printf(",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"ip\":[", v->mac[0],
           v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
    for (u32 k = 0; k < (u32)v->ip4_count + v->ip6_count; k++) {
        const bool is_ip6 = k >= v->ip4_count;
        address_text(v, is_ip6, is_ip6 ? k - v->ip4_count : k, text,
                     sizeof(text));
        printf("%s\"%s\"", k == 0 ? "" : ",", text);
    }
    printf("],\"rate_bytes\":%u,\"rate_packets\":%u,\"rules_out\":%u,"
           "\"rules_in\":%u}",
           v->rate_bytes, v->rate_packets, v->out_count, v->in_count);
}

/* ---- pairs ---- */

static void json_pair(const struct rules *r, u32 from, u32 to, char **word,
                      size_t count, size_t printed)
{
    printf("%s\n{\"from\":\"%s.vif%u\",\"to\":\"%s.vif%u\",\"allowed\":[",
           printed == 0 ? "" : ",", name_of(r, from), r->vif[from].handle,
           name_of(r, to), r->vif[to].handle);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ",", stdout);
        json_string(stdout, word[i]);
    }
    fputs("]}", stdout);
}

static void text_pair(const struct rules *r, u32 from, u32 to, char **word,
                      size_t count, bool is_dot)
{
    printf(is_dot ? "  \"%s\" -> \"%s\" [label=\"" : "%-15s %-15s ",
           name_of(r, from), name_of(r, to));
    for (size_t i = 0; i < count; i++) {
        printf("%s%s", i == 0 ? "" : is_dot ? "\\n" : ", ", word[i]);
    }
    puts(is_dot ? "\"];" : "");
}

static void print_pairs(const struct rules *r, enum net_form form)
{
    size_t printed = 0;

    for (u32 from = 0; from < r->header->vif_count; from++) {
        for (u32 to = 0; to < r->header->vif_count; to++) {
            const struct reach_pair pair = { r, from, to };
            struct reach reach;
            char **word;
            if (from == to) {
                continue;
            }
            reach_find(&pair, 1, &reach);
            const size_t count = reach_words(&reach, 1, &word);
            if (count != 0 && form == NET_JSON) {
                json_pair(r, from, to, word, count, printed);
            } else if (count != 0) {
                text_pair(r, from, to, word, count, form == NET_DOT);
            }
            printed += count != 0 ? 1 : 0;
            reach_words_free(word, count);
            free(reach.cell);
        }
    }
    if (printed == 0 && form == NET_TABLE) {
        puts("nobody            nobody          nothing");
    }
}

static void print_table(const struct rules *r)
{
    printf("\n%-20s %-11s %-18s ADDRESSES, RATE, RULES\n", "INTERFACE",
           "BRIDGE", "MAC");
    for (u32 i = 0; i < r->header->vif_count; i++) {
        print_vif(r, i);
    }
    printf("\n%-15s %-15s MAY BEGIN (all else is blocked)\n", "WHO", "WITH");
    print_pairs(r, NET_TABLE);
}

void show_network(const struct tenant_set *set, enum net_form form)
{
    struct question q = { .set = set };
    struct fault fault;

    if (!question_begin(&q, &fault)) {
        return; /* tenant_set_load has compiled the same rules before */
    }
    const struct rules *const r = &q.rules;
    if (form == NET_NFT) {
        pf_print_nft(stdout, set, r);
    } else if (form == NET_DOT) {
        puts("digraph ringfence {");
        for (u32 i = 0; i < r->header->vif_count; i++) {
            printf("  \"%s\";\n", name_of(r, i));
        }
        print_pairs(r, form);
        puts("}");
    } else if (r->header->vif_count != 0 && form == NET_JSON) {
        fputs(",\"interfaces\":[", stdout);
        for (u32 i = 0; i < r->header->vif_count; i++) {
            json_vif(r, i);
        }
        fputs("],\"flows\":[", stdout);
        print_pairs(r, form);
        putchar(']');
    } else if (r->header->vif_count != 0) {
        print_table(r);
    }
    question_end(&q);
}
