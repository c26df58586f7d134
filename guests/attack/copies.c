/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by grant copies, and by as many mappings as there can be: A24, A25.
 * The helper copies: between grants of the attacker's and frames of its own.
 */
#include "guests/attack/peer.h"

#define REF REF_FIRST
#define REF_OTHER (REF_FIRST + 1)
#define SRC_REF 1u
#define DST_REF 2u
#define MARK 0x5a
#define ABSENT_DOM 1000u
#define UVMF_INVLPG 2u
#define MAPS_AT 508u /* slots of the L2 that maps the image */
#define MAPS_L1 3u
#define MAPS_MOST (MAPS_L1 * 512u)
#define STATUS_NO_SPACE (-13)

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* What is to be copied, in the attacker's page 5: it reads it over there by a
 * mapping, so that all its fields can be wrong. */
static s64 copy_there(u64 slot, u64 b, u64 c)
{
    struct arg_gnttab_copy a;
    const u8 *from = peer_window(slot);
    (void)b;
    (void)c;
    for (u32 i = 0; i < sizeof(a); i++) {
        ((u8 *)&a)[i] = *(const volatile u8 *)&from[i];
    }
    const s64 rc = call_grant_copy(&a, 1, NULL);
    return rc != 0 ? rc - 1000 : *(volatile s16 *)&a.status;
}

/* The helper makes the copy that is described; it may not change page 4. */
static s64 copy(struct arg_gnttab_copy *a)
{
    struct arg_gnttab_copy *const order = (void *)scratch[5];
    const u32 ref = REF_FIRST + 8;
    *order = *a;
    grant_to_peer(ref, frame_of_page(order), GTF_PERMIT);
    const s64 h = peer_call(peer_map, ref, MAP_RO, 0);
    const s64 r = h < 0 ? h - 2000 : peer_call(copy_there, 0, 0, 0);
    if (h >= 0 && peer_call(peer_unmap, (u64)h, 0, 0) != 0) {
        return -3000;
    }
    grant_raw(ref, 0);
    return r;
}

/* From the attacker's page 1 to its page 2, both by reference. */
static struct arg_gnttab_copy both(u32 flags)
{
    fill(scratch[1], MARK, PAGE_BYTES);
    grant_to_peer(REF, frame_of_page(scratch[1]), GTF_PERMIT | GTF_READONLY);
    grant_to_peer(REF_OTHER, frame_of_page(scratch[2]), GTF_PERMIT | flags);
    return (struct arg_gnttab_copy){ .src_ref = REF,
                                     .src_dom = (u16)peer_attacker(),
                                     .dst_ref = REF_OTHER,
                                     .dst_dom = (u16)peer_attacker(),
                                     .len = 16,
                                     .flags = SRC_REF | DST_REF };
}

/* r, if page 2 is as it was and no entry is marked. */
static s64 untouched(s64 r)
{
    const u64 marks =
        (grant_word(REF) | grant_word(REF_OTHER)) & (GTF_READING | GTF_WRITING);
    grant_raw(REF, 0);
    grant_raw(REF_OTHER, 0);
    for (u32 i = 0; i < PAGE_BYTES; i++) {
        if (*(volatile u8 *)&scratch[2][i] != 0) {
            return 1;
        }
    }
    return marks != 0 ? 2 : r;
}

static s64 exact(void)
{
    struct arg_gnttab_copy a = both(0);
    a.src_offset = 4096 - 24;
    a.dst_offset = 8;
    a.len = 24;
    const s64 r = copy(&a);
    for (u32 i = 0; r == 0 && i < PAGE_BYTES; i++) {
        const u8 wanted = i >= 8 && i < 32 ? MARK : 0;
        if (*(volatile u8 *)&scratch[2][i] != wanted) {
            return 1000 + i;
        }
    }
    fill(scratch[2], 0, PAGE_BYTES);
    return untouched(r);
}

s64 attack_copy_exact(void)
{
    return with_peer(exact);
}

static s64 beyond(void)
{
    static const struct {
        u16 src, dst, len;
    } bad[] = { { 0, 1, 4096 },   { 1, 0, 4096 },    { 4096, 0, 1 },
                { 0, 4096, 1 },   { 0xffff, 0, 1 },  { 0, 0xffff, 0xffff },
                { 0, 0, 0xffff }, { 4095, 4095, 2 }, { 0, 0, 4097 } };
    struct arg_gnttab_copy a = both(0);
    s64 r = 0;
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        a.src_offset = bad[i].src;
        a.dst_offset = bad[i].dst;
        a.len = bad[i].len;
        r = copy(&a);
        if (r != -10) {
            return untouched(1000 + i);
        }
    }
    return untouched(r);
}

s64 attack_copy_beyond(void)
{
    return with_peer(beyond);
}

static s64 into_readonly(void)
{
    struct arg_gnttab_copy a = both(GTF_READONLY);
    return untouched(copy(&a));
}

s64 attack_copy_readonly(void)
{
    return with_peer(into_readonly);
}

static s64 by_frame(void)
{
    struct arg_gnttab_copy a = both(0);
    a.flags = SRC_REF;
    a.dst_ref = frame_of_page(scratch[2]);
    const s64 r = copy(&a);
    a.flags = DST_REF;
    a.src_ref = frame_of_page(scratch[1]);
    a.dst_ref = REF_OTHER;
    return untouched(copy(&a) == r ? r : 3);
}

s64 attack_copy_by_frame(void)
{
    return with_peer(by_frame);
}

