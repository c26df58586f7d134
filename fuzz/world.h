/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small machine for sequences, and what must hold of it after each step.
 *
 * Three domains on four chunks: 1 and 2 are hostile and may be connected, 3 is
 * nobody's business and must stay as it is. It is built once and saved; each
 * run begins with the saved machine, for which only what was written is copied
 * back: frames by the machine's dirty marks, the hypervisor's pool, and the
 * variables of the code under test, which the build puts into sections of its
 * own (rf_data, rf_bss).
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "core/domain.h"
#include "fuzz/fuzz.h"

#define WORLD_DOMAINS 3u
#define WORLD_VCPUS 2u   /* of each domain */
#define WORLD_FRAMES 40u /* of each domain: pfn 0..39 */
#define WORLD_VICTIM 3u
#define ROOT_PFN 4u /* L4; 5, 6, 7 are L3, L2, L1 */
#define WORLD_VA 0ull
/* Pages that the tree maps: WORLD_VA + page n is pfn n for n in 16..31. */
#define MAPPED_FIRST 16u
#define MAPPED_COUNT 16u

struct world_kind {
    bool connected; /* domains 1 and 2 have the right CONNECT */
    bool scheduled; /* vCPUs are online, two CPUs */
    bool audited;   /* there is a log, with all refusals */
    bool watched;   /* the frame auditor is there */
    bool serving; /* domain 1 has all rights over others, but not the victim */
};

/* All variables of the code under test: keep them, and give them back. */
void vars_save(void);
void vars_restore(void);

/* The machine as saved; the first call builds it. One kind a program. */
void world_begin(const struct world_kind *kind);
struct domain *world_domain(u32 id); /* 1..WORLD_DOMAINS */

/* A sum over what d is: frames, live tables, ports, grants, vCPUs. Equal
 * states have equal sums; see fuzz/README.md for how it is made. */
u64 world_digest(const struct domain *d);
/* The same, one line for each thing that is not as at the start of time. */
void world_print(const struct domain *d);

/* Recount, conservation of frames, ports, grants, locks; a finding if not. The
 * digest. */
u64 world_check(const struct domain *d);
/* The victim is as it was. */
void world_check_victim(void);

/* The next read of the same guest bytes in this call shall find others. */
void world_trap_reads(bool on);
void world_call_begins(void);

#endif
