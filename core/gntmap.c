/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, the mapper's side: map and unmap. The model, the states and
 * the locks are described in core/gnttab.h.
 *
 * A mapping is one L1 entry of the mapper's tables, written where there was
 * none. A handle is the number of a map record and the low bits of its
 * generation, so that a handle used twice is not another mapping's.
 *
 * Order on unmap: the entry is cleared, all CPUs that may hold its translation
 * flush, then the granter's frame is given back. The L1 table may have ceased
 * to be one meanwhile, or its entry may have been overwritten: then there is
 * nothing to clear, but a CPU may still hold the translation, so the flush is
 * done always, and of everything, since the table may be reached by more than
 * one address.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/frame.h"
#include "core/gnttab.h"
#include "core/gntuse.h"
#include "core/nospec.h"
#include "core/pgentry.h"
#include "core/pgtable.h"
#include "x86/pte.h"

/* Flags of a map request [XEN grant_table.h]. */
#define MAP_HOST (1u << 1)
#define MAP_READONLY (1u << 2)
#define MAP_KINDS 0xffffu /* what is not left to the guest's use */
#define MAP_AVAIL_SHIFT 16u

#define HANDLE_INDEX_MASK 0xffffu
#define HANDLE_GENERATION_SHIFT 16u

static inline u32 handle_of(const struct domain *d, const struct maptrack *t)
{
    return (u32)(t - d->map) | t->generation << HANDLE_GENERATION_SHIFT;
}

/* The MAPPED record that a handle names, or NULL. Lock: mm of d. */
static struct maptrack *record_of(struct domain *d, u32 handle)
{
    const u32 i = handle & HANDLE_INDEX_MASK;
    if (i >= d->map_count) {
        return NULL;
    }
    struct maptrack *t = &d->map[index_clamp(i, d->map_count)];
    if (t->state != MAPTRACK_MAPPED || handle_of(d, t) != handle) {
        return NULL;
    }
    return t;
}

/* A page of the guest's part of the address space. */
static bool address_ok(u64 va)
{
    const u64 top = va >> 47;
    if (va % PAGE_BYTES != 0 || (top != 0 && top != 0x1ffff)) {
        return false;
    }
    const u32 slot = pte_index(va, 4);
    return !pgentry_is_hv_slot(4, slot);
}

/* ---- map --------------------------------------------------------------- */

static u64 entry_for(mfn_t frame, u32 flags)
{
    u64 bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_NX;
    if ((flags & MAP_READONLY) == 0) {
        bits |= PTE_WRITE | PTE_DIRTY;
    }
    const u64 avail = (u64)(flags >> MAP_AVAIL_SHIFT) << 9;
    return pte_make(frame, bits | (avail & PTE_AVAIL_LOW));
}

/* Locks: mm of v's domain and of granter. */
static enum grant_status map_locked(const struct vcpu *v,
                                    struct domain *granter,
                                    struct arg_gnttab_map *a)
{
    struct domain *d = v->domain;
    const bool writable = (a->flags & MAP_READONLY) == 0;
    if (d->map_free == d->map_count) {
        return GRANT_NO_SPACE;
    }
    mfn_t table = mfn(MFN_NONE);
    u32 index = 0;
    if (arch_walk(v, a->host_addr, &table, &index) != RC_OK) {
        return GRANT_GENERAL_ERROR;
    }
    mfn_t frame = mfn(MFN_NONE);
    const enum grant_status begun =
        gntuse_begin(granter, d->id, a->ref, writable, &frame);
    if (begun != GRANT_OKAY) {
        return begun;
    }
    const u64 pte = entry_for(frame, a->flags);
    if (pgtable_write_foreign(d, table, index, 0, pte) != RC_OK) {
        gntuse_end(granter, a->ref, writable);
        return GRANT_GENERAL_ERROR;
    }
    struct maptrack *t = &d->map[d->map_free];
    d->map_free = t->next;
    t->state = MAPTRACK_MAPPED;
    t->readonly = writable ? 0 : 1;
    t->granter = granter->id;
    t->ref = a->ref;
    t->frame = frame.v;
    t->host_addr = a->host_addr;
    t->table = table.v;
    t->index = index;
    a->handle = handle_of(d, t);
    a->dev_bus_addr = frame.v << PAGE_BITS;
    return GRANT_OKAY;
}

