/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker over the hypervisor's own tables: at the end of start-up, and in
 * test builds at world switches. Rights are the combination over all levels:
 * writable when every level says so, not executable when one level says so.
 */
#include "x86/image.h"
#include "x86/memory.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/pte.h"

struct walk {
    u64 leaves;  /* entries that map something */
    u64 windows; /* of them, 4 KiB entries of LINEAR */
};

/* Rights of e under a table with rights over: WRITE, USER and NX bits. */
static u64 rights_below(u64 over, u64 e)
{
    const u64 both = over & e & (PTE_WRITE | PTE_USER);
    return both | ((over | e) & PTE_NX);
}

static void leaf_check(struct walk *w, u64 rights)
{
    w->leaves++;
    if ((rights & PTE_WRITE) != 0 && (rights & PTE_NX) == 0) {
        panic("hypervisor tables: writable and executable");
    }
    if ((rights & PTE_USER) != 0) {
        panic("hypervisor tables: open to user mode");
    }
}

static void walk_l1(struct walk *w, const u64 *l1, u64 over, u32 slot)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_present(l1[i])) {
            leaf_check(w, rights_below(over, l1[i]));
            w->windows += slot == LINEAR_SLOT ? 1 : 0;
        }
    }
}

static void walk_l2(struct walk *w, const u64 *l2, u64 over, u32 slot)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        if (!pte_is_present(l2[i])) {
            continue;
        }
        const u64 rights = rights_below(over, l2[i]);
        if (pte_is_large(l2[i])) {
            leaf_check(w, rights);
        } else {
            walk_l1(w, linear(pte_mfn(l2[i])), rights, slot);
        }
    }
}

static void walk_l3(struct walk *w, const u64 *l3, u64 over, u32 slot)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_present(l3[i])) {
            /* We use no 1 GiB pages. */
            CHECK(!pte_is_large(l3[i]));
            walk_l2(w, linear(pte_mfn(l3[i])), rights_below(over, l3[i]), slot);
        }
    }
}

static struct walk walk_all(void)
{
    struct walk w = { 0, 0 };
    const u64 *const l4 = linear(mfn(paging_own_cr3() >> PAGE_BITS));
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_present(l4[i])) {
            CHECK(i >= LINEAR_SLOT && i <= DEVICE_SLOT);
            const u64 all = PTE_WRITE | PTE_USER;
            walk_l3(&w, linear(pte_mfn(l4[i])), rights_below(all, l4[i]), i);
        }
    }
    return w;
}

u64 paging_verify(void)
{
    return walk_all().leaves;
}
