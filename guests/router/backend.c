/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end's half of the handshake with each front-end, through the store.
 * [XEN io/xenbus.h, io/netif.h]
 *
 * It is level-triggered: each look reads the front-end's state and acts on that
 * and on our own, so an event that is lost costs a second and nothing else, and
 * a router that has just begun finds itself where its last life ended: a
 * front-end that is connected stays so, its rings are served from where they
 * stand, and its connections may be picked up (pickup.c). That it was connected
 * before is its tenant's word, and good for that tenant's own table only: a
 * packet has to pass its peer's, too.
 *
 *   front-end says        OFF, WAITING         CONNECTED           CLOSED
 *   Initialising          offer: InitWait      disconnect, offer   offer
 *   Initialised,          connect, or Closed   -                   -
 *     Connected
 *   Closing, Closed       say the same         disconnect, the     say the same
 *                                              same
 *   nothing               OFF                  - (see reap)        OFF
 *
 * The store is not believed that a tenant is gone: its domain is asked, by a
 * copy of no bytes from its ring (backend_reap). A store that lost everything
 * is written anew, and no connection suffers.
 */
#include "guests/router/line.h"
#include "guests/router/router.h"

enum bus_state {
    BUS_UNKNOWN,
    BUS_INITIALISING,
    BUS_INIT_WAIT,
    BUS_INITIALISED,
    BUS_CONNECTED,
    BUS_CLOSING,
    BUS_CLOSED
};

/* What this back-end can do. Absent ones mean no. */
static const struct {
    const char *key;
    const char *value;
} features[] = { { "feature-rx-copy", "1" },
                 { "feature-rx-flip", "0" },
                 { "feature-sg", "1" },
                 { "feature-gso-tcpv4", "1" },
                 { "feature-gso-tcpv6", "1" },
                 { "feature-ipv6-csum-offload", "1" },
                 { "hotplug-status", "connected" } };

static struct line path_of(const char *before, const struct vif *v,
                           const char *between, const char *key)
{
    struct line t = { 0 };
    line_add(&t, before);
    line_add_number(&t, v->domid);
    line_add(&t, between);
    line_add_number(&t, v->handle);
    line_add(&t, "/");
    line_add(&t, key);
    return t;
}

static struct line own_path(const struct vif *v, const char *key)
{
    return path_of("backend/vif/", v, "/", key);
}

static struct line front_path(const struct vif *v, const char *key)
{
    return path_of("/local/domain/", v, "/device/vif/", key);
}

static void say_of(const struct vif *v, const char *what, const char *why)
{
    struct line t = { 0 };
    line_add(&t, "vif ");
    line_add_number(&t, v->domid);
    line_add(&t, ".");
    line_add_number(&t, v->handle);
    line_add(&t, " ");
    line_add(&t, what);
    line_add(&t, why);
    machine_say(t.chars);
}

/* What went over an interface in its life. */
static void say_counts(const struct vif *v)
{
    const struct {
        const char *what;
        u64 n;
    } counts[] = { { " sent ", v->tx_packets },
                   { " (", v->tx_bytes },
                   { " bytes), received ", v->rx_packets },
                   { " (", v->rx_bytes },
                   { " bytes), errors ", v->tx_errors },
                   { ", denied ", v->denied },
                   { ", no room ", v->no_room } };
    struct line t = { 0 };
    for (u32 i = 0; i < ARRAY_COUNT(counts); i++) {
        line_add(&t, counts[i].what);
        line_add_number(&t, counts[i].n);
    }
    say_of(v, "gone:", t.chars);
}

/* ---- connect and disconnect ------------------------------------------------
 */

static void unmap_both(const struct vif *v)
{
    machine_unmap(2 * v->number);
    machine_unmap(2 * v->number + 1);
}

void vif_disconnect(struct vif *v)
{
    if (v->state != VIF_CONNECTED) {
        return;
    }
    machine_close(v->port);
    unmap_both(v);
    v->port = 0;
    v->tx = (struct netring){ 0 };
    v->rx = (struct netring){ 0 };
    v->state = VIF_OFF;
}

/* It ends, or begins anew: nobody goes on with its flows. Those of another
 * interface of the domain go, too. */
static void front_gone(struct router *r, struct vif *v)
{
    if (v->state == VIF_CONNECTED) {
        vif_disconnect(v);
        filter_forget(r->filter, v->domid);
    }
}

/* A number the front-end wrote; `otherwise` if it wrote none, false if what it
 * wrote is no number. */
