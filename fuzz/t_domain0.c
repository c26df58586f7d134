/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Domain0 reads of its clients' store: their rings, and the bytes that an
 * earlier Domain0 left in a client's page.
 *
 * Two clients of the store are of two minds: with bit 0 of the first byte
 * client 1 writes its page as it likes, else it keeps to the protocol. Client 2
 * keeps to it always, and its store must answer it, whatever client 1 does.
 * Counts are derived afresh every few operations.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/client.h"
#include "guests/domain0/save.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/wire.h"
#include "guests/lib/rings.h"

#define OPS_MAX 24u
#define HOSTILE 1u
#define HONEST 2u
#define RING 1024u

static struct input in;

static u8 pages[3][PAGE_BYTES] __attribute__((aligned(4096)));
static struct wire wire[3];
static u32 tx_of[3];
static bool may_lie; /* client 1 has written what it should not */
static u32 epoch;

static struct store_ring *ring_of(u32 d)
{
    return (struct store_ring *)(void *)pages[d];
}

static void server_begin(void)
{
    static const char *const homes[] = { "/local/domain/1", "/local/domain/2" };
    const struct view self = { 0, 0 };
    struct path p;

    store_reset(2);
    store_set_epoch(++epoch);
    for (u32 d = 1; d <= 2; d++) {
        const struct perm own = { (u16)d, 0 };
        (void)path_make(&p, 0, (const u8 *)homes[d - 1], 15, false);
        (void)store_mkdir(&self, &p);
        (void)store_set_perms(&self, &p, &own, 1);
    }
    for (u32 d = 1; d <= 2; d++) {
        (void)save_read_values(d, pages[d] + SAVE_AT);
        client_open(d, false);
        wire_open(&wire[d], d, ring_of(d));
        (void)save_read_watches(d, pages[d] + SAVE_AT);
    }
}

static void turn(u32 d)
{
    bool again = true;

    for (u32 i = 0; i < 200 && again; i++) {
        (void)wire_turn(&wire[d], &again);
    }
    if (again) {
        fuzz_fail("a ring without end");
    }
}

/* As much of it as there is room for. */
static void put(u32 d, const u8 *from, u32 count)
{
    struct store_ring *const r = ring_of(d);

    for (u32 i = 0; i < count; i++) {
        if (r->req_prod - r->req_cons >= RING) {
            turn(d);
            if (wire[d].state != WIRE_OPEN ||
                r->req_prod - r->req_cons >= RING) {
                return;
            }
        }
        r->req[r->req_prod++ % RING] = from[i];
    }
}

static bool has_room(u32 d, u32 bytes)
{
    const struct store_ring *const r = ring_of(d);

    turn(d);
    return RING - (r->req_prod - r->req_cons) >= bytes;
}

/* A path of few: what is made is found again. */
static u32 take_path(u8 *to)
{
    static const char *const names[] = {
        "a",        "b",  "a/b",  "a/b/c",           "/local/domain/1/a",
        "/",        "x/", "@all", "/local/domain/2", "/local/domain/2/a",
        "device/v", "",   "a//b", "/local/domain",   "n",
        "m"
    };
    const char *const name = names[take8(&in) % ARRAY_COUNT(names)];
    const u32 bytes = (u32)strlen(name);

    memcpy(to, name, bytes);
    to[bytes] = '\0';
    return bytes + 1;
}

