/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chain, tree and seal on any record of a length that a record can have, from
 * any state in which the tree has two nodes or more and room for another leaf,
 * and the seal has a node left to fold.
 */
#include "audit/seal.h"

static struct audit_seal s;
static struct audit_record r;

static void some_state(void)
{
    eva_any(r);
    eva_any(s);
    r.bytes = (u16)(AUDIT_HEADER_BYTES + eva_below(AUDIT_FIELD_ROOM + 1));
    s.tree.nodes = 2 + eva_below(AUDIT_LEVELS - 2);
    s.left = 1 + eva_below(AUDIT_LEVELS - 1);
}

void prove(void)
{
    u8 key[SHA256_BYTES];
    u8 boot_id[16];
    u8 value[SHA256_BYTES];

    eva_any(key);
    eva_any(boot_id);
    eva_any(value);
    audit_seal_init(&s, key, boot_id);
    some_state();
    audit_chain(&r, key, value);
    (void)audit_check_value(&r);
    audit_node(key, value, value);
    audit_tree_add(&s.tree, value);
    some_state();
    (void)audit_seal_step(&s, &r);
    some_state();
    s.tree.merges = 1 + eva_below(AUDIT_LEVELS);
    audit_tree_merge(&s.tree);
}
