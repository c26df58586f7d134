/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests of fuzz/schedules do: operations of ops.def, each of one vCPU on
 * one CPU, of one or a few calls; and the machine they do it on.
 *
 * Domain 1 has vCPU 0 on CPU 0. On CPU 1 is its vCPU 1, or vCPU 0 of domain 2
 * and, where there is a third CPU, vCPU 1 of domain 2 on that. pfn 16..31 are
 * mapped writable at the pages of these numbers, 8..15 are not in use
 * (fuzz/world.h).
 */
#ifndef FUZZ_SCHEDULES_OPS_H
#define FUZZ_SCHEDULES_OPS_H

#include "fuzz/schedules/processors.h"
#include "tests/host_arch.h"

enum op {
#define OP(name, doc) OP_##name,
#include "fuzz/schedules/ops.def"
#undef OP
    OP_COUNT
};

/* Before the CPUs run, by the guest on it: what the operations need. */
enum prep {
    PREP_NONE,
    PREP_PINNED,  /* pfn 8 is a pinned L1 table */
    PREP_HELD,    /* pfn 8 is an L1 table by the L2 table's entry 1 */
    PREP_GRANTED, /* domain 1 has granted pfn 17 to domain 2 as 8 */
    PREP_MAPPED,  /* and domain 2 has mapped it at page 40 */
    PREP_OFFERED, /* domain 1 offers its port to domain 2 */
    PREP_CHANNEL, /* domain 2 has bound it */
    PREP_MASKED,  /* and masked its end */
    PREP_IPI,     /* port 1 of domain 1 is an IPI for vCPU 1 */
    PREP_QUIET,   /* and masked */
    PREP_DOWN,    /* vCPU 1 of domain 1 is down */
    PREP_FREE,    /* domain 1 has given pfn 10 back */
    PREP_COUNT
};

#define RESULTS_MAX 8u
#define OPS_REF 8u /* the grant of domain 1 */
#define OPS_READONLY                                                           \
    (HOST_GUEST_BASE + 0xf0000u) /* guests' buffer, from here */

struct outcome {
    u32 count[CPUS];
    s64 result[CPUS][RESULTS_MAX];
    u64 digest;
};

extern struct outcome ops_outcome;

const char *ops_name(enum op op);
/* The machine as it begins: nobody has done anything. peer: CPU 1 is domain
 * 2's. */
void ops_begin(enum prep prep, bool peer);
/* The next of the CPU's guest. At most OPS_MAX a CPU. */
#define OPS_MAX 16u
void ops_give(u32 cpu, enum op op);
/* Run until all is quiet, and say what must hold of it. */
void ops_run(void);
/* Do it, on the CPU that calls. */
void ops_do(enum op op, u32 cpu);

/* The last that put v to sleep was a poll. Its poll_count says less: it stays
 * when the poll was over before v slept, and then wakes it once too often. */
bool ops_polls(const struct vcpu *v);

/* check.c: what must hold when all CPUs are in their guests. */
void check_quiet(void);

#endif
