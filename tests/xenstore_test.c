/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as its clients see it: requests, errors, permissions, watches,
 * transactions, over the wire.
 */
#include "tests/xenstore_fixture.h"

/* ---- requests -------------------------------------------------------------
 */

struct row {
    u32 domid, type;
    const char *payload, *expect;
};

static void run_rows(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ask(row[i].domid, row[i].type, 0, row[i].payload, row[i].expect);
    }
}

static void test_read_and_write(void **state)
{
    static const struct row rows[] = {
        { 1, WRITE, "a|hello", "OK|" },
        { 1, READ, "a|", "hello" },
        { 1, READ, "/local/domain/1/a|", "hello" },
        { 1, WRITE, "a|", "OK|" },
        { 1, READ, "a|", "" },
        { 1, WRITE, "b/c/d|x||y", "OK|" },
        { 1, READ, "b/c/d|", "x||y" },
        { 1, READ, "b/c|", "" },
        { 1, READ, "none|", "ENOENT|" },
        { 1, DIRECTORY, "b|", "c|" },
        { 1, DIRECTORY, "b/c/d|", "" },
        { 1, DIRECTORY, "/local/domain/1|", "a|b|" },
        { 1, DIRECTORY, "none|", "ENOENT|" },
        { 1, MKDIR, "m/n|", "OK|" },
        { 1, MKDIR, "b/c/d|", "OK|" },
        { 1, READ, "b/c/d|", "x||y" },
        { 1, RM, "b|", "OK|" },
        { 1, READ, "b/c/d|", "ENOENT|" },
        { 1, RM, "b|", "OK|" },
        { 1, RM, "b/c|", "ENOENT|" },
        { 1, DIRECTORY, "/local/domain/1|", "a|m|" },
        { 1, GET_PERMS, "m|", "n1|" },
    };
    (void)state;
    run_rows(rows, ARRAY_COUNT(rows));
}

static void test_what_is_no_request(void **state)
{
    static const struct row rows[] = {
        { 1, READ, "a", "EINVAL|" },
        { 1, READ, "", "EINVAL|" },
        { 1, READ, "|", "EINVAL|" },
        { 1, READ, "a/|", "EINVAL|" },
        { 1, READ, "a//b|", "EINVAL|" },
        { 1, READ, "//|", "EINVAL|" },
        { 1, READ, "a b|", "EINVAL|" },
        { 1, READ, "a.b|", "EINVAL|" },
        { 1, READ, "@releaseDomain|", "EINVAL|" },
        { 1, RM, "/|", "EINVAL|" },
        { 1, SET_PERMS, "a|", "EINVAL|" },
        { 1, SET_PERMS, "a|x1|", "EINVAL|" },
        { 1, SET_PERMS, "a|n|", "EINVAL|" },
        { 1, SET_PERMS, "a|n99999|", "EINVAL|" },
        { 1, SET_PERMS, "a|n1x|", "EINVAL|" },
        { 1, TX_END, "T|", "ENOENT|" },
        { 1, WATCH, "a|", "EINVAL|" },
        { 1, UNWATCH, "a|t|", "ENOENT|" },
        { 1, GET_PATH, "x|", "EINVAL|" },
        { 1, GET_PATH, "7|", "/local/domain/7|" },
        { 1, IS_INTRODUCED, "2|", "T|" },
        { 1, IS_INTRODUCED, "9|", "F|" },
        { 1, IS_INTRODUCED, "65535|", "F|" },
        { 1, CONTROL, "help|", "EACCES|" },
        { 1, INTRODUCE, "1|2|3|", "EACCES|" },
        { 1, RELEASE, "2|", "EACCES|" },
        { 1, RESUME, "2|", "EACCES|" },
        { 1, SET_TARGET, "1|2|", "EACCES|" },
        { 1, WATCH_EVENT, "a|b|", "ENOSYS|" },
        { 1, ERROR, "a|", "ENOSYS|" },
        { 1, 20, "a|", "ENOSYS|" },
        { 1, 23, "a|", "ENOSYS|" },
        { 1, 0xffff, "a|", "ENOSYS|" },
        { 1, DIRECTORY_PART, "/|", "EINVAL|" },
        { 1, DIRECTORY_PART, "/|x|", "EINVAL|" },
    };
    (void)state;
    run_rows(rows, ARRAY_COUNT(rows));
    ask(1, READ, 77, "a|", "ENOENT|"); /* no such transaction */
}

/* ---- permissions ----------------------------------------------------------
 */

