/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of hypercalls, expanded from core/hypercalls.def and
 * core/args.def; only what the registers of an R row mean is told by hand
 * (fuzz/registers.def). A row or field that is added there is fuzzed.
 */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H

#include "core/abi.h"
#include "fuzz/fuzz.h"

enum kind {
    KIND_NONE,
    KIND_VAL,
    KIND_DOM,
    KIND_PORT,
    KIND_VCPU,
    KIND_GREF,
    KIND_MFN,
    KIND_MADDR,
    KIND_PTE,
    KIND_GVA,
    KIND_FLAGS,
    KIND_COUNT,
    KIND_ENUM,
    KIND_OUT,
    KIND_PAD,
    KIND_IO,
    KIND_TEXT,
    KIND_TIME, /* of registers only: a point in time, */
    KIND_SUB,  /* the sub-operation, */
    KIND_DESC  /* a segment descriptor */
};

struct field {
    const char *name;
    u8 kind; /* enum kind */
    u8 bytes;
    u16 offset;
    u64 low, high;
};

struct shape {
    const char *name;
    u32 bytes, count;
    struct field *field; /* in the order of the structure */
};

enum where { WHERE_NONE, WHERE_A0, WHERE_A1, WHERE_ELEM, WHERE_FIELD };

struct row {
    const char *name, *doc;
    u32 nr, sub;
    u8 where;                  /* enum where */
    char kind;                 /* 'R', 'S', 'B', 'F' */
    u8 pointer;                /* S: argument that points to the structure */
    u8 right;                  /* enum right */
    const struct shape *shape; /* NULL for 'R' */
    u8 registers[4];           /* enum kind, for 'R' */
};

/* Rows 1..HCROW_COUNT-1, by enum hc_row. */
extern struct row grammar[HCROW_COUNT];

/* Fill the tables in; once. */
void grammar_init(void);

/* The field of that name, or NULL. */
const struct field *grammar_field(const struct shape *s, const char *name);

#endif
