/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on page tables: A01..A13.
 */
#include "guests/attack/attack.h"

#define UVMF_INVLPG 2u
#define PIN_L1 0u
#define PIN_L3 2u
#define PIN_L4 3u
#define UNPIN 4u
#define NEW_BASEPTR 5u
#define APIC_FRAME 0xfee00u
#define FAR_FRAME 0xffffff000ull
#define FREE_SLOT 7u /* of the L4: nothing of ours is there */
#define LINEAR_VA 0xffff810000000000ull

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 here(void)
{
    return va_of(scratch[0]);
}

static u64 l4_entry(u32 index)
{
    return (table_of(here(), 4) << PAGE_BITS) + index * 8ull;
}

/* ---- A01, A02: a writable view of a page table -----------------------------
 */

/* Map the frame where scratch page 0 is; the entry must not have changed. */
static s64 map_here(u64 frame, u64 flags)
{
    const u64 before = entry_value(here(), 1) & ~P_DIRTY;
    const s64 rc = mmu_write(entry_of(here(), 1), frame << PAGE_BITS | flags);
    const u64 after = entry_value(here(), 1) & ~P_DIRTY;
    return rc != 0 && before != after ? 1 : rc;
}

s64 attack_live_l4(void)
{
    return map_here(table_of(here(), 4), P_RW);
}

s64 attack_live_l4_va(void)
{
    return map_va(here(), table_of(here(), 4) << PAGE_BITS | P_RW, UVMF_INVLPG);
}

s64 attack_live_l3(void)
{
    return map_here(table_of(here(), 3), P_RW);
}

s64 attack_live_l2(void)
{
    return map_here(table_of(here(), 2), P_RW);
}

s64 attack_live_l1(void)
{
    return map_here(table_of(here(), 1), P_RW);
}

s64 attack_idle_l4(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    (void)page_protect(scratch[1], P_RO);
    s64 rc = mmu_ext(PIN_L4, frame, 0);
    if (rc != 0) {
        return rc - 10000;
    }
    rc = map_here(frame, P_RW);
    return mmu_ext(UNPIN, frame, 0) == 0 ? rc : 2;
}

s64 attack_pin_writable(void)
{
    return mmu_ext(PIN_L1, frame_of_page(scratch[1]), 0);
}

/* ---- A03, A04: levels
 * -------------------------------------------------------- */

s64 attack_recursive(void)
{
    const u64 l4 = table_of(here(), 4);
    return mmu_write(l4_entry(FREE_SLOT), l4 << PAGE_BITS | P_PRESENT | P_USER);
}

s64 attack_same_level(void)
{
    const u64 l2 = table_of(here(), 2);
    return mmu_write(l2 << PAGE_BITS, l2 << PAGE_BITS | P_TABLE);
}

s64 attack_skip_level(void)
{
    const u64 l3 = table_of(here(), 3);
    return mmu_write(l3 << PAGE_BITS,
                     table_of(here(), 1) << PAGE_BITS | P_TABLE);
}

/* ---- A05, A06, A13: bits
 * ------------------------------------------------------- */

s64 attack_large_new(void)
{
    const u64 l2 = table_of(here(), 2);
    return mmu_write((l2 << PAGE_BITS) + 511 * 8, P_TABLE | P_LARGE);
}

s64 attack_large_toggle(void)
{
    const u64 entry = entry_of(here(), 2);
    return mmu_write(entry, entry_value(here(), 2) | P_LARGE);
}

s64 attack_large_pin(void)
{
    u64 *l2 = (u64 *)(void *)scratch[1];
    u64 *l3 = (u64 *)(void *)scratch[2];
    l2[0] = P_TABLE | P_LARGE;
    l3[0] = frame_of_page(l2) << PAGE_BITS | P_TABLE;
    (void)page_protect(l2, P_RO);
    (void)page_protect(l3, P_RO);
    const s64 rc = mmu_ext(PIN_L3, frame_of_page(l3), 0);
    /* Both are plain memory again. */
    if (page_protect(l2, P_RW) != 0 || page_protect(l3, P_RW) != 0) {
        return 2;
    }
    return rc;
}

