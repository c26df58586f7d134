/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame machine: see frame.h for the states and invariants. Every function
 * works on one record under its owner's mm lock; nothing else in the tree
 * writes refs, types, type, state or stamp.
 */
#include "core/frame.h"

#include "core/arch.h"
#include "core/domain.h"

struct frame *frame_table;
u64 frame_table_count;

enum rc frame_begin_table(struct frame *f, u32 level)
{
    if (f->type != FRAME_PLAIN || f->refs >= FRAME_COUNT_LIMIT) {
        return RC_EBUSY;
    }
    f->type = (u8)level;
    f->was = (u8)level;
    f->state = FRAME_VALIDATING;
    f->types = 1;
    f->refs++;
    return RC_OK;
}

void frame_settle_table(struct frame *f)
{
    f->state = FRAME_SETTLED;
}

void frame_end_table(struct frame *f)
{
    if (!frame_is_table(f) || f->state == FRAME_SETTLED || f->types != 1) {
        arch_panic("frame: table ended while in use");
    }
    f->type = FRAME_PLAIN;
    f->state = FRAME_SETTLED;
    f->types = 0;
    f->refs--;
    f->stamp = arch_tlb_stamp();
}

enum rc frame_pin(struct frame *f)
{
    if (f->pinned != 0) {
        return RC_EINVAL;
    }
    f->pinned = 1;
    return RC_OK;
}

enum rc frame_unpin(struct frame *f)
{
    if (f->pinned == 0) {
        return RC_EINVAL;
    }
    f->pinned = 0;
    return RC_OK;
}

void frame_populate(struct frame *f, u32 pfn_number)
{
    f->type = FRAME_PLAIN;
    f->state = FRAME_SETTLED;
    f->pfn = pfn_number;
}

enum rc frame_release(struct frame *f, u32 next_free)
{
    if (f->type != FRAME_PLAIN || f->refs != 0) {
        return RC_EBUSY;
    }
    f->type = FRAME_FREE;
    f->pfn = next_free;
    return RC_OK;
}

void frame_reserve(struct frame *f)
{
    f->type = FRAME_PRIVATE;
    f->pfn = FRAME_NO_PFN;
}

void frame_reset(struct frame *f)
{
    f->refs = 0;
    f->types = 0;
    f->type = FRAME_FREE;
    f->state = FRAME_SETTLED;
    f->pinned = 0;
    f->pfn = FRAME_NO_PFN;
}
