/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More attacks on page tables: upper levels, flushes, work that is cut, frames
 * that leave. A06, A10, A11, A15..A18, A62.
 */
#include "guests/attack/attack.h"
#include "guests/lib/smp.h"

#define UVMF_INVLPG 2u
#define PIN_L1 0u
#define PIN_L3 2u
#define PIN_L4 3u
#define UNPIN 4u
#define INVLPG_LOCAL 7u
#define FLUSH_MULTI 8u
#define INVLPG_MULTI 9u
#define FREE_SLOT 7u /* of the L4: nothing of ours is there */
#define FREE_L3 5u   /* of the image's L3, and of its L2: the same */
#define FREE_L2 505u
#define RELEASED 1024u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 here(void)
{
    return va_of(scratch[0]);
}

static u64 slot_of(u32 level, u64 slot)
{
    return (table_of(here(), level) << PAGE_BITS) + slot * 8;
}

/* ---- A06: bits of upper levels ---------------------------------------------
 */

static bool bit_allowed(u32 bit)
{
    return bit <= 2 || bit == 5 || bit == 6 || (bit >= 8 && bit <= 11) ||
           (bit >= 52 && bit <= 58) || bit == 63;
}

/* Each bit but the frame's, in a live entry; it is as before at the end. */
static s64 bits_of(u32 level)
{
    const u64 at = entry_of(here(), level);
    const u64 old = entry_value(here(), level);
    for (u32 bit = 1; bit < 63; bit++) { /* not NX: we run here */
        if (bit >= 12 && bit < 52) {
            continue;
        }
        const s64 rc = mmu_write(at, old | 1ull << bit);
        if (rc != (bit_allowed(bit) ? 0 : -EINVAL)) {
            return bit + 1;
        }
    }
    return mmu_write(at, old);
}

s64 attack_bits_l3(void)
{
    return bits_of(3);
}

s64 attack_bits_l4(void)
{
    return bits_of(4);
}

/* Addresses beyond what a processor has, in an entry of each level. */
s64 attack_bits_frame(void)
{
    const u64 at[] = { entry_of(va_of(scratch[1]), 1), slot_of(2, FREE_L2),
                       slot_of(3, FREE_L3), slot_of(4, FREE_SLOT) };
    for (u32 i = 0; i < ARRAY_COUNT(at); i++) {
        for (u32 bit = 40; bit < 52; bit++) {
            const u64 value = frame_of_page(scratch[2]) << PAGE_BITS | P_TABLE;
            if (mmu_write(at[i], value | 1ull << bit) != -EINVAL) {
                return i * 100 + bit;
            }
        }
    }
    return 0;
}

/* ---- A10: flushes ----------------------------------------------------------
 */

static const u64 odd_addresses[] = { 0,
                                     0x00007fffffffffffull,
                                     0x0000800000000000ull,
                                     0x1234567800000000ull,
                                     0xffff7fffffffffffull,
                                     HV_START,
                                     0xffff830000000000ull,
                                     U64_MAX };

s64 attack_flush_odd(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(odd_addresses); i++) {
        const u64 va = odd_addresses[i];
        u64 *const set = (u64 *)(void *)scratch[1];
        *set = U64_MAX;
        if (mmu_ext(INVLPG_LOCAL, va, 0) != 0 ||
            mmu_ext(INVLPG_MULTI, va, va_of(set)) != 0 ||
            mmu_ext(FLUSH_MULTI, va, va_of(set)) != 0) {
            return i + 1;
        }
    }
    return 0;
}

static void do_invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

s64 attack_invlpg_odd(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(odd_addresses); i++) {
        if (trapped(do_invlpg, odd_addresses[i]) != 0) {
            return i + 1;
        }
    }
    return 0;
}

/* ---- A11: frames that leave ------------------------------------------------
 */

static s64 reserve(u64 sub, u64 *list, u64 count)
{
    struct arg_memory_reservation a = { .extent_start = va_of(list),
                                        .nr_extents = count,
                                        .domid = SELF };
    return hypercall(12, sub, va_of(&a), 0, 0, 0);
}

/* An area that the hypervisor writes by itself: the page must stay what it is,
 * whatever the guest's tables say of it. */
