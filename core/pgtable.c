/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of page tables: what one may be, and the checked write of one. The
 * walks over whole tables are in pgwalk.c; rules in pgtable.h.
 *
 * Order in every write: take what the new entry needs, exchange the entry, drop
 * what the old one held. A refused write has changed nothing.
 */
#include "core/pgtable.h"

#include "core/arch.h"
#include "core/pgentry.h"
#include "x86/pte.h"

/* Tries of an exchange against the processor, which sets A and D behind our
 * back at most twice; more means that the guest plays games. */
#define SWAP_TRIES 4

/* 36 address bits: no processor's cache compares fewer. */
#define L1TF_FRAME_MASK 0xffffffull

bool pgentry_is_shared(const struct domain *d, mfn_t m)
{
    return m.v == d->shared_mfn.v ||
           m.v - d->grants.shared_mfn[0].v < d->grants.frame_count;
}

/*
 * The first-level cache may compare fewer address bits than an entry has, so
 * only the bits that tell memory apart from what is far above count: Linux
 * stores such addresses inverted. Frame 0 is nobody's.
 */
enum rc pgentry_check_absent(u64 pte)
{
    if (pte == 0 || !arch_l1tf_affected()) {
        return RC_OK;
    }
    u64 mask = L1TF_FRAME_MASK;

    while (mask <= frame_table_count) {
        mask = mask << 1 | 1;
    }
    const u64 m = pte_mfn(pte).v & mask;

    return m == 0 || m >= frame_table_count ? RC_OK : RC_EINVAL;
}

enum rc pgentry_take_foreign(const struct domain *d, mfn_t m)
{
    if (pgentry_is_shared(d, m)) {
        return RC_OK;
    }
    return m.v < frame_table_count ? RC_EBUSY : RC_EINVAL;
}

enum rc pgentry_hold(struct domain *d, mfn_t m)
{
    struct frame *f = frame_of(d, m);

    if (f == NULL) {
        return RC_EINVAL;
    }
    pgentry_quarantine(d, f, FRAME_WRITABLE);
    return frame_ref_writable(f);
}

void pgentry_let_go(mfn_t m)
{
    if (m.v != MFN_NONE) {
        frame_unref_writable(frame_at(m));
    }
}

/* What replaces old. */
static u64 merged(u64 pte, u64 old, bool keep_ad)
{
    const bool keeps = keep_ad && pte_is_present(pte);

    return pgentry_fix(pte) | (keeps ? old & (PTE_ACCESSED | PTE_DIRTY) : 0);
}

/* True when the change needs no counting: same frame, same right to write. */
static bool same_leaf(u64 a, u64 b)
{
    return ((a ^ b) & (PTE_PRESENT | PTE_WRITE | PTE_FRAME)) == 0;
}

enum rc pgentry_write_l1(struct domain *d, mfn_t table, u32 index, u64 pte,
                         bool keep_ad)
{
    u64 old = arch_pte_read(table, index);

    if (pte_is_present(old) && same_leaf(old, pte)) {
        if ((pte & ~PGENTRY_GUEST) != 0) {
            return RC_EINVAL;
        }
        for (u32 i = 0; i < SWAP_TRIES; i++) {
            if (arch_pte_swap(table, index, &old, merged(pte, old, keep_ad))) {
                return RC_OK;
            }
        }
        return RC_EBUSY;
    }
    const enum rc rc = pgentry_take_l1(d, pte);

    if (rc != RC_OK) {
        return rc;
    }
    for (u32 i = 0; i < SWAP_TRIES; i++) {
        if (arch_pte_swap(table, index, &old, merged(pte, old, keep_ad))) {
            pgentry_drop_l1(d, old);
            return RC_OK;
        }
    }
    pgentry_drop_l1(d, pte);
    return RC_EBUSY;
}

/* A and D in an upper entry are set by the processor at any time; what an
 * entry refers to changes under the mm lock only. */
static void swap_upper(mfn_t table, u32 index, u64 pte, bool keep_ad)
{
    u64 old = arch_pte_read(table, index);
    bool done = false;

    for (u32 i = 0; i < SWAP_TRIES && !done; i++) {
        done = arch_pte_swap(table, index, &old, merged(pte, old, keep_ad));
    }
    if (!done) {
        arch_pte_write(table, index, pgentry_fix(pte));
    }
}

/* Work is idle, or holds the result for the very child that pte names: so
 * nothing below drops a reference that table may depend on. */
