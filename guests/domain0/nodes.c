/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain0's own nodes: see nodes.h. Paths and values are put together from
 * pieces; Domain0 has no quota, so that a write fails only when a quarter of
 * all there is has gone.
 */
#include "guests/domain0/nodes.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/txn.h"

#define STATE_INITIALISING 1u

static const struct view self = { 0, 0 };
static struct path path; /* that of the node being made */

/* ---- paths and values -----------------------------------------------------
 */

static void add(const char *text)
{
    for (; *text != '\0'; text++) {
        path.text[path.bytes++] = (u8)*text;
    }
}

static void add_number(u32 n)
{
    char digits[NUMBER_CHARS];

    add(bytes_number(digits, n));
}

static void at_home(u32 domid)
{
    path.bytes = 0;
    add("/local/domain/");
    add_number(domid);
}

static u32 length(const char *text)
{
    u32 n = 0;
    while (text[n] != '\0') {
        n++;
    }
    return n;
}

/* One child of the present path; the path is as before. */
static void put(const char *name, const char *value)
{
    const u32 bytes = path.bytes;
    add("/");
    add(name);
    (void)store_write(&self, &path, (const u8 *)value, length(value));
    path.bytes = bytes;
}

static void put_number(const char *name, u32 n)
{
    char digits[NUMBER_CHARS];

    put(name, bytes_number(digits, n));
}

/* Owner, what all others may, and one other who may read. */
static void allow(u32 owner, u32 reader)
{
    const struct perm perm[2] = { { (u16)owner, 0 },
                                  { (u16)reader, ACCESS_READ } };
    (void)store_set_perms(&self, &path, perm, owner == reader ? 1 : 2);
}

/* A node below the home that the domain may write. */
static void put_own(u32 domid, const char *name)
{
    const u32 bytes = path.bytes;
    add("/");
    add(name);
    (void)store_write(&self, &path, NULL, 0);
    allow(domid, domid);
    path.bytes = bytes;
}

/* ---- homes ----------------------------------------------------------------
 */

static void put_cpus(u32 count)
{
    const u32 bytes = path.bytes;
    for (u32 i = 0; i < count; i++) {
        add("/cpu/");
        add_number(i);
        put("availability", "online");
        path.bytes = bytes;
    }
}

void nodes_make(const struct home *h)
{
    static const char *const own[] = { "control/shutdown",
                                       "control/sysrq",
                                       "control/feature-poweroff",
                                       "control/feature-reboot",
                                       "control/feature-suspend",
                                       "data",
                                       "drivers",
                                       "feature",
                                       "attr",
                                       "error" };
    nodes_remove(h->domid);
    at_home(h->domid);
    (void)store_mkdir(&self, &path);
    allow(0, h->domid);
    put("name", h->name);
    put_number("domid", h->domid);
    put("console/type", "xenconsoled");
    put("console/limit", "65536");
    put_number("console/port", h->console_port);
    put_number("console/ring-ref", 0);
    put("control/platform-feature-xs_reset_watches", "1");
    put("device", "");
    put_cpus(h->vcpus);
    for (u32 i = 0; i < ARRAY_COUNT(own); i++) {
        put_own(h->domid, own[i]);
    }
}

void nodes_ask_shutdown(u32 domid, const char *how)
{
    at_home(domid);
    put("control/shutdown", how);
}

void nodes_remove(u32 domid)
{
    at_home(domid);
    (void)store_remove(&self, &path);
}

/* ---- interfaces -----------------------------------------------------------
 */

static void at_frontend(u32 domid, u32 vif)
{
    at_home(domid);
    add("/device/vif/");
    add_number(vif);
}

static void at_backend(u32 domid, u32 router, u32 vif)
{
    at_home(router);
    add("/backend/vif/");
    add_number(domid);
    add("/");
    add_number(vif);
}

/* The path that `at` made, as text. */
static const char *path_text(void)
{
    static char text[128];
    const u32 bytes = path.bytes < 127 ? path.bytes : 127;
    for (u32 i = 0; i < bytes; i++) {
        text[i] = (char)path.text[i];
    }
    text[bytes] = '\0';
    return text;
}

static void put_mac(const u8 mac[6])
{
    char text[18];
    for (u32 i = 0; i < 6; i++) {
        text[3 * i] = "0123456789abcdef"[mac[i] >> 4];
        text[3 * i + 1] = "0123456789abcdef"[mac[i] & 15];
        text[3 * i + 2] = i < 5 ? ':' : '\0';
    }
    put("mac", text);
}

static void put_bridge(const char bridge[12])
{
    char text[13];
    u32 n = 0;
    for (; n < 12 && bridge[n] != '\0'; n++) {
        text[n] = bridge[n];
    }
    text[n] = '\0';
    put("bridge", text);
}

static bool is_there(void)
{
    static u8 value[VALUE_MAX];
    u32 bytes;
    return store_read(&self, &path, value, &bytes) == XS_OK;
}

/* The frontend comes last: it is what the domain waits for. One that has been
 * there with a router before stays as it is. */
static void connect_vif(u32 domid, u32 router, u32 vif,
                        const struct services_vif *v)
{
    at_frontend(domid, vif);
    const char *const frontend = path_text();
    at_backend(domid, router, vif);
    (void)store_mkdir(&self, &path);
    allow(router, domid);
    put("frontend", frontend);
    put_number("frontend-id", domid);
    put("online", "1");
    put_number("handle", vif);
    put_mac(v->mac);
    put_bridge(v->bridge);
    put_number("state", STATE_INITIALISING);
    const char *const backend = path_text();
    at_frontend(domid, vif);
    if (is_there()) {
        return;
    }
    (void)store_mkdir(&self, &path);
    allow(domid, router);
    put("backend", backend);
    put_number("backend-id", router);
    put_number("handle", vif);
    put_mac(v->mac);
    put_number("state", STATE_INITIALISING);
}

void nodes_connect(u32 domid, u32 router, const struct services_domain *b)
{
    for (u32 i = 0; i < b->vifs; i++) {
        connect_vif(domid, router, i, &b->vif[i]);
    }
}

void nodes_disconnect(u32 domid, u32 router)
{
    at_home(domid);
    add("/device/vif");
    (void)store_remove(&self, &path);
    at_home(router);
    add("/backend/vif/");
    add_number(domid);
    (void)store_remove(&self, &path);
}