s64 attack_area_page(void)
{
    const u64 va = va_of(scratch[1]);
    const u64 frame = frame_of_page(scratch[1]);
    struct arg_runstate_area area = { va };
    u64 list[1] = { frame };
    if (call_vcpu_runstate(me(), &area) != 0) {
        return 1;
    }
    s64 r = map_va(va, 0, UVMF_INVLPG) == 0 ? reserve(1, list, 1) : 2;
    if (mmu_ext(PIN_L1, frame, 0) != -EBUSY) {
        r = 3;
    }
    guest_wait(3);
    area.addr = 0;
    if (call_vcpu_runstate(me(), &area) != 0 ||
        map_va(va, frame << PAGE_BITS | P_RW, 0) != 0) {
        return 4;
    }
    return r;
}

/* A descriptor table is a copy: its page may go. */
s64 attack_gdt_page(void)
{
    const u64 va = va_of(scratch[1]);
    const u64 frame = frame_of_page(scratch[1]);
    u64 list[1] = { frame };
    if (call_set_gdt(va_of(list), 16, 0, 0) != 0) {
        return 1;
    }
    (void)page_protect(scratch[1], P_RO);
    const s64 pinned = mmu_ext(PIN_L1, frame, 0);
    const s64 unpinned = mmu_ext(UNPIN, frame, 0);
    (void)call_set_gdt(va_of(list), 0, 0, 0);
    const s64 rc = map_va(va, frame << PAGE_BITS | P_RW, UVMF_INVLPG);
    return pinned != 0 ? pinned : unpinned != 0 ? unpinned : rc;
}

/* ---- A15..A17: frames of others, in tables ---------------------------------
 */

static const u64 foreign[] = { 0x0,      0xa0,          0xf0,    0x100,
                               0x200,    0xc0000,       0xe0000, 0xfec00,
                               0xfed00,  0xfee00,       0xfffff, 0x100000,
                               0xffffff, 0xfffffffffull };

s64 attack_map_foreign(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(foreign); i++) {
        for (u32 kind = 0; kind < 2; kind++) {
            const u64 flags = kind == 0 ? P_RO : P_RW;
            const s64 rc =
                map_va(here(), foreign[i] << PAGE_BITS | flags, UVMF_INVLPG);
            if (rc != -EINVAL && rc != -EBUSY) {
                return i + 1;
            }
        }
    }
    return 0;
}

/* The same frames as a table: an entry of each upper level names them. */
s64 attack_table_foreign(void)
{
    const u64 at[] = { slot_of(2, FREE_L2), slot_of(3, FREE_L3),
                       slot_of(4, FREE_SLOT) };
    for (u32 i = 0; i < ARRAY_COUNT(foreign); i++) {
        for (u32 j = 0; j < ARRAY_COUNT(at); j++) {
            const s64 rc = mmu_write(at[j], foreign[i] << PAGE_BITS | P_TABLE);
            if (rc != -EINVAL && rc != -EBUSY) {
                return i * 10 + j + 1;
            }
        }
    }
    return 0;
}

/* Absent entries that name frames of others, in upper levels: stored, or
 * refused by a processor that would look there. */
s64 attack_absent_upper(void)
{
    const u64 at[] = { slot_of(2, FREE_L2), slot_of(3, FREE_L3),
                       slot_of(4, FREE_SLOT) };
    for (u32 j = 0; j < ARRAY_COUNT(at); j++) {
        const s64 rc = mmu_write(at[j], 0x100000 | P_WRITE | P_USER);
        if (rc != 0 && rc != -EINVAL) {
            return j + 1;
        }
        if (mmu_write(at[j], 0) != 0) {
            return j + 11;
        }
    }
    return 0;
}

/* ---- A18, A62: long work ---------------------------------------------------
 */

/* Pages 1 to 4 as L1 to L4, every entry in use: what validating it takes is
 * more than one call may do. The root can be loaded. */
static void build_deep(void)
{
    const u64 *from = page_of_frame(table_of(here(), 4));
    for (u32 i = 0; i < 512; i++) {
        for (u32 level = 1; level <= 3; level++) {
            u64 *const table = (u64 *)(void *)scratch[level];
            table[i] = frame_of_page(scratch[level - 1]) << PAGE_BITS |
                       (level == 1 ? P_RO : P_TABLE);
        }
        ((u64 *)(void *)scratch[4])[i] =
            i > 271   ? from[i]
            : i < 256 ? frame_of_page(scratch[3]) << PAGE_BITS | P_TABLE
                      : 0;
    }
    for (u32 level = 1; level <= 4; level++) {
        (void)page_protect(scratch[level], P_RO);
    }
}

