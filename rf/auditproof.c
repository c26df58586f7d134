/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs for somebody who has a tree head and not the log [RFC 6962 2.1]:
 *
 *   prove SEQ       a record, and the path from it to the last tree head
 *   check-proof     does the path lead from the record to that head?
 *   consistency     are the records under one head the first of those under
 *                   another? From the log, which holds both.
 *
 * A record holds the chain value before it, so its own follows from its bytes,
 * and the leaf from that [audit/seal.h]: a proof is a record and a path. The
 * proof is JSON; of it check-proof reads what it needs, wherever it stands.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/auditkey.h"
#include "rf/auditlog.h"

#define PATH_MAX_NODES 64u

struct leaves {
    u8 (*chain)[SHA256_BYTES];
    u64 count; /* under the last seal */
    u8 root[SHA256_BYTES];
};

static void leaf_hash(const u8 *chain, u8 *out)
{
    audit_hash("\0", 1, chain, SHA256_BYTES, NULL, 0, out);
}

/* Chain values of all records; false: the log is bad, and says so. */
static bool leaves_read(const struct blob *log, struct leaves *leaves)
{
    struct audit_walk *const walk = walk_begin(log);
    u64 count = 0;
    u64 room = 0;

    memset(leaves, 0, sizeof(*leaves));
    while (walk_next(walk)) {
        if (count == room) {
            room = room == 0 ? 1024 : 2 * room;
            leaves->chain = mem_grow(leaves->chain, room, SHA256_BYTES);
        }
        memcpy(leaves->chain[count], walk->reader.head, SHA256_BYTES);
        count++;
    }
    const struct audit_verdict v =
        audit_verdict_of(&walk->reader, walk->fault, walk->at);
    leaves->count = v.epochs > 0 ? v.sealed : 0;
    memcpy(leaves->root, v.root, SHA256_BYTES);
    free(walk);
    if (v.fault != AUDIT_GOOD) {
        (void)report_fault(&v);
        return false;
    }
    return true;
}

/* Head of the tree over leaves from..from + count - 1. */
static void subtree(const struct leaves *leaves, u64 from, u64 count, u8 *out)
{
    struct audit_tree tree;

    memset(&tree, 0, sizeof(tree));
    for (u64 i = 0; i < count; i++) {
        audit_tree_add(&tree, leaves->chain[from + i]);
        while (tree.merges > 0) {
            audit_tree_merge(&tree);
        }
    }
    audit_tree_root(&tree, out);
}

/* Largest power of two below count; count >= 2. */
static u64 split(u64 count)
{
    u64 k = 1;

    while (2 * k < count) {
        k *= 2;
    }
    return k;
}

/* From the root down; the path is written from the leaf up. */
static u32 path_make(const struct leaves *leaves, u64 seq,
                     u8 path[PATH_MAX_NODES][SHA256_BYTES])
{
    u8 down[PATH_MAX_NODES][SHA256_BYTES];
    u64 from = 0;
    u64 count = leaves->count;
    u32 used = 0;

    while (count > 1) {
        const u64 k = split(count);
        if (seq - from < k) {
            subtree(leaves, from + k, count - k, down[used]);
            count = k;
        } else {
            subtree(leaves, from, k, down[used]);
            from += k;
            count -= k;
        }
        used++;
    }
    for (u32 i = 0; i < used; i++) {
        memcpy(path[i], down[used - 1 - i], SHA256_BYTES);
    }
    return used;
}

/* The head that leaf seq of count and its path lead to [RFC 9162 2.1.3.2];
 * false: the path is not as long as it has to be. */
static bool path_follow(u64 seq, u64 count, const u8 *leaf,
                        u8 path[PATH_MAX_NODES][SHA256_BYTES], u32 nodes,
                        u8 *out)
{
    u64 n = seq;
    u64 last = count - 1;

    memcpy(out, leaf, SHA256_BYTES);
    for (u32 i = 0; i < nodes; i++) {
        if (last == 0) {
            return false;
        }
        if ((n & 1) != 0 || n == last) {
            audit_node(path[i], out, out);
            while ((n & 1) == 0 && n != 0) {
                n >>= 1;
                last >>= 1;
            }
        } else {
            audit_node(out, path[i], out);
        }
        n >>= 1;
        last >>= 1;
    }
    return last == 0;
}

/* Where record seq starts in a log that is good. */
static const u8 *record_at(const struct blob *log, u64 seq, u32 *bytes)
{
    const u8 *at = log->data;

    for (u64 i = 0; i < seq; i++) {
        at += at[6] | (u32)at[7] << 8;
    }
    *bytes = at[6] | (u32)at[7] << 8;
    return at;
}

