/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client told the store, kept in its page: see save.h. The area is the
 * client's memory: it is copied once, and every length is checked.
 */
#include "guests/domain0/save.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/copy.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"
#include "guests/lib/rings.h"

#define MAGIC 0x56534652u /* "RFSV" */
#define HEADER_BYTES 12u
#define DATA_BYTES (SAVE_BYTES - HEADER_BYTES)
#define SHARED_MAX 255u

_Static_assert(SAVE_AT >= sizeof(struct store_ring), "behind the protocol's");

struct header {
    u32 magic, sum, bytes;
};

static u8 data[DATA_BYTES];
static u32 used;
static bool is_full;
/* The path of the record before, for what two have in common. */
static u8 last[PATH_MAX_ABS + 1];
static u32 last_bytes;

static u32 sum_of(u32 bytes)
{
    u32 sum = 2166136261u;
    for (u32 i = 0; i < bytes; i++) {
        sum = (sum ^ data[i]) * 16777619u;
    }
    return sum;
}

/* ---- writing --------------------------------------------------------------
 */

static void begin(void)
{
    used = 0;
    is_full = false;
    last_bytes = 0;
}

static void put(u8 c)
{
    if (used < DATA_BYTES) {
        data[used++] = c;
    } else {
        is_full = true;
    }
}

static void put_path(u8 kind, const u8 *path, u32 bytes)
{
    u32 shared = 0;
    while (shared < SHARED_MAX && shared < bytes && shared < last_bytes &&
           path[shared] == last[shared]) {
        shared++;
    }
    put(kind);
    put((u8)shared);
    for (u32 i = shared; i < bytes; i++) {
        put(path[i]);
    }
    put('\0');
    for (u32 i = 0; i < bytes; i++) {
        last[i] = path[i];
    }
    last_bytes = bytes;
}

/* Keep the record that began there only if it went in whole. */
static void end_record(u32 start)
{
    if (is_full) {
        used = start;
    }
}

static void put_watches(u32 domid)
{
    static u8 text[WATCH_PAYLOAD_MAX];
    for (u32 w = watch_next(domid, 0); w != 0 && !is_full;
         w = watch_next(domid, w)) {
        const u32 start = used;
        const u32 bytes = watch_text(w, text);
        u32 path = 0;
        while (text[path] != '\0') {
            path++;
        }
        put_path('W', text, path);
        for (u32 i = path + 1; i < bytes; i++) {
            put(text[i]);
        }
        end_record(start);
    }
}

static void put_value(u32 n, const u8 *path, u32 bytes)
{
    static u8 value[VALUE_MAX];
    const u32 start = used;
    put_path('V', path, bytes);
    put((u8)node[n].value_bytes);
    put((u8)(node[n].value_bytes >> 8));
    bytes_copy(node[n].value, node[n].value_bytes, value);
    for (u32 i = 0; i < node[n].value_bytes; i++) {
        put(value[i]);
    }
    end_record(start);
}

/* The home of a domain in the store, or NODE_NONE. */
static u32 home_of(u32 domid, struct path *p)
{
    u32 n = NODE_ROOT;
    u32 at = 0;
    if (path_make(p, domid, (const u8 *)"x", 1, false) != XS_OK) {
        return NODE_NONE;
    }
    p->bytes -= 2; /* "/x" */
    while (at < p->bytes && n != NODE_NONE) {
        const u8 *name;
        const u32 bytes = path_next(p, &at, &name);
        n = node_child(n, name, bytes);
    }
    return n;
}

static void put_values(u32 domid)
{
    static struct path p;
    const u32 home = home_of(domid, &p);
    const u32 cut = p.bytes + 1;
    if (home == NODE_NONE) {
        return;
    }
    for (u32 n = node_after(home, home); n != NODE_NONE && !is_full;
         n = node_after(n, home)) {
        if (node[n].writer == domid) {
            node_path(n, &p);
            put_value(n, p.text + cut, p.bytes - cut);
        }
    }
}

bool save_write(u32 domid, volatile u8 *area)
{
    volatile struct header *const h = (volatile void *)area;
    begin();
    put_watches(domid);
    put_values(domid);
    h->magic = 0; /* until all is there */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    copy_to_ring(area + HEADER_BYTES, data, used);
    h->bytes = used;
    h->sum = sum_of(used);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    h->magic = MAGIC;
    return !is_full;
}

/* ---- reading --------------------------------------------------------------
 */

static u32 at; /* in data */

static bool open(const volatile u8 *area)
{
    const volatile struct header *const h = (const volatile void *)area;
    const u32 sum = h->sum;
    used = h->bytes;
    at = 0;
    last_bytes = 0;
    if (h->magic != MAGIC || used > DATA_BYTES) {
        return false;
    }
    copy_from_ring(data, area + HEADER_BYTES, used);
    return sum_of(used) == sum;
}

/* The next string; false: its NUL is missing. */
static bool take_text(struct text *t)
{
    for (u32 i = at; i < used; i++) {
        if (data[i] == '\0') {
            *t = (struct text){ data + at, i - at };
            at = i + 1;
            return true;
        }
    }
    return false;
}

/* The next record's kind, its path in last; 0 at the end. */
static u8 take_path(void)
{
    struct text rest;
    if (used - at < 2) {
        return 0;
    }
    const u8 kind = data[at];
    const u32 shared = data[at + 1];
    at += 2;
    if (shared > last_bytes || !take_text(&rest) ||
        shared + rest.bytes > PATH_MAX_ABS) {
        return 0;
    }
    for (u32 i = 0; i < rest.bytes; i++) {
        last[shared + i] = rest.at[i];
    }
    last_bytes = shared + rest.bytes;
    return kind;
}

static bool take_value(struct text *t)
{
    if (used - at < 2) {
        return false;
    }
    const u32 bytes = data[at] | (u32)data[at + 1] << 8;
    at += 2;
    if (bytes > used - at) {
        return false;
    }
    *t = (struct text){ data + at, bytes };
    at += bytes;
    return true;
}

static bool write_value(u32 domid, struct text value)
{
    static struct path p;
    const struct view v = { domid, 0 };
    return path_make(&p, domid, last, last_bytes, false) == XS_OK &&
           store_write(&v, &p, value.at, value.bytes) == XS_OK;
}

/* Go through all records; those of the kind that is asked for are taken. */
static u32 read_records(u32 domid, const volatile u8 *area, u8 wanted)
{
    u32 taken = 0;
    u8 kind = open(area) ? take_path() : 0;
    for (; kind != 0; kind = take_path()) { /* each takes three bytes */
        struct text t;
        if (kind == 'W' ? !take_text(&t) : kind != 'V' || !take_value(&t)) {
            break;
        }
        if (kind != wanted) {
            continue;
        }
        if (kind == 'W') {
            const struct text path = { last, last_bytes };
            taken += watch_add(domid, path, t) == XS_OK;
        } else {
            taken += write_value(domid, t);
        }
    }
    return taken;
}

u32 save_read_values(u32 domid, const volatile u8 *area)
{
    return read_records(domid, area, 'V');
}

u32 save_read_watches(u32 domid, const volatile u8 *area)
{
    return read_records(domid, area, 'W');
}
