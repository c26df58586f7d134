/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of grammar.h, all of them expanded.
 */
#include "fuzz/grammar.h"

#include <string.h>

#include "policy/policy.h"

/* ---- structures -----------------------------------------------------------
 */

#define FIELD(type, name, kind, low, high)                                     \
    { #name, KIND_##kind, sizeof(type), 0, low, high },
#define FIELDS(s, bytes) static struct field fields_##s[] = { ARGS_##s(FIELD) };
ARG_STRUCTS(FIELDS)

#define SHAPE(s, bytes)                                                        \
    static const struct shape shape_##s = { #s, bytes,                         \
                                            ARRAY_COUNT(fields_##s),           \
                                            fields_##s };
ARG_STRUCTS(SHAPE)

/* There is no padding but what the table shows: offsets add up. */
static void lay_out(const struct shape *s)
{
    u32 at = 0;

    for (u32 i = 0; i < s->count; i++) {
        s->field[i].offset = (u16)at;
        at += s->field[i].bytes;
    }
    if (at != s->bytes) {
        fuzz_fail("arg_%s has %u bytes, its fields %u", s->name, s->bytes, at);
    }
}

const struct field *grammar_field(const struct shape *s, const char *name)
{
    for (u32 i = 0; i < s->count; i++) {
        if (strcmp(s->field[i].name, name) == 0) {
            return &s->field[i];
        }
    }
    return NULL;
}

/* ---- rows ------------------------------------------------------------------
 */

struct row grammar[HCROW_COUNT] = {
#define HC_R(n, s, w, name, r, o, g, d)                                        \
    [HCROW_##                                                                  \
        name] = { #name, d, n, s, WHERE_##w, 'R', 0, RIGHT_##r, NULL, { 0 } },
#define HC_S(n, s, w, name, p, a, r, o, g, d)                                  \
    [HCROW_##name] = { #name, d, n,         s,          WHERE_##w,             \
                       'S',   p, RIGHT_##r, &shape_##a, { 0 } },
#define HC_F(n, s, w, name, p, a, r, o, g, d)                                  \
    [HCROW_##name] = { #name, d, n,         s,          WHERE_##w,             \
                       'F',   p, RIGHT_##r, &shape_##a, { 0 } },
#define HC_B(n, s, w, name, a, r, o, g, d)                                     \
    [HCROW_##name] = { #name, d, n,         s,          WHERE_##w,             \
                       'B',   0, RIGHT_##r, &shape_##a, { 0 } },
#include "core/hypercalls.def"
};

/* What the registers mean; a row without a line does not link. */
#define REGISTERS(name, a, b, c, d)                                            \
    enum { REGISTERS_OF_##name = HCROW_##name };                               \
    static const u8 registers_##name[4] = { KIND_##a, KIND_##b, KIND_##c,      \
                                            KIND_##d };
#include "fuzz/registers.def"

#define HC_R(n, s, w, name, r, o, g, d)                                        \
    memcpy(grammar[HCROW_##name].registers, registers_##name, 4);
void grammar_init(void)
{
#define LAY_OUT(s, bytes) lay_out(&shape_##s);
    ARG_STRUCTS(LAY_OUT)
#include "core/hypercalls.def"
}