static void test_permissions(void **state)
{
    static const struct row rows[] = {
        { 1, WRITE, "a/x|1", "OK|" },
        { 2, READ, "/local/domain/1/a/x|", "EACCES|" },
        { 2, READ, "/local/domain/1/none|", "EACCES|" },
        { 2, DIRECTORY, "/local/domain/1/a|", "EACCES|" },
        { 2, GET_PERMS, "/local/domain/1/a|", "EACCES|" },
        { 2, WRITE, "/local/domain/1/a/x|2", "EACCES|" },
        { 2, WRITE, "/local/domain/1/a/y|2", "EACCES|" },
        { 2, MKDIR, "/local/domain/1/z|", "EACCES|" },
        { 2, RM, "/local/domain/1/a|", "EACCES|" },
        { 2, RM, "/local/domain/1/none|", "EACCES|" },
        { 2, SET_PERMS, "/local/domain/1/a|b2|", "EACCES|" },
        { 1, WRITE, "/local/domain/9/x|", "EACCES|" },
        { 1, WRITE, "/mine|", "EACCES|" },
        { 1, SET_PERMS, "/|b1|", "EACCES|" },
        { 1, WRITE, "/|x", "EACCES|" },
        { 1, RM, "/local|", "EACCES|" },
        { 1, SET_PERMS, "/local/domain/1|n2|", "EPERM|" },
        /* one other may read; a third may not */
        { 1, SET_PERMS, "a/x|n1|r2|", "OK|" },
        { 2, READ, "/local/domain/1/a/x|", "1" },
        { 2, GET_PERMS, "/local/domain/1/a/x|", "n1|r2|" },
        { 2, WRITE, "/local/domain/1/a/x|2", "EACCES|" },
        { 3, READ, "/local/domain/1/a/x|", "EACCES|" },
        /* write only, and both */
        { 1, SET_PERMS, "a/x|n1|w2|b3|", "OK|" },
        { 2, READ, "/local/domain/1/a/x|", "EACCES|" },
        { 2, WRITE, "/local/domain/1/a/x|2", "OK|" },
        { 3, READ, "/local/domain/1/a/x|", "2" },
        /* who may write is not the owner */
        { 3, SET_PERMS, "/local/domain/1/a/x|b3|", "EACCES|" },
        /* all others may read */
        { 1, SET_PERMS, "a/x|r1|n2|", "OK|" },
        { 2, READ, "/local/domain/1/a/x|", "EACCES|" },
        { 3, READ, "/local/domain/1/a/x|", "2" },
        { 1, SET_PERMS, "a/x|n2|", "EPERM|" },
        { 1, SET_PERMS, "a/x|n1|r2|r3|r4|r5|", "OK|" },
        { 1, SET_PERMS, "a/x|n1|r2|r3|r4|r5|r6|", "ENOSPC|" },
        /* what one makes in another's place is one's own */
        { 1, SET_PERMS, "a|n1|b2|", "OK|" },
        { 2, WRITE, "/local/domain/1/a/of2/deep|", "OK|" },
        { 2, GET_PERMS, "/local/domain/1/a/of2/deep|", "n2|b2|" },
        { 1, READ, "a/of2/deep|", "EACCES|" },
    };
    (void)state;
    run_rows(rows, ARRAY_COUNT(rows));
}

/* ---- lists ----------------------------------------------------------------
 */

static void test_long_lists_come_in_parts(void **state)
{
    char name[64];
    char all[8192] = "";
    char parts[8192] = "";
    u32 all_bytes = 0;
    u32 offset = 0;
    (void)state;
    for (u32 i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "d/a-rather-long-name-of-a-child-%u|", i);
        ask(1, WRITE, 0, name, "OK|");
        name[strlen(name) - 1] = '\0';
        all_bytes += (u32)snprintf(all + all_bytes, sizeof(all) - all_bytes,
                                   "%s|", name + 2);
    }
    ask(1, DIRECTORY, 0, "d|", "E2BIG|");
    for (u32 i = 0; i < 10 && offset < all_bytes; i++) {
        snprintf(name, sizeof(name), "d|%u|", offset);
        u8 bytes[64];
        request(1, DIRECTORY_PART, 0, bytes, payload_make(name, bytes));
        assert_int_equal(got.type, DIRECTORY_PART);
        const char *text = strchr(payload_text(&got), '|') + 1;
        strcat(parts, text);
        offset += (u32)strlen(text);
    }
    strcat(all, "|"); /* the empty name at the end */
    assert_string_equal(parts, all);
}

/* ---- watches --------------------------------------------------------------
 */

