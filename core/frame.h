/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table: one record for each machine frame, and the only code that
 * changes a type or a count.
 *
 * A frame's owner is the owner of its chunk, fixed while the domain lives. Its
 * record is protected by the owner's mm lock.
 *
 *               populate                    get_type(WRITABLE)
 *   FREE ----------------------> PLAIN --------------------------> WRITABLE
 *        <----------------------       <--------------------------
 *               release                     put_type, last
 *                                 |  ^
 *               promote begin     |  | demote done (after release of entries)
 *               (flushed)         v  |
 *                              L1..L4, VALIDATING -> LIVE -> RELEASING
 *
 *   PRIVATE: the hypervisor's state for the domain; never mappable by it.
 *
 * refs counts everything that names the frame: each page-table entry that maps
 * it, each pin, each foreign grant mapping, each registered area. types counts
 * what needs it to stay of its type. Quarantine before reuse: a frame that was
 * WRITABLE may become a table, and one that was a table may become WRITABLE or
 * a table of another level, only when every CPU that may hold a stale
 * translation (or a stale upper-level entry) has flushed since the frame left
 * its old use: was and stamp against the TLB clock, see frame_needs_flush.
 *
 * Invariants: I1 types <= refs.  I2 type FREE or PRIVATE: a page-table entry
 * never names it.  I3 types > 0 for a LIVE table.  I4 a frame is WRITABLE with
 * types > 0 or a table, never both.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include "core/arch.h"
#include "core/ids.h"
#include "core/nospec.h"
#include "core/rc.h"

enum frame_type {
    FRAME_FREE = 0, /* owned by the chunk's domain, not part of its memory */
    FRAME_L1 = 1,   /* page tables; the number is the level */
    FRAME_L2 = 2,
    FRAME_L3 = 3,
    FRAME_L4 = 4,
    FRAME_PLAIN = 5,    /* memory, no typed use */
    FRAME_WRITABLE = 6, /* mapped writable somewhere */
    FRAME_PRIVATE = 7
};

enum frame_state { /* of tables */
                   FRAME_SETTLED =
                       0, /* LIVE for tables; the only state of others */
                   FRAME_VALIDATING = 1,
                   FRAME_RELEASING = 2
};

struct frame {
    u32 refs;
    u32 types;
    u8 type;   /* enum frame_type */
    u8 state;  /* enum frame_state */
    u8 pinned; /* 1: the guest holds one type reference by a pin */
    u8 was;    /* last typed use (table or WRITABLE), FRAME_FREE for none yet */
    u32 pfn;   /* pseudo-physical number shown in M2P, FRAME_NO_PFN for none;
                  of a FREE frame: the next one of the domain's free list */
    u64 stamp; /* TLB clock when the frame last left its typed use */
};

#define FRAME_NO_PFN 0xffffffffu
#define FRAME_COUNT_LIMIT 0x7fff0000u

/*@ // The states of the drawing above, and I1 to I4.
  predicate frame_is_table{L}(struct frame *f) =
    FRAME_L1 <= f->type <= FRAME_L4;
  predicate frame_has_type{L}(struct frame *f) =
    frame_is_table(f) || f->type == FRAME_WRITABLE;
  predicate frame_inv{L}(struct frame *f) =
    f->type <= FRAME_PRIVATE && f->state <= FRAME_RELEASING &&
    f->pinned <= 1 && f->types <= f->refs <= FRAME_COUNT_LIMIT &&
    (f->types > 0 <==> frame_has_type(f)) &&
    (f->type == FRAME_FREE || f->type == FRAME_PRIVATE ==> f->refs == 0) &&
    (f->state != FRAME_SETTLED ==> frame_is_table(f) && f->types == 1) &&
    (f->pinned == 1 ==> frame_is_table(f));
*/

extern struct frame *frame_table; /* [I] indexed by machine frame number */
extern u64 frame_table_count;     /* [I] records in it */

/*@ predicate frame_table_ok{L} =
    0 < frame_table_count <= 0x1000000000 &&
    \valid(frame_table + (0 .. frame_table_count - 1)); */

/* The record of m, or NULL when m is outside the table. */
/*@ requires frame_table_ok;
    assigns \nothing;
    ensures m.v < frame_table_count ==> \result == &frame_table[m.v];
    ensures m.v >= frame_table_count ==> \result == \null; */
static inline struct frame *frame_at(mfn_t m)
{
    if (m.v >= frame_table_count) {
        return NULL;
    }
    return &frame_table[index_clamp(m.v, frame_table_count)];
}

/* It has the type of a page table, of whatever level. */
/*@ requires \valid_read(f);
    assigns \nothing;
    ensures \result <==> frame_is_table(f); */
static inline bool frame_is_table(const struct frame *f)
{
    return f->type >= FRAME_L1 && f->type <= FRAME_L4;
}

