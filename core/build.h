/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a domain: from its plan and images to a first vCPU ready to run.
 * The work is cut in slices; the cursor is here. One CPU at a time works on a
 * domain (the life lock in domlife.c).
 */
#ifndef CORE_BUILD_H
#define CORE_BUILD_H

#include "core/ids.h"
#include "core/rc.h"

struct domain;

enum build_phase {
    BUILD_FRAMES, /* every frame: reset its record, zero it */
    BUILD_KERNEL, /* copy the images */
    BUILD_RAMDISK,
    BUILD_P2M,    /* the frame list */
    BUILD_TABLES, /* page tables, written as plain memory */
    BUILD_START   /* validate them like a guest's, start_info, vCPU 0 */
};

/* Where things lie, in pseudo-physical frame numbers. */
struct build {
    u32 phase; /* enum build_phase */
    u64 next;  /* in units of the phase */
    u64 kernel_pfn, ramdisk_pfn, p2m_pfn, start_info_pfn, store_pfn,
        console_pfn, tables_pfn, stack_pfn, end_pfn;
    u64 l3_count, l2_count, l1_count;
};

/* Lay the domain out. RC_ENOMEM: its memory is too small for its images. */
enum rc build_begin(struct domain *d) MUST_CHECK;

/* One slice. RC_PREEMPT: more to do. RC_OK: vCPU 0 is ready. */
enum rc build_step(struct domain *d) MUST_CHECK;

#endif