/* As the helper's own frame, by number: the attacker's, and nobody's. */
static s64 as_own(void)
{
    const u64 bad[] = { frame_of_page(scratch[2]), 0x100, 0xfee00, U64_MAX };
    struct arg_gnttab_copy a = both(0);
    s64 r = 0;
    a.flags = SRC_REF;
    a.dst_dom = SELF;
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        a.dst_ref = bad[i];
        r = copy(&a);
        if (r != -1) {
            return untouched(1000 + i);
        }
    }
    return untouched(r);
}

s64 attack_copy_as_own(void)
{
    return with_peer(as_own);
}

static s64 into_table(void)
{
    for (u32 level = 1; level <= 4; level++) {
        struct arg_gnttab_copy a = both(0);
        grant_to_peer(REF_OTHER, table_of(va_of(scratch[1]), level),
                      GTF_PERMIT);
        const s64 r = copy(&a);
        if (r != -1) {
            return untouched(1000 + level);
        }
    }
    return untouched(-1);
}

s64 attack_copy_table(void)
{
    return with_peer(into_table);
}

static s64 overlapping(void)
{
    struct arg_gnttab_copy a = both(0);
    fill(scratch[1], 0, PAGE_BYTES);
    a.src_ref = REF_OTHER;
    a.dst_offset = 8;
    return untouched(copy(&a));
}

s64 attack_copy_overlap(void)
{
    return with_peer(overlapping);
}

static s64 odd_flags(void)
{
    struct arg_gnttab_copy a = both(0);
    s64 r = 0;
    for (u32 bit = 2; bit < 16; bit++) {
        a.flags = (u16)(SRC_REF | DST_REF | 1u << bit);
        r = copy(&a);
        if (r != -1) {
            return untouched(1000 + bit);
        }
    }
    return untouched(r);
}

s64 attack_copy_flags(void)
{
    return with_peer(odd_flags);
}

static s64 nobody(void)
{
    struct arg_gnttab_copy a = both(0);
    a.src_dom = ABSENT_DOM;
    return untouched(copy(&a));
}

s64 attack_copy_nobody(void)
{
    return with_peer(nobody);
}

/* ---- A25: all there are ----------------------------------------------------
 */

static u64 maps_va(u64 n)
{
    return VIRT_BASE + ((u64)MAPS_AT << 21) + (n << PAGE_BITS);
}

/* Over there: L1 tables without entries where nothing is, or none again. */
static s64 room_there(bool wanted)
{
    for (u32 i = 0; i < MAPS_L1; i++) {
        u8 *const l1 = scratch[1 + i];
        const u64 at = entry_of(maps_va(512ull * i), 2);
        const u64 value = frame_of_page(l1) << PAGE_BITS | P_TABLE;
        if (wanted && page_protect(l1, P_RO) != 0) {
            return 1;
        }
        if (mmu_write(at, wanted ? value : 0) != 0) {
            return 2;
        }
        if (!wanted && page_protect(l1, P_RW) != 0) {
            return 3;
        }
    }
    return 0;
}

static s64 map_nth(u64 n, u64 ref)
{
    struct arg_gnttab_map a = { .host_addr = maps_va(n),
                                .flags = n % 2 == 0 ? MAP_RW : MAP_RO,
                                .ref = (u32)ref,
                                .dom = (u16)peer_attacker() };
    const s64 rc = call_grant_map(&a, 1, NULL);
    const s64 status = *(volatile s16 *)&a.status;
    return rc != 0       ? rc - 1000
           : status != 0 ? status
                         : (s64) * (volatile u32 *)&a.handle;
}

static s64 unmap_nth(u64 n, u32 handle)
{
    struct arg_gnttab_unmap a = { .host_addr = maps_va(n), .handle = handle };
    const s64 rc = call_grant_unmap(&a, 1, NULL);
    return rc != 0 ? rc : *(volatile s16 *)&a.status;
}

/* Map until it is refused, give back from both ends to the middle. */
static s64 all_there(u64 ref, u64 refs, u64 unused)
{
    static u32 handles[MAPS_MOST];
    u64 count = 0;
    s64 r = room_there(true);
    (void)unused;
    if (r != 0) {
        return r;
    }
    while (count < MAPS_MOST && r >= 0) {
        r = map_nth(count, ref + count % refs);
        if (r >= 0) {
            handles[count++] = (u32)r;
        }
    }
    for (u64 i = 0; i < count; i++) {
        const u64 n = i % 2 == 0 ? i / 2 : count - 1 - i / 2;
        if (unmap_nth(n, handles[n]) != 0) {
            return 4;
        }
    }
    const s64 end = room_there(false);
    return end != 0 ? end : count < 500 ? 5 : r;
}

static s64 all_of_one(void)
{
    grant_to_peer(REF, frame_of_page(scratch[1]), GTF_PERMIT);
    return untouched(peer_call(all_there, REF, 1, 0));
}

s64 attack_gnt_one_often(void)
{
    return with_peer(all_of_one);
}

static s64 all_of_many(void)
{
    for (u32 i = 0; i < 400; i++) {
        grant_to_peer(REF + i, frame_of_page(scratch[i % PAGES]), GTF_PERMIT);
    }
    const s64 r = peer_call(all_there, REF, 400, 0);
    for (u32 i = 0; i < 400; i++) {
        if ((grant_word(REF + i) & (GTF_READING | GTF_WRITING)) != 0) {
            return 1000 + i;
        }
        grant_raw(REF + i, 0);
    }
    return r;
}

s64 attack_gnt_many(void)
{
    return with_peer(all_of_many);
}
