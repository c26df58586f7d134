/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the router on the host: domains with granted pages, ports, a
 * clock that moves only while the router sleeps, and a store that answers on
 * the router's own ring.
 */
#ifndef TESTS_ROUTER_FIXTURE_H
#define TESTS_ROUTER_FIXTURE_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guests/router/router.h"

#define DOMS 4u
#define SELF_DOM 9u
#define REFS 64u
#define NODES 128u

static struct {
    u64 now;
    bool alive[DOMS];
    bool granted[DOMS][REFS];
    u8 page[DOMS][REFS][PAGE_BYTES] __attribute__((aligned(4096)));
    u32 mapped[MACHINE_WINDOWS]; /* 0, or domid + 1 */
    u32 port_of[DOMS];           /* own port bound to the domain's port 7 */
    u32 notified[DOMS];
    u32 reports;
    char last_report[128];
    struct node {
        char path[96];
        char value[96];
    } node[NODES];
    u32 nodes;
    u32 watches;
    bool silent;
    u32 scribble; /* a domain that writes into its frames behind each copy */
} fake;

static struct store_ring store_ring;
static struct router router;
static u64 wake;

/* ---- machine ---------------------------------------------------------------
 */

u64 machine_now(void)
{
    return fake.now;
}

u32 *machine_map(u32 where, u32 domid, u32 ref)
{
    assert_true(where < MACHINE_WINDOWS && fake.mapped[where] == 0);
    if (domid >= DOMS || ref >= REFS || !fake.alive[domid] ||
        !fake.granted[domid][ref]) {
        return NULL;
    }
    fake.mapped[where] = domid + 1;
    return (u32 *)(void *)fake.page[domid][ref];
}

void machine_unmap(u32 where)
{
    fake.mapped[where] = 0;
}

bool machine_is_alive(u32 domid, u32 ref)
{
    (void)ref;
    return fake.alive[domid];
}

u32 machine_bind(u32 domid, u32 port)
{
    if (port != 7 || fake.port_of[domid] != 0) {
        return 0;
    }
    fake.port_of[domid] = 20 + domid;
    return 20 + domid;
}

void machine_close(u32 port)
{
    assert_int_equal(fake.port_of[port - 20], port);
    fake.port_of[port - 20] = 0;
}

void machine_notify(u32 port)
{
    if (port >= 20) {
        assert_int_equal(fake.port_of[port - 20], port);
        fake.notified[port - 20]++;
    }
}

static bool is_granted(u32 domid, u32 ref)
{
    return ref < REFS && fake.granted[domid][ref];
}

void machine_copy(struct machine_copy *list, u32 count)
{
    assert_true(count <= MACHINE_COPIES);
    for (u32 i = 0; i < count; i++) {
        struct machine_copy *c = &list[i];

        assert_true(c->offset + c->bytes <= PAGE_BYTES);
        assert_true((uintptr_t)c->own % PAGE_BYTES + c->bytes <= PAGE_BYTES);
        c->failed = !is_granted(c->domid, c->ref) ||
                    (c->own == NULL && !is_granted(c->from_domid, c->from_ref));
        if (c->failed) {
            continue;
        }
        u8 *theirs = fake.page[c->domid][c->ref] + c->offset;
        u8 *other = c->own;
        if (other == NULL) {
            assert_true(c->is_out && c->from_offset + c->bytes <= PAGE_BYTES);
            other = fake.page[c->from_domid][c->from_ref] + c->from_offset;
        }
        memcpy(c->is_out ? theirs : other, c->is_out ? other : theirs,
               c->bytes);
    }
    for (u32 i = 0; fake.scribble != 0 && i < 3; i++) {
        memset(fake.page[fake.scribble][4 + i], 0xee, PAGE_BYTES);
    }
}

u64 machine_secret(void)
{
    return 4;
}

void machine_say(const char *line)
{
    (void)line;
}

void machine_report(u32 domid, u32 rule, u32 count, const char *text)
{
    (void)domid;
    (void)rule;
    fake.reports += count;
    snprintf(fake.last_report, sizeof(fake.last_report), "%s", text);
}

/* ---- store -----------------------------------------------------------------
 */

static struct node *node_at(const char *path)
{
    char full[128];

    snprintf(full, sizeof(full), "%s%s",
             path[0] == '/' ? "" : "/local/domain/9/", path);
    for (u32 i = 0; i < fake.nodes; i++) {
        if (strcmp(fake.node[i].path, full) == 0) {
            return &fake.node[i];
        }
    }
    return NULL;
}

static void set(const char *path, const char *value)
{
    struct node *n = node_at(path);

    if (n == NULL) {
        assert_true(fake.nodes < NODES);
        n = &fake.node[fake.nodes++];
        snprintf(n->path, sizeof(n->path), "%s%s",
                 path[0] == '/' ? "" : "/local/domain/9/", path);
    }
    snprintf(n->value, sizeof(n->value), "%s", value);
}

static const char *get(const char *path)
{
    const struct node *n = node_at(path);

    return n != NULL ? n->value : "";
}

