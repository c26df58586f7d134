/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytecode guest: records of the host's fuzz targets (fuzz/seq.h), carried
 * out by a real guest on the real kernel. The very file that turns a record
 * into a hypercall there, fuzz/values.c, does it here.
 *
 * What this guest is follows from role= of its command line: `actor` with
 * domain=1 or 2 executes records on two vCPUs; `warden`, in Domain0's place,
 * ends and starts actors that are stuck; `victim` looks at its memory.
 *
 *   main.c    roles, and what is asked of the plugin (mailbox.h)
 *   world.c   the tables and pages that records speak of
 *   acts.c    what is no hypercall: instructions, returns, writes
 *   run.c     records to calls, and
 *   machine.c what they name: of the fuzz harness, not of guests/lib, whose
 *             argument structures are the same ones
 */
#ifndef GUESTS_BYTECODE_BYTECODE_H
#define GUESTS_BYTECODE_BYTECODE_H

#include "guests/bytecode/mailbox.h"

/* ---- world.c ---- */

/* As in fuzz/world.h and tests/host_arch.h; run.c compares. */
#define PAGES_COUNT 40u
#define ROOT_PAGE 4u /* pfn 4 to 7: L4 to L1 */
/* Pages 8 to 11 are made like 4 to 7, to be used as tables or not. */
#define SECOND_ROOT_PAGE 8u
#define OPEN_PAGE 16u /* 16 to 31 are mapped writable, at n * 4096 */
#define OPEN_COUNT 16u
#define ARGUMENTS_BASE 0x40000000ull
#define ARGUMENTS_BYTES                                                        \
    0x100000u               /* of which the first 64 pages and the last        \
                             */
#define ARGUMENTS_PAGES 64u /* are there */

/* Pages 0 to 39 of this domain become what they are in fuzz/world.c, and the
 * arguments' memory is at its address. Ends the domain if that is refused. */
void world_setup(struct places *own);
/* Load the world's root on this vCPU. */
s64 world_root(void);
/* Handlers, segments, roots and registers of this vCPU as they were. */
void world_refresh(void);
/* Two pages of grant entries. */
extern u64 world_grants[2][512];
/* Page n of the world, read-only: where it is a table, a write is trapped. */
volatile u64 *world_page(u32 n);

/* ---- acts.c ---- */

enum live_act { LIVE_CODE, LIVE_BYTES, LIVE_IRET, LIVE_COUNT };
/* bytes 3 to 15 of a record. May end in an exception, which the caller's
 * try_call takes. */
void live_act(enum live_act act, const u8 *bytes);
void live_touch(u32 page);
void live_masks(u32 which, u64 word);
void live_collect(void);
void live_sleep(u64 ns);
/* So that a call that blocks does not do so for ever. */
void live_arm(void);
void live_end(u32 reason);
/* The right handlers and stack again. */
void live_handlers(void);

/* ---- run.c ---- */

void run_begin(const struct places places[4]);
/* Carry out records of actor who; told after each if tell. Calls made. */
u64 run_records(u32 who, const struct mailbox *m);

/* ---- machine.c ---- */

void machine_begin(void);
void machine_places(const struct places places[4]);

/* ---- main.c: for run.c, which cannot include guests/lib ---- */

s64 guest_call(u64 nr, const u64 arg[6]);
u64 guest_now(void);
/* Call f(argument); 0, or 256 + the vector of the exception that ended it. */
u32 guest_try(void (*f)(u64), u64 argument);
/* Where told is to be filled in, or NULL; and that it is. */
struct told *tell_begin(void);
void tell(void);

#endif