int audit_prove(const struct blob *log, const char *text)
{
    u8 path[PATH_MAX_NODES][SHA256_BYTES];
    struct leaves leaves;
    char *end;
    u32 bytes;
    const u64 seq = strtoull(text, &end, 10);

    if (!leaves_read(log, &leaves)) {
        free(leaves.chain);
        return EXIT_FINDING;
    }
    if (end == text || *end != '\0' || seq >= leaves.count) {
        fprintf(stderr,
                "rf: error: '%s' is not a record under the last seal (0 to "
                "%lld)\n",
                text, (long long)leaves.count - 1);
        free(leaves.chain);
        return EXIT_USAGE;
    }
    const u32 nodes = path_make(&leaves, seq, path);
    const u8 *const record = record_at(log, seq, &bytes);
    printf("{\"schema\":\"ringfence.proof/1\",\n \"seq\":%llu,\n"
           " \"tree_size\":%llu,\n \"tree_head\":\"",
           (unsigned long long)seq, (unsigned long long)leaves.count);
    hex_write(stdout, leaves.root, SHA256_BYTES);
    printf("\",\n \"record\":\"");
    hex_write(stdout, record, bytes);
    printf("\",\n \"path\":[");
    for (u32 i = 0; i < nodes; i++) {
        printf(i == 0 ? "\n  \"" : ",\n  \"");
        hex_write(stdout, path[i], SHA256_BYTES);
        putchar('"');
    }
    printf("]}\n");
    free(leaves.chain);
    return EXIT_OK;
}

/* Behind `"name":` and blanks, or NULL. */
static const char *member(const char *json, const char *name)
{
    char key[32];

    snprintf(key, sizeof(key), "\"%s\"", name);
    const char *at = strstr(json, key);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(key);
    at += strspn(at, " \t\r\n");
    if (*at != ':') {
        return NULL;
    }
    at++;
    return at + strspn(at, " \t\r\n");
}

struct proof {
    u64 seq;
    u64 size;
    u8 root[SHA256_BYTES];
    struct audit_record r;
    u8 path[PATH_MAX_NODES][SHA256_BYTES];
    u32 nodes;
};

/* `"hex"`: its bytes, at most max; 0 when it is no such string. */
static size_t hex_member(const char *at, u8 *out, size_t max)
{
    if (at == NULL || *at != '"') {
        return 0;
    }
    const size_t digits = strspn(at + 1, "0123456789abcdefABCDEF");
    const bool good = digits % 2 == 0 && digits / 2 <= max &&
                      at[1 + digits] == '"' &&
                      hex_read(at + 1, out, digits / 2);
    return good ? digits / 2 : 0;
}

static bool proof_read(const char *json, struct proof *p)
{
    const char *const seq = member(json, "seq");
    const char *const size = member(json, "tree_size");
    const char *at = member(json, "path");

    memset(p, 0, sizeof(*p));
    if (seq == NULL || size == NULL || at == NULL || *at != '[') {
        return false;
    }
    p->seq = strtoull(seq, NULL, 10);
    p->size = strtoull(size, NULL, 10);
    const size_t bytes =
        hex_member(member(json, "record"), (u8 *)&p->r, sizeof(p->r));
    if (hex_member(member(json, "tree_head"), p->root, SHA256_BYTES) !=
            SHA256_BYTES ||
        bytes < AUDIT_HEADER_BYTES || bytes != p->r.bytes ||
        p->r.seq != p->seq || p->seq >= p->size) {
        return false;
    }
    at++;
    at += strspn(at, " \t\r\n,");
    while (p->nodes < PATH_MAX_NODES && *at == '"') {
        if (hex_member(at, p->path[p->nodes], SHA256_BYTES) != SHA256_BYTES) {
            return false;
        }
        p->nodes++;
        at += 2 + HEAD_CHARS;
        at += strspn(at, " \t\r\n,");
    }
    return *at == ']';
}

