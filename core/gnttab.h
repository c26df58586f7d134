/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, version 1: map, unmap, copy.
 *
 * Two sides: the granter's shared table, with the hypervisor's active record
 * for each entry, under the granter's mm lock; and the mapper's maptrack,
 * under the mapper's mm lock. An operation takes both locks, in domain-number
 * order, and drops none of them inside.
 *
 * The shared table can be written by the granter at any time. An entry is one
 * 64-bit word: it is read once, judged as a whole, and marked as in use by one
 * exchange against what was judged; after four tries against a granter that
 * keeps changing it the operation fails. While an entry is in use the active
 * record is the truth; the marks in the shared word are written for the
 * granter's information and never read back.
 *
 *   active entry   UNUSED -- begin --> IN USE -- end of last use --> UNUSED
 *   map record     FREE -- map --> MAPPED -- unmap, unmap_all --> FREE
 *
 * What a mapping holds on the granter's frame (a reference, and a writable one
 * if not read-only) is held by the map record, not by the page-table entry: an
 * entry that the mapper destroys by other means just ends the mapping's use,
 * the references are returned by unmap or when the mapper ends. The entry is
 * cleared, and every CPU that may hold its translation has flushed, before
 * they are returned.
 *
 * A granter's memory cannot be given back or reused while gnttab_in_use: a
 * domain that ends waits in ENDING until those who mapped its frames have
 * unmapped them. A domain does not map its own grants: the entry would look
 * like a counted one.
 */
#ifndef CORE_GNTTAB_H
#define CORE_GNTTAB_H

#include "core/ids.h"

struct domain;

#define GRANT_FRAMES_MAX 64u
#define GRANTS_PER_FRAME 512u
#define GRANT_REF_CONSOLE 0u /* [XEN grant_table.h] entries for domain 0 */
#define GRANT_REF_STORE 1u

/* [XEN grant_table.h] */
enum grant_status {
    GRANT_OKAY = 0,
    GRANT_GENERAL_ERROR = -1,
    GRANT_BAD_DOMAIN = -2,
    GRANT_BAD_REF = -3,
    GRANT_BAD_HANDLE = -4,
    GRANT_BAD_ADDRESS = -5,
    GRANT_BAD_DEVICE_ADDRESS = -6,
    GRANT_DENIED = -8,
    GRANT_BAD_COPY = -10,
    GRANT_NO_SPACE = -13
};

struct active_grant {
    u32 readers; /* mappings and copies in progress, read-only */
    u32 writers; /* the same, writable */
    u32 user;    /* domid that uses it while readers + writers > 0 */
    u32 pad;
    u64 frame; /* machine frame while readers + writers > 0 */
};

struct gnttab {
    u32 frame_count;               /* [m] pages the guest has set up */
    u32 frame_max;                 /* [I] */
    u64 *shared[GRANT_FRAMES_MAX]; /* [I] hypervisor frames; an entry is a word,
                                      touched atomically */
    mfn_t shared_mfn[GRANT_FRAMES_MAX]; /* [I] */
    struct active_grant *active;        /* [m] frame_max * GRANTS_PER_FRAME */
    u64 uses;     /* [m] readers and writers of all entries */
    u32 end_next; /* [m] where gnttab_unmap_all goes on */
};

enum maptrack_state { MAPTRACK_FREE, MAPTRACK_MAPPED };

struct maptrack {
    u8 state; /* enum maptrack_state */
    u8 readonly;
    u16 granter; /* domid */
    u32 ref;
    u32 generation; /* low 16 bits are part of the handle */
    u32 next;       /* free list, map_count at its end */
    u64 frame;      /* machine frame mapped */
    u64 host_addr;  /* where in the mapper's address space */
    u64 table;      /* L1 frame that held the entry when it was mapped */
    u32 index;      /* and where */
};

/* Empty both sides, at creation and at a restart: grants.shared, active, map
 * and their sizes are there; nobody uses a grant of d, no record is MAPPED. */
void gnttab_init(struct domain *d);

/* Write an entry of the shared table as the domain itself could: user may map
 * frame and write it. At launch. */
void gnttab_offer(struct domain *d, u32 ref, domid_t user, mfn_t frame);

/* Somebody maps or copies a frame of d now: its memory must stay. Takes mm of
 * d. */
bool gnttab_in_use(struct domain *d);

/* Give back every mapping that d holds; bounded: at most budget records, true
 * when none is left. No vCPU of d runs any more. Takes mm of d and of
 * granters. */
bool gnttab_unmap_all(struct domain *d, u32 budget);

#endif
