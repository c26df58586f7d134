/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's client of the store. With bit 0 of the first byte the server
 * writes whatever it likes to the ring, at any time; without it, it answers by
 * the book, but late, twice, in parts or not at all, with watch events between:
 * then an answer that the client takes must be that to its question.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/xen.h"
#include "fuzz/fuzz.h"
#include "guests/router/machine.h"
#include "guests/router/xsclient.h"

#define OPS_MAX 32u
#define RING 1024u
#define HEADER 16u
#define READ 2u
#define WATCH 4u
#define WRITE 11u
#define EVENT 15u
#define ERROR 16u
#define RECONNECTION 1u

struct message {
    u32 type, id, tx, bytes;
    u8 payload[4096];
};

static struct store_ring ring;
static struct xs client;
static struct input in;
static u64 now;
static bool is_liar;

/* The honest server's: a request that comes in, an answer that goes out. */
static struct message request;
static u32 request_have;
static u8 out[2 * (HEADER + 512)]; /* an answer, and one more */
static u32 out_bytes;
static u32 out_sent;

/* ---- an honest server -----------------------------------------------------
 */

static void out_put(u32 type, u32 id, const char *text, u32 bytes)
{
    static const char rest[512]; /* "value" is longer than it is */
    const u32 head[4] = { type, id, 0, bytes };
    const u32 own = bytes < 64 ? bytes : 5;

    if (out_bytes + HEADER + bytes <= sizeof(out)) {
        memcpy(out + out_bytes, head, HEADER);
        memcpy(out + out_bytes + HEADER, text, own);
        memcpy(out + out_bytes + HEADER + own, rest, bytes - own);
        out_bytes += HEADER + bytes;
    }
}

/* Of a path that ends in '0' there is nothing; else its value is itself. */
static void answer(void)
{
    const char *const path = (const char *)request.payload;
    const size_t bytes = strlen(path);

    if (request.type == READ && bytes != 0 && path[bytes - 1] == '0') {
        out_put(ERROR, request.id, "ENOENT", 7);
    } else if (request.type == READ) {
        out_put(READ, request.id, path, (u32)bytes);
    } else if (request.type == WATCH) {
        out_put(ERROR, request.id, "EEXIST", 7);
    } else {
        out_put(request.type, request.id, "OK", 3);
    }
}

static void take_request(void)
{
    u8 *const to = (u8 *)&request;

    while (ring.req_cons != ring.req_prod) {
        to[request_have++] = ring.req[ring.req_cons++ % RING];
        if (request_have >= HEADER && request.bytes > RING - HEADER) {
            fuzz_fail("a request of %u bytes", request.bytes);
        }
        if (request_have >= HEADER && request_have == HEADER + request.bytes) {
            request.payload[request.bytes] = 0;
            request_have = 0;
            answer();
            return;
        }
    }
}

static void put_out(u32 most)
{
    while (out_sent < out_bytes && most-- != 0 &&
           ring.rsp_prod - ring.rsp_cons < RING) {
        ring.rsp[ring.rsp_prod++ % RING] = out[out_sent++];
    }
    if (out_sent == out_bytes) {
        out_sent = 0;
        out_bytes = 0;
    }
}

/* Begin anew, as the client asked for. */
static void reconnect(void)
{
    if (ring.connection != 0) {
        ring.req_cons = ring.req_prod;
        ring.rsp_prod = ring.rsp_cons;
        request_have = 0;
        out_bytes = 0;
        out_sent = 0;
        ring.connection = 0;
    }
}

static void serve(u8 how)
{
    const bool is_whole = ring.server_features == 0;

    reconnect();
    switch (how % 8) {
    case 0:
        break; /* not now */
    case 1:    /* an event, between two messages */
        if (out_bytes == 0) {
            out_put(EVENT, 0, "a/b\0token", 10);
        }
        break;
    case 2: /* an answer to a question that was given up */
        if (out_bytes == 0) {
            out_put(READ, client.id - 1 - how / 8, "wrong", 5);
        }
        break;
    case 3: /* in parts, to who can begin anew */
        put_out(is_whole ? RING : how / 8);
        break;
    default:
        if (out_bytes == 0 && is_liar) { /* indices are anybody's */
            out_put(READ, client.id, "value", take16(&in) % 512u);
        } else if (out_bytes == 0) {
            take_request();
        }
        put_out(RING);
        break;
    }
}

/* ---- a server that lies ---------------------------------------------------
 */