int audit_check_proof(const struct blob *file, const char *head)
{
    char *const json = text_copy((const char *)file->data, file->bytes);
    struct proof p;
    u8 value[SHA256_BYTES];
    u8 root[SHA256_BYTES];

    if (!proof_read(json, &p)) {
        free(json);
        fprintf(stderr, "rf: error: this is not a proof\n");
        return EXIT_FINDING;
    }
    free(json);
    audit_chain(&p.r, p.r.prev, value);
    leaf_hash(value, value);
    if (p.r.check != audit_check_value(&p.r) ||
        !path_follow(p.seq, p.size, value, p.path, p.nodes, root) ||
        !sha256_equal(root, p.root)) {
        printf("bad: record %llu does not lead to the tree head\n",
               (unsigned long long)p.seq);
        return EXIT_FINDING;
    }
    u8 given[SHA256_BYTES] = { 0 };
    const size_t digits = head != NULL ? strlen(head) : 0;
    if (head != NULL &&
        (digits % 2 != 0 || !hex_read(head, given, digits / 2) ||
         memcmp(given, root, digits / 2) != 0)) {
        printf("bad: the proof is of another tree head\n");
        return EXIT_FINDING;
    }
    printf("good: record %llu, %s, is one of the %llu under tree head ",
           (unsigned long long)p.seq, event_text(p.r.event),
           (unsigned long long)p.size);
    hex_write(stdout, root, SHA256_BYTES);
    printf("%s\n", head != NULL ? ", as given"
                                : ": compare it with one from elsewhere");
    return head != NULL ? EXIT_OK : AUDIT_NO_KEY;
}

/* Records under the seal of that tree head (or half of it); 0: none. */
static u64 size_of(const struct blob *log, const char *head)
{
    struct audit_walk *const walk = walk_begin(log);
    u8 given[SHA256_BYTES];
    const size_t digits = strlen(head);
    u64 size = 0;

    if (digits >= HEAD_CHARS_MIN && digits <= HEAD_CHARS && digits % 2 == 0 &&
        hex_read(head, given, digits / 2)) {
        while (walk_next(walk)) {
            if (walk->r.event == AUDIT_SEAL &&
                memcmp(walk->reader.root, given, digits / 2) == 0) {
                size = walk->reader.sealed;
            }
        }
    }
    free(walk);
    return size;
}

/* The proof of [RFC 6962 2.1.2], from the top down, printed as it is made. */
static void consistency_print(const struct leaves *leaves, u64 old, u64 count)
{
    u8 down[PATH_MAX_NODES][SHA256_BYTES];
    u64 from = 0;
    u32 used = 0;
    bool is_whole = true; /* the old tree is still a whole one here */

    while (old != count) {
        const u64 k = split(count);
        if (old <= k) {
            subtree(leaves, from + k, count - k, down[used]);
            count = k;
        } else {
            subtree(leaves, from, k, down[used]);
            from += k;
            old -= k;
            count -= k;
            is_whole = false;
        }
        used++;
    }
    const char *before = "\n  \"";
    if (!is_whole) {
        u8 node[SHA256_BYTES];
        subtree(leaves, from, count, node);
        printf("%s", before);
        hex_write(stdout, node, SHA256_BYTES);
        putchar('"');
        before = ",\n  \"";
    }
    for (u32 i = used; i > 0; i--) {
        printf("%s", before);
        hex_write(stdout, down[i - 1], SHA256_BYTES);
        putchar('"');
        before = ",\n  \"";
    }
}

int audit_consistency(const struct blob *log, const char *old_head,
                      const char *new_head)
{
    struct leaves leaves;

    if (!leaves_read(log, &leaves)) {
        free(leaves.chain);
        return EXIT_FINDING;
    }
    const u64 old_size = size_of(log, old_head);
    const u64 new_size = size_of(log, new_head);
    if (old_size == 0 || new_size == 0 || old_size > new_size) {
        printf("bad: %s\n", old_size == 0   ? "no seal has the old head"
                            : new_size == 0 ? "no seal has the new head"
                                            : "the old head is the newer one");
        free(leaves.chain);
        return EXIT_FINDING;
    }
    u8 root[2][SHA256_BYTES];
    subtree(&leaves, 0, old_size, root[0]);
    subtree(&leaves, 0, new_size, root[1]);
    printf("{\"schema\":\"ringfence.consistency/1\",\n \"old_size\":%llu,\n"
           " \"old_head\":\"",
           (unsigned long long)old_size);
    hex_write(stdout, root[0], SHA256_BYTES);
    printf("\",\n \"new_size\":%llu,\n \"new_head\":\"",
           (unsigned long long)new_size);
    hex_write(stdout, root[1], SHA256_BYTES);
    printf("\",\n \"path\":[");
    consistency_print(&leaves, old_size, new_size);
    printf("]}\n");
    free(leaves.chain);
    return EXIT_OK;
}