static void test_watches(void **state)
{
    (void)state;
    ask(1, WATCH, 0, "a|t1|", "OK|");
    expect_event(1, "a|t1|");
    ask(1, WATCH, 0, "a|t1|", "EEXIST|");
    ask(1, WATCH, 0, "/local/domain/1/a|t2|", "OK|");
    expect_event(1, "/local/domain/1/a|t2|");
    ask(1, WRITE, 0, "a/b|1", "OK|");
    expect_event(1, "a/b|t1|");
    expect_event(1, "/local/domain/1/a/b|t2|");
    ask(1, WRITE, 0, "ab|1", "OK|");    /* beside, not below */
    ask(1, READ, 0, "a/b|", "1");       /* no event */
    ask(1, UNWATCH, 0, "a|t2|", "OK|"); /* the same path, written otherwise */
    ask(1, MKDIR, 0, "a/c|", "OK|");
    expect_event(1, "a/c|t1|");
    ask(1, MKDIR, 0, "a/c|", "OK|"); /* was there: nothing changed */
    ask(1, SET_PERMS, 0, "a/c|n1|r2|", "OK|");
    expect_event(1, "a/c|t1|");
    ask(1, UNWATCH, 0, "a|t1|", "OK|");
    ask(1, WRITE, 0, "a/b|2", "OK|");
    assert_false(message_get(1));
}

static void test_watch_of_what_is_removed(void **state)
{
    (void)state;
    ask(1, WRITE, 0, "a/b/c|1", "OK|");
    ask(1, WATCH, 0, "a/b|below|", "OK|");
    expect_event(1, "a/b|below|");
    ask(1, WATCH, 0, "a/b/c|leaf|", "OK|");
    expect_event(1, "a/b/c|leaf|");
    ask(1, WATCH, 0, "/|all|", "OK|");
    expect_event(1, "/|all|");
    ask(1, RM, 0, "a|", "OK|");
    expect_event(1, "/local/domain/1/a|all|");
    expect_event(1, "a/b|below|"); /* its own path, not the one removed */
    expect_event(1, "a/b/c|leaf|");
    assert_false(message_get(1));
}

static void test_watch_hears_what_it_may_read(void **state)
{
    (void)state;
    ask(2, WATCH, 0, "/local/domain/1|spy|", "OK|");
    expect_event(2, "/local/domain/1|spy|");
    ask(1, WRITE, 0, "secret|1", "OK|");
    ask(1, RM, 0, "secret|", "OK|");
    assert_false(message_get(2));
    ask(1, WRITE, 0, "open|1", "OK|");
    ask(1, SET_PERMS, 0, "open|n1|r2|", "OK|");
    expect_event(2, "/local/domain/1/open|spy|");
    ask(1, RM, 0, "open|", "OK|");
    expect_event(2, "/local/domain/1/open|spy|");
    ask(2, WATCH, 0, "@releaseDomain|r|", "OK|");
    expect_event(2, "@releaseDomain|r|");
    watch_fire_special("@releaseDomain");
    assert_false(message_get(2));
    client[2].sees_domains = true;
    watch_fire_special("@introduceDomain");
    watch_fire_special("@releaseDomain");
    expect_event(2, "@releaseDomain|r|");
    assert_false(message_get(2));
}

/* Nothing is lost on a client that does not read: it hears of the watched
 * path once the queue is empty. */
static void test_watch_that_is_late(void **state)
{
    u32 events = 0;
    bool last_is_own = false;
    (void)state;
    ask(1, SET_PERMS, 0, "/local/domain/1|b1|", "OK|");
    ask(2, WATCH, 0, "/local/domain/1/a|t|", "OK|");
    for (u32 i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "a/n%u|x", i % 50);
        ask(1, WRITE, 0, text, "OK|");
    }
    while (message_get(2)) {
        events++;
        last_is_own = strcmp(payload_text(&got), "/local/domain/1/a|t|") == 0;
    }
    assert_true(last_is_own);
    assert_in_range(events, quota.events, quota.events + 100);
    assert_int_equal(client[2].events, 0);
    ask(1, WRITE, 0, "a/n1|y", "OK|");
    expect_event(2, "/local/domain/1/a/n1|t|");
}

/* The longest path below the longest watch with the longest token. */
static void test_longest_event(void **state)
{
    static u8 payload[PAYLOAD_MAX];
    (void)state;
    const u32 path = payload_make("/local/domain/1/", payload);
    memset(payload + path, 'p', PATH_MAX_ABS - path);
    payload[PATH_MAX_ABS] = 0;
    memset(payload + PATH_MAX_ABS + 1, 't', TOKEN_MAX);
    payload[PATH_MAX_ABS + 1 + TOKEN_MAX] = 0;
    request(1, WATCH, 0, payload, WATCH_PAYLOAD_MAX);
    assert_string_equal(payload_text(&got), "OK|");
    assert_true(message_get(1));
    assert_int_equal(got.bytes, WATCH_PAYLOAD_MAX);
    assert_memory_equal(got.payload, payload, WATCH_PAYLOAD_MAX);
    request(1, WRITE, 0, payload, PATH_MAX_ABS + 1);
    assert_string_equal(payload_text(&got), "OK|");
    assert_true(message_get(1));
    assert_int_equal(got.bytes, WATCH_PAYLOAD_MAX);
    payload[PATH_MAX_ABS + 1 + TOKEN_MAX] = 't';
    payload[PATH_MAX_ABS + 2 + TOKEN_MAX] = 0;
    request(1, WATCH, 0, payload, WATCH_PAYLOAD_MAX + 1);
    assert_string_equal(payload_text(&got), "EINVAL|");
}

