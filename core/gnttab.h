/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, version 1: map, unmap, copy.
 *
 * Two sides: the granter's shared table (its own memory can be written by it
 * at any time, so an entry is read once) with the hypervisor's active record
 * for each entry, under the granter's mm lock; and the mapper's maptrack, under
 * the mapper's mm lock. What a mapping holds on the granter's frame (a
 * reference, and a writable one if not read-only) is held by the maptrack
 * record, not by the page-table entry: an entry that the mapper destroys by
 * other means just ends the mapping's use, the references are returned by
 * unmap or when the mapper ends.
 */
#ifndef CORE_GNTTAB_H
#define CORE_GNTTAB_H

#include "core/ids.h"
#include "core/lock.h"
#include "core/rc.h"
#include "core/xen.h"

struct domain;

#define GRANT_FRAMES_MAX 64u
#define GRANTS_PER_FRAME 512u

struct active_grant {
    u32 readers;  /* mappings and copies in progress, read-only */
    u32 writers;  /* the same, writable */
    u64 frame;    /* machine frame while readers + writers > 0 */
};

struct gnttab {
    u32 frame_count; /* [m] pages the guest has set up */
    u32 frame_max;   /* [I] */
    struct grant_entry *shared[GRANT_FRAMES_MAX]; /* [I] hypervisor frames */
    mfn_t shared_mfn[GRANT_FRAMES_MAX];           /* [I] */
    struct active_grant *active; /* [m] frame_max * GRANTS_PER_FRAME */
};

struct maptrack {
    u8 state;     /* 0 free, 1 mapped */
    u8 readonly;
    u16 granter;  /* domid */
    u32 ref;
    u32 generation; /* part of the handle */
    u32 next;     /* free list */
    u64 frame;    /* machine frame mapped */
    u64 table;    /* L1 frame that held the entry when it was mapped */
    u32 index;    /* and where */
    u32 incarnation; /* granter's, low bits */
};

/* Give back every mapping that d holds; bounded: at most budget records, true
 * when none is left. Takes mm of d and of granters. */
bool gnttab_unmap_all(struct domain *d, u32 budget);

#endif
