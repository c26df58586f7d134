/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on events, by two domains that are in it together: A28..A31.
 */
#include "guests/attack/peer.h"

#define DOM_OTHER 900u
#define PORTS 1024u
#define SENDS 20000u

/* ---- the attacker's --------------------------------------------------------
 */

static s64 offer(u32 dom, u32 *port)
{
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = (u16)dom };
    const s64 rc = call_evtchn_alloc_unbound(0, &a);
    *port = *(volatile u32 *)&a.port;
    return rc;
}

static s64 port_close(u32 port)
{
    struct arg_evtchn_port p = { port };
    return call_evtchn_close(0, &p);
}

static s64 port_send(u32 port)
{
    struct arg_evtchn_port p = { port };
    return call_evtchn_send(0, &p);
}

static bool is_pending(u32 port)
{
    return (__atomic_load_n(&shared->evtchn_pending[port / 64],
                            __ATOMIC_SEQ_CST) >>
                (port % 64) &
            1) != 0;
}

/* ---- over there ------------------------------------------------------------
 */

static s64 bind_there(u64 port, u64 dom, u64 unused)
{
    struct arg_evtchn_interdomain a = { .remote_dom = (u16)dom,
                                        .remote_port = (u32)port };
    (void)unused;
    const s64 rc = call_evtchn_bind_interdomain(0, &a);
    return rc != 0 ? rc : (s64) * (volatile u32 *)&a.local_port;
}

static s64 close_there(u64 port, u64 b, u64 c)
{
    (void)b;
    (void)c;
    return port_close((u32)port);
}

static s64 send_there(u64 port, u64 times, u64 until_told)
{
    s64 r = 0;
    for (u64 i = 0; r == 0 && i < times; i++) {
        r = port_send((u32)port);
        if (until_told != 0 && peer_told_to_stop()) {
            break;
        }
    }
    return r;
}

/* Every port of a domain that offers this one nothing. */
static s64 bind_all_there(u64 dom, u64 b, u64 c)
{
    s64 bound = 0;
    (void)b;
    (void)c;
    for (u64 port = 0; port < PORTS + 8; port++) {
        const s64 r = bind_there(port, dom, 0);
        if (r > 0) {
            bound++;
            (void)port_close((u32)r);
        }
    }
    return bound;
}

/* Bind and close, as long as the other does the same. */
static s64 cycle_there(u64 port, u64 dom, u64 unused)
{
    for (u64 i = 0; i < 100000 && !peer_told_to_stop(); i++) {
        const s64 r = bind_there(port, dom, unused);
        if (r > 0) {
            (void)port_send((u32)r);
            (void)port_close((u32)r);
        }
    }
    return 0;
}

/* ---- A28: ports of others --------------------------------------------------
 */

static s64 offered_to_other(void)
{
    u32 port;
    s64 rc = offer(DOM_OTHER, &port);
    if (rc != 0) {
        return rc - 1000;
    }
    rc = peer_call(bind_there, port, peer_attacker(), 0);
    return port_close(port) == 0 ? rc : 1;
}

s64 attack_port_of_other(void)
{
    return with_peer(offered_to_other);
}

static s64 not_offered(void)
{
    return peer_call(bind_all_there, peer_attacker(), 0, 0);
}

s64 attack_port_not_offered(void)
{
    return with_peer(not_offered);
}

static s64 absent_domain(void)
{
    return peer_call(bind_there, 1, 1000, 0);
}

s64 attack_port_nobody(void)
{
    return with_peer(absent_domain);
}

static s64 bound_twice(void)
{
    u32 port;
    if (offer(peer_helper(), &port) != 0) {
        return 1;
    }
    const s64 there = peer_call(bind_there, port, peer_attacker(), 0);
    const s64 r = peer_call(bind_there, port, peer_attacker(), 0);
    if (there <= 0 || peer_call(close_there, (u64)there, 0, 0) != 0) {
        return 2;
    }
    /* Open to that domain again, and nobody hears it. */
    if (port_send(port) != 0 || port_close(port) != 0) {
        return 3;
    }
    return r;
}

