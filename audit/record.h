/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the log, as it stands in memory, on the wire and in a file:
 * little endian, a fixed header of 160 bytes, then fields (type u16, bytes
 * u16, value), zero-padded to a multiple of 16. A stored log is records one
 * after the other, each `bytes` long.
 *
 *   seq    counts from 0 at each boot without a gap
 *          Every second, or 1,024 records, one is a SEAL [audit/log.h].
 *   check  FNV-1a over the record with check as 0: finds a damaged record
 *          even when no later one chains it
 *   prev   chain value of the record before [audit/chain.h]; zeroes for seq 0
 *
 * Whatever has no meaning for an event is zero.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include "core/base.h"

#define AUDIT_MAGIC "RFA1"
#define AUDIT_VERSION 2u
#define AUDIT_HEADER_BYTES 160u
#define AUDIT_FIELD_ROOM 96u
#define AUDIT_RECORD_BYTES (AUDIT_HEADER_BYTES + AUDIT_FIELD_ROOM)
#define AUDIT_NOBODY 0xffffu /* domain number: the host, or nothing */

#define EVENT(number, name, family, arg0, arg1, arg2, doc)                     \
    AUDIT_##name = (number),
enum audit_event {
#include "audit/events.def"
    AUDIT_EVENT_COUNT,
    AUDIT_NONE = 0 /* of a row of hypercalls.def: no record */
};
#undef EVENT

enum audit_family { AUDIT_PRIV, AUDIT_LIFE, AUDIT_GUEST, AUDIT_STOP };

/* An act is announced and reported, or is one record. */
enum audit_phase { AUDIT_ATOMIC, AUDIT_INTENT, AUDIT_OUTCOME };
enum audit_decision { AUDIT_ALLOWED, AUDIT_DENIED, AUDIT_FAILED };

/* What a field of the tail holds. */
enum audit_field {
    AUDIT_FIELD_BUILD = 1,  /* SHA-256 of the kernel image */
    AUDIT_FIELD_POLICY = 2, /* SHA-256 of the tenant files' text */
    AUDIT_FIELD_NAME = 3,   /* text without NUL */
    AUDIT_FIELD_COUNTS = 4, /* struct audit_count, several */
    AUDIT_FIELD_CALLS = 5,  /* last eight calls, the last in the lowest byte:
                               u64 of numbers + 1 (255: any other), u64 of
                               sub-operations */
    AUDIT_FIELD_REASON = 6, /* text without NUL, maybe cut */
    AUDIT_FIELD_ARGS = 7,   /* the call's structure [core/args.def]: as taken,
                               and in an outcome as given back */
    AUDIT_FIELD_TREE = 8,   /* SEAL: tree head over the records before */
    AUDIT_FIELD_MAC = 9,    /* SEAL: its code [audit/seal.h] */
};

struct audit_count {
    u64 refused : 56;
    u64 class_nr : 8; /* hypercall number, AUDIT_CLASS_OTHER for no call */
};

struct audit_record {
    char magic[4];
    u16 version;
    u16 bytes; /* of the whole record */
    u64 seq;
    u8 boot_id[16];
    u64 mono_ns; /* since start-up */
    u64 wall_ns; /* since 1970, as well as the host knows */
    u16 cpu;
    u8 clock; /* quality of wall_ns: 0 set once at start-up */
    u8 family;
    u16 event;
    u8 phase;
    u8 decision;
    s32 result;     /* negated error number, or 0 */
    u32 suppressed; /* refusals of this actor not sampled since the last */
    u16 actor;      /* domain number */
    u16 actor_vcpu;
    u16 target;
    u8 actor_kernel; /* 1: guest kernel mode */
    u8 target_kind;  /* 0: the domain itself */
    u64 actor_incarnation;
    u64 target_incarnation;
    u64 corr; /* outcome: seq of the intent */
    u64 arg[3];
    u32 check;
    u32 reason; /* refusal: enum policy_verdict */
    u8 prev[32];
    u8 field[AUDIT_FIELD_ROOM];
};

#endif
