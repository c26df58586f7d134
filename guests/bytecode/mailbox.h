/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the bytecode guest gets its records: each vCPU has a page in which it
 * says what it is, and stores to `said` behind an instruction that does
 * nothing, a long NOP with MAILBOX_MARK. A plugin of QEMU (fuzz/live) knows
 * that store, and has answered in the same page before the next instruction.
 */
#ifndef GUESTS_BYTECODE_MAILBOX_H
#define GUESTS_BYTECODE_MAILBOX_H

#include "core/base.h"

#define MAILBOX_MARK 0x52470001u
#define RECORD_SIZE 16u /* of fuzz/seq.h */
#define RUN_MAX 16u     /* records handed out at once */
#define TOLD_MAX 8u
#define TOLD_BYTES 96u /* of the largest argument structure */

/* Actors: vCPUs 0, 1 of domain 1; 0, 1 of domain 2; the warden, the victim. */
#define ACTOR_COUNT 4u
#define ACTOR_WARDEN 4u
#define ACTOR_VICTIM 5u

enum said {
    SAID_HELLO = 1, /* a life begins */
    SAID_READY,     /* what was handed out is done */
    SAID_TOLD,      /* told is filled in */
    SAID_HARM       /* the victim's memory is not what it was */
};

enum answer {
    ANSWER_WAIT, /* it is another's turn */
    ANSWER_REST, /* the same, and it will be for long */
    ANSWER_RUN,  /* the records */
    ANSWER_END,  /* reboot */
    ANSWER_KILL, /* the warden: end domain `detail`, and start it again */
    ANSWER_OFF   /* the warden: end all domains; others: rest */
};

/* detail of ANSWER_RUN */
#define RUN_FRESH 1u /* the first of a program: put back what it relies on */
#define RUN_TELL 2u  /* say what each record was */

/* Of each domain, so that others can name its frames. */
struct places {
    u64 first, shared, grants[2];
};

enum told_when { TOLD_BEFORE, TOLD_AFTER, TOLD_LISTED };

/* One record: the call it became, or the act; before and after. */
struct told {
    u32 what, nr; /* item of the menu; hypercall number */
    u64 arg[6];
    s64 result;
    u32 vector; /* 256 + vector: an exception ended it; 0: none */
    u32 done;   /* enum told_when */
    u32 count;  /* elements, TOLD_MAX at most */
    u32 row[TOLD_MAX];
    u8 bytes[TOLD_MAX][TOLD_BYTES];
};

struct mailbox {
    u32 said; /* the store to it calls the plugin */
    u32 actor;
    u64 calls; /* of records, in this life */
    struct places own;
    /* The answer. */
    u32 answer, count, detail, pad;
    struct places places[4]; /* by domain */
    u8 record[RUN_MAX][RECORD_SIZE];
    struct told told;
} __attribute__((aligned(4096)));

_Static_assert(sizeof(struct mailbox) == PAGE_BYTES, "one page");

#endif