/* Bits of the whitelist: P W U A D G, 9..11, 52..58 and NX. */
static bool bit_allowed(u32 bit)
{
    return bit <= 2 || bit == 5 || bit == 6 || (bit >= 8 && bit <= 11) ||
           (bit >= 52 && bit <= 58) || bit == 63;
}

static bool bit_is_frame(u32 bit)
{
    return bit >= 12 && bit < 52;
}

s64 attack_bits_l1(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    for (u32 bit = 0; bit < 64; bit++) {
        if (bit_is_frame(bit)) {
            continue;
        }
        const u64 value = frame << PAGE_BITS | P_RO | 1ull << bit;
        const s64 rc = map_va(va_of(scratch[2]), value, UVMF_INVLPG);
        if (rc != (bit_allowed(bit) ? 0 : -EINVAL)) {
            return bit + 1;
        }
    }
    return 0;
}

s64 attack_bits_l2(void)
{
    const u64 entry = entry_of(here(), 2);
    const u64 old = entry_value(here(), 2);
    for (u32 bit = 1; bit < 63; bit++) { /* not NX: we run here */
        if (bit_is_frame(bit)) {
            continue;
        }
        const s64 rc = mmu_write(entry, old | 1ull << bit);
        if (rc != (bit_allowed(bit) ? 0 : -EINVAL)) {
            return bit + 1;
        }
    }
    return mmu_write(entry, old);
}

s64 attack_cache_bits(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    return map_va(here(), frame << PAGE_BITS | P_RW | 0x10, UVMF_INVLPG);
}

/* ---- A07: the hypervisor's part
 * -------------------------------------------------- */

s64 attack_hv_slots(void)
{
    for (u32 slot = 256; slot <= 271; slot++) {
        const u64 value = table_of(here(), 3) << PAGE_BITS | P_TABLE;
        if (mmu_write(l4_entry(slot), value) != -EINVAL ||
            mmu_write(l4_entry(slot), 0) != -EINVAL) {
            return slot;
        }
    }
    return 0;
}

s64 attack_hv_walk(void)
{
    return map_va(va_of(M2P), frame_of_page(scratch[1]) << PAGE_BITS | P_RW,
                  UVMF_INVLPG);
}

static void store_to(u64 va)
{
    *(volatile u64 *)va = 0;
}

static void load_from(u64 va)
{
    (void)*(volatile u64 *)va;
}

s64 attack_m2p_store(void)
{
    return trapped(store_to, va_of(&M2P[frame_of_page(scratch[0])]));
}

s64 attack_linear_load(void)
{
    return trapped(load_from, LINEAR_VA + (table_of(here(), 4) << PAGE_BITS));
}

s64 attack_hv_table_write(void)
{
    const u64 *l4 = (const u64 *)start_info->pt_base;
    return mmu_write(l4[260] & P_FRAME, 0);
}

/* ---- A08, A09: types that change
 * ---------------------------------------------------- */

s64 attack_pin_cycle(void)
{
    volatile u64 *page = (volatile u64 *)(void *)scratch[1];
    const u64 frame = frame_of_page(scratch[1]);
    /* A round may have to wait for other CPUs. */
    const u64 until = time_ns() + 500000000;
    for (u32 i = 0; i < 1000 && time_ns() < until; i++) {
        if (page_protect(scratch[1], P_RO) != 0 ||
            mmu_ext(PIN_L1, frame, 0) != 0) {
            return 1;
        }
        if (page_protect(scratch[1], P_RW) != -EBUSY) {
            return 2;
        }
        if (mmu_ext(UNPIN, frame, 0) != 0 ||
            page_protect(scratch[1], P_RW) != 0) {
            return 3;
        }
        page[i % 512] = 0;
    }
    return 0;
}

