/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin of QEMU for fuzzing the running system, in two parts:
 *
 *   plugin.c  which edges of the hypervisor are taken, and the store by which
 *             a guest asks
 *   hand.c    which records each actor of guests/bytecode gets, and when
 *
 * It is fed by fuzz/live/run through two pipes: programs one way, what came of
 * each the other. A program is a header and its records. All CPUs of the
 * machine may ask at once; hand.c takes them one at a time.
 */
#ifndef FUZZ_LIVE_LIVE_H
#define FUZZ_LIVE_LIVE_H

#include "guests/bytecode/mailbox.h"

#define PROGRAM_RECORDS_MAX 64u

/* flags of a program */
#define PROGRAM_TELL 1u /* each record is to be told */
#define PROGRAM_RACE 2u /* actors do not wait for each other */
#define PROGRAM_NEW 4u  /* both domains begin a new life before it */
#define PROGRAM_STOP 8u /* the last: no records, and the run ends */

struct program {
    u32 id, count;
    u32 actors; /* mask of those that take part */
    u32 flags;
    u8 record[PROGRAM_RECORDS_MAX][RECORD_SIZE];
};

/* flags of a result */
#define RESULT_STUCK 1u /* an actor had to be ended */
#define RESULT_DIED 2u  /* a domain ended by itself */
#define RESULT_HARM 4u  /* the victim was changed */

struct result {
    u32 id, fresh; /* edges not seen before */
    u32 calls;     /* hypercalls of its records */
    u32 flags;
    u64 entries; /* of the hypervisor's dispatch, all domains, ever */
    u32 edges, lives;
};

/* ---- plugin.c ---- */

extern u32 edges_seen;       /* [a] */
extern u64 dispatch_entries; /* [a] */

/* ---- hand.c ---- */

/* Pipes and the file for what is told; times: how many times as long as usual
 * an actor may take. False: they cannot be opened. */
bool hand_open(const char *programs, const char *results, const char *told,
               u32 times);
/* A guest has stored to said: answer in its page. */
void hand_ask(struct mailbox *m);

#endif
