/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leftist heap of nodes that live inside the things they order.
 *
 * Nothing is allocated: a vCPU brings its node along, so a guest's request can
 * never run out of room. add, remove and first cost at most 2 log2(n + 1)
 * steps in the worst case, not only on average; no recursion.
 *
 * Keys are compared by the sign of their difference, so they may wrap around
 * as long as all keys of one heap lie within 2^63 of each other.
 *
 * Invariants: H1 no node's key is before its parent's.  H2 rank is 0 outside of
 * a heap, else 1 + rank of the right child; rank of left >= rank of right: the
 * right spine of n nodes has at most log2(n + 1).  H3 a child's up is its
 * parent, the root's is NULL.
 *
 * Locks: the caller's, the same for all operations on one heap.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include "core/base.h"

struct vcpu;

struct heap_node {
    struct heap_node *left, *right, *up;
    u64 key;
    u32 rank;           /* 0: in no heap */
    struct vcpu *owner; /* whom it stands for */
};

struct heap {
    struct heap_node *root;
};

/* a comes before b. */
static inline bool heap_before(u64 a, u64 b)
{
    return ((a - b) >> 63) != 0;
}

static inline bool heap_holds(const struct heap_node *n)
{
    return n->rank != 0;
}

/* Enter n, which is in no heap, with the key. */
void heap_add(struct heap *h, struct heap_node *n, u64 key);
/* Take n out of h, which holds it. */
void heap_remove(struct heap *h, struct heap_node *n);
/* The node after n in an order in which a parent precedes its children;
 * NULL after the last. Begin with h->root. */
struct heap_node *heap_next(const struct heap_node *n);

#endif
