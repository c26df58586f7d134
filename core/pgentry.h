/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to pgtable.c and pgwalk.c: one entry, and what it holds. Whoever
 * else takes a typed use of a frame (grants, rings) uses pgentry_quarantine.
 */
#ifndef CORE_PGENTRY_H
#define CORE_PGENTRY_H

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/frame.h"
#include "x86/layout.h"
#include "x86/pte.h"

/* What a guest may set in an entry that is present, at any level. G is accepted
 * and dropped: nothing of a guest outlives a root change in the TLB. Cache bits
 * and large pages are not in the set. */
#define PGENTRY_GUEST                                                          \
    (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY |           \
     PTE_GLOBAL | PTE_AVAIL | PTE_FRAME | PTE_NX)

/* Slots of an L4 table that are the hypervisor's. */
static inline bool pgentry_is_hv_slot(u32 level, u32 index)
{
    return level == 4 && index >= HV_FIRST_SLOT && index <= HV_LAST_SLOT;
}

/* A frame of the hypervisor that d may map: shared_info, its grant table. */
bool pgentry_is_shared(const struct domain *d, mfn_t m);

/* Entries are passed in groups of eight, a cache line: most are zero, and so
 * are four such groups mostly. */
#define PGENTRY_GROUP 8u
#define PGENTRY_RUN 32u

/* Zero if the eight entries are. */
static inline u64 pgentry_group(const u64 *e)
{
    return e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7];
}

static inline bool pgentry_run_is_zero(const u64 *e)
{
    return (pgentry_group(e) | pgentry_group(e + PGENTRY_GROUP) |
            pgentry_group(e + 2 * PGENTRY_GROUP) |
            pgentry_group(e + 3 * PGENTRY_GROUP)) == 0;
}

/* The first entry from index on that is in a group with one that is not zero,
 * or TABLE_ENTRIES. index itself, unless it begins a group. */
static inline u32 pgentry_pass_zeroes(const u64 *table, u32 index)
{
    if (index % PGENTRY_GROUP == 0) {
        while (index < TABLE_ENTRIES && pgentry_group(&table[index]) == 0) {
            index += PGENTRY_GROUP;
            while (index + PGENTRY_RUN <= TABLE_ENTRIES &&
                   pgentry_run_is_zero(&table[index])) {
                index += PGENTRY_RUN;
            }
        }
    }
    return index;
}

/* What is stored for an entry the guest asked for. */
static inline u64 pgentry_fix(u64 pte)
{
    return pte_is_present(pte) ? (pte | PTE_USER) & ~PTE_GLOBAL : pte;
}

/* May the entry, which is not present, be in a table of any level? RC_EINVAL:
 * its address names memory, and this processor would look there. */
enum rc pgentry_check_absent(u64 pte) MUST_CHECK;

/* Before a PLAIN frame takes a typed use: wait until no CPU of the domain can
 * use it by a translation of its old use. */
static inline void pgentry_quarantine(struct domain *d, struct frame *f,
                                      u32 type)
{
    if (f->type == FRAME_PLAIN && frame_needs_flush(f, type)) {
        arch_tlb_flush_since(atomic_load64(&d->cpus), f->stamp);
    }
}

/* May an entry of d name m, which is no memory of d? */
enum rc pgentry_take_foreign(const struct domain *d, mfn_t m) MUST_CHECK;

/* Take, or drop, what an L1 entry holds on the frame it names. */
static inline MUST_CHECK enum rc pgentry_take_l1(struct domain *d, u64 pte)
{
    if (!pte_is_present(pte)) {
        return pte == 0 ? RC_OK : pgentry_check_absent(pte);
    }
    if ((pte & ~PGENTRY_GUEST) != 0) {
        return RC_EINVAL;
    }
    const mfn_t m = pte_mfn(pte);
    struct frame *f = frame_of(d, m);

    if (f == NULL) {
        return pgentry_take_foreign(d, m);
    }
    if ((pte & PTE_WRITE) == 0) {
        return frame_ref(f);
    }
    pgentry_quarantine(d, f, FRAME_WRITABLE);
    return frame_ref_writable(f);
}

static inline void pgentry_drop_l1(struct domain *d, u64 pte)
{
    struct frame *f = pte_is_present(pte) ? frame_of(d, pte_mfn(pte)) : NULL;

    if (f == NULL) {
        return; /* shared by the hypervisor, or a grant mapping */
    }
    if ((pte & PTE_WRITE) != 0) {
        frame_unref_writable(f);
    } else {
        frame_unref(f);
    }
}

/* As pgtable_write, for a LIVE L1 table of d; index < TABLE_ENTRIES. */
enum rc pgentry_write_l1(struct domain *d, mfn_t table, u32 index, u64 pte,
                         bool keep_ad) MUST_CHECK;

/* Take a writable reference on m, memory of d that the hypervisor will write by
 * its number: it can neither become a table nor leave. RC_EINVAL: not d's;
 * RC_EBUSY: a table. */
enum rc pgentry_hold(struct domain *d, mfn_t m) MUST_CHECK;
/* Give it back; MFN_NONE: nothing. */
void pgentry_let_go(mfn_t m);

/* As pgtable_ready, but keep a finished result for (m, level), which a
 * pgtable_get of the same call will claim. */
enum rc pgwalk_ready_for(struct vcpu *v, mfn_t m, u32 level) MUST_CHECK;

#endif
