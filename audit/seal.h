/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chain and seal, made as a record leaves the ring, in order of seq, so that
 * no hash is in the path of the call that is recorded. One who sends at a time.
 *
 *     leaf(n)  = SHA-256(0 || h(n))        h: chain value [audit/chain.h]
 *     node     = SHA-256(1 || left || right)           tree as in [RFC 6962]
 *     K(0)     = HMAC(root key, boot_id),  K(e + 1) = HMAC(K(e), "next")
 *
 * A SEAL record says how many seals came before it (its epoch e), and holds in
 * its fields the tree head over all records before it, and
 *
 *     HMAC(K(e), chain value of the seal with check and the code as zeroes)
 *
 * K(e) is overwritten as K(e + 1) is made: who takes the host over cannot make
 * a seal of before. When one is due: audit/log.h.
 */
#ifndef AUDIT_SEAL_H
#define AUDIT_SEAL_H

#include "audit/chain.h"

#define AUDIT_LEVELS 64u
/* In the fields of a SEAL: AUDIT_FIELD_TREE, then AUDIT_FIELD_MAC. */
#define AUDIT_TREE_AT 4u
#define AUDIT_MAC_AT (AUDIT_TREE_AT + SHA256_BYTES + 4u)

/* Heads of the full trees that the leaves so far make, the largest first. */
struct audit_tree {
    u8 node[AUDIT_LEVELS][SHA256_BYTES];
    u64 leaves;
    u32 nodes;
    u32 merges; /* pairs of equal size at the end, to become one */
};

struct audit_seal {
    struct audit_tree tree;
    u8 head[SHA256_BYTES]; /* chain value of the last record */
    u8 root[SHA256_BYTES]; /* tree head of the last seal */
    u8 key[SHA256_BYTES];  /* K(epoch) */
    u64 epoch;
    u32 stage; /* of the record at hand */
    u32 left;  /* nodes that root does not cover yet */
};

void audit_seal_init(struct audit_seal *s, const u8 root_key[SHA256_BYTES],
                     const u8 boot_id[16]);
/* A piece of at most six blocks of SHA-256 of what r needs to leave. True: r
 * is complete, in the chain and in the tree. Same r until then. */
bool audit_seal_step(struct audit_seal *s, struct audit_record *r);

/* The parts, for a reader. */
void audit_hmac(const u8 key[SHA256_BYTES], const void *text, u32 bytes,
                u8 out[SHA256_BYTES]);
void audit_node(const u8 left[SHA256_BYTES], const u8 right[SHA256_BYTES],
                u8 out[SHA256_BYTES]);
void audit_tree_add(struct audit_tree *t, const u8 chain[SHA256_BYTES]);
/* One node less. The caller asks while t->merges is not 0. */
void audit_tree_merge(struct audit_tree *t);

#endif