static enum grant_status map(struct vcpu *v, struct arg_gnttab_map *a)
{
    struct domain *d = v->domain;
    struct domain *granter = domain_by_id(a->dom);
    const u32 kinds = a->flags & MAP_KINDS;
    if (kinds != MAP_HOST && kinds != (MAP_HOST | MAP_READONLY)) {
        return GRANT_GENERAL_ERROR;
    }
    if (!address_ok(a->host_addr)) {
        return GRANT_BAD_ADDRESS;
    }
    if (granter == NULL || granter == d) {
        return GRANT_BAD_DOMAIN;
    }
    lock_take_two(&d->mm, &granter->mm);
    const enum grant_status status = map_locked(v, granter, a);
    lock_drop_two(&d->mm, &granter->mm);
    return status;
}

s64 hc_grant_map(struct hc_call *c, struct arg_gnttab_map *a)
{
    a->status = (s16)map(c->v, a);
    return RC_OK;
}

/* ---- unmap ------------------------------------------------------------- */

/* Take the mapping's entry out of its table, if it is still there. Only the
 * processor's accessed and dirty bits can change it under the lock. Lock: mm
 * of d. */
static void clear_entry(struct domain *d, const struct maptrack *t)
{
    const mfn_t table = mfn(t->table);
    const struct frame *f = frame_of(d, table);
    if (f == NULL || f->type != FRAME_L1 || f->state != FRAME_SETTLED) {
        return;
    }
    const u64 pte = arch_pte_read(table, t->index);
    if (pte_is_present(pte) && pte_mfn(pte).v == t->frame) {
        arch_pte_write(table, t->index, 0);
    }
}

/* End a mapping. Locks: mm of d and of granter. */
static void unmap_record(struct domain *d, struct domain *granter,
                         struct maptrack *t)
{
    clear_entry(d, t);
    arch_tlb_flush(atomic_load64(&d->cpus));
    gntuse_end(granter, t->ref, t->readonly == 0); /* it waits for that */
    t->state = MAPTRACK_FREE;
    t->generation++;
    t->next = d->map_free;
    d->map_free = (u32)(t - d->map);
}

/* Locks: mm of d and of granter. */
static enum grant_status unmap_locked(struct domain *d, struct domain *granter,
                                      const struct arg_gnttab_unmap *a)
{
    struct maptrack *t = record_of(d, a->handle);
    /* The record is looked up again since the locks were not held: another
     * vCPU may have used the handle first. */
    if (t == NULL || t->granter != granter->id) {
        return GRANT_BAD_HANDLE;
    }
    if (t->host_addr != a->host_addr) {
        return GRANT_BAD_ADDRESS;
    }
    if (a->dev_bus_addr != 0) {
        return GRANT_BAD_DEVICE_ADDRESS; /* there are no device mappings */
    }
    unmap_record(d, granter, t);
    return GRANT_OKAY;
}

/* The granter of a handle's mapping, or NULL. Takes mm of d. */
static struct domain *granter_of(struct domain *d, u32 handle)
{
    lock_take(&d->mm);
    const struct maptrack *t = record_of(d, handle);
    struct domain *granter = t != NULL ? domain_by_id(t->granter) : NULL;
    lock_drop(&d->mm);
    return granter;
}

s64 hc_grant_unmap(struct hc_call *c, struct arg_gnttab_unmap *a)
{
    struct domain *d = c->v->domain;
    struct domain *granter = granter_of(d, a->handle);
    if (granter == NULL) {
        a->status = GRANT_BAD_HANDLE;
        return RC_OK;
    }
    lock_take_two(&d->mm, &granter->mm);
    a->status = (s16)unmap_locked(d, granter, a);
    lock_drop_two(&d->mm, &granter->mm);
    return RC_OK;
}

bool gnttab_unmap_all(struct domain *d, u32 budget)
{
    /* No vCPU of d runs, so its records change here only. */
    for (u32 n = 0; n < budget && d->grants.end_next < d->map_count; n++) {
        struct maptrack *t = &d->map[d->grants.end_next];
        struct domain *granter =
            t->state == MAPTRACK_MAPPED ? domain_by_id(t->granter) : NULL;
        if (granter != NULL) {
            lock_take_two(&d->mm, &granter->mm);
            unmap_record(d, granter, t);
            lock_drop_two(&d->mm, &granter->mm);
        }
        d->grants.end_next++;
    }
    return d->grants.end_next >= d->map_count;
}
