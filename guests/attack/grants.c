/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks with grants, by two domains that are in it together: A19..A27. The
 * attacker grants, the helper maps; what is marked as over there runs in the
 * helper.
 */
#include "guests/attack/peer.h"

#define UVMF_INVLPG 2u
#define PIN_L1 0u
#define UNPIN 4u
#define REF REF_FIRST
#define PERMIT GTF_PERMIT
#define DOM_OTHER 900u
#define ABSENT_DOM 1000u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 page_frame(u32 n)
{
    return frame_of_page(scratch[n]);
}

/* The helper maps a grant of the frame to its window's page 1. */
static s64 map_frame(u64 frame, u32 grant_flags, u32 map_flags)
{
    grant_to_peer(REF, frame, grant_flags);
    return peer_call(peer_map, REF, map_flags, 1);
}

/* It gives the mapping back; r if that is done, and the entry is clean. */
static s64 unmap_then(s64 handle, s64 r)
{
    if (handle < 0) {
        grant_raw(REF, 0);
        return handle;
    }
    const s64 status = peer_call(peer_unmap, (u64)handle, 1, 0);
    const u64 word = grant_word(REF);
    grant_raw(REF, 0);
    if (status != 0) {
        return status - 100;
    }
    return (word & (GTF_READING | GTF_WRITING)) != 0 ? -200 : r;
}

/* What must not be mapped: the status, and no mark may stay. */
static s64 refused_map(u64 frame, u32 grant_flags, u32 map_flags)
{
    const s64 r = map_frame(frame, grant_flags, map_flags);
    const u64 word = grant_word(REF);
    if (r >= 0) {
        return unmap_then(r, 1);
    }
    grant_raw(REF, 0);
    return (word & (GTF_READING | GTF_WRITING)) != 0 ? -200 : r;
}

/* ---- A19: more than was granted --------------------------------------------
 */

static void store_to(u64 va)
{
    *(volatile u64 *)va = 0x4141414141414141ull;
}

static s64 store_there(u64 slot, u64 b, u64 c)
{
    (void)b;
    (void)c;
    return trapped(store_to, va_of(peer_window(slot)));
}

static s64 map_again_there(u64 slot, u64 frame, u64 flags)
{
    return map_va(va_of(peer_window(slot)), frame << PAGE_BITS | flags,
                  UVMF_INVLPG);
}

static s64 readonly_grant(void)
{
    return refused_map(page_frame(1), PERMIT | GTF_READONLY, MAP_RW);
}

s64 attack_gnt_readonly(void)
{
    return with_peer(readonly_grant);
}

static s64 readonly_store(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    s64 r = h < 0 ? h : peer_call(store_there, 1, 0, 0);
    if (*(volatile u64 *)(void *)scratch[1] != 0) {
        r = 1;
    }
    return unmap_then(h, r);
}

s64 attack_gnt_store(void)
{
    return with_peer(readonly_store);
}

static s64 readonly_upgrade(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    const s64 r =
        h < 0 ? h : peer_call(map_again_there, 1, page_frame(1), P_RW);
    return unmap_then(h, r);
}

s64 attack_gnt_upgrade(void)
{
    return with_peer(readonly_upgrade);
}

static s64 by_number(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RW);
    const s64 r =
        h < 0 ? h : peer_call(map_again_there, 2, page_frame(1), P_RO);
    return unmap_then(h, r);
}

s64 attack_gnt_by_number(void)
{
    return with_peer(by_number);
}

static s64 for_other(void)
{
    grant_raw(REF, PERMIT | (u64)DOM_OTHER << 16 | page_frame(1) << 32);
    const s64 r = peer_call(peer_map, REF, MAP_RO, 1);
    return r >= 0 ? unmap_then(r, 1) : r;
}

s64 attack_gnt_for_other(void)
{
    return with_peer(for_other);
}

/* Entries that permit nothing: unused, for a transfer, both, uncached. */
static s64 kinds(void)
{
    static const u32 bad[] = {
        0, 2, 3, PERMIT | 0x20, PERMIT | 0x40, PERMIT | 0x80
    };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        const s64 r = refused_map(page_frame(1), bad[i], MAP_RO);
        if (r != -1) {
            return r - 1000 * (s64)i;
        }
    }
    return -1;
}

s64 attack_gnt_kinds(void)
{
    return with_peer(kinds);
}

/* ---- A20: the frame goes, or is to become something else -------------------
 */

static s64 give_back(u64 frame)
{
    u64 list[1] = { frame };
    struct arg_memory_reservation a = { .extent_start = va_of(list),
                                        .nr_extents = 1,
                                        .domid = SELF };
    return call_decrease_reservation(0, &a);
}