static void test_paths_of_every_length(void **state)
{
    static u8 payload[PAYLOAD_MAX];
    (void)state;
    for (u32 absolute = 0; absolute < 2; absolute++) {
        const u32 most = absolute != 0 ? PATH_MAX_ABS : PATH_MAX_REL;
        for (u32 bytes = 1; bytes < PAYLOAD_MAX; bytes++) {
            const u32 home = payload_make("/local/domain/1/", payload);
            memset(payload, 'p', absolute != 0 ? 0 : home);
            memset(payload + home, 'p', sizeof(payload) - home);
            payload[bytes] = 0;
            if (absolute != 0 && bytes <= home) {
                continue;
            }
            request(1, READ, 0, payload, bytes + 1);
            assert_string_equal(payload_text(&got),
                                bytes <= most ? "ENOENT|" : "EINVAL|");
        }
    }
}

/* As deep as a path can be, there and gone: in steps, not by recursion. */
static void test_deepest_tree(void **state)
{
    static u8 payload[PAYLOAD_MAX];
    u32 bytes = 0;
    (void)state;
    while (bytes < PATH_MAX_REL - 2 && bytes / 2 + 1 < quota.nodes) {
        payload[bytes++] = 'd';
        payload[bytes++] = '/';
    }
    payload[bytes - 1] = 0;
    request(1, MKDIR, 0, payload, bytes);
    assert_string_equal(payload_text(&got), "OK|");
    assert_int_equal(client[1].nodes, bytes / 2);
    ask(1, WATCH, 0, "d/d/d|t|", "OK|");
    expect_event(1, "d/d/d|t|");
    ask(1, RM, 0, "d|", "OK|");
    expect_event(1, "d/d/d|t|");
    assert_int_equal(client[1].nodes, 0);
}

static void test_reset_in_a_transaction(void **state)
{
    (void)state;
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "a|1", "OK|");
    ask(1, WATCH, tx, "a|t|", "OK|");
    expect_event(1, "a|t|");
    ask(1, RESET_WATCHES, tx, "|", "OK|");
    ask(1, TX_END, tx, "T|", "ENOENT|");
    ask(1, READ, 0, "a|", "ENOENT|");
    assert_int_equal(client[1].txns + client[1].shadows + client[1].watches, 0);
}

/* A client that goes twice, and comes again. */
static void test_gone_twice(void **state)
{
    (void)state;
    ask(1, WATCH, 0, "a|t|", "OK|");
    expect_event(1, "a|t|");
    (void)begin(1);
    client_close(1);
    client_close(1);
    ask(2, IS_INTRODUCED, 0, "1|", "F|");
    client_open(1, false);
    ask(1, WRITE, 0, "a|1", "OK|");
    assert_false(message_get(1));
}

static void test_reset_watches(void **state)
{
    (void)state;
    ask(1, WATCH, 0, "a|t|", "OK|");
    expect_event(1, "a|t|");
    const u32 tx = begin(1);
    ask(1, RESET_WATCHES, 0, "|", "OK|");
    ask(1, WRITE, 0, "a|", "OK|");
    assert_false(message_get(1));
    ask(1, READ, tx, "a|", "ENOENT|");
    assert_int_equal(client[1].watches, 0);
    assert_int_equal(client[1].txns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_read_and_write, store_setup),
        cmocka_unit_test_setup(test_what_is_no_request, store_setup),
        cmocka_unit_test_setup(test_permissions, store_setup),
        cmocka_unit_test_setup(test_long_lists_come_in_parts, store_setup),
        cmocka_unit_test_setup(test_watches, store_setup),
        cmocka_unit_test_setup(test_watch_of_what_is_removed, store_setup),
        cmocka_unit_test_setup(test_watch_hears_what_it_may_read, store_setup),
        cmocka_unit_test_setup(test_watch_that_is_late, store_setup),
        cmocka_unit_test_setup(test_longest_event, store_setup),
        cmocka_unit_test_setup(test_paths_of_every_length, store_setup),
        cmocka_unit_test_setup(test_deepest_tree, store_setup),
        cmocka_unit_test_setup(test_reset_in_a_transaction, store_setup),
        cmocka_unit_test_setup(test_gone_twice, store_setup),
        cmocka_unit_test_setup(test_reset_watches, store_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
