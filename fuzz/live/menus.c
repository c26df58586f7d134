/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which name byte 0 of a record chooses, for each target that is a sequence of
 * calls: a line a target, its name and the items of its menu in order. What
 * fuzz/live/seeds needs to write one sequence for all of them. The targets
 * themselves are asked: they come to seq_run with their family.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz/seq.h"

static const char *const rows[HCROW_COUNT] = {
#define HC_ANY(nr, sub, where, name, shape, right, object, guest, doc)         \
    [HCROW_##name] = #name,
#include "core/hypercalls.def"
};

static const u32 numbers[HCROW_COUNT] = {
#define HC_ANY(nr, sub, where, name, shape, right, object, guest, doc)         \
    [HCROW_##name] = nr,
#include "core/hypercalls.def"
};

/* As make_menu of fuzz/seq.c. */
void seq_run(struct seq *q, const struct family *family, const u8 *data,
             size_t bytes)
{
    (void)q;
    (void)data;
    (void)bytes;
    for (u32 row = 1; row < HCROW_COUNT; row++) {
        if ((family->numbers >> numbers[row] & 1) != 0 &&
            row != HCROW_multicall) {
            printf(" %s", rows[row]);
        }
    }
    for (u32 act = 0; act < ACT_COUNT; act++) {
        if ((family->acts >> act & 1) != 0) {
            printf(" act-%u", act);
        }
    }
}

void fuzz_fail(const char *format, ...)
{
    (void)format;
    __builtin_trap();
}

int main(void)
{
#define SEQUENCE(name)                                                         \
    printf(#name);                                                             \
    target_##name(NULL, 0);                                                    \
    printf("\n");
    SEQUENCE(hypercall)
    SEQUENCE(pgtable)
    SEQUENCE(grants)
    SEQUENCE(events)
    SEQUENCE(memory)
    SEQUENCE(multicall)
    SEQUENCE(life)
    return 0;
}
