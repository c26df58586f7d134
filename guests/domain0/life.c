/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains, and serving them: see life.h.
 *
 * The router is a domain like any other, but for the interfaces whose other
 * ends are its nodes: these are made when both are there. When it ends, its own
 * nodes go, and those of the frontends stay as they are: the next router finds
 * them connected, and serves their rings from where they stand.
 */
#include "guests/domain0/life.h"
#include "guests/domain0/client.h"
#include "guests/domain0/machine.h"
#include "guests/domain0/nodes.h"
#include "guests/domain0/save.h"
#include "guests/domain0/watch.h"
#include "guests/lib/guest.h"

#define PIECE_BYTES 256u
#define LEAVE_LOOK_NS 5000000ull
#define LAST_WORDS_NS 500000000ull

struct tenant tenant[CLIENTS_MAX];
u32 tenant_count;

/* Where the rings of each are mapped. */
static u8 console_page[CLIENTS_MAX][PAGE_BYTES] __attribute__((aligned(4096)));
static u8 store_page[CLIENTS_MAX][PAGE_BYTES] __attribute__((aligned(4096)));

static bool line_is_full;
static u32 first_served; /* whose output comes first in the next round */

/* ---- begin and end --------------------------------------------------------
 */

static u32 router(void)
{
    for (u32 d = 1; d < tenant_count; d++) {
        if (tenant[d].role == ROLE_ROUTER && tenant[d].served != 0) {
            return d;
        }
    }
    return NO_ROUTER;
}

static void connect(u32 d)
{
    const struct services_domain *const b = blob_domain(d);
    const u32 r = router();
    if (b != NULL && r != NO_ROUTER && tenant[d].role == ROLE_TENANT) {
        nodes_connect(d, r, b);
    }
}

static void unserve(u32 d)
{
    struct tenant *const t = &tenant[d];
    wire_close(&t->wire);
    pvcon_close(&t->console);
    if (t->console_port != 0) {
        port_close(t->console_port);
    }
    if (t->store_port != 0) {
        port_close(t->store_port);
    }
    if (t->console_handle != NO_HANDLE) {
        page_unmap(t->console_handle, console_page[d]);
    }
    if (t->store_handle != NO_HANDLE) {
        page_unmap(t->store_handle, store_page[d]);
    }
    const u32 r = router();
    t->served = 0;
    t->leave_ns = 0;
    client_close(d);
    if (r != d && r != NO_ROUTER) {
        nodes_disconnect(d, r);
    }
    nodes_remove(d);
    watch_fire_special("@releaseDomain");
}

/* To serve is done in three steps, so that a Domain0 that comes after another
 * can take each with all domains before the next: homes and interfaces; what
 * the domains said to the one before; the rings.
 *
 * Each of the two rings is served if it can be had; a domain that has taken its
 * offer back does without. */
static void make_home(u32 d)
{
    struct tenant *const t = &tenant[d];
    t->console_handle = page_map(d, GRANT_CONSOLE, console_page[d]);
    t->store_handle = page_map(d, GRANT_STORE, store_page[d]);
    t->console_port = port_bind(d, t->remote_console);
    t->store_port = port_bind(d, t->remote_store);
    t->served = t->incarnation + 1;
    const struct home h = { d, t->vcpus, t->remote_console, t->name };
    nodes_make(&h);
}

static void take_saved(u32 d)
{
    if (tenant[d].store_handle != NO_HANDLE) {
        tenant[d].restored = save_read_values(d, store_page[d] + SAVE_AT);
    }
}

static void open_rings(u32 d)
{
    struct tenant *const t = &tenant[d];
    if (t->console_handle != NO_HANDLE) {
        const struct services_domain *const b = blob_domain(d);
        pvcon_open(&t->console, (void *)console_page[d],
                   b != NULL ? b->console_rate : 0, time_ns());
    }
    if (t->store_handle != NO_HANDLE) {
        client_open(d, t->role == ROLE_ROUTER);
        wire_open(&t->wire, d, (void *)store_page[d]);
        t->restored += save_read_watches(d, store_page[d] + SAVE_AT);
    }
    watch_fire_special("@introduceDomain");
}

static void connect_all(void)
{
    for (u32 d = 1; d < tenant_count; d++) {
        if (tenant[d].served != 0) {
            connect(d);
        }
    }
}

static void serve(u32 d)
{
    make_home(d);
    if (tenant[d].role == ROLE_ROUTER) {
        connect_all();
    } else {
        connect(d);
    }
    take_saved(d);
    open_rings(d);
}

/* ---- who is there ---------------------------------------------------------
 */

static bool ask(u32 d)
{
    struct arg_domain_info a = { .domid = (u16)d };
    const s64 rc = call_domain_info(0, &a);
    struct tenant *const t = &tenant[d];
    if (rc != 0) {
        t->state = LIFE_NONE; /* it does not permit to be observed */
        return rc != -3;      /* ESRCH: beyond the last */
    }
    t->state = a.state;
    t->end_reason = a.end_reason;
    t->incarnation = a.incarnation;
    t->cpu_ns = a.cpu_ns;
    t->refused = a.refused;
    t->frames = a.frames;
    t->frames_max = a.frames_max;
    t->vcpus = a.vcpus;
    t->role = a.role;
    t->remote_console = a.console_port;
    t->remote_store = a.store_port;
    for (u32 i = 0; i < sizeof(a.name); i++) {
        t->name[i] = (char)a.name[i];
    }
    return true;
}

