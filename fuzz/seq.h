/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences: an input is a list of records of 16 bytes, each one operation of
 * one of four vCPUs (two of domain 1, two of domain 2), or part of a batch.
 *
 *   byte 0    which row of the hypercall table, or which other act
 *   byte 1    who (bits 0, 1); joins the batch before it (2); is an entry of a
 *             multicall with its neighbours (3); budget (4..7, see seq.c)
 *   byte 2    faults: see seq.c
 *   byte 3..  one to three bytes for each argument, by its kind (values.c)
 *
 * A record that is cut off is filled up with zeroes. Records of one size let a
 * fuzzer's cuts and copies move whole operations; fuzz/mutate.c helps it.
 */
#ifndef FUZZ_SEQ_H
#define FUZZ_SEQ_H

#include "fuzz/grammar.h"
#include "fuzz/world.h"

#define RECORD_BYTES 16u
#define RECORDS_MAX 48u
#define ACTORS 4u
#define ELEMENTS_MAX 8u
#define FIELDS_MAX 20u
#define DATA_WORDS 8u
#define HANDLES 4u

#define WHO_MASK 3u
#define WHO_JOINS 4u
#define WHO_LISTED 8u

/* What happens besides hypercalls; the order is part of the corpus. */
enum act {
    ACT_POKE,    /* the guest writes a word of its argument memory */
    ACT_GRANT,   /* it writes an entry of its grant table */
    ACT_TRAPPED, /* an instruction of it writes to an L1 table */
    ACT_BITS,    /* the processor sets accessed and dirty bits */
    ACT_TIME,    /* time passes; timers fire */
    ACT_MASKS,   /* it writes its event masks and pending bits */
    ACT_COLLECT, /* events are shown to it */
    ACT_VIRQ,    /* a virtual interrupt is raised */
    ACT_PICK,    /* a CPU chooses */
    ACT_RAW,     /* a hypercall with any numbers at all */
    ACT_CACHE,   /* the processor is, or is not, one with L1TF */
    ACT_WORK,    /* a slice of the lives of domains */
    ACT_END,     /* a domain ends */
    ACT_LOOK,    /* the frame auditor, for a slice */
    ACT_DRAIN,   /* the audit port takes bytes, or does not */
    ACT_COUNT
};

/* What a sequence target is about. */
struct family {
    struct world_kind world;
    u32 acts;      /* mask of enum act */
    u64 numbers;   /* mask of hypercall numbers */
    bool lists;    /* multicalls */
    bool single;   /* no batches, no memory: each record stands alone */
    bool two_cpus; /* who runs is the scheduler's choice */
};

struct element {
    u32 row;
    u64 value[FIELDS_MAX]; /* in the order of the structure */
};

struct call {
    u32 nr, row;
    u64 arg[6];
    u32 count; /* elements, 0 for calls in registers */
    struct element element[ELEMENTS_MAX];
    bool odd;             /* its list is not what it says */
    u64 data[DATA_WORDS]; /* words that the guest has at data_va */
    u64 data_va;
};

struct open_call {
    struct hc_call call;
    bool is_open; /* cut, to be made again */
};

struct seq {
    const struct family *family;
    struct input in;
    u32 step;
    u8 menu[256]; /* byte 0 of a record: row, or HCROW_COUNT + act */
    struct open_call open[ACTORS];
    u64 digest[WORLD_DOMAINS + 1];
    u64 result_sum[WORLD_DOMAINS + 1];
    struct {
        u32 handle;
        u64 va;
    } handles[HANDLES];
    u32 handle_count;
    u32 ports[HANDLES]; /* given out last */
    u32 port_count;
    u32 pfn;    /* of the frame that the call gives back, before it does */
    bool blind; /* the state was damaged: nothing is checked */
    u32 only;   /* 0, or the domain whose records are run (commute) */
};

/* Run the whole input. */
void seq_run(struct seq *q, const struct family *family, const u8 *data,
             size_t bytes);

/* Go on with these records on the machine as it is, without a check. */
void seq_run_blind(struct seq *q, const u8 *data, size_t bytes);

/* ---- values.c -------------------------------------------------------------
 */

/* Guest memory of each actor, offsets from HOST_GUEST_BASE. */
#define ACTOR_AT(who) (0x2000u + (who) * 0x8000u)
#define ELEMENTS_AT 0x0000u
#define DATA_AT 0x1000u
#define LIST_AT 0x2000u
#define DONE_AT 0x3000u
#define INNER_AT 0x4000u
#define INNER_BYTES 0x400u

struct vcpu *actor(u32 who);
/* A value of the kind for the actor, from the record. */
u64 value_of(struct seq *q, struct input *rec, u32 who, enum kind kind, u64 low,
             u64 high);
u64 value_pte(struct seq *q, struct input *rec, u32 who);
/* A call of row with one element from the record, arguments in guest memory at
 * the offset; append adds another element to a batch. */
void call_make(struct seq *q, struct input *rec, u32 who, u32 row, u32 at,
               struct call *c);
void call_append(struct seq *q, struct input *rec, u32 who, u32 row, u32 at,
                 struct call *c);
/* May element row join the batch c? */
bool call_takes(const struct call *c, u32 row);
/* Put elements and data where the call says they are. */
void call_write(const struct call *c, u32 at);
/* The field of element i after the call, as the guest sees it. */
u64 call_read(const struct call *c, u32 at, u32 i, const char *field);

/* ---- acts.c ---------------------------------------------------------------
 */

void act_run(struct seq *q, struct input *rec, u32 who, enum act act);
const char *act_name(enum act act);
/* The actor that runs on the CPU now, ACTORS for none; stir is woken while the
 * CPU changes, ACTORS for none. */
u32 act_pick(u32 cpu, u32 stir);

/* ---- probe.c: an operation and its inverse --------------------------------
 */

void probe_inverse(struct seq *q, u32 who, u32 at, const struct call *c,
                   u64 before);

/* ---- oplog.c ---------------------------------------------------------------
 */

void oplog_world(const struct seq *q);
void oplog_call(const struct seq *q, u32 who, const struct call *c, s32 budget,
                u32 faults);
void oplog_again(const struct seq *q, u32 who, const struct hc_call *c,
                 s32 budget, u32 faults);
void oplog_act(const struct seq *q, u32 who, const char *name,
               const char *format, ...) PRINTF_LIKE(4, 5);
void oplog_result(const struct seq *q, const struct call *c, u32 at,
                  s64 result);

#endif
