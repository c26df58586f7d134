/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a stored log: is each record what it should be, and does the chain
 * of audit/chain.h hold? Pure functions, hostile input. Ring 0 writes and never
 * reads, so this is the tool's.
 */
#ifndef RF_LOGREADER_H
#define RF_LOGREADER_H

#include "audit/chain.h"

enum audit_fault {
    AUDIT_GOOD,
    AUDIT_FAULT_TRUNCATED, /* the last record is cut, or there is none */
    AUDIT_FAULT_MAGIC,     /* no record starts here */
    AUDIT_FAULT_FORMAT,    /* length, version or a number out of range */
    AUDIT_FAULT_CHECK,     /* the record is damaged */
    AUDIT_FAULT_BOOT,      /* not the boot of the records before */
    AUDIT_FAULT_SEQ,       /* records are missing, twice or out of order */
    AUDIT_FAULT_CHAIN,     /* prev is not the record before */
    AUDIT_FAULT_FIELDS,    /* the fields do not fill the record */
    AUDIT_FAULT_COUNT
};

/* What the reader knows after the records so far. */
struct audit_reader {
    u64 seq; /* of the next record */
    u8 head[SHA256_BYTES];
    u8 boot_id[16];
};

/* What a stored log amounts to. */
struct audit_verdict {
    enum audit_fault fault;
    u64 good;       /* records before the first fault: 0..good-1 are chained */
    u64 offset;     /* byte of the first fault, or the end */
    bool is_closed; /* the last record ends the boot */
    u8 head[SHA256_BYTES];
};

void audit_reader_init(struct audit_reader *reader);

/* Read one record at data; advances *at over a good one. */
enum audit_fault audit_next(struct audit_reader *reader, const u8 *data,
                            u64 bytes, u64 *at,
                            struct audit_record *out) MUST_CHECK;

/* A whole log of one boot. */
struct audit_verdict audit_verify(const u8 *data, u64 bytes);

/* One line; never NULL. */
const char *audit_fault_text(enum audit_fault fault);

/* Name of an event in capitals, and of its arguments ("" for none); NULL for
 * an event there is not. */
const char *audit_event_name(u32 event);
const char *audit_event_arg(u32 event, u32 arg);
const char *audit_event_doc(u32 event);

#endif