static bool front_number(struct router *r, const struct vif *v, const char *key,
                         u32 otherwise, u32 *out)
{
    char value[XS_VALUE_BYTES];
    const struct line path = front_path(v, key);
    const enum xs_result got = xs_read(&r->xs, path.chars, value);
    *out = otherwise;
    return got == XS_MISSING || (got == XS_OK && number_of(value, out));
}

#define NO_NUMBER U32_MAX

/* What the front-end wants, checked; a text if it cannot be served. */
static const char *read_front(struct router *r, struct vif *v, u32 *port)
{
    u32 copies = 0;
    u32 queues = 0;
    u32 gso4 = 0;
    u32 gso6 = 0;
    u32 no_csum4 = 0;
    u32 csum6 = 0;
    if (!front_number(r, v, "tx-ring-ref", NO_NUMBER, &v->tx_ref) ||
        !front_number(r, v, "rx-ring-ref", NO_NUMBER, &v->rx_ref) ||
        !front_number(r, v, "event-channel", NO_NUMBER, port) ||
        !front_number(r, v, "request-rx-copy", 0, &copies) ||
        !front_number(r, v, "multi-queue-num-queues", 1, &queues) ||
        !front_number(r, v, "feature-gso-tcpv4", 0, &gso4) ||
        !front_number(r, v, "feature-gso-tcpv6", 0, &gso6) ||
        !front_number(r, v, "feature-no-csum-offload", 0, &no_csum4) ||
        !front_number(r, v, "feature-ipv6-csum-offload", 0, &csum6)) {
        return "a node that is no number";
    }
    if (v->tx_ref == NO_NUMBER || v->rx_ref == NO_NUMBER ||
        *port == NO_NUMBER) {
        return "no ring or no port";
    }
    if (copies != 1 || queues != 1) {
        return "receives by other means";
    }
    v->gso4 = gso4 == 1;
    v->gso6 = gso6 == 1;
    v->csum4_full = no_csum4 != 0;
    v->csum6_full = csum6 != 1;
    return NULL;
}

/* NULL, or why not; then nothing is held. */
static const char *connect(struct router *r, struct vif *v)
{
    u32 port = 0;
    const char *wrong = read_front(r, v, &port);
    if (wrong != NULL) {
        return wrong;
    }
    u32 *tx = machine_map(2 * v->number, v->domid, v->tx_ref);
    if (tx == NULL) {
        return "tx ring not granted";
    }
    u32 *rx = machine_map(2 * v->number + 1, v->domid, v->rx_ref);
    if (rx == NULL) {
        machine_unmap(2 * v->number);
        return "rx ring not granted";
    }
    if (!netring_attach(&v->tx, tx) || !netring_attach(&v->rx, rx)) {
        unmap_both(v);
        return "rings that lie";
    }
    v->port = machine_bind(v->domid, port);
    if (v->port == 0) {
        unmap_both(v);
        return "port not offered";
    }
    share_begin(&v->share, &v->rx);
    v->state = VIF_CONNECTED;
    return NULL;
}

bool backend_reap(struct router *r)
{
    bool some = false;
    for (u32 i = 0; i < VIFS_MAX; i++) {
        struct vif *v = &r->vif[i];
        if (v->state == VIF_CONNECTED &&
            !machine_is_alive(v->domid, v->tx_ref)) {
            front_gone(r, v);
            say_counts(v);
            v->told = BUS_UNKNOWN;
            some = true;
        }
    }
    return some;
}

/* ---- the handshake ---------------------------------------------------------
 */

static enum xs_result tell(struct router *r, struct vif *v, u8 state)
{
    const char value[2] = { (char)('0' + state), '\0' };
    const struct line path = own_path(v, "state");
    const enum xs_result result = xs_write(&r->xs, path.chars, value);
    if (result == XS_OK) {
        v->told = state;
    }
    return result;
}

static enum xs_result publish(struct router *r, const struct vif *v)
{
    for (u32 i = 0; i < ARRAY_COUNT(features); i++) {
        const struct line path = own_path(v, features[i].key);
        const enum xs_result result =
            xs_write(&r->xs, path.chars, features[i].value);
        if (result != XS_OK) {
            return result;
        }
    }
    return XS_OK;
}

/* What we are to say when the front-end is in this state; moves the interface
 * there. */
