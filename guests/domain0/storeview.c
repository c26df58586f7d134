/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of the store as JSON: see storeview.h.
 */
#include "guests/domain0/storeview.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/jsonline.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"

#define SHOWN_BYTES 512u

static struct path path;
static u32 shown; /* children */

bool storeview_begin(const char *text)
{
    u32 bytes = 0;
    while (text[bytes] != '\0') {
        bytes++;
    }
    shown = 0;
    return path_make(&path, 0, (const u8 *)text, bytes, false) == XS_OK;
}

static void show_node(u32 n)
{
    static u8 text[PATH_MAX_ABS + 1];
    u32 children = 0;
    for (u32 i = node[n].first; i != NODE_NONE; i = node[i].next) {
        children++;
    }
    bytes_copy(node[n].name, node[n].name_bytes, text);
    json_begin();
    json_text("name", text, node[n].name_bytes);
    const u32 part =
        node[n].value_bytes < SHOWN_BYTES ? node[n].value_bytes : SHOWN_BYTES;
    bytes_copy(node[n].value, part, text);
    json_text("value", text, part);
    json_number("bytes", node[n].value_bytes);
    json_number("children", children);
    json_number("owner", node[n].perm[0].domid);
    json_end();
}

/* The node of the path now, or NODE_NONE. */
static u32 shown_node(void)
{
    u32 n = NODE_ROOT;
    u32 at = 0;
    while (at < path.bytes && n != NODE_NONE) {
        const u8 *name;
        const u32 bytes = path_next(&path, &at, &name);
        n = bytes == 0 ? n : node_child(n, name, bytes);
    }
    return n;
}

enum storeview storeview_put(void)
{
    const u32 top = shown_node();
    if (top == NODE_NONE) {
        return STOREVIEW_NOTHING;
    }
    u32 n = node[top].first;
    for (u32 i = 0; i < shown && n != NODE_NONE; i++) {
        n = node[n].next;
    }
    for (; n != NODE_NONE && json_has_room(); n = node[n].next) {
        show_node(n);
        shown++;
    }
    return n == NODE_NONE && json_has_room() ? STOREVIEW_END : STOREVIEW_MORE;
}