static s64 balloon_mapped(void)
{
    const u64 frame = page_frame(1);
    const s64 h = map_frame(frame, PERMIT, MAP_RO);
    if (map_va(va_of(scratch[1]), 0, UVMF_INVLPG) != 0) {
        return unmap_then(h, 1);
    }
    const s64 r = give_back(frame);
    const s64 rc = map_va(va_of(scratch[1]), frame << PAGE_BITS | P_RW, 0);
    return unmap_then(h, rc != 0 ? 2 : r);
}

s64 attack_gnt_balloon(void)
{
    return with_peer(balloon_mapped);
}

static s64 withdrawn(void)
{
    const u64 frame = page_frame(1);
    const s64 h = map_frame(frame, PERMIT, MAP_RW);
    grant_raw(REF, 0);
    (void)page_protect(scratch[1], P_RO);
    const s64 held = mmu_ext(PIN_L1, frame, 0);
    const s64 r = unmap_then(h, held);
    /* Free again: now it may become a table. */
    if (mmu_ext(PIN_L1, frame, 0) != 0 || mmu_ext(UNPIN, frame, 0) != 0) {
        return 1;
    }
    return r;
}

s64 attack_gnt_withdrawn(void)
{
    return with_peer(withdrawn);
}

static s64 exchanged(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    grant_to_peer(REF, page_frame(2), PERMIT);
    const s64 second = peer_call(peer_map, REF, MAP_RO, 2);
    if (second >= 0) {
        (void)peer_call(peer_unmap, (u64)second, 2, 0);
    }
    return unmap_then(h, second >= 0 ? 1 : second);
}

s64 attack_gnt_exchanged(void)
{
    return with_peer(exchanged);
}

/* ---- A21: unmapping --------------------------------------------------------
 */

static s64 unmap_twice(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RW);
    const s64 first = unmap_then(h, 0);
    return first != 0 ? first - 1000 : peer_call(peer_unmap, (u64)h, 1, 0);
}

s64 attack_gnt_twice(void)
{
    return with_peer(unmap_twice);
}

/* Every number but the mail's and this one is nobody's. */
static s64 handles_there(u64 mine, u64 b, u64 c)
{
    s64 good = 0;
    (void)b;
    (void)c;
    for (u64 n = 0; n < 0x20000; n += 37) {
        if ((n & 0xffff) == 0 || n == mine) {
            continue;
        }
        good += peer_unmap(n * 0x8001, 1, 0) != -4 &&
                        (n * 0x8001 & 0xffff) != (mine & 0xffff) &&
                        (n * 0x8001 & 0xffff) != 0
                    ? 1
                    : 0;
    }
    return good;
}

static s64 wrong_handles(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    const s64 r = h < 0 ? h : peer_call(handles_there, (u64)h, 0, 0);
    return unmap_then(h, r);
}

s64 attack_gnt_handles(void)
{
    return with_peer(wrong_handles);
}

static s64 wrong_address(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    const s64 r = h < 0 ? h : peer_call(peer_unmap, (u64)h, 2, 0);
    return unmap_then(h, r);
}

s64 attack_gnt_address(void)
{
    return with_peer(wrong_address);
}

static s64 bus_there(u64 handle, u64 slot, u64 bus)
{
    struct arg_gnttab_unmap a = { .host_addr = va_of(peer_window(slot)),
                                  .dev_bus_addr = bus,
                                  .handle = (u32)handle };
    const s64 rc = call_grant_unmap(&a, 1, NULL);
    return rc != 0 ? rc - 1000 : *(volatile s16 *)&a.status;
}

static s64 wrong_bus(void)
{
    const u64 frame = page_frame(1);
    const s64 h = map_frame(frame, PERMIT, MAP_RO);
    const s64 r =
        h < 0 ? h : peer_call(bus_there, (u64)h, 1, frame << PAGE_BITS);
    return unmap_then(h, r);
}

s64 attack_gnt_bus(void)
{
    return with_peer(wrong_bus);
}

static s64 used_again(void)
{
    const s64 old = map_frame(page_frame(1), PERMIT, MAP_RO);
    (void)unmap_then(old, 0);
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RO);
    const s64 r = h < 0 ? h : peer_call(peer_unmap, (u64)old, 1, 0);
    return unmap_then(h, r);
}

s64 attack_gnt_used_again(void)
{
    return with_peer(used_again);
}

/* The helper writes its own page over the mapping: unmapping must end the use
 * of the grant and leave the page where it is. */