static void lie(u8 how)
{
    u32 *const index[] = { &ring.req_cons, &ring.req_prod, &ring.rsp_cons,
                           &ring.rsp_prod };

    switch (how % 7) {
    case 0:
        *index[how / 8 % 4] = take16(&in) | (u32)(how & 0x80) << 24;
        break;
    case 1:
        ring.connection = how / 8 % 4;
        ring.server_features = how / 32 % 4;
        break;
    case 2: /* a header with any words */
        for (u32 i = 0; i < HEADER; i++) {
            const u8 byte = take8(&in);
            ring.rsp[ring.rsp_prod++ % RING] =
                (how & 8) != 0 && i >= 4 && i < 8
                    ? (u8)(client.id >> 8 * (i - 4))
                    : byte;
        }
        break;
    case 3:
        for (u32 i = how / 8 * 8; i != 0; i--) {
            ring.rsp[ring.rsp_prod++ % RING] = take8(&in);
        }
        break;
    case 4: /* as much as there is room for */
        while (ring.rsp_prod - ring.rsp_cons < RING) {
            ring.rsp[ring.rsp_prod++ % RING] = how / 8;
        }
        break;
    default:
        serve(how / 8);
        break;
    }
}

/* ---- the client's machine -------------------------------------------------
 */

u64 machine_now(void)
{
    return now;
}

void machine_notify(u32 port)
{
    if (port != 7) {
        fuzz_fail("port %u is notified", port);
    }
}

static void look(void)
{
    if (client.have > sizeof(client.in)) {
        fuzz_fail("%u bytes of an answer", client.have);
    }
    if (!is_liar && (ring.req_prod - ring.req_cons > RING ||
                     ring.rsp_prod - ring.rsp_cons > RING)) {
        fuzz_fail("the client's indices cannot be");
    }
}

void machine_wait(u64 until_ns)
{
    look();
    if (left(&in) == 0) {
        now = until_ns;
        return;
    }
    const u8 how = take8(&in);
    now += (how & 1) != 0 ? 20000000 : 1000;
    if (is_liar) {
        lie(how);
    } else {
        serve(how);
    }
}

/* ---- what it asks ---------------------------------------------------------
 */

static void ask_value(u8 what)
{
    char path[32];
    char *const value = malloc(XS_VALUE_BYTES); /* its end is guarded */
    const u32 ending = what / 4 % 3;

    snprintf(path, sizeof(path), "device/%u/%u", what, ending);
    memset(value, 'x', XS_VALUE_BYTES);
    const enum xs_result r = xs_read(&client, path, value);
    if (memchr(value, 0, XS_VALUE_BYTES) == NULL) {
        fuzz_fail("a value without its end");
    }
    if (!is_liar &&
        (r == XS_REFUSED || (r == XS_MISSING && ending != 0) ||
         (r == XS_OK && (ending == 0 || strcmp(value, path) != 0)))) {
        fuzz_fail("%s is answered %d, '%s'", path, (int)r, value);
    }
    free(value);
}

static void ask_all(void)
{
    static char longest[2000];

    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        const u8 what = take8(&in);
        enum xs_result r = XS_OK;
        switch (what % 4) {
        case 0:
            r = xs_watch(&client, "backend/vif", "token");
            break;
        case 1: /* longer than the ring: cut, not written beyond it */
            memset(longest, 'l', what * 7u);
            longest[what * 7u] = 0;
            r = xs_write(&client, longest, longest);
            break;
        case 2:
            xs_look(&client);
            break;
        default:
            ask_value(what);
            break;
        }
        if (!is_liar && r != XS_OK && r != XS_SILENT) {
            fuzz_fail("refused: %d", (int)r);
        }
        look();
    }
}

void target_xsclient(const u8 *data, size_t bytes)
{
    in = (struct input){ data, bytes, 0 };
    const u8 mode = take8(&in);
    is_liar = (mode & 1) != 0;
    memset(&ring, 0, sizeof(ring));
    memset(&request, 0, sizeof(request));
    ring.server_features = (mode & 2) != 0 ? RECONNECTION : 0;
    ring.req_prod = ring.req_cons = (mode & 4) != 0 ? 0xfffffff0u : 0;
    ring.rsp_prod = ring.rsp_cons = (mode & 4) != 0 ? 0xffffff80u : 0;
    request_have = 0;
    out_bytes = 0;
    out_sent = 0;
    now = 1000000000;
    xs_open(&client, &ring, 7);
    ask_all();
}
