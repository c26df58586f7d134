/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: copy between a granted frame and another one.
 *
 * Each side is a grant reference of any domain that permits the caller, or an
 * own frame. At most two domains' memory takes part, so both mm locks are held
 * for the whole copy: the frames cannot change their type or owner in it, and
 * a writable reference keeps a page table from being written.
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/gnttab.h"
#include "core/gntuse.h"

#define COPY_SOURCE_REF 1u /* [XEN grant_table.h] */
#define COPY_DEST_REF 2u

struct side {
    struct domain *owner;
    u64 number; /* grant reference, or machine frame */
    bool by_ref;
    bool writable;
    mfn_t frame; /* while begun */
};

static bool bytes_ok(const struct arg_gnttab_copy *a)
{
    return (u32)a->src_offset + a->len <= PAGE_BYTES &&
           (u32)a->dst_offset + a->len <= PAGE_BYTES;
}

/* Whose frame it is; no lock. */
static enum grant_status side_find(struct domain *d, domid_t dom,
                                   struct side *s)
{
    if (domain_is_self(d, dom)) {
        s->owner = d;
        return GRANT_OKAY;
    }
    if (!s->by_ref) {
        return GRANT_DENIED;
    }
    s->owner = domain_by_id(dom);
    return s->owner != NULL ? GRANT_OKAY : GRANT_BAD_DOMAIN;
}

/* Lock: mm of the owner. */
static enum grant_status side_begin(const struct domain *d, struct side *s)
{
    if (s->by_ref) {
        return gntuse_begin(s->owner, d->id, (u32)s->number, s->writable,
                            &s->frame);
    }
    s->frame = mfn(s->number);
    return gntuse_take_frame(s->owner, s->frame, s->writable)
               ? GRANT_OKAY
               : GRANT_GENERAL_ERROR;
}

static void side_end(const struct side *s)
{
    if (s->by_ref) {
        gntuse_end(s->owner, (u32)s->number, s->writable);
    } else {
        gntuse_drop_frame(s->frame, s->writable);
    }
}

static bool overlap(const struct side *src, const struct side *dst,
                    const struct arg_gnttab_copy *a)
{
    return src->frame.v == dst->frame.v &&
           a->src_offset < (u32)a->dst_offset + a->len &&
           a->dst_offset < (u32)a->src_offset + a->len;
}

/* Locks: mm of both owners. */
static enum grant_status copy_locked(const struct domain *d, struct side *src,
                                     struct side *dst,
                                     const struct arg_gnttab_copy *a)
{
    enum grant_status status = side_begin(d, src);
    if (status != GRANT_OKAY) {
        return status;
    }
    status = side_begin(d, dst);
    if (status != GRANT_OKAY) {
        side_end(src);
        return status;
    }
    if (overlap(src, dst, a)) {
        status = GRANT_BAD_COPY;
    } else if (a->len != 0) {
        arch_frame_copy(dst->frame, a->dst_offset, src->frame, a->src_offset,
                        a->len);
    }
    side_end(dst);
    side_end(src);
    return status;
}

static enum grant_status copy(struct domain *d, const struct arg_gnttab_copy *a)
{
    if ((a->flags & ~(COPY_SOURCE_REF | COPY_DEST_REF)) != 0) {
        return GRANT_GENERAL_ERROR;
    }
    if (!bytes_ok(a)) {
        return GRANT_BAD_COPY;
    }
    struct side src = { .number = a->src_ref,
                        .by_ref = (a->flags & COPY_SOURCE_REF) != 0,
                        .writable = false };
    struct side dst = { .number = a->dst_ref,
                        .by_ref = (a->flags & COPY_DEST_REF) != 0,
                        .writable = true };
    enum grant_status status = side_find(d, a->src_dom, &src);
    if (status == GRANT_OKAY) {
        status = side_find(d, a->dst_dom, &dst);
    }
    if (status != GRANT_OKAY) {
        return status;
    }
    lock_take_two(&src.owner->mm, &dst.owner->mm);
    status = copy_locked(d, &src, &dst, a);
    lock_drop_two(&src.owner->mm, &dst.owner->mm);
    return status;
}

s64 hc_grant_copy(struct hc_call *c, struct arg_gnttab_copy *a)
{
    a->status = (s16)copy(c->v->domain, a);
    return RC_OK;
}
