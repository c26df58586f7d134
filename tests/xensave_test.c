/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives a Domain0: a client's watches and values in its own page, for
 * the next server; pages that say what they should not; the nodes that Domain0
 * makes for each domain.
 */
#include <stdlib.h>

#include "guests/domain0/blob.h"
#include "guests/domain0/nodes.h"
#include "guests/domain0/save.h"
#include "tests/xenstore_fixture.h"

static u8 area[TENANTS + 1][SAVE_BYTES];

/* A server that comes after another, with domain d's page as it is. */
static u32 restart(u32 d)
{
    u32 taken = 0;
    (void)store_setup(NULL);
    taken += save_read_values(d, area[d]);
    taken += save_read_watches(d, area[d]);
    return taken;
}

static void test_what_outlives_the_server(void **state)
{
    (void)state;
    ask(1, WRITE, 0, "device/vif/0/state|4", "OK|");
    ask(1, WRITE, 0, "device/vif/0/tx-ring-ref|77", "OK|");
    ask(1, WRITE, 0, "data/any|x||y", "OK|");
    ask(1, MKDIR, 0, "made|", "OK|");
    ask(1, WATCH, 0, "control/shutdown|FFFF8880037B8B40|", "OK|");
    assert_true(message_get(1));
    ask(1, WATCH, 0, "/local/domain/2/backend|tok|", "OK|");
    assert_true(message_get(1));
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "in/transaction|1", "OK|");
    ask(1, TX_END, tx, "T|", "OK|");
    assert_true(client[1].is_changed);
    assert_true(save_write(1, area[1]));
    assert_int_equal(restart(1), 6);
    expect_event(1, "control/shutdown|FFFF8880037B8B40|");
    expect_event(1, "/local/domain/2/backend|tok|");
    ask(1, READ, 0, "device/vif/0/state|", "4");
    ask(1, READ, 0, "device/vif/0/tx-ring-ref|", "77");
    ask(1, READ, 0, "data/any|", "x||y");
    ask(1, READ, 0, "in/transaction|", "1");
    ask(1, GET_PERMS, 0, "device/vif/0/state|", "n1|");
    ask(1, READ, 0, "made|", "ENOENT|"); /* without a value */
    ask(1, WRITE, 0, "control/shutdown|", "OK|");
    expect_event(1, "control/shutdown|FFFF8880037B8B40|");
}

/* What Domain0 wrote last is Domain0's to say again. */
static void test_only_what_it_wrote_itself(void **state)
{
    const struct view self = { 0, 0 };
    struct path p;
    (void)state;
    ask(1, WRITE, 0, "a|mine", "OK|");
    ask(1, WRITE, 0, "b|mine", "OK|");
    assert_int_equal(path_make(&p, 1, (const u8 *)"b", 1, false), XS_OK);
    assert_int_equal(store_write(&self, &p, (const u8 *)"0", 1), XS_OK);
    assert_true(save_write(1, area[1]));
    assert_int_equal(restart(1), 1);
    ask(1, READ, 0, "a|", "mine");
    ask(1, READ, 0, "b|", "ENOENT|");
}

static void test_too_much_to_keep(void **state)
{
    char text[64];
    (void)state;
    for (u32 i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "n%u|value", i);
        ask(1, WRITE, 0, text, "OK|");
    }
    ask(1, WATCH, 0, "control|t|", "OK|");
    assert_true(message_get(1));
    assert_false(save_write(1, area[1]));
    const u32 taken = restart(1);
    assert_in_range(taken, 100, 250);
    expect_event(1, "control|t|"); /* watches come first */
    ask(1, READ, 0, "n0|", "value");
}

/* Any bytes at all: nothing but what domain 1 may say comes of them. */
static void test_areas_of_all_minds(void **state)
{
    u32 seed = 7;
    (void)state;
    ask(1, WRITE, 0, "a/b|1", "OK|");
    ask(1, WATCH, 0, "a|t|", "OK|");
    assert_true(save_write(1, area[1]));
    static u8 good[SAVE_BYTES];
    memcpy(good, area[1], sizeof(good));
    for (u32 i = 0; i < 20000; i++) {
        memcpy(area[1], good, sizeof(good));
        for (u32 k = 0; k < 3; k++) {
            seed = seed * 1103515245u + 12345u;
            area[1][12 + (seed >> 8) % 60] = (u8)(seed >> 24);
        }
        /* a client that knows how to make the sum right */
        u32 sum = 2166136261u;
        u32 bytes;
        memcpy(&bytes, area[1] + 8, 4);
        bytes = i % 7 == 0 ? SAVE_BYTES - 12 : bytes;
        memcpy(area[1] + 8, &bytes, 4);
        for (u32 k = 0; k < bytes; k++) {
            sum = (sum ^ area[1][12 + k]) * 16777619u;
        }
        memcpy(area[1] + 4, &sum, 4);
        store_reset(TENANTS);
        home_make(1);
        client_open(1, false);
        (void)save_read_values(1, area[1]);
        (void)save_read_watches(1, area[1]);
        assert_in_range(client[1].watches, 0, 64);
    }
    memset(area[1], 0, sizeof(area[1]));
    assert_int_equal(restart(1), 0);
    memcpy(area[1], good, sizeof(good));
    area[1][20] ^= 1; /* the sum does not fit */
    assert_int_equal(restart(1), 0);
    /* another's home */
    memset(area[1], 0, sizeof(area[1]));
    static const u8 foreign[] = "V\0/local/domain/2/x\0\1\0v";
    const u32 bytes = sizeof(foreign) - 1;
    u32 sum = 2166136261u;
    for (u32 k = 0; k < bytes; k++) {
        sum = (sum ^ foreign[k]) * 16777619u;
    }
    const u32 header[3] = { 0x56534652u, sum, bytes };
    memcpy(area[1], header, sizeof(header));
    memcpy(area[1] + 12, foreign, bytes);
    assert_int_equal(restart(1), 0);
    ask(2, READ, 0, "x|", "ENOENT|");
}

