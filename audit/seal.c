/* SPDX-License-Identifier: Apache-2.0 */
/* Chain and seal; see seal.h. */
#include "audit/seal.h"

enum stage { BEGIN, FOLD, BIND, CODE, AGE, CHAIN, LEAF, MERGE };

static void copy(u8 *to, const u8 *from)
{
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        to[i] = from[i];
    }
}

/* Half of an HMAC [RFC 2104]. */
static void half(const u8 *key, u8 pad, const void *text, u32 bytes, u8 *out)
{
    u8 block[SHA256_BLOCK_BYTES];

    for (u32 i = 0; i < SHA256_BLOCK_BYTES; i++) {
        block[i] = (u8)((i < SHA256_BYTES ? key[i] : 0) ^ pad);
    }
    audit_hash(block, sizeof(block), text, bytes, NULL, 0, out);
}

void audit_hmac(const u8 key[SHA256_BYTES], const void *text, u32 bytes,
                u8 out[SHA256_BYTES])
{
    u8 inner[SHA256_BYTES];

    half(key, 0x36, text, bytes, inner);
    half(key, 0x5c, inner, sizeof(inner), out);
}

void audit_node(const u8 left[SHA256_BYTES], const u8 right[SHA256_BYTES],
                u8 out[SHA256_BYTES])
{
    audit_hash("\1", 1, left, SHA256_BYTES, right, SHA256_BYTES, out);
}

/* As many pairs become one as the number of leaves before ends in ones. */
void audit_tree_add(struct audit_tree *t, const u8 chain[SHA256_BYTES])
{
    audit_hash("\0", 1, chain, SHA256_BYTES, NULL, 0, t->node[t->nodes]);
    t->nodes++;
    for (u64 n = t->leaves; (n & 1) != 0; n >>= 1) {
        t->merges++;
    }
    t->leaves++;
}

void audit_tree_merge(struct audit_tree *t)
{
    u8 *const left = t->node[t->nodes - 2];

    audit_node(left, left + SHA256_BYTES, left);
    t->nodes--;
    t->merges--;
}

void audit_seal_init(struct audit_seal *s, const u8 root_key[SHA256_BYTES],
                     const u8 boot_id[16])
{
    *s = (struct audit_seal){ .stage = BEGIN };
    audit_hmac(root_key, boot_id, 16, s->key);
}

bool audit_seal_step(struct audit_seal *s, struct audit_record *r)
{
    u8 *const code = r->field + AUDIT_MAC_AT;
    u8 value[SHA256_BYTES];

    switch (s->stage) {
    case BEGIN:
        copy(r->prev, s->head);
        s->left = s->tree.nodes;
        s->stage = r->event == AUDIT_SEAL ? FOLD : CHAIN;
        return false;
    case FOLD:
        s->left--;
        if (s->left + 1 == s->tree.nodes) {
            copy(s->root, s->tree.node[s->left]);
        } else {
            audit_node(s->tree.node[s->left], s->root, s->root);
        }
        s->stage = s->left > 0 ? FOLD : BIND;
        return false;
    case BIND: /* what the code is of, to its place */
        r->arg[0] = s->epoch;
        copy(r->field + AUDIT_TREE_AT, s->root);
        audit_chain(r, s->head, value);
        copy(code, value);
        break;
    case CODE:
        audit_hmac(s->key, code, SHA256_BYTES, code);
        break;
    case AGE:
        audit_hmac(s->key, "next", 4, s->key);
        s->epoch++;
        break;
    case CHAIN:
        r->check = audit_check_value(r);
        audit_chain(r, s->head, s->head);
        break;
    case LEAF:
        audit_tree_add(&s->tree, s->head);
        break;
    default:
        if (s->tree.merges == 0) {
            s->stage = BEGIN;
            return true;
        }
        audit_tree_merge(&s->tree);
        return false;
    }
    s->stage++;
    return false;
}