/*
 * An L1 with one entry, used through an L2 entry; the L2 entry goes, the L1 is
 * plain memory again, and its second entry is written as a word of memory. A
 * processor that still holds the L2 entry must not find what was written.
 */
static s64 stale_upper(u64 l2, u64 free_va)
{
    u64 *l1 = (u64 *)(void *)scratch[1];
    const u64 frame = frame_of_page(scratch[1]);
    l1[0] = frame_of_page(scratch[2]) << PAGE_BITS | P_RW;
    if (page_protect(l1, P_RO) != 0 ||
        mmu_write(l2, frame << PAGE_BITS | P_TABLE) != 0) {
        return 1;
    }
    *(volatile u64 *)free_va = 1;
    const u64 word = table_of(here(), 4) << PAGE_BITS | P_RW;
    if (mmu_write(l2, 0) != 0 ||
        mmu_write((frame << PAGE_BITS) + 8, word) != 0) {
        return 2;
    }
    return trapped(store_to, free_va + PAGE_BYTES) == TRAPPED + PF ? 0 : 3;
}

s64 attack_stale_upper(void)
{
    /* The last 2 MiB of the gigabyte of the image: nothing is there. */
    const u64 free_va = VIRT_BASE + (511ull << 21);
    return stale_upper(entry_of(free_va, 2), free_va);
}

/* ---- A11: giving frames back
 * ---------------------------------------------------------- */

static s64 release(u64 frame)
{
    u64 list[1] = { frame };
    struct arg_memory_reservation a = { .extent_start = va_of(list),
                                        .nr_extents = 1,
                                        .domid = SELF };
    return call_decrease_reservation(0, &a);
}

s64 attack_release_table(void)
{
    return release(table_of(here(), 1));
}

s64 attack_release_mapped(void)
{
    return release(frame_of_page(scratch[1]));
}

s64 attack_release_shared(void)
{
    return release(start_info->shared_info >> PAGE_BITS);
}

s64 attack_release_root(void)
{
    return release(table_of(here(), 4));
}

/* ---- A12: roots
 * -------------------------------------------------------------------------- */

s64 attack_root_l1(void)
{
    return mmu_ext(NEW_BASEPTR, table_of(here(), 1), 0);
}

s64 attack_root_nowhere(void)
{
    return mmu_ext(NEW_BASEPTR, FAR_FRAME, 0);
}

s64 attack_root_device(void)
{
    return mmu_ext(NEW_BASEPTR, APIC_FRAME, 0);
}

s64 attack_root_writable(void)
{
    return mmu_ext(NEW_BASEPTR, frame_of_page(scratch[1]), 0);
}

s64 attack_foreign_domain(void)
{
    struct arg_mmuext_op op = { .cmd = UNPIN, .arg1 = table_of(here(), 4) };
    return hypercall(26, va_of(&op), 1, 0, 0, 0);
}

static void load_root(u64 root)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

/* A root of its own takes validating, and the work it may cost must not be
 * what an earlier hypercall has left over. */
s64 attack_root_tired(void)
{
    static struct arg_mmu_update many[2048];
    const u64 old = table_of(here(), 4);
    const u64 *from = page_of_frame(old);
    u64 *root = (u64 *)(void *)scratch[1];
    for (u32 i = 0; i < 512; i++) {
        root[i] = i < 256 || i > 271 ? from[i] : 0;
    }
    (void)page_protect(root, P_RO);
    for (u32 i = 0; i < ARRAY_COUNT(many); i++) {
        many[i].ptr = frame_of_page(scratch[2]) << PAGE_BITS;
    }
    for (u32 n = 1; n <= ARRAY_COUNT(many); n *= 2) {
        if (call_mmu_normal(many, n, NULL) != 0) {
            return n;
        }
        load_root(frame_of_page(root) << PAGE_BITS);
        load_root(old << PAGE_BITS);
    }
    return 0;
}