/* It is part of its domain's memory: not FREE, not PRIVATE. */
/*@ requires \valid_read(f);
    assigns \nothing;
    ensures \result <==> f->type != FRAME_FREE && f->type != FRAME_PRIVATE; */
static inline bool frame_is_memory(const struct frame *f)
{
    return f->type != FRAME_FREE && f->type != FRAME_PRIVATE;
}

/* A PLAIN frame that shall become type was used otherwise before: the CPUs of
 * its domain must flush first (arch_tlb_flush_since with f->stamp). */
/*@ requires \valid_read(f);
    assigns \nothing;
    ensures \result <==> f->was != FRAME_FREE && f->was != type; */
static inline bool frame_needs_flush(const struct frame *f, u32 type)
{
    return f->was != FRAME_FREE && f->was != type;
}

/* Count one more reference. RC_EBUSY at the limit. Lock: owner's mm. */
/*@ requires \valid(f) && frame_inv(f);
    requires f->type != FRAME_FREE && f->type != FRAME_PRIVATE;
    assigns f->refs;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EBUSY;
    ensures \result == RC_OK ==> f->refs == \old(f->refs) + 1;
    ensures \result != RC_OK ==> f->refs == \old(f->refs); */
static inline MUST_CHECK enum rc frame_ref(struct frame *f)
{
    if (f->refs >= FRAME_COUNT_LIMIT) {
        return RC_EBUSY;
    }
    f->refs++;
    return RC_OK;
}
/*@ requires \valid(f) && frame_inv(f);
    assigns f->refs;
    ensures frame_inv(f) && f->refs == \old(f->refs) - 1; */
static inline void frame_unref(struct frame *f)
{
    if (f->refs <= f->types) {
        arch_panic("frame: reference dropped twice");
    }
    f->refs--;
}

/* Take a reference and a WRITABLE type reference. RC_EBUSY when the frame is
 * a page table or at a limit; nothing is changed then. Lock: owner's mm. */
/*@ requires \valid(f) && frame_inv(f);
    assigns f->refs, f->types, f->type, f->was;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EBUSY;
    ensures \result == RC_OK ==> f->type == FRAME_WRITABLE &&
            f->types == \old(f->types) + 1 && f->refs == \old(f->refs) + 1 &&
            (\old(f->type) == FRAME_PLAIN || \old(f->type) == FRAME_WRITABLE);
    ensures \result != RC_OK ==> f->type == \old(f->type) &&
            f->types == \old(f->types) && f->refs == \old(f->refs) &&
            f->was == \old(f->was); */
static inline MUST_CHECK enum rc frame_ref_writable(struct frame *f)
{
    if (f->refs >= FRAME_COUNT_LIMIT) {
        return RC_EBUSY;
    }
    if (f->type == FRAME_PLAIN) {
        f->type = FRAME_WRITABLE;
        f->was = FRAME_WRITABLE;
    } else if (f->type != FRAME_WRITABLE) {
        return RC_EBUSY;
    }
    f->types++;
    f->refs++;
    return RC_OK;
}
/*@ requires \valid(f) && frame_inv(f);
    assigns f->refs, f->types, f->type, f->stamp;
    ensures frame_inv(f);
    ensures \old(f->type) == FRAME_WRITABLE;
    ensures f->types == \old(f->types) - 1 && f->refs == \old(f->refs) - 1;
    ensures f->type == (f->types > 0 ? FRAME_WRITABLE : FRAME_PLAIN); */
static inline void frame_unref_writable(struct frame *f)
{
    if (f->type != FRAME_WRITABLE || f->types == 0) {
        arch_panic("frame: writable reference dropped twice");
    }
    f->types--;
    f->refs--;
    if (f->types == 0) {
        f->type = FRAME_PLAIN;
        f->stamp = arch_tlb_stamp();
    }
}

/* Begin to make a PLAIN frame a table of the level: VALIDATING with one type
 * reference and one reference. RC_EBUSY when it has another use. The caller has
 * made sure of the flush (frame_needs_flush). */
/*@ requires \valid(f) && frame_inv(f) && FRAME_L1 <= level <= FRAME_L4;
    assigns f->refs, f->types, f->type, f->was, f->state;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EBUSY;
    ensures \result == RC_OK ==> \old(f->type) == FRAME_PLAIN &&
            f->type == level && f->state == FRAME_VALIDATING &&
            f->types == 1 && f->refs == \old(f->refs) + 1;
    ensures \result != RC_OK ==> f->type == \old(f->type) &&
            f->types == \old(f->types) && f->refs == \old(f->refs) &&
            f->was == \old(f->was) && f->state == \old(f->state); */
enum rc frame_begin_table(struct frame *f, u32 level) MUST_CHECK;
/* VALIDATING -> LIVE. */
/*@ requires \valid(f) && frame_inv(f) && f->state == FRAME_VALIDATING;
    assigns f->state;
    ensures frame_inv(f) && f->state == FRAME_SETTLED; */
