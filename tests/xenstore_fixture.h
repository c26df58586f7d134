/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the store for tests: it speaks the wire's protocol over a ring
 * of its own, as a guest does.
 */
#ifndef TESTS_XENSTORE_FIXTURE_H
#define TESTS_XENSTORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guests/domain0/bytes.h"
#include "guests/domain0/client.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"
#include "guests/domain0/wire.h"
#include "guests/lib/rings.h"

enum {
    CONTROL,
    DIRECTORY,
    READ,
    GET_PERMS,
    WATCH,
    UNWATCH,
    TX_START,
    TX_END,
    INTRODUCE,
    RELEASE,
    GET_PATH,
    WRITE,
    MKDIR,
    RM,
    SET_PERMS,
    WATCH_EVENT,
    ERROR,
    IS_INTRODUCED,
    RESUME,
    SET_TARGET,
    RESET_WATCHES = 21,
    DIRECTORY_PART
};

#define TENANTS 3u

static struct store_ring ring[TENANTS + 1];
static struct wire wire[TENANTS + 1];
/* The message that came last. */
static struct message got;
static u32 last_id;

static inline void ring_turn(u32 d)
{
    bool again = true;
    for (u32 i = 0; i < 1000 && again; i++) {
        (void)wire_turn(&wire[d], &again);
    }
}

/* Put what the ring has room for, with turns of the server, until all is in
 * or the server takes no more. */
static inline u32 ring_put(u32 d, const void *from, u32 count)
{
    struct store_ring *r = &ring[d];
    u32 done = 0;
    for (u32 turns = 0; done < count && turns < 100; turns++) {
        while (done < count && r->req_prod - r->req_cons < 1024) {
            r->req[r->req_prod++ % 1024] = ((const u8 *)from)[done++];
        }
        if (done < count) {
            ring_turn(d);
        }
    }
    return done;
}

/* Take so many bytes; false when the server has no more to say. */
static inline bool ring_get(u32 d, void *to, u32 count)
{
    struct store_ring *r = &ring[d];
    for (u32 i = 0; i < count; i++) {
        if (r->rsp_prod == r->rsp_cons) {
            ring_turn(d);
        }
        if (r->rsp_prod == r->rsp_cons) {
            return false;
        }
        ((u8 *)to)[i] = r->rsp[r->rsp_cons++ % 1024];
    }
    return true;
}

static inline bool message_get(u32 d)
{
    memset(&got, 0, sizeof(got));
    if (!ring_get(d, &got, HEADER_BYTES)) {
        return false;
    }
    assert_true(got.bytes <= PAYLOAD_MAX);
    assert_true(ring_get(d, got.payload, got.bytes));
    return true;
}

static inline void request_put(u32 d, u32 type, u32 tx, const void *payload,
                               u32 bytes)
{
    const u32 header[4] = { type, ++last_id, tx, bytes };
    assert_int_equal(ring_put(d, header, sizeof(header)), sizeof(header));
    (void)ring_put(d, payload, bytes);
}

/* Ask, and read the answer, which is the next message. */
static inline void request(u32 d, u32 type, u32 tx, const void *payload,
                           u32 bytes)
{
    request_put(d, type, tx, payload, bytes);
    const u32 id = last_id;
    assert_true(message_get(d));
    assert_int_equal(got.req_id, id);
    assert_int_equal(got.tx_id, tx);
    assert_true(got.type == type || got.type == ERROR);
}

static inline void ring_connect(u32 d)
{
    memset(&ring[d], 0, sizeof(ring[d]));
    client_open(d, false);
    wire_open(&wire[d], d, &ring[d]);
}

/* /local/domain/N, which tenant N may write below. */
static inline void home_make(u32 d)
{
    const struct view v = { 0, 0 };
    const struct perm own = { (u16)d, 0 };
    struct path p;
    char text[32];
    const int bytes = snprintf(text, sizeof(text), "/local/domain/%u", d);
    assert_int_equal(path_make(&p, 0, (const u8 *)text, (u32)bytes, false),
                     XS_OK);
    assert_int_equal(store_mkdir(&v, &p), XS_OK);
    assert_int_equal(store_set_perms(&v, &p, &own, 1), XS_OK);
}

static inline int store_setup(void **state)
{
    (void)state;
    store_reset(TENANTS);
    store_set_epoch(6);
    for (u32 d = 1; d <= TENANTS; d++) {
        home_make(d);
        ring_connect(d);
    }
    return 0;
}

/* Payloads are written with '|' for NUL; the string's own NUL is not sent. */
static inline u32 payload_make(const char *text, u8 *to)
{
    u32 n = 0;
    for (; text[n] != '\0'; n++) {
        to[n] = text[n] == '|' ? 0 : (u8)text[n];
    }
    return n;
}

static inline const char *payload_text(const struct message *m)
{
    static char text[PAYLOAD_MAX + 1];
    for (u32 i = 0; i < m->bytes; i++) {
        text[i] = m->payload[i] == 0 ? '|' : (char)m->payload[i];
    }
    text[m->bytes] = '\0';
    return text;
}

/* Ask and compare: an expectation that begins with E is an error's name. */
static inline void ask(u32 d, u32 type, u32 tx, const char *payload,
                       const char *expect)
{
    u8 bytes[PAYLOAD_MAX];
    request(d, type, tx, bytes, payload_make(payload, bytes));
    if (strcmp(payload_text(&got), expect) != 0) {
        fail_msg("domain %u, request %u, '%s': '%s', not '%s'", d, type,
                 payload, payload_text(&got), expect);
    }
    assert_int_equal(got.type == ERROR, expect[0] == 'E' && expect[1] != '\0');
}

/* The next message is this event. */
static inline void expect_event(u32 d, const char *text)
{
    if (!message_get(d)) {
        fail_msg("domain %u hears nothing, not '%s'", d, text);
    }
    assert_int_equal(got.type, WATCH_EVENT);
    assert_string_equal(payload_text(&got), text);
}

static inline u32 begin(u32 d)
{
    u32 id = 0;
    request(d, TX_START, 0, "", 1);
    assert_int_equal(got.type, TX_START);
    assert_int_equal(sscanf((const char *)got.payload, "%u", &id), 1);
    return id;
}

#endif