static void ask(u32 d)
{
    static const u8 types[] = { 1,  2,  3,  4, 5, 6, 7, 11, 12, 13, 14, 21,
                                22, 11, 11, 7, 6, 4, 2, 10, 17, 0,  99 };
    u8 payload[600];
    const u8 c = take8(&in);
    const u32 type = types[c % sizeof(types)];
    u32 bytes = 0;

    if (type == 7) {
        memcpy(payload, c >= 128 ? "F" : "T", 2);
        bytes = 2;
    } else {
        bytes = take_path(payload);
    }
    if (type == 4 || type == 5) {
        memcpy(payload + bytes, "t1", 3);
        payload[bytes + 1] = (u8)('0' + c / 64);
        bytes += 3;
    } else if (type == 14) {
        memcpy(payload + bytes, c >= 128 ? "n1\0b2" : "n2\0r1", 6);
        bytes += 6;
    } else if (type == 22) {
        memcpy(payload + bytes, c >= 128 ? "0" : "5", 2);
        bytes += 2;
    } else if (type == 11) {
        const u32 count = c >= 192 ? 500 : c / 16;
        memset(payload + bytes, 'v', count);
        bytes += count;
    }
    const u32 header[4] = { type, 7, (c & 1) != 0 ? tx_of[d] : 0, bytes };
    if ((!may_lie || d == HONEST) && !has_room(d, bytes + HEADER_BYTES)) {
        return; /* half a request is worse than none */
    }
    put(d, (const u8 *)header, sizeof(header));
    put(d, payload, bytes);
}

/* Read messages; of one who keeps to the protocol they are well-formed. */
static void drain(u32 d, u32 most)
{
    struct store_ring *const r = ring_of(d);

    for (u32 n = 0; n < most; n++) {
        struct message m;
        u8 *const to = (u8 *)&m;
        u32 want = HEADER_BYTES;
        for (u32 i = 0; i < want; i++) {
            if (r->rsp_prod == r->rsp_cons) {
                turn(d);
            }
            if (r->rsp_prod == r->rsp_cons) {
                if (i != 0) {
                    fuzz_fail("half a message for client %u", d);
                }
                return;
            }
            to[i] = r->rsp[r->rsp_cons++ % RING];
            if (i == HEADER_BYTES - 1) {
                if (m.bytes > PAYLOAD_MAX) {
                    fuzz_fail("a message of %u bytes", m.bytes);
                }
                want += m.bytes;
            }
        }
        if (m.type == 6 && m.bytes < 12) {
            u32 id = 0;
            for (u32 i = 0; i + 1 < m.bytes; i++) {
                id = id * 10 + (u32)(m.payload[i] - '0');
            }
            tx_of[d] = id;
        }
    }
}

static void poke(void)
{
    struct store_ring *const r = ring_of(HOSTILE);
    const u8 c = take8(&in);
    u32 *const index[] = { &r->req_cons, &r->req_prod, &r->rsp_cons,
                           &r->rsp_prod, &r->connection };

    may_lie = true;
    if (c < 64) {
        *index[c % 5] += take8(&in);
    } else if (c < 96) {
        *index[c % 5] = (u32)take16(&in) << (c & 16);
    } else if (c < 112) {
        pages[HOSTILE][take16(&in) % PAGE_BYTES] = take8(&in);
    } else {
        const u32 count = c - 111u;
        for (u32 i = 0; i < count; i++) {
            r->req[r->req_prod++ % RING] = take8(&in);
        }
    }
}

/* The honest client's own value is what it wrote. */
static void check_honest(void)
{
    static const u8 write[] = "\xb\0\0\0\1\0\0\0\0\0\0\0\x8\0\0\0own\0kept";
    static const u8 read[] = "\2\0\0\0\1\0\0\0\0\0\0\0\4\0\0\0own";
    struct store_ring *const r = ring_of(HONEST);

    drain(HONEST, 1000);
    put(HONEST, write, 24);
    turn(HONEST);
    if (r->rsp_prod == r->rsp_cons) {
        fuzz_fail("the honest client's write has no answer");
    }
    const bool was_written = r->rsp[r->rsp_cons % RING] == 11;
    drain(HONEST, 1000);
    put(HONEST, read, 20);
    turn(HONEST);
    u8 answer[20];
    for (u32 i = 0; i < 20; i++) {
        answer[i] = r->rsp[(r->rsp_cons + i) % RING];
    }
    if (was_written && memcmp(answer + 16, "kept", 4) != 0) {
        fuzz_fail("the honest client does not read what it wrote");
    }
    drain(HONEST, 1000);
}