/* ---- Domain0's own nodes --------------------------------------------------
 */

static void test_homes(void **state)
{
    const struct home h = { 1, 2, 5, "web" };
    (void)state;
    nodes_make(&h);
    ask(1, READ, 0, "name|", "web");
    ask(1, READ, 0, "domid|", "1");
    ask(1, READ, 0, "cpu/1/availability|", "online");
    ask(1, READ, 0, "console/port|", "5");
    ask(1, WRITE, 0, "name|other", "EACCES|");
    ask(1, WRITE, 0, "console/port|9", "EACCES|");
    ask(1, WRITE, 0, "console/tty|/dev/sda", "EACCES|");
    ask(1, WRITE, 0, "new|", "EACCES|");
    ask(1, RM, 0, "control|", "EACCES|");
    ask(1, WRITE, 0, "control/shutdown|", "OK|");
    ask(1, WRITE, 0, "data/x|1", "OK|");
    ask(2, READ, 0, "/local/domain/1/name|", "EACCES|");
    nodes_remove(1);
    ask(1, READ, 0, "name|", "EACCES|");
}

static void test_interfaces(void **state)
{
    struct services_domain b = { .domid = 1, .vifs = 2 };
    const struct home one = { 1, 1, 5, "web" };
    const struct home router = { 3, 1, 5, "router" };
    (void)state;
    memcpy(b.vif[1].mac, "\0\x16\x3e\0\0\xfe", 6);
    memcpy(b.vif[1].bridge, "lan0", 4);
    nodes_make(&one);
    nodes_make(&router);
    nodes_connect(1, 3, &b);
    ask(1, DIRECTORY, 0, "device/vif|", "0|1|");
    ask(1, READ, 0, "device/vif/1/backend|", "/local/domain/3/backend/vif/1/1");
    ask(1, READ, 0, "device/vif/1/backend-id|", "3");
    ask(1, READ, 0, "device/vif/1/mac|", "00:16:3e:00:00:fe");
    ask(1, READ, 0, "/local/domain/3/backend/vif/1/1/state|", "1");
    ask(1, WRITE, 0, "/local/domain/3/backend/vif/1/1/state|4", "EACCES|");
    ask(1, WRITE, 0, "device/vif/1/state|4", "OK|");
    ask(3, READ, 0, "/local/domain/1/device/vif/1/state|", "4");
    ask(3, READ, 0, "backend/vif/1/1/frontend|",
        "/local/domain/1/device/vif/1");
    ask(3, READ, 0, "backend/vif/1/1/bridge|", "lan0");
    ask(3, WRITE, 0, "backend/vif/1/1/state|2", "OK|");
    ask(2, READ, 0, "/local/domain/3/backend/vif/1/1/state|", "EACCES|");
    ask(2, READ, 0, "/local/domain/1/device/vif/1/state|", "EACCES|");
    nodes_disconnect(1, 3);
    ask(1, READ, 0, "device/vif|", "ENOENT|");
    ask(3, DIRECTORY, 0, "backend/vif|", "");
}

static void test_blob(void **state)
{
    static u8 blob[16 + 256 * 2 + 8 + 5] __attribute__((aligned(8))) =
        "RFSERV1\0\1\0\0\0\2";
    struct services_domain *d = (void *)(blob + 16);
    u32 bytes;
    (void)state;
    d[0].domid = 1;
    d[1].domid = 2;
    d[1].vifs = 1;
    blob[16 + 512] = 5;
    memcpy(blob + 16 + 520, "rules", 5);
    assert_true(blob_open(blob, sizeof(blob)));
    assert_ptr_equal(blob_domain(2), &d[1]);
    assert_null(blob_domain(3));
    assert_memory_equal(blob_rules(&bytes), "rules", 5);
    assert_int_equal(bytes, 5);
    for (u32 cut = 0; cut < sizeof(blob); cut++) { /* never read beyond */
        u8 *const copy = malloc(cut + 8);
        memcpy(copy, blob, cut);
        const bool good = blob_open(copy, cut);
        assert_int_equal(good, cut >= 16 + 512);
        assert_int_equal(blob_rules(&bytes) != NULL, false);
        free(copy);
    }
    d[1].vifs = 5;
    assert_true(blob_open(blob, sizeof(blob)));
    assert_null(blob_domain(2));
    blob[0] = 'X';
    assert_false(blob_open(blob, sizeof(blob)));
    assert_false(blob_open(NULL, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_outlives_the_server, store_setup),
        cmocka_unit_test_setup(test_only_what_it_wrote_itself, store_setup),
        cmocka_unit_test_setup(test_too_much_to_keep, store_setup),
        cmocka_unit_test_setup(test_areas_of_all_minds, store_setup),
        cmocka_unit_test_setup(test_homes, store_setup),
        cmocka_unit_test_setup(test_interfaces, store_setup),
        cmocka_unit_test(test_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