static u8 follow(struct router *r, struct vif *v, u32 front)
{
    switch (front) {
    case BUS_INITIALISED:
    case BUS_CONNECTED: {
        if (v->state == VIF_CONNECTED) {
            return BUS_CONNECTED;
        }
        if (v->state == VIF_CLOSED) {
            return v->told;
        }
        const char *wrong = connect(r, v);
        if (wrong == NULL) {
            say_of(v, "connected", "");
            return BUS_CONNECTED;
        }
        say_of(v, "refused: ", wrong);
        v->state = VIF_CLOSED;
        return BUS_CLOSED;
    }
    case BUS_CLOSING:
    case BUS_CLOSED:
        front_gone(r, v);
        v->state = VIF_CLOSED;
        return (u8)front;
    default:
        front_gone(r, v);
        v->state = VIF_WAITING;
        return BUS_INIT_WAIT;
    }
}

/* A ring that lied is closed for good: until the front-end begins anew. */
static void close_liar(struct router *r, struct vif *v)
{
    const enum netring_error lie =
        v->tx.lie != NETRING_OK ? v->tx.lie : v->rx.lie;
    if (v->state == VIF_CONNECTED && lie != NETRING_OK) {
        front_gone(r, v);
        v->state = VIF_CLOSED;
        say_of(v, "closed: ", netring_text(lie));
        machine_report(v->domid, FILTER_NO_RULE, 1, netring_text(lie));
    }
}

/* Of an interface without a device in the store. */
static void without_front(struct vif *v)
{
    if (v->state != VIF_CONNECTED) {
        v->state = VIF_OFF;
        v->told = BUS_UNKNOWN;
    }
}

static enum xs_result look_at(struct router *r, struct vif *v)
{
    char value[XS_VALUE_BYTES];
    const bool lied = v->state == VIF_CLOSED && v->told == BUS_CONNECTED;
    const struct line front = front_path(v, "state");
    enum xs_result result = xs_read(&r->xs, front.chars, value);
    u32 state = 0;
    if (result == XS_MISSING || result == XS_REFUSED) {
        v->is_known = true;
        without_front(v); /* what is not there may be nobody's to know */
        return XS_OK;
    }
    if (result != XS_OK || !number_of(value, &state)) {
        return result;
    }
    if (!v->is_known && state == BUS_CONNECTED) {
        filter_resume(r->filter, v->index, machine_now());
    }
    v->is_known = true;
    const struct line own = own_path(v, "state");
    result = xs_read(&r->xs, own.chars, value);
    if (result == XS_SILENT) {
        return result;
    }
    u32 is_told = BUS_UNKNOWN;
    const bool known = result == XS_OK && number_of(value, &is_told) &&
                       is_told == v->told && v->told != BUS_UNKNOWN;
    if (result == XS_OK && is_told == BUS_CLOSING && v->told == BUS_CONNECTED) {
        /* A toolstack takes the device away, and waits for our word. */
        front_gone(r, v);
        v->state = VIF_CLOSED;
        return tell(r, v, BUS_CLOSED);
    }
    if (!known) {
        result = publish(r, v);
        if (result != XS_OK) {
            return result;
        }
    }
    const u8 next =
        v->state == VIF_LEAVING ? (u8)BUS_CLOSED : follow(r, v, state);
    if (known && next == v->told && !lied) {
        return XS_OK;
    }
    return tell(r, v, lied && next == BUS_CONNECTED ? (u8)BUS_CLOSING : next);
}

static bool watch_all(struct router *r)
{
    if (r->watched) {
        return true;
    }
    if (xs_watch(&r->xs, "backend/vif", "backend") == XS_SILENT) {
        return false;
    }
    for (u32 i = 0; i < VIFS_MAX; i++) {
        const struct line path = front_path(&r->vif[i], "state");
        if (r->vif[i].state != VIF_UNUSED &&
            xs_watch(&r->xs, path.chars, "front") == XS_SILENT) {
            return false;
        }
    }
    r->watched = true;
    return true;
}

bool backend_look(struct router *r)
{
    r->xs.changed = false;
    (void)backend_reap(r);
    bool answered = watch_all(r);
    for (u32 i = 0; i < VIFS_MAX && answered; i++) {
        struct vif *v = &r->vif[i];
        if (v->state == VIF_UNUSED) {
            continue;
        }
        close_liar(r, v);
        answered = look_at(r, v) != XS_SILENT;
        if (answered && v->state == VIF_LEAVING) {
            v->state = VIF_UNUSED;
        }
    }
    if (!answered) {
        /* Who serves the store next may not know what we watched. */
        r->watched = false;
    }
    return answered;
}