void frame_settle_table(struct frame *f);
/* Another type reference on a LIVE table of that level. */
/*@ requires \valid(f) && frame_inv(f) && FRAME_L1 <= level <= FRAME_L4;
    assigns f->refs, f->types;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EBUSY;
    ensures \result == RC_OK ==> f->type == level &&
            f->state == FRAME_SETTLED && f->types == \old(f->types) + 1 &&
            f->refs == \old(f->refs) + 1;
    ensures \result != RC_OK ==> f->types == \old(f->types) &&
            f->refs == \old(f->refs); */
static inline MUST_CHECK enum rc frame_ref_table(struct frame *f, u32 level)
{
    if (f->type != level || f->state != FRAME_SETTLED ||
        f->refs >= FRAME_COUNT_LIMIT) {
        return RC_EBUSY;
    }
    f->types++;
    f->refs++;
    return RC_OK;
}
/* Drop a type reference of a LIVE table. True: it was the last, the frame is
 * now RELEASING with types 1 and its entries are to be released. */
/*@ requires \valid(f) && frame_inv(f);
    assigns f->refs, f->types, f->state;
    ensures frame_inv(f) && frame_is_table(f);
    ensures \result <==> \old(f->types) == 1;
    ensures \result ==> f->state == FRAME_RELEASING && f->types == 1 &&
            f->refs == \old(f->refs);
    ensures !\result ==> f->state == FRAME_SETTLED &&
            f->types == \old(f->types) - 1 && f->refs == \old(f->refs) - 1; */
static inline MUST_CHECK bool frame_unref_table(struct frame *f)
{
    if (!frame_is_table(f) || f->state != FRAME_SETTLED || f->types == 0) {
        arch_panic("frame: table reference dropped twice");
    }
    if (f->types == 1) {
        f->state = FRAME_RELEASING;
        return true;
    }
    f->types--;
    f->refs--;
    return false;
}
/* All entries released (or validation undone): the frame is PLAIN again. */
/*@ requires \valid(f) && frame_inv(f) && f->pinned == 0;
    assigns f->refs, f->types, f->type, f->state, f->stamp;
    ensures frame_inv(f) && f->type == FRAME_PLAIN;
    ensures frame_is_table{Pre}(f) && \old(f->state) != FRAME_SETTLED;
    ensures f->refs == \old(f->refs) - 1; */
void frame_end_table(struct frame *f);

/* Mark and unmark the pin of a LIVE table; RC_EINVAL when it is so already.
 * The type reference that goes with the pin is the caller's business. */
/*@ requires \valid(f) && frame_inv(f) && frame_is_table(f);
    assigns f->pinned;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EINVAL;
    ensures \result == RC_OK <==> \old(f->pinned) == 0;
    ensures f->pinned == 1; */
enum rc frame_pin(struct frame *f) MUST_CHECK;
/*@ requires \valid(f) && frame_inv(f);
    assigns f->pinned;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EINVAL;
    ensures \result == RC_OK <==> \old(f->pinned) == 1;
    ensures f->pinned == 0; */
enum rc frame_unpin(struct frame *f) MUST_CHECK;

/* FREE -> PLAIN with no reference. */
/*@ requires \valid(f) && frame_inv(f) && f->type == FRAME_FREE;
    assigns f->type, f->state, f->pfn;
    ensures frame_inv(f) && f->type == FRAME_PLAIN && f->pfn == pfn_number; */
void frame_populate(struct frame *f, u32 pfn_number);
/* PLAIN without a reference -> FREE, linked to next_free; RC_EBUSY while it is
 * referenced. */
/*@ requires \valid(f) && frame_inv(f);
    assigns f->type, f->pfn;
    ensures frame_inv(f);
    ensures \result == RC_OK || \result == RC_EBUSY;
    ensures \result == RC_OK <==>
            \old(f->type) == FRAME_PLAIN && \old(f->refs) == 0;
    ensures \result == RC_OK ==> f->type == FRAME_FREE && f->refs == 0;
    ensures \result != RC_OK ==> f->type == \old(f->type) &&
            f->pfn == \old(f->pfn); */
enum rc frame_release(struct frame *f, u32 next_free) MUST_CHECK;
/* FREE -> PRIVATE, at creation only. */
/*@ requires \valid(f) && frame_inv(f) && f->type == FRAME_FREE;
    assigns f->type, f->pfn;
    ensures frame_inv(f) && f->type == FRAME_PRIVATE; */
void frame_reserve(struct frame *f);
/* Any -> FREE, when the whole domain is gone. */
/*@ requires \valid(f);
    assigns f->refs, f->types, f->type, f->state, f->pinned, f->pfn;
    ensures frame_inv(f) && f->type == FRAME_FREE && f->refs == 0; */
void frame_reset(struct frame *f);

#endif
