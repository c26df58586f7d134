/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on page tables by trapped writes, and on frames of others: A14..A17.
 */
#include "guests/attack/attack.h"

#define UVMF_INVLPG 2u
#define APIC_FRAME 0xfee00u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 here(void)
{
    return va_of(scratch[0]);
}

/* ---- A14: trapped writes
 * ------------------------------------------------------------------- */

/* Entry of scratch page 3 in its L1, as the read-only mapping has it. */
static volatile u64 *own_entry(void)
{
    const u64 at = entry_of(va_of(scratch[3]), 1);
    return (volatile u64 *)((u64)(uintptr_t)page_of_frame(at >> PAGE_BITS) +
                            (at & 0xfff));
}

static void store_word(u64 at)
{
    *(volatile u64 *)at = 0;
}

static void store_same(u64 at)
{
    *(volatile u64 *)at = frame_of_page(scratch[3]) << PAGE_BITS | P_RO;
}

static void store_16b(u64 at)
{
    __asm__ volatile("lock cmpxchg16b (%%rdi)"
                     :
                     : "D"(at & ~15ull), "a"(0), "d"(0), "b"(0), "c"(0)
                     : "memory", "cc");
}

static void store_rep(u64 at)
{
    u64 count = 2;
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(0) : "memory");
}

static void store_split(u64 at)
{
    *(volatile u64 *)(at + 4) = 0;
}

static void store_foreign(u64 at)
{
    *(volatile u64 *)at = 0x100000 | P_RW;
}

s64 attack_emulated_ok(void)
{
    const s64 r = trapped(store_same, va_of(own_entry()));
    return r == 0 && (*own_entry() & P_WRITE) != 0 ? 1 : r;
}

s64 attack_emulated_16b(void)
{
    return trapped(store_16b, va_of(own_entry()));
}

s64 attack_emulated_rep(void)
{
    return trapped(store_rep, va_of(own_entry()));
}

s64 attack_emulated_split(void)
{
    return trapped(store_split, va_of(own_entry()));
}

s64 attack_emulated_bad(void)
{
    return trapped(store_foreign, va_of(own_entry()));
}

/* Over the end of the table, into the page behind it. */
s64 attack_emulated_cross(void)
{
    return trapped(store_word, va_of(own_entry()) / PAGE_BYTES * PAGE_BYTES +
                                   PAGE_BYTES - 4);
}

static void exchange_foreign(u64 at)
{
    u64 value = 0x100000 | P_RW;
    __asm__ volatile("xchg %0, (%1)" : "+r"(value) : "r"(at) : "memory");
}

static void compare_foreign(u64 at)
{
    const u64 old = *(volatile u64 *)at;
    const u64 value = 0x100000 | P_RW;
    __asm__ volatile("lock cmpxchg %1, (%2)"
                     :
                     : "a"(old), "r"(value), "r"(at)
                     : "memory", "cc");
}

static void set_bit(u64 at)
{
    __asm__ volatile("lock btsq $7, (%0)" : : "r"(at) : "memory", "cc");
}

/* The forms that are carried out, with what must not be stored. */
s64 attack_emulated_locked(void)
{
    const u64 at = va_of(own_entry());
    const u64 before = *own_entry();
    if (trapped(exchange_foreign, at) != TRAPPED + PF ||
        trapped(compare_foreign, at) != TRAPPED + PF ||
        trapped(set_bit, at) != TRAPPED + PF) {
        return 1;
    }
    return *own_entry() == before ? 0 : 2;
}

s64 attack_emulated_l2(void)
{
    return trapped(store_word, va_of(page_of_frame(table_of(here(), 2))));
}

/* ---- A15, A17: frames of others
 * --------------------------------------------------------------- */

#define GUESS_FRAMES 0x40000ull /* 1 GiB */
#define GUESS_STEP 7u

static u64 own_map[GUESS_FRAMES / 64];

static void own_map_add(u64 frame)
{
    if (frame < GUESS_FRAMES) {
        own_map[frame / 64] |= 1ull << (frame % 64);
    }
}

/* This domain's memory, and what the hypervisor shares with it. */
static void own_map_fill(void)
{
    u64 grants[1] = { GUESS_FRAMES };
    struct arg_gnttab_setup g = { .dom = SELF,
                                  .nr_frames = 1,
                                  .frame_list = va_of(grants) };
    (void)call_grant_setup(&g, 1, NULL);
    own_map_add(*(volatile u64 *)grants);
    own_map_add(start_info->shared_info >> PAGE_BITS);
    const u64 *list = (const u64 *)start_info->mfn_list;
    for (u64 i = 0; i < start_info->nr_pages; i++) {
        own_map_add(list[i]);
    }
}

static bool is_own(u64 frame)
{
    return (own_map[frame / 64] >> (frame % 64) & 1) != 0;
}

s64 attack_guess_frames(void)
{
    own_map_fill();
    for (u64 m = 0; m < GUESS_FRAMES; m += GUESS_STEP) {
        const s64 rc =
            is_own(m) ? -EBUSY : map_va(here(), m << PAGE_BITS | P_RO, 0);
        if (rc != -EBUSY && rc != -EINVAL) {
            return (s64)m + 1;
        }
    }
    return 0;
}

s64 attack_guess_write(void)
{
    own_map_fill();
    for (u64 m = 0; m < GUESS_FRAMES; m += GUESS_STEP) {
        if (!is_own(m) && mmu_write(m << PAGE_BITS, 0) != -EPERM) {
            return (s64)m;
        }
    }
    return 0;
}

s64 attack_map_device(void)
{
    return map_va(here(), (u64)APIC_FRAME << PAGE_BITS | P_RW, UVMF_INVLPG);
}

/* A processor that may read through absent entries is given none of these. */
s64 attack_absent_foreign(void)
{
    const u64 value = 0x100000 | P_WRITE;
    const s64 rc = map_va(here(), value, UVMF_INVLPG);
    const bool stored = entry_value(here(), 1) == value;
    if (rc == -EINVAL) {
        return stored ? 1 : 0;
    }
    return rc == 0 && !stored ? 2 : rc;
}
