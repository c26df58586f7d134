/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a rules blob: any bytes in all of its records, for some numbers
 * of records, among them the largest, and a length that is theirs or any other.
 * Nothing behind the blob is readable. A record's place is a multiple of its
 * index, so other numbers do not differ.
 */
#include "guests/router/rules.h"

struct shape {
    u16 vifs, rules, range6, range4, ports, text;
};

static u8 blob[RULES_BYTES_MAX];

void prove(void)
{
    static const struct shape shapes[] = {
        { 0, 0, 0, 0, 0, 1 },       { 1, 2, 1, 2, 3, 9 },
        { 2, 3, 2, 1, 0, 40 },      { 3, 0, 0, 4, 1, 1 },
        { 128, 1, 1, 1, 1, 16384 }, { 1, 1400, 2, 0, 1, 1 },
        { 129, 1, 1, 1, 1, 1 },     { 1, 1, 2000, 1, 1, 1 },
    };
    struct rules out;
    const u32 i = eva_below(ARRAY_COUNT(shapes));
    const u32 other = eva_below(2);
    u32 bytes;

    eva_any(blob);
    /*@ split i; */
    /*@ split other; */
    const struct shape *const s = &shapes[i];
    bytes = (u32)sizeof(struct rules_header) +
            s->vifs * (u32)sizeof(struct rules_vif) +
            s->rules * (u32)sizeof(struct rules_rule) +
            s->range6 * (u32)sizeof(struct rules_range6) +
            s->range4 * (u32)sizeof(struct rules_range4) +
            s->ports * (u32)sizeof(struct rules_ports) + s->text;
    if (bytes > RULES_BYTES_MAX) {
        bytes = RULES_BYTES_MAX;
    }
    struct rules_header *const h = (void *)(blob + sizeof(blob) - bytes);
    h->vif_count = s->vifs;
    h->rule_count = s->rules;
    h->range6_count = s->range6;
    h->range4_count = s->range4;
    h->ports_count = s->ports;
    h->text_bytes = s->text;
    const u32 told = other == 1 ? eva_below(bytes + 1) : bytes;
    if (rules_check(h, told, &out) == NULL) {
        (void)rules_find(&out, eva_u32(), eva_u32());
    }
}
