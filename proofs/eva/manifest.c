/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot module's manifest: any bytes in all of its records, for some numbers
 * of records and for modules that end where the manifest does, or sooner, or
 * with an image more. That no other numbers differ is the argument of
 * manifest.c: a record's place is a multiple of its index.
 */
#include "policy/manifest_check.h"

#define PAGES 12u

static u8 module[PAGES * PAGE_BYTES];

void prove(void)
{
    static const u32 domains[] = { 0, 1, 2, 3, MF_DOMAINS_MAX, U32_MAX };
    static const u32 images[] = { 0, 1, 2, 51, 52, MF_IMAGES_MAX, U32_MAX };
    struct manifest_fault fault;
    struct mf_header *const h = (void *)(module + MF_OFFSET);
    const u32 d = eva_below(ARRAY_COUNT(domains));
    const u32 i = eva_below(ARRAY_COUNT(images));
    const u32 pages = eva_below(PAGES + 1);
    const u32 less = eva_below(2);

    eva_any(module);
    /*@ split d; */
    /*@ split i; */
    /*@ split pages; */
    /*@ split less; */
    h->domain_count = domains[d];
    h->image_count = images[i];
    const u64 bytes = (u64)pages * PAGE_BYTES - (pages != 0 ? less : 0);
    (void)manifest_check(module, bytes, &fault);
    (void)manifest_error_text(fault.error);
}
