/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a stored log: is each record what it should be, does the chain of
 * audit/chain.h hold, and is every seal of audit/seal.h there, in time, of the
 * epoch that is due, over these records and, when the root key is known, under
 * its key? Pure functions, hostile input. Ring 0 writes and never reads, so
 * this is the tool's.
 */
#ifndef RF_LOGREADER_H
#define RF_LOGREADER_H

#include "audit/seal.h"

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
    AUDIT_FAULT_UNSEALED,  /* a seal should stand in front of the record */
    AUDIT_FAULT_SEAL,      /* a seal of another epoch, or of other records */
    AUDIT_FAULT_CODE,      /* a seal that this key did not make */
    AUDIT_FAULT_COUNT
};

/* What the reader knows after the records so far. */
struct audit_reader {
    u64 seq; /* of the next record */
    u8 head[SHA256_BYTES];
    u8 boot_id[16];
    struct audit_tree tree;
    u64 epoch;             /* of the next seal */
    u64 sealed;            /* records under the last seal, itself not one */
    u64 open_ns;           /* time of the first record after that seal */
    u64 last_ns;           /* time of the last record */
    u8 root[SHA256_BYTES]; /* tree head of the last seal */
    bool has_key;
    u8 key[SHA256_BYTES]; /* of the next seal; before the first: the root */
    bool has_ended;       /* the last record ends the boot */
    bool is_closed;       /* ... and the seal over that one is the last */
};

/* What a stored log amounts to. */
struct audit_verdict {
    enum audit_fault fault;
    u64 good;       /* records before the first fault: 0..good-1 are chained */
    u64 offset;     /* byte of the first fault, or the end */
    bool is_closed; /* the boot's last record is there, and sealed */
    u64 epochs;     /* good seals */
    u64 sealed;     /* records under the last of them: 0..sealed-1 */
    u8 root[SHA256_BYTES]; /* its tree head */
    u8 head[SHA256_BYTES];
};

/* Without a key the codes of seals are not looked at. */
void audit_reader_init(struct audit_reader *reader);
/* Before the first record: the root key. */
void audit_reader_key(struct audit_reader *reader, const u8 key[SHA256_BYTES]);

/* Read one record at data; advances *at over a good one. */
enum audit_fault audit_next(struct audit_reader *reader, const u8 *data,
                            u64 bytes, u64 *at,
                            struct audit_record *out) MUST_CHECK;

/* A whole log of one boot; key: the root key, or NULL. */
struct audit_verdict audit_verify(const u8 *data, u64 bytes, const u8 *key);
/* What stands there so far. */
struct audit_verdict audit_verdict_of(const struct audit_reader *reader,
                                      enum audit_fault fault, u64 offset);
/* Tree head over all leaves so far. */
void audit_tree_root(const struct audit_tree *tree, u8 out[SHA256_BYTES]);

/* One line; never NULL. */
const char *audit_fault_text(enum audit_fault fault);

/* Name of an event in capitals, and of its arguments ("" for none); NULL for
 * an event there is not. */
const char *audit_event_name(u32 event);
const char *audit_event_arg(u32 event, u32 arg);
const char *audit_event_doc(u32 event);

#endif