static void check_counts(void)
{
    u32 nodes[3] = { 0 };
    u32 blocks = bytes_free_blocks();

    for (u32 n = node_after(NODE_ROOT, NODE_ROOT); n != NODE_NONE;
         n = node_after(n, NODE_ROOT)) {
        if (node[n].payer > 2 || node[n].flags != 0 ||
            node[node[n].parent].generation < 1) {
            fuzz_fail("node %u is none of the store", n);
        }
        nodes[node[n].payer]++;
    }
    for (u32 d = 0; d <= 2; d++) {
        const struct client *const c = &client[d];
        blocks += c->blocks;
        if (nodes[d] != c->nodes) {
            fuzz_fail("client %u has %u nodes, %u counted", d, nodes[d],
                      c->nodes);
        }
        if (d != 0 &&
            (c->nodes > quota.nodes || c->blocks > quota.blocks ||
             c->shadows > quota.shadows || c->txns > quota.txns ||
             c->watches > quota.watches || c->events > quota.events)) {
            fuzz_fail("client %u is over its quota", d);
        }
    }
    if (blocks != BLOCKS - 1) {
        fuzz_fail("%u blocks are nobody's", BLOCKS - 1 - blocks);
    }
    if (wire[HONEST].state != WIRE_OPEN ||
        (!may_lie && wire[HOSTILE].state != WIRE_OPEN)) {
        fuzz_fail("a ring that does not lie was closed");
    }
}

/* Nothing of a long message is under way: a server may end here. */
static bool at_border(u32 d)
{
    return wire[d].in_eaten == 0 &&
           (wire[d].out_bytes == 0 || wire[d].out_sent == 0);
}

static u32 blocks_of(u32 bytes)
{
    return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* Nobody has watches, events or transactions: blocks are those of nodes. */
static void check_blocks(void)
{
    u32 blocks[3] = { 0 };

    for (u32 n = node_after(NODE_ROOT, NODE_ROOT); n != NODE_NONE;
         n = node_after(n, NODE_ROOT)) {
        blocks[node[n].payer] +=
            blocks_of(node[n].name_bytes) + blocks_of(node[n].value_bytes);
    }
    for (u32 d = 0; d <= 2; d++) {
        if (blocks[d] != client[d].blocks) {
            fuzz_fail("client %u has %u blocks, %u counted", d, blocks[d],
                      client[d].blocks);
        }
    }
}

static void store_op(bool hostile)
{
    const u8 c = take8(&in);
    const u32 d = (c & 0x80) != 0 ? HONEST : HOSTILE;

    switch (c % 8) {
    case 0:
        turn(d);
        break;
    case 1:
        if (hostile) {
            poke();
        }
        break;
    case 2:
        if (d == HONEST || !may_lie) {
            drain(d, 4);
        } else {
            ring_of(d)->rsp_cons = ring_of(d)->rsp_prod;
        }
        break;
    case 3:
        if ((c & 0x40) != 0) {
            (void)save_write(d, pages[d] + SAVE_AT);
        }
        if ((c & 0x20) != 0 && at_border(HONEST) && at_border(HOSTILE)) {
            server_begin();
        }
        break;
    default:
        ask(d);
        if (!may_lie || d == HONEST) {
            turn(d);
        }
        break;
    }
}

void target_xenstore(const u8 *data, size_t bytes)
{
    in = (struct input){ data, bytes, 0 };
    const bool hostile = (take8(&in) & 1) != 0;

    memset(pages, 0, sizeof(pages));
    memset(tx_of, 0, sizeof(tx_of));
    may_lie = false;
    epoch = 0;
    server_begin();
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        store_op(hostile);
        if (i % 4 == 3) {
            check_counts();
        }
    }
    check_counts();
    check_honest();
    client_close(HOSTILE);
    client_close(HONEST);
    check_blocks();
    if (client[1].shadows + client[1].watches + client[1].events != 0) {
        fuzz_fail("a client that is gone still has something");
    }
}
