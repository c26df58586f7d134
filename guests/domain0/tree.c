/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the store: see tree.h. Nodes beyond `used` were never taken.
 * Walks go along parent and sibling links, never by recursion.
 */
#include "guests/domain0/tree.h"
#include "guests/domain0/bytes.h"

struct node node[NODES]; /* 0 is not used */
static u32 used, free_first, free_count;
static u64 generation;

void tree_reset(void)
{
    used = NODE_ROOT + 1;
    free_first = NODE_NONE;
    free_count = NODES - used;
    generation = 1;
    node[NODE_ROOT] = (struct node){ .perm_count = 1, .generation = 1 };
}

u32 tree_free_nodes(void)
{
    return free_count;
}

/* ---- paths ----------------------------------------------------------------
 */

static bool char_ok(u8 c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' ||
           c == '@';
}

static void path_add(struct path *p, const char *text)
{
    for (; *text != '\0'; text++) {
        p->text[p->bytes++] = (u8)*text;
    }
}

static void path_add_number(struct path *p, u32 n)
{
    char digits[NUMBER_CHARS];

    path_add(p, bytes_number(digits, n));
}

enum xs_error path_make(struct path *p, u32 domid, const u8 *text, u32 bytes,
                        bool may_be_special)
{
    p->bytes = 0;
    if (bytes == 0) {
        return XS_EINVAL;
    }
    const bool is_special = text[0] == '@';
    const bool is_relative = text[0] != '/' && !is_special;
    if ((is_special && !may_be_special) ||
        bytes > (is_relative ? PATH_MAX_REL : PATH_MAX_ABS)) {
        return XS_EINVAL;
    }
    if (is_relative) {
        path_add(p, "/local/domain/");
        path_add_number(p, domid);
        path_add(p, "/");
    }
    for (u32 i = 0; i < bytes; i++) {
        const bool is_last = i + 1 == bytes;
        if (!char_ok(text[i]) ||
            (text[i] == '/' && bytes > 1 && (is_last || text[i + 1] == '/'))) {
            return XS_EINVAL;
        }
        p->text[p->bytes++] = text[i];
    }
    return XS_OK;
}

u32 path_next(const struct path *p, u32 *at, const u8 **name)
{
    if (*at < p->bytes && p->text[*at] == '/') {
        (*at)++;
    }
    const u32 start = *at;
    *name = p->text + start;
    while (*at < p->bytes && p->text[*at] != '/') {
        (*at)++;
    }
    return *at - start;
}

void node_path(u32 n, struct path *p)
{
    u32 bytes = 0;
    for (u32 i = n; node[i].parent != NODE_NONE; i = node[i].parent) {
        bytes += 1 + node[i].name_bytes;
    }
    p->bytes = bytes;
    if (bytes == 0) {
        path_add(p, "/");
        return;
    }
    for (u32 i = n; node[i].parent != NODE_NONE; i = node[i].parent) {
        bytes -= 1 + node[i].name_bytes;
        p->text[bytes] = '/';
        bytes_copy(node[i].name, node[i].name_bytes, p->text + bytes + 1);
    }
}

/* ---- structure ------------------------------------------------------------
 */

static u32 hash_of(const u8 *name, u32 bytes)
{
    u32 h = 2166136261u;
    for (u32 i = 0; i < bytes; i++) {
        h = (h ^ name[i]) * 16777619u;
    }
    return h;
}

u32 node_child(u32 parent, const u8 *name, u32 bytes)
{
    const u32 hash = hash_of(name, bytes);
    for (u32 n = node[parent].first; n != NODE_NONE; n = node[n].next) {
        if (node[n].hash == hash && node[n].name_bytes == bytes &&
            bytes_equal(node[n].name, name, bytes)) {
            return n;
        }
    }
    return NODE_NONE;
}

static u32 *count_of(u32 payer, bool is_shadow)
{
    return is_shadow ? &client[payer].shadows : &client[payer].nodes;
}

/* NODE_NONE: none is left, or the payer has all it may have. */
static u32 node_take(u32 payer, bool is_shadow)
{
    const u32 limit = is_shadow ? quota.shadows : quota.nodes;
    u32 *const count = count_of(payer, is_shadow);
    if (free_count == 0 || (payer != 0 && *count >= limit)) {
        return NODE_NONE;
    }
    const u32 n = free_first != NODE_NONE ? free_first : used;
    if (free_first != NODE_NONE) {
        free_first = node[n].next;
    } else {
        used++;
    }
    free_count--;
    (*count)++;
    node[n] = (struct node){ .payer = (u16)payer, .perm_count = 1 };
    return n;
}

