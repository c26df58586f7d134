/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount: every type and count of a domain derived afresh from what holds
 * it, and compared with what is written down. It trusts no count: it reads
 * tables, work, areas, grants, map records and ports. Oracle of the unit tests
 * and fuzzers; the frame auditor (auditor.h) runs it in the kernel.
 *
 * What must hold of a domain d, and the fault that says it does not:
 *
 *   REFS, TYPES  frame.refs and frame.types are the number of their holders:
 *                entries of tables (of one on the stack of work: the entries
 *                taken), the pin, roots, work, areas and rings that the
 *                hypervisor writes by number, uses of grants
 *   STATE        I1, I3, I4 of frame.h; only tables are pinned or unsettled
 *   FOREIGN      what is held is memory of d (so I2); an L1 entry may also name
 *                a frame shared with d, or that of a map record for this entry
 *   TARGET       what an entry of level n names is a settled table of level
 *                n-1; what an L1 entry makes writable is WRITABLE
 *   ENTRY        a present entry has U, not G, and else what a guest may set
 *   M2P          the word of memory is frame.pfn, of other frames none
 *   MEMORY       domain.frames is the number of frames that are memory
 *   FREE_LIST    it ends, and has every FREE frame
 *   GRANT        the uses of a grant are the map records of its user that name
 *                it, seen from either side; grants.uses is the sum of all
 *   PORT         the other end of a channel points back; a virtual interrupt
 *                and its port name each other; the vCPU is there
 *
 * A pass is cut in slices of at most RECOUNT_SLICE steps. A step reads a frame,
 * an entry, a map record, a grant or a port, or the 24 virtual interrupts of a
 * vCPU. Longer are: what holds frames otherwise, once a pass (at most 231
 * reads); and a search through the map records of a domain, for an entry that
 * maps another's grant and for a use of a grant (map_count reads; it counts as
 * so many steps, so at most one ends beyond the slice's bound).
 *
 * All that is counted changes under mm while a domain runs. So a pass saw one
 * state when nobody else has had that lock since it began, which the lock's own
 * tickets tell: the paths that change counts do nothing for it. A pass must not
 * be gone on with when 2^32 others may have had the lock since its last slice.
 */
#ifndef CORE_RECOUNT_H
#define CORE_RECOUNT_H

#include "core/domain.h"

#define RECOUNT_SLICE 128u

#define RECOUNT_FAULTS(FAULT)                                                  \
    FAULT(NONE)                                                                \
    FAULT(REFS)                                                                \
    FAULT(TYPES)                                                               \
    FAULT(STATE)                                                               \
    FAULT(FOREIGN)                                                             \
    FAULT(TARGET)                                                              \
    FAULT(ENTRY)                                                               \
    FAULT(M2P)                                                                 \
    FAULT(MEMORY)                                                              \
    FAULT(FREE_LIST)                                                           \
    FAULT(GRANT)                                                               \
    FAULT(PORT)

#define RECOUNT_NAME(name) RECOUNT_##name,
enum recount_fault { RECOUNT_FAULTS(RECOUNT_NAME) };

/* What was found to hold a frame. */
struct recount_holds {
    u32 refs;
    u32 types;
};

struct recount {
    struct recount_holds *holds; /* [I] by frame of the domain */
    struct domain *d;            /* NULL: no pass is open */
    u64 state;                   /* of the domain when the pass began */
    u64 first, frames;           /* of its chunks */
    const struct frame *frame;   /* their records */
    u32 turn;                    /* ticket of mm in the last slice */
    u32 phase;
    u64 next;               /* step of the phase */
    u32 cost;               /* of this slice, in steps */
    u32 other;              /* number of the domain at the other end, or d's */
    bool is_cut;            /* the next step needs that domain's lock */
    u64 memory, free, uses; /* sums so far */

    enum recount_fault fault; /* the first one, */
    u64 where;                /* frame, grant or port number, */
    u64 expected, found;      /* and values, where they say something */
};

/* Open a pass over d; r->holds has a record for each frame of its chunks. No
 * lock. */
void recount_begin(struct recount *r, struct domain *d);

/* One slice. RC_PREEMPT: more to do. RC_OK: all is as it must be. RC_EIO: it
 * is not, r->fault and what follows it says why. RC_EAGAIN: the domain changed
 * since the last slice, the pass is void. Takes mm of d, and at times of one
 * other domain, and evt of d. */
enum rc recount_slice(struct recount *r) MUST_CHECK;

/* The fault's name. */
const char *recount_text(enum recount_fault fault);

#endif
