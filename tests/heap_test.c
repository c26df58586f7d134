/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leftist heap against a plain array, with its invariants looked at after
 * every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"

#define NODES 200u

static struct heap heap;
static struct heap_node node[NODES];

static u32 rank(const struct heap_node *n)
{
    return n != NULL ? n->rank : 0;
}

/* H1..H3 for every node; how many there are. */
static u32 check(void)
{
    u32 count = 0;
    for (const struct heap_node *n = heap.root; n != NULL; n = heap_next(n)) {
        count++;
        assert_true(count <= NODES);
        assert_true(rank(n->left) >= rank(n->right));
        assert_int_equal(n->rank, rank(n->right) + 1);
        if (n->left != NULL) {
            assert_ptr_equal(n->left->up, n);
            assert_false(heap_before(n->left->key, n->key));
        }
        if (n->right != NULL) {
            assert_ptr_equal(n->right->up, n);
            assert_false(heap_before(n->right->key, n->key));
        }
    }
    if (heap.root != NULL) {
        assert_null(heap.root->up);
    }
    return count;
}

static void start(void)
{
    memset(&heap, 0, sizeof(heap));
    memset(node, 0, sizeof(node));
}

static void test_first_is_the_least(void **state)
{
    (void)state;
    start();
    u32 held = 0;
    srandom(7);
    for (u32 step = 0; step < 100000; step++) {
        struct heap_node *n = &node[(u32)random() % NODES];
        if (heap_holds(n)) {
            heap_remove(&heap, n);
            held--;
        } else {
            heap_add(&heap, n, (u64)random() % 50);
            held++;
        }
        if (step % 16 == 0) {
            assert_int_equal(check(), held);
        }
        for (u32 i = 0; i < NODES; i++) {
            if (heap_holds(&node[i])) {
                assert_false(heap_before(node[i].key, heap.root->key));
            }
        }
    }
}

static void test_keys_may_wrap(void **state)
{
    (void)state;
    start();
    heap_add(&heap, &node[0], 5);
    heap_add(&heap, &node[1], U64_MAX - 5);
    heap_add(&heap, &node[2], 0);
    assert_ptr_equal(heap.root, &node[1]);
    heap_remove(&heap, &node[1]);
    assert_ptr_equal(heap.root, &node[2]);
    heap_remove(&heap, &node[2]);
    heap_remove(&heap, &node[0]);
    assert_null(heap.root);
}

static void test_sorted_input_stays_shallow(void **state)
{
    (void)state;
    start();
    for (u32 i = 0; i < NODES; i++) {
        heap_add(&heap, &node[i], i);
    }
    assert_int_equal(check(), NODES);
    assert_true(heap.root->rank <= 8); /* log2(201) */
    for (u32 i = 0; i < NODES; i++) {
        assert_ptr_equal(heap.root, &node[i]);
        heap_remove(&heap, &node[i]);
        assert_int_equal(check(), NODES - 1 - i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_is_the_least),
        cmocka_unit_test(test_keys_may_wrap),
        cmocka_unit_test(test_sorted_input_stays_shallow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