s64 attack_port_twice(void)
{
    return with_peer(bound_twice);
}

static s64 other_end_closed(void)
{
    u32 port;
    if (offer(peer_helper(), &port) != 0) {
        return 1;
    }
    const s64 there = peer_call(bind_there, port, peer_attacker(), 0);
    if (there <= 0 || port_close(port) != 0) {
        return 2;
    }
    /* The number is free and is used anew: the old end must not reach it. */
    u32 again;
    if (offer(DOM_OTHER, &again) != 0 || again != port) {
        return 3;
    }
    (void)__atomic_and_fetch(&shared->evtchn_pending[port / 64],
                             ~(1ull << (port % 64)), __ATOMIC_SEQ_CST);
    const s64 r = peer_call(send_there, (u64)there, 10, 0);
    const bool reached = is_pending(port);
    (void)peer_call(close_there, (u64)there, 0, 0);
    return port_close(again) != 0 ? 4 : reached ? 5 : r;
}

s64 attack_port_old_end(void)
{
    return with_peer(other_end_closed);
}

/* ---- A29: bound and closed at once -----------------------------------------
 */

static u32 ports_free(void)
{
    static u32 ports[PORTS];
    u32 count = 0;
    while (count < PORTS && offer(SELF, &ports[count]) == 0) {
        count++;
    }
    for (u32 i = 0; i < count; i++) {
        (void)port_close(ports[i]);
    }
    return count;
}

static s64 bind_and_close(void)
{
    u32 port;
    const u32 before = ports_free();
    if (offer(peer_helper(), &port) != 0) {
        return 1;
    }
    peer_begin(cycle_there, port, peer_attacker(), 0);
    for (u32 i = 0; i < 3000; i++) {
        (void)port_send(port);
        (void)port_close(port);
        (void)offer(peer_helper(), &port);
    }
    const s64 r = peer_end();
    if (port_close(port) != 0) {
        return 2;
    }
    return ports_free() == before ? r : 3;
}

s64 attack_port_cycle(void)
{
    return with_peer(bind_and_close);
}

/* ---- A30, A31: words rewritten under delivery; storms ----------------------
 */

static s64 with_channel(s64 (*f)(u32 port, u64 there))
{
    u32 port;
    if (offer(peer_helper(), &port) != 0) {
        return 1;
    }
    const s64 there = peer_call(bind_there, port, peer_attacker(), 0);
    const s64 r = there > 0 ? f(port, (u64)there) : there;
    if (there > 0 && peer_call(close_there, (u64)there, 0, 0) != 0) {
        return 2;
    }
    return port_close(port) == 0 ? r : 3;
}

static s64 scribble_loop(u32 port, u64 there)
{
    peer_begin(send_there, there, 10000000, 1);
    for (u32 round = 0; round < 300; round++) {
        fill(shared->evtchn_mask, round % 2 == 0 ? 0xff : 0, 512);
        fill(shared->evtchn_pending, round % 3 == 0 ? 0xff : 0, 512);
        struct arg_evtchn_port p = { port };
        (void)call_evtchn_unmask(0, &p);
    }
    fill(shared->evtchn_mask, 0xff, 512);
    fill(shared->evtchn_pending, 0, 512);
    return peer_end();
}

static s64 scribbled(void)
{
    return with_channel(scribble_loop);
}

s64 attack_port_scribble(void)
{
    return with_peer(scribbled);
}

static s64 storm_loop(u32 port, u64 there)
{
    s64 r = 0;
    peer_begin(send_there, there, SENDS, 0);
    for (u32 i = 0; r == 0 && i < SENDS; i++) {
        r = port_send(port);
    }
    const s64 other = peer_end();
    return r != 0 ? r : other;
}

static s64 stormed(void)
{
    return with_channel(storm_loop);
}

s64 attack_port_storm(void)
{
    return with_peer(stormed);
}