static void node_give(u32 n, bool is_shadow)
{
    (*count_of(node[n].payer, is_shadow))--;
    bytes_drop(node[n].payer, node[n].name);
    bytes_drop(node[n].payer, node[n].value);
    /* A number of this node that somebody still has names nothing. */
    node[n] = (struct node){ .next = free_first };
    free_first = n;
    free_count++;
}

u32 node_new_root(u32 payer)
{
    return node_take(payer, true);
}

/* Hang it on the parent as the last child. */
static void link_node(u32 n, u32 parent)
{
    struct node *const up = &node[parent];
    node[n].parent = parent;
    node[n].prev = up->last;
    node[n].perm_count = up->perm_count;
    for (u32 i = 0; i < up->perm_count; i++) {
        node[n].perm[i] = up->perm[i];
    }
    if (up->last != NODE_NONE) {
        node[up->last].next = n;
    } else {
        up->first = n;
    }
    up->last = n;
    node_touch(parent);
    node_touch(n);
}

u32 node_new(u32 parent, const u8 *name, u32 bytes, u32 payer, bool is_shadow)
{
    const u32 n = node_take(payer, is_shadow);
    if (n == NODE_NONE) {
        return NODE_NONE;
    }
    if (!bytes_new(payer, name, bytes, &node[n].name)) {
        node_give(n, is_shadow);
        return NODE_NONE;
    }
    node[n].name_bytes = (u16)bytes;
    node[n].hash = hash_of(name, bytes);
    link_node(n, parent);
    return n;
}

u32 node_adopt(u32 parent, u32 shadow)
{
    const u32 n = node_take(node[shadow].payer, false);
    if (n != NODE_NONE) {
        node[n].name = node[shadow].name;
        node[n].name_bytes = node[shadow].name_bytes;
        node[n].hash = node[shadow].hash;
        node[shadow].name = 0;
        node[shadow].name_bytes = 0;
        link_node(n, parent);
    }
    return n;
}

static void unlink_node(u32 n)
{
    const struct node *const it = &node[n];
    if (it->parent == NODE_NONE) {
        return;
    }
    struct node *const up = &node[it->parent];
    if (it->prev != NODE_NONE) {
        node[it->prev].next = it->next;
    } else {
        up->first = it->next;
    }
    if (it->next != NODE_NONE) {
        node[it->next].prev = it->prev;
    } else {
        up->last = it->prev;
    }
    node_touch(it->parent);
}

void node_drop(u32 n, bool is_shadow)
{
    unlink_node(n);
    u32 i = n;
    for (;;) { /* each turn goes one down, or gives one node back */
        while (node[i].first != NODE_NONE) {
            i = node[i].first;
        }
        const u32 up = node[i].parent;
        const bool is_top = i == n;
        if (!is_top) {
            node[up].first = node[i].next;
        }
        node_give(i, is_shadow);
        if (is_top) {
            return;
        }
        i = up;
    }
}

u32 node_after(u32 n, u32 top)
{
    if (node[n].first != NODE_NONE) {
        return node[n].first;
    }
    while (n != top && node[n].next == NODE_NONE) {
        n = node[n].parent;
    }
    return n == top ? NODE_NONE : node[n].next;
}

/* ---- what a node holds ----------------------------------------------------
 */

void node_touch(u32 n)
{
    node[n].generation = ++generation;
}

bool node_set_value(u32 n, const u8 *value, u32 bytes)
{
    u32 chain;
    if (!bytes_new(node[n].payer, value, bytes, &chain)) {
        return false;
    }
    bytes_drop(node[n].payer, node[n].value);
    node[n].value = chain;
    node[n].value_bytes = (u16)bytes;
    node_touch(n);
    return true;
}

bool node_allows(u32 n, u32 domid, u32 access)
{
    const struct node *const it = &node[n];
    if (domid == 0 || it->perm[0].domid == domid) {
        return true;
    }
    for (u32 i = 1; i < it->perm_count; i++) {
        if (it->perm[i].domid == domid) {
            return (it->perm[i].access & access) == access;
        }
    }
    return (it->perm[0].access & access) == access;
}