static void reply(const u32 head[4], const char *text, u32 bytes, u32 type)
{
    const u32 h[4] = { type, head[1], 0, bytes };
    u8 all[16 + 128];

    memcpy(all, h, 16);
    memcpy(all + 16, text, bytes);
    for (u32 i = 0; i < 16 + bytes; i++) {
        store_ring.rsp[store_ring.rsp_prod++ % 1024] = all[i];
    }
}

static void answer(const u32 head[4], const char *payload)
{
    const struct node *n = node_at(payload);

    if (head[0] == 2 && n == NULL) {
        reply(head, "ENOENT", 7, 16);
    } else if (head[0] == 2) {
        reply(head, n->value, (u32)strlen(n->value), 2);
    } else {
        if (head[0] == 11) {
            set(payload, payload + strlen(payload) + 1);
        } else {
            fake.watches++;
        }
        reply(head, "OK", 3, head[0]);
    }
}

static void serve_store(void)
{
    while (!fake.silent && store_ring.req_prod != store_ring.req_cons) {
        u32 head[4];
        u8 message[1024 + 1] = { 0 };

        for (u32 i = 0; i < 16; i++) {
            ((u8 *)head)[i] = store_ring.req[store_ring.req_cons++ % 1024];
        }
        assert_true(head[3] < 1024);
        for (u32 i = 0; i < head[3]; i++) {
            message[i] = store_ring.req[store_ring.req_cons++ % 1024];
        }
        answer(head, (const char *)message);
    }
}

void machine_wait(u64 until_ns)
{
    (void)until_ns;
    fake.now += 1000000;
    serve_store();
    (void)switch_turn(&router, &wake);
}

/* ---- a front-end -----------------------------------------------------------
 */

#define TX_REF 1u
#define RX_REF 2u
#define TX_BUFFER 4u  /* and the 17 behind it */
#define RX_BUFFER 32u /* and the 31 behind it */

static u32 *tx_word(u32 dom)
{
    return (u32 *)(void *)fake.page[dom][TX_REF];
}

static u32 *rx_word(u32 dom)
{
    return (u32 *)(void *)fake.page[dom][RX_REF];
}

static void front_set(u32 dom, const char *key, const char *value)
{
    char path[96];

    snprintf(path, sizeof(path), "/local/domain/%u/device/vif/0/%s", dom, key);
    set(path, value);
}

static const char *back_get(u32 dom, const char *key)
{
    char path[96];

    snprintf(path, sizeof(path), "backend/vif/%u/0/%s", dom, key);
    return get(path);
}

static inline void back_set(u32 dom, const char *key, const char *value)
{
    char path[96];

    snprintf(path, sizeof(path), "backend/vif/%u/0/%s", dom, key);
    set(path, value);
}

/* One more receive buffer. */
static void rx_offer(u32 dom, u32 count)
{
    for (; count != 0; count--) {
        u32 *r = rx_word(dom);
        const u32 at = 16 + r[0] % 256 * 2;

        r[at] = r[0] % 256;
        r[at + 1] = RX_BUFFER + r[0] % 32;
        r[0]++;
    }
}

/* Rings and nodes, as far as a front-end goes by itself. */
static void front_ready(u32 dom)
{
    memset(fake.page[dom], 0, sizeof(fake.page[dom]));
    memset(fake.granted[dom], 1, sizeof(fake.granted[dom]));
    fake.alive[dom] = true;
    tx_word(dom)[3] = rx_word(dom)[3] = 1;
    rx_offer(dom, 32);
    front_set(dom, "tx-ring-ref", "1");
    front_set(dom, "rx-ring-ref", "2");
    front_set(dom, "event-channel", "7");
    front_set(dom, "request-rx-copy", "1");
    front_set(dom, "feature-gso-tcpv4", "1");
    front_set(dom, "feature-ipv6-csum-offload", "1");
}

static void tx_put(u32 dom, u32 first, u32 second, u32 third)
{
    u32 *r = tx_word(dom);
    u32 *w = r + 16 + r[0] % 256 * 3;

    w[0] = first;
    w[1] = second;
    w[2] = third;
    r[0]++;
}

/* A frame in the domain's first send buffer, from it to that one. */
static u8 *frame_between(u32 from, u32 to)
{
    u8 *f = fake.page[from][TX_BUFFER];

    memset(f, 0, 12);
    f[0] = to == DOMS ? 0xff : 2;
    f[5] = (u8)to;
    f[6] = 2;
    f[11] = (u8)from;
    return f;
}

static void send_frame(u32 from, u32 to, u32 bytes, u32 flags)
{
    (void)frame_between(from, to);
    tx_put(from, TX_BUFFER, flags << 16, tx_word(from)[0] | bytes << 16);
}

static inline s32 tx_status(u32 dom, u32 index)
{
    return (s16)(tx_word(dom)[16 + index % 256 * 3] >> 16);
}

static inline u32 rx_flags_at(u32 dom, u32 index)
{
    return rx_word(dom)[17 + index % 256 * 2] & 0xffff;
}

static s32 rx_status(u32 dom, u32 index)
{
    return (s16)(rx_word(dom)[17 + index % 256 * 2] >> 16);
}

#endif
