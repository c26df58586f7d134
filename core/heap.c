/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leftist heap; what it promises is described in heap.h.
 */
#include "core/heap.h"

static u32 rank_of(const struct heap_node *n)
{
    return n != NULL ? n->rank : 0;
}

/* Restore H2 for n alone. True: its rank is another than before. */
static bool settle(struct heap_node *n)
{
    const u32 before = n->rank;

    if (rank_of(n->left) < rank_of(n->right)) {
        struct heap_node *const left = n->left;

        n->left = n->right;
        n->right = left;
    }
    n->rank = rank_of(n->right) + 1;
    return n->rank != before;
}

/* Hang child (may be NULL) under parent's right side, or make it the root. */
static void hang(struct heap_node **root, struct heap_node *parent,
                 struct heap_node *child)
{
    if (child != NULL) {
        child->up = parent;
    }
    if (parent != NULL) {
        parent->right = child;
    } else {
        *root = child;
    }
}

/* One heap of two. Bound of both loops: the two right spines. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *root = NULL;
    struct heap_node *last = NULL;

    while (a != NULL && b != NULL) {
        if (heap_before(b->key, a->key)) {
            struct heap_node *const swap = a;

            a = b;
            b = swap;
        }
        struct heap_node *const rest = a->right;

        hang(&root, last, a);
        last = a;
        a = rest;
    }
    hang(&root, last, a != NULL ? a : b);
    while (last != NULL) {
        (void)settle(last);
        last = last->up;
    }
    return root;
}

void heap_add(struct heap *h, struct heap_node *n, u64 key)
{
    *n = (struct heap_node){ .key = key, .rank = 1, .owner = n->owner };
    h->root = merge(h->root, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *const up = n->up;
    struct heap_node *const rest = merge(n->left, n->right);

    if (rest != NULL) {
        rest->up = up;
    }
    if (up == NULL) {
        h->root = rest;
    } else if (up->left == n) {
        up->left = rest;
    } else {
        up->right = rest;
    }
    /* Ranks above change only while they shrink: log2(n + 1) steps. */
    struct heap_node *above = up;

    while (above != NULL && settle(above)) {
        above = above->up;
    }
    n->rank = 0;
}

struct heap_node *heap_next(const struct heap_node *n)
{
    if (n->left != NULL) {
        return n->left;
    }
    if (n->right != NULL) {
        return n->right;
    }
    const struct heap_node *from = n;
    struct heap_node *up = n->up;

    while (up != NULL && (up->right == from || up->right == NULL)) {
        from = up;
        up = up->up;
    }
    return up != NULL ? up->right : NULL;
}