static enum rc write_upper(struct vcpu *v, mfn_t table, u32 level, u32 index,
                           u64 pte, bool keep_ad)
{
    const u64 old = arch_pte_read(table, index);

    if (pgentry_is_hv_slot(level, index)) {
        return RC_EINVAL;
    }
    if (pte_is_present(pte) && (pte & ~PGENTRY_GUEST) != 0) {
        return RC_EINVAL;
    }
    if (!pte_is_present(pte) && pgentry_check_absent(pte) != RC_OK) {
        return RC_EINVAL;
    }
    if (pte_is_present(pte) && pte_is_present(old) &&
        pte_mfn(pte).v == pte_mfn(old).v) {
        swap_upper(table, index, pte, keep_ad);
        return RC_OK;
    }
    if (pte_is_present(pte)) {
        const enum rc rc = pgtable_get(v, pte_mfn(pte), level - 1);

        if (rc != RC_OK) {
            return rc;
        }
    }
    swap_upper(table, index, pte, keep_ad);
    if (pte_is_present(old)) {
        pgtable_put(v, pte_mfn(old));
    }
    return RC_OK;
}

enum rc pgtable_write(struct vcpu *v, mfn_t table, u32 index, u64 pte,
                      bool keep_ad)
{
    const struct frame *f = frame_of(v->domain, table);

    if (f == NULL || f->type > FRAME_L4 || index >= TABLE_ENTRIES) {
        return RC_EINVAL;
    }
    const u32 level = f->type;

    if (level == FRAME_L1 && f->state == FRAME_SETTLED) {
        return pgentry_write_l1(v->domain, table, index, pte, keep_ad);
    }
    if (level > FRAME_L1) {
        const mfn_t child = pte_is_present(pte) ? pte_mfn(pte) : mfn(MFN_NONE);
        const enum rc rc = pgwalk_ready_for(v, child, level - 1);

        if (rc != RC_OK) {
            return rc;
        }
    }
    /* Finishing other work may have ended the table. */
    if (f->type != level || f->state != FRAME_SETTLED) {
        return RC_EBUSY;
    }
    return write_upper(v, table, level, index, pte, keep_ad);
}

enum rc pgtable_trapped_write(struct vcpu *v, mfn_t l1, u32 index, u64 old,
                              u64 pte)
{
    struct domain *d = v->domain;
    enum rc rc;

    lock_take(&d->mm);
    const struct frame *f = frame_of(d, l1);

    if (f == NULL || f->type != FRAME_L1 || f->state != FRAME_SETTLED ||
        arch_pte_read(l1, index) != old) {
        rc = RC_EAGAIN;
    } else {
        rc = pgentry_write_l1(d, l1, index, pte, false);
    }
    lock_drop(&d->mm);
    return rc;
}

enum rc pgtable_write_foreign(struct domain *d, mfn_t table, u32 index,
                              u64 expected, u64 pte)
{
    const struct frame *f = frame_of(d, table);

    if (f == NULL || f->type != FRAME_L1 || f->state != FRAME_SETTLED) {
        return RC_EINVAL;
    }
    u64 old = arch_pte_read(table, index);

    for (u32 i = 0; i < SWAP_TRIES; i++) {
        if (((old ^ expected) & ~(PTE_ACCESSED | PTE_DIRTY)) != 0) {
            return RC_EBUSY;
        }
        if (arch_pte_swap(table, index, &old, pgentry_fix(pte))) {
            return RC_OK;
        }
    }
    return RC_EBUSY;
}

static enum rc set_root_locked(struct vcpu *v, mfn_t root, bool user)
{
    mfn_t *place = user ? &v->user_root : &v->kernel_root;
    const mfn_t old = *place;
    enum rc rc = RC_OK;

    if (root.v == old.v) {
        return RC_OK;
    }
    if (root.v != MFN_NONE) {
        rc = pgtable_get(v, root, 4);
    } else {
        rc = user ? pgtable_ready(v) : RC_EINVAL;
    }
    if (rc != RC_OK) {
        return rc;
    }
    *place = root;
    if (v->in_kernel != user) {
        arch_load_root(v);
    }
    if (old.v != MFN_NONE) {
        pgtable_put(v, old);
    }
    return RC_OK;
}

enum rc pgtable_set_root(struct vcpu *v, mfn_t root, bool user)
{
    struct domain *d = v->domain;

    lock_take(&d->mm);
    const enum rc rc = set_root_locked(v, root, user);

    lock_drop(&d->mm);
    return rc;
}