s64 attack_deep_cycle(void)
{
    build_deep();
    const u64 root = frame_of_page(scratch[4]);
    for (u32 i = 0; i < 100; i++) {
        const s64 rc = mmu_ext(PIN_L4, root, 0);
        if (rc != 0) {
            return rc;
        }
        if (page_protect(scratch[1 + i % 4], P_RW) != -EBUSY) {
            return 1;
        }
        if (mmu_ext(UNPIN, root, 0) != 0) {
            return 2;
        }
    }
    return 0;
}

/* A table that is wrong in its last entry: nothing of the work may remain. */
s64 attack_deep_wrong(void)
{
    u64 *const l1 = (u64 *)(void *)scratch[1];
    build_deep();
    (void)page_protect(l1, P_RW);
    l1[511] = 0x100000 | P_RO;
    (void)page_protect(l1, P_RO);
    const s64 rc = mmu_ext(PIN_L4, frame_of_page(scratch[4]), 0);
    for (u32 level = 1; level <= 4; level++) {
        if (page_protect(scratch[level], P_RW) != 0) {
            return level;
        }
    }
    return rc == -EBUSY ? -EINVAL : rc;
}

/* Frames from the end of memory, which nothing maps. */
s64 attack_balloon_much(void)
{
    u64 *const list = (u64 *)(void *)scratch[1]; /* two pages */
    u64 *const p2m = (u64 *)start_info->mfn_list;
    const u64 first = start_info->nr_pages - RELEASED;
    for (u32 round = 0; round < 10; round++) {
        for (u32 i = 0; i < RELEASED; i++) {
            list[i] = p2m[first + i];
        }
        if (reserve(1, list, RELEASED) != RELEASED) {
            return 1;
        }
        for (u32 i = 0; i < RELEASED; i++) {
            list[i] = first + i;
        }
        const s64 got = reserve(6, list, RELEASED);
        for (s64 i = 0; i < got; i++) {
            p2m[first + (u64)i] = list[i];
        }
        if (got != RELEASED) {
            return 2;
        }
    }
    return 0;
}

/* The same frame twice in a list: it goes once. */
s64 attack_balloon_twice(void)
{
    u64 *const list = (u64 *)(void *)scratch[1];
    u64 *const p2m = (u64 *)start_info->mfn_list;
    const u64 pfn = start_info->nr_pages - 1;
    for (u32 i = 0; i < 8; i++) {
        list[i] = p2m[pfn];
    }
    const s64 gone = reserve(1, list, 8);
    for (u32 i = 0; i < 8; i++) {
        list[i] = pfn;
    }
    const s64 got = reserve(6, list, 8);
    if (got >= 1) {
        p2m[pfn] = list[0];
    }
    return gone == 1 && got == 1 ? 0 : gone * 100 + got;
}

/* ---- R18: such work, while another vCPU uses what is half done -------------
 */

static void use_deep(void)
{
    const u64 root = frame_of_page(scratch[4]);
    const u64 l2 = frame_of_page(scratch[2]);
    (void)mmu_ext(PIN_L3, frame_of_page(scratch[3]), 0);
    (void)mmu_ext(PIN_L4, root, 0);
    (void)mmu_write((l2 << PAGE_BITS) + 511 * 8, 0);
    (void)mmu_write((l2 << PAGE_BITS) + 511 * 8,
                    frame_of_page(scratch[1]) << PAGE_BITS | P_TABLE);
    (void)page_protect(scratch[1], P_RW);
    (void)page_protect(scratch[1], P_RO);
    (void)mmu_ext(UNPIN, root, 0);
    (void)mmu_ext(UNPIN, frame_of_page(scratch[3]), 0);
}

s64 attack_race_deep(void)
{
    const u64 root = frame_of_page(scratch[4]);
    const u64 end = time_ns() + 1500000000ull;
    s64 r = second_start();
    if (r != 0) {
        return r;
    }
    build_deep();
    second_run(use_deep);
    for (u32 i = 0; i < 300 && time_ns() < end; i++) {
        (void)mmu_ext(PIN_L4, root, 0);
        (void)page_protect(scratch[2], P_RW);
        (void)page_protect(scratch[2], P_RO);
        (void)mmu_ext(UNPIN, root, 0);
    }
    second_stop();
    (void)mmu_ext(UNPIN, root, 0);
    (void)mmu_ext(UNPIN, frame_of_page(scratch[3]), 0);
    for (u32 level = 4; level >= 1; level--) {
        r = page_protect(scratch[level], P_RW) != 0 ? level : r;
    }
    return r;
}