static bool is_alive(const struct tenant *t)
{
    return t->state == LIFE_RUNNING || t->state == LIFE_PAUSED;
}

u32 life_count(void)
{
    tenant_count = 0;
    while (tenant_count < CLIENTS_MAX && ask(tenant_count)) {
        tenant_count++;
    }
    return tenant_count;
}

/* A domain that is served and has ended: true once it can go. Another life of
 * it has another page, so there is nothing to wait for. */
static bool may_leave(struct tenant *t)
{
    if (t->leave_ns == 0) {
        t->leave_ns = time_ns() + LAST_WORDS_NS;
    }
    return t->served != t->incarnation + 1 || !pvcon_waits(&t->console) ||
           time_ns() >= t->leave_ns;
}

void life_begin(void)
{
    for (u32 d = 1; d < tenant_count; d++) {
        if (is_alive(&tenant[d])) {
            make_home(d);
        }
    }
    connect_all();
    for (u32 d = 1; d < tenant_count; d++) {
        if (tenant[d].served != 0) {
            take_saved(d);
        }
    }
    for (u32 d = 1; d < tenant_count; d++) {
        if (tenant[d].served != 0) {
            open_rings(d);
        }
    }
}

void life_scan(void)
{
    u32 d = 0;
    for (; d < CLIENTS_MAX && ask(d); d++) {
        struct tenant *const t = &tenant[d];
        if (d == 0) {
            continue;
        }
        tenant_count = d + 1 > tenant_count ? d + 1 : tenant_count;
        if (t->served != 0 &&
            (!is_alive(t) || t->served != t->incarnation + 1) && may_leave(t)) {
            unserve(d);
        }
        if (t->served == 0 && is_alive(t)) {
            serve(d);
        }
    }
}

/* ---- rings ----------------------------------------------------------------
 */

/* Bring out a piece of the domain's output. True: there may be more. */
static bool bring_out(u32 d)
{
    u8 piece[PIECE_BYTES];
    struct tenant *const t = &tenant[d];
    const u32 bytes = pvcon_look(&t->console, time_ns(), piece, PIECE_BYTES);
    if (bytes == 0 || line_is_full) {
        return false;
    }
    const u32 taken = line_write(d, piece, bytes);
    line_is_full = taken < bytes;
    if (taken != 0) {
        pvcon_sent(&t->console, taken);
        port_notify(t->console_port);
    }
    return taken == PIECE_BYTES;
}

static bool serve_round(u32 d)
{
    struct tenant *const t = &tenant[d];
    bool again = false;
    if (t->served == 0) {
        return false;
    }
    if (t->leave_ns != 0) { /* its last words only */
        return bring_out(d);
    }
    if (wire_turn(&t->wire, &again) && t->store_port != 0) {
        port_notify(t->store_port);
    }
    if (client[d].is_changed && t->wire.state == WIRE_OPEN) {
        client[d].is_changed = false;
        t->is_saved = save_write(d, store_page[d] + SAVE_AT);
    }
    if (pvcon_flush(&t->console)) {
        port_notify(t->console_port);
    }
    return bring_out(d) || again;
}

bool life_serve(u64 *due_ns)
{
    bool again = false;
    for (u32 i = 0; i < tenant_count; i++) {
        const u32 d = (first_served + i) % tenant_count;
        again |= serve_round(d);
        u64 due = pvcon_due_ns(&tenant[d].console);
        if (tenant[d].leave_ns != 0) {
            due = time_ns() + LEAVE_LOOK_NS;
        }
        if (due != 0 && due < *due_ns) {
            *due_ns = due;
        }
    }
    if (tenant_count != 0) {
        first_served = (first_served + 1) % tenant_count;
    }
    return again;
}

void life_typed(u32 channel, const u8 *bytes, u32 count)
{
    if (channel < tenant_count && tenant[channel].served != 0) {
        pvcon_type(&tenant[channel].console, bytes, count);
    }
}

void life_line_ready(void)
{
    line_is_full = false;
}

/* ---- names ----------------------------------------------------------------
 */

u32 life_find(const char *name)
{
    for (u32 d = 0; d < tenant_count; d++) {
        if (tenant[d].state != LIFE_NONE && text_equal(tenant[d].name, name)) {
            return d;
        }
    }
    return CLIENTS_MAX;
}

const char *life_state_name(u32 state)
{
    static const char *const names[] = {
        "none",  "building", "running",  "ending", "scrubbing",
        "ended", "frozen",   "starting", "paused",
    };
    return state < ARRAY_COUNT(names) ? names[state] : "unknown";
}

const char *life_role_name(u32 role)
{
    static const char *const names[] = { "tenant", "domain0", "router" };
    return role < ARRAY_COUNT(names) ? names[role] : "unknown";
}
