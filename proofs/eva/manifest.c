/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot module's manifest: any bytes in all of its records, for some numbers
 * of records, among them the largest and what is beyond, and for modules that
 * end before, within and behind the manifest. A record's place is a multiple
 * of its index, so other numbers do not differ.
 */
#include "policy/manifest_check.h"

#define PAGES 6u
#define SHAPES 7u

static u8 module[PAGES * PAGE_BYTES];

void prove(void)
{
    static const u32 domains[SHAPES] = { 1, 2, 1, 0, 3, 1000, U32_MAX };
    static const u32 images[SHAPES] = { 1, 3, 52, 1, 0, 2000, U32_MAX };
    struct manifest_fault fault;
    struct mf_header *const h = (void *)(module + MF_OFFSET);
    const u32 shape = eva_below(SHAPES);
    const u32 pages = eva_below(PAGES + 1);
    const u32 less = eva_below(2);

    /*@ widen_hints global:"all", 32, 1024; */
    eva_any(module);
    /*@ split shape; */
    /*@ split pages; */
    /*@ split less; */
    h->domain_count = domains[shape];
    h->image_count = images[shape];
    const u64 bytes = (u64)pages * PAGE_BYTES - (pages != 0 ? less : 0);
    (void)manifest_check(module, bytes, &fault);
    (void)manifest_error_text(fault.error);
}