static s64 overwrite_there(u64 handle, u64 slot, u64 unused)
{
    u8 *const own = scratch[3];
    const u64 va = va_of(peer_window(slot));
    own[0] = 0x77;
    if (map_va(va, frame_of_page(own) << PAGE_BITS | P_RO, UVMF_INVLPG) != 0) {
        return 1;
    }
    const s64 status = peer_unmap(handle, slot, unused);
    const bool there = *(volatile u8 *)va == 0x77;
    own[0] = 0;
    return map_va(va, 0, UVMF_INVLPG) != 0 || !there ? 2 : status;
}

static s64 overwritten(void)
{
    const s64 h = map_frame(page_frame(1), PERMIT, MAP_RW);
    const s64 r = h < 0 ? h : peer_call(overwrite_there, (u64)h, 1, 0);
    const u64 word = grant_word(REF);
    grant_raw(REF, 0);
    return (word & (GTF_READING | GTF_WRITING)) != 0 ? -200 : r;
}

s64 attack_gnt_overwritten(void)
{
    return with_peer(overwritten);
}

/* ---- A23, A27: what is asked for -------------------------------------------
 */

static s64 flags(void)
{
    for (u32 f = 0; f < 64; f++) {
        const s64 r = f == MAP_RW || f == MAP_RO
                          ? -1
                          : refused_map(page_frame(1), PERMIT, f);
        if (r != -1) {
            return 1000 + f;
        }
    }
    return 0;
}

s64 attack_gnt_flags(void)
{
    return with_peer(flags);
}

static s64 references(void)
{
    static const u32 bad[] = { 512, 4096, 0x7fffffff, 0x80000000u, U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        const s64 r = peer_call(peer_map, bad[i], MAP_RO, 1);
        if (r != -3) {
            return r;
        }
    }
    return -3;
}

s64 attack_gnt_references(void)
{
    return with_peer(references);
}

static s64 place_there(u64 va, u64 dom, u64 unused)
{
    struct arg_gnttab_map a = {
        .host_addr = va, .flags = MAP_RW, .ref = REF, .dom = (u16)dom
    };
    (void)unused;
    const s64 rc = call_grant_map(&a, 1, NULL);
    return rc != 0 ? rc - 1000 : *(volatile s16 *)&a.status;
}

/* Into the hypervisor, the hole, between pages; and over a page of its own. */
static s64 places(void)
{
    static const u64 bad[] = { HV_START,
                               0xffff810000000000ull,
                               HV_END - PAGE_BYTES,
                               0x0000800000000000ull,
                               VIRT_BASE + 8,
                               U64_MAX - 4095 };
    grant_to_peer(REF, page_frame(1), PERMIT);
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        const s64 r = peer_call(place_there, bad[i], peer_attacker(), 0);
        if (r >= 0) {
            return i + 1;
        }
    }
    const s64 r = peer_call(place_there, va_of(scratch[1]), peer_attacker(), 0);
    grant_raw(REF, 0);
    return r;
}

s64 attack_gnt_places(void)
{
    return with_peer(places);
}

static s64 domains(void)
{
    const u64 va = va_of(peer_window(1));
    const s64 self = peer_call(place_there, va, SELF, 0);
    const s64 own = peer_call(place_there, va, peer_helper(), 0);
    const s64 absent = peer_call(place_there, va, ABSENT_DOM, 0);
    return self == own && own == absent ? absent : 1;
}

s64 attack_gnt_domains(void)
{
    return with_peer(domains);
}

/* ---- A26: frames that must not be given away -------------------------------
 */

static s64 live_table(void)
{
    for (u32 level = 1; level <= 4; level++) {
        const s64 r =
            refused_map(table_of(va_of(scratch[1]), level), PERMIT, MAP_RW);
        if (r != -1) {
            return 1000 + level;
        }
    }
    return -1;
}

s64 attack_gnt_table(void)
{
    return with_peer(live_table);
}

static s64 not_ours(void)
{
    const u64 bad[] = { start_info->shared_info >> PAGE_BITS, 0, 0x100, 0xfee00,
                        U32_MAX };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        const s64 r = refused_map(bad[i], PERMIT, MAP_RO);
        if (r != -1) {
            return 1000 + i;
        }
    }
    return -1;
}

s64 attack_gnt_not_ours(void)
{
    return with_peer(not_ours);
}

static s64 map_then_pin(void)
{
    const u64 frame = page_frame(1);
    const s64 h = map_frame(frame, PERMIT, MAP_RW);
    (void)page_protect(scratch[1], P_RO);
    return unmap_then(h, mmu_ext(PIN_L1, frame, 0));
}

s64 attack_gnt_pin(void)
{
    return with_peer(map_then_pin);
}
