/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: memory_op, that is the balloon and the memory map.
 *
 * A domain's chunks are its own for life; ballooning moves single frames
 * between FREE and PLAIN within them. Frames given back are zeroed before they
 * come into use again. A long list is cut: the extents done so far are kept in
 * the upper bits of the sub-operation, as the ABI has it [XEN memory.h]; they
 * come from the guest on every entry and are checked like the rest.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/domain.h"
#include "core/frame.h"

#define EXTENT_SHIFT 6u
#define EXTENT_COST 26 /* of the budget: a frame is zeroed */

static enum rc release_one(struct domain *d, mfn_t m)
{
    struct frame *f = frame_of(d, m);

    if (f == NULL) {
        return RC_EINVAL;
    }
    const enum rc rc = frame_release(f, d->free_head);

    if (rc != RC_OK) {
        return rc;
    }
    d->free_head = (u32)(m.v - (d->first_chunk << CHUNK_FRAME_BITS));
    d->frames--;
    domain_set_m2p(d, m, PFN_INVALID);
    return RC_OK;
}

static enum rc take_one(struct domain *d, u64 pfn_number, mfn_t *out)
{
    if (d->free_head == FRAME_NO_PFN || d->frames >= d->frames_max) {
        return RC_ENOMEM;
    }
    if (pfn_number >= d->frames_max) {
        return RC_EINVAL;
    }
    const mfn_t m = mfn((d->first_chunk << CHUNK_FRAME_BITS) + d->free_head);
    struct frame *f = frame_at(m);

    d->free_head = f->pfn;
    frame_populate(f, (u32)pfn_number);
    d->frames++;
    arch_frame_zero(m);
    domain_set_m2p(d, m, pfn_number);
    *out = m;
    return RC_OK;
}

/* One extent: guest words in and out around the locked part. */
static enum rc one_extent(struct domain *d, gva_t at, bool populate)
{
    u64 word;
    mfn_t m = mfn(MFN_NONE);

    if (!arch_fetch(&word, at, sizeof(word))) {
        return RC_EFAULT;
    }
    lock_take(&d->mm);
    const enum rc rc =
        populate ? take_one(d, word, &m) : release_one(d, mfn(word));

    lock_drop(&d->mm);
    if (rc == RC_OK && populate && !arch_store(at, &m.v, sizeof(m.v))) {
        lock_take(&d->mm);
        const enum rc back = release_one(d, m);

        lock_drop(&d->mm);
        return back == RC_OK ? RC_EFAULT : back;
    }
    return rc;
}

static s64 reservation(struct hc_call *c,
                       const struct arg_memory_reservation *a, bool populate)
{
    struct domain *d = c->v->domain;
    const u64 start = c->arg[0] >> EXTENT_SHIFT;

    if (!domain_is_self(d, a->domid)) {
        return (s64)start;
    }
    if (start > a->nr_extents) {
        return RC_EINVAL;
    }
    for (u64 i = start; i < a->nr_extents; i++) {
        if (i != start && c->v->budget <= 0) {
            c->arg[0] =
                (c->arg[0] & ((1u << EXTENT_SHIFT) - 1)) | i << EXTENT_SHIFT;
            return RC_PREEMPT;
        }
        c->v->budget -= EXTENT_COST;
        if (one_extent(d, gva(a->extent_start + i * 8), populate) != RC_OK) {
            return (s64)i;
        }
    }
    return (s64)a->nr_extents;
}

s64 hc_decrease_reservation(struct hc_call *c, struct arg_memory_reservation *a)
{
    return reservation(c, a, false);
}

s64 hc_populate_physmap(struct hc_call *c, struct arg_memory_reservation *a)
{
    return reservation(c, a, true);
}

/* One region of usable memory, from 0 to the limit. */
s64 hc_memory_map(struct hc_call *c, struct arg_memory_map *a)
{
    const u64 region[3] = { 0, c->v->domain->frames_max << PAGE_BITS, 1 };

    if (a->nr_entries < 1) {
        return RC_EINVAL;
    }
    /* The ABI's entry is 20 bytes: address, size, 32-bit type. */
    if (!arch_store(gva(a->buffer), region, 20)) {
        return RC_EFAULT;
    }
    a->nr_entries = 1;
    return RC_OK;
}
