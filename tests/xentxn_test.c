/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of the store: isolation, conflicts, quotas, what an earlier
 * server began; and random sequences, in a transaction and beside one.
 */
#include "tests/xenstore_fixture.h"

static void end(u32 d, u32 tx, const char *expect)
{
    ask(d, TX_END, tx, "T|", expect);
}

static void test_isolation(void **state)
{
    (void)state;
    ask(1, WRITE, 0, "a|old", "OK|");
    ask(1, WRITE, 0, "gone/below|x", "OK|");
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "a|new", "OK|");
    ask(1, WRITE, tx, "fresh/deep|1", "OK|");
    ask(1, RM, tx, "gone|", "OK|");
    ask(1, SET_PERMS, tx, "a|n1|r2|", "OK|");
    /* inside */
    ask(1, READ, tx, "a|", "new");
    ask(1, READ, tx, "fresh/deep|", "1");
    ask(1, READ, tx, "gone/below|", "ENOENT|");
    ask(1, DIRECTORY, tx, "/local/domain/1|", "a|fresh|");
    ask(1, GET_PERMS, tx, "a|", "n1|r2|");
    /* outside */
    ask(1, READ, 0, "a|", "old");
    ask(1, READ, 0, "fresh/deep|", "ENOENT|");
    ask(1, READ, 0, "gone/below|", "x");
    ask(1, DIRECTORY, 0, "/local/domain/1|", "a|gone|");
    ask(2, READ, 0, "/local/domain/1/a|", "EACCES|");
    end(1, tx, "OK|");
    ask(1, DIRECTORY, 0, "/local/domain/1|", "a|fresh|");
    ask(2, READ, 0, "/local/domain/1/a|", "new");
    ask(1, READ, 0, "fresh/deep|", "1");
    ask(1, READ, tx, "a|", "ENOENT|"); /* it is over */
}

static void test_dropped(void **state)
{
    (void)state;
    const u32 before = tree_free_nodes();
    const u32 blocks = bytes_free_blocks();
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "a/b/c|1", "OK|");
    ask(1, TX_START, tx, "|", "EBUSY|");
    ask(2, READ, tx, "/|", "ENOENT|"); /* another's */
    ask(1, TX_END, tx, "x|", "EINVAL|");
    ask(1, TX_END, tx, "F|", "OK|");
    ask(1, READ, 0, "a|", "ENOENT|");
    assert_int_equal(tree_free_nodes(), before);
    assert_int_equal(bytes_free_blocks(), blocks);
}

/* What happens in the transaction, what somebody does meanwhile, and whether
 * that is a conflict. */
static void test_conflicts(void **state)
{
    static const struct {
        u32 type;
        const char *payload;
        u32 other;
        const char *meanwhile;
        const char *expect;
    } rows[] = {
        { READ, "a|", WRITE, "a|2", "EAGAIN|" },
        { READ, "a|", WRITE, "a|1", "EAGAIN|" }, /* a write is a write */
        { READ, "a|", RM, "a|", "EAGAIN|" },
        { READ, "a|", SET_PERMS, "a|n1|r2|", "EAGAIN|" },
        { READ, "a|", WRITE, "b|2", "OK|" },
        { READ, "d/x|", WRITE, "d/y|2", "OK|" },
        { READ, "none|", WRITE, "none|2", "EAGAIN|" },
        { READ, "none/below|", MKDIR, "none|", "EAGAIN|" },
        { DIRECTORY, "d|", WRITE, "d/new|", "EAGAIN|" },
        { DIRECTORY, "d|", RM, "d/x|", "EAGAIN|" },
        { DIRECTORY, "d|", WRITE, "d/x|2", "OK|" },
        { WRITE, "a|3", WRITE, "a|2", "EAGAIN|" },
        { WRITE, "new|3", WRITE, "new|2", "EAGAIN|" },
        { WRITE, "d/new|3", WRITE, "d/other|2", "OK|" },
        { WRITE, "d/new|3", RM, "d|", "EAGAIN|" },
        { WRITE, "d/x|3", RM, "d|", "EAGAIN|" },
        { RM, "d|", WRITE, "d/new|2", "EAGAIN|" },
        { MKDIR, "d/x|", WRITE, "d/y|", "OK|" },
        { GET_PERMS, "a|", SET_PERMS, "a|n1|r2|", "EAGAIN|" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)store_setup(NULL);
        ask(1, WRITE, 0, "a|1", "OK|");
        ask(1, WRITE, 0, "d/x|1", "OK|");
        const u32 tx = begin(1);
        u8 bytes[64];
        request(1, rows[i].type, tx, bytes,
                payload_make(rows[i].payload, bytes));
        ask(1, rows[i].other, 0, rows[i].meanwhile, "OK|");
        ask(1, TX_END, tx, "T|", rows[i].expect);
        assert_int_equal(client[1].shadows, 0);
    }
}

/* A neighbour that writes all the time keeps nobody from ending. */
static void test_no_starvation_by_others(void **state)
{
    (void)state;
    const u32 tx = begin(1);
    ask(1, DIRECTORY, tx, "/local/domain/1|", "");
    for (u32 i = 0; i < 50; i++) {
        ask(2, WRITE, 0, "noise|", "OK|");
        ask(2, RM, 0, "noise|", "OK|");
    }
    ask(1, WRITE, tx, "a|", "OK|");
    end(1, tx, "OK|");
}

static void test_watches_hear_of_the_commit(void **state)
{
    (void)state;
    ask(1, WRITE, 0, "d/x|1", "OK|");
    ask(1, WATCH, 0, "d|t|", "OK|");
    expect_event(1, "d|t|");
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "d/new|1", "OK|");
    ask(1, RM, tx, "d/x|", "OK|");
    assert_false(message_get(1));
    end(1, tx, "OK|");
    u32 heard = 0;
    while (message_get(1)) {
        heard |= strcmp(payload_text(&got), "d/new|t|") == 0 ? 1u : 0;
        heard |= strcmp(payload_text(&got), "d/x|t|") == 0 ? 2u : 0;
    }
    assert_int_equal(heard, 3);
}

static void test_removed_and_made_again(void **state)
{
    (void)state;
    ask(1, WRITE, 0, "d/x|1", "OK|");
    ask(1, WRITE, 0, "d/y|1", "OK|");
    const u32 tx = begin(1);
    ask(1, RM, tx, "d|", "OK|");
    ask(1, WRITE, tx, "d/z|2", "OK|");
    ask(1, DIRECTORY, tx, "d|", "z|");
    ask(1, READ, tx, "d/x|", "ENOENT|");
    ask(1, READ, tx, "d|", "");
    end(1, tx, "OK|");
    ask(1, DIRECTORY, 0, "d|", "z|");
    ask(1, READ, 0, "d/z|", "2");
    ask(1, RM, 0, "d|", "OK|");
    assert_int_equal(client[1].nodes, 0);
    assert_int_equal(client[1].blocks, 0);
}

/* ---- quotas ---------------------------------------------------------------
 */

static void test_quota_of_nodes(void **state)
{
    char text[64];
    u32 made = 0;
    (void)state;
    for (bool is_full = false; !is_full && made < NODES; made++) {
        u8 bytes[64];
        snprintf(text, sizeof(text), "n%u|", made);
        request(1, MKDIR, 0, bytes, payload_make(text, bytes));
        is_full = got.type == ERROR;
    }
    assert_string_equal(payload_text(&got), "ENOSPC|");
    assert_int_equal(client[1].nodes, quota.nodes);
    ask(1, WRITE, 0, "n1/a/b/c|x", "ENOSPC|");
    ask(1, DIRECTORY, 0, "n1|", ""); /* nothing was left half-made */
    const u32 tx = begin(1);
    ask(1, WRITE, tx, "n1/a|x", "OK|");
    end(1, tx, "ENOSPC|");
    ask(2, WRITE, 0, "others/go/on|x", "OK|");
    ask(1, RM, 0, "n1|", "OK|");
    ask(1, MKDIR, 0, "n1|", "OK|");
}

static void test_quota_of_bytes(void **state)
{
    static u8 payload[PAYLOAD_MAX];
    u32 written = 0;
    (void)state;
    memset(payload, 'v', sizeof(payload));
    memcpy(payload, "big", 4);
    request(1, WRITE, 0, payload, 4 + VALUE_MAX + 1);
    assert_string_equal(payload_text(&got), "ENOSPC|");
    request(1, WRITE, 0, payload, 4 + VALUE_MAX);
    assert_string_equal(payload_text(&got), "OK|");
    for (got.type = 0; got.type != ERROR && written < 10000; written++) {
        const int n = snprintf((char *)payload, 16, "v%u", written);
        request(1, WRITE, 0, payload, (u32)n + 1 + VALUE_MAX);
    }
    assert_string_equal(payload_text(&got), "ENOSPC|");
    assert_in_range(client[1].blocks, quota.blocks - 40, quota.blocks);
    ask(1, WATCH, 0, "a|token-of-a-watch|", "OK|");
    assert_true(message_get(1));
    ask(2, WRITE, 0, "others/go/on|x", "OK|");
    ask(1, RM, 0, "big|", "OK|");
    ask(1, WRITE, 0, "small|x", "OK|");
}

static void test_quota_of_watches_and_transactions(void **state)
{
    char text[64];
    (void)state;
    for (u32 i = 0; i < quota.watches; i++) {
        snprintf(text, sizeof(text), "w%u|t|", i);
        ask(1, WATCH, 0, text, "OK|");
        assert_true(message_get(1));
    }
    ask(1, WATCH, 0, "more|t|", "E2BIG|");
    ask(2, WATCH, 0, "mine|t|", "OK|");
    ask(1, UNWATCH, 0, "w7|t|", "OK|");
    ask(1, WATCH, 0, "more|t|", "OK|");
    assert_true(message_get(1));
    for (u32 i = 0; i < quota.txns; i++) {
        (void)begin(3);
    }
    ask(3, TX_START, 0, "|", "ENOSPC|");
    (void)begin(1);
    client_close(3);
    client_open(3, false);
    assert_int_equal(client[3].shadows, 0);
    (void)begin(3);
}

static void test_quota_of_shadows(void **state)
{
    char text[32];
    u32 asked = 0;
    (void)state;
    const u32 tx = begin(1);
    do {
        u8 bytes[32];
        snprintf(text, sizeof(text), "n%u|", asked++);
        request(1, READ, tx, bytes, payload_make(text, bytes));
    } while (strcmp(payload_text(&got), "ENOENT|") == 0 && asked < NODES);
    assert_string_equal(payload_text(&got), "ENOSPC|");
    assert_int_equal(client[1].shadows, quota.shadows);
    ask(1, TX_END, tx, "F|", "OK|");
    assert_int_equal(client[1].shadows, 0);
}

/* ---- an earlier server's transactions -------------------------------------
 */

static void test_transaction_of_an_earlier_server(void **state)
{
    (void)state;
    const u32 tx = begin(1);
    store_reset(TENANTS);
    store_set_epoch(7);
    home_make(1);
    ring_connect(1);
    ask(1, WRITE, 0, "a|1", "OK|");
    ask(1, READ, tx, "a|", "1");
    ask(1, WRITE, tx, "a|2", "OK|");
    end(1, tx, "EAGAIN|");
    ask(1, READ, 0, "a|", "1");
    const u32 next = begin(1);
    assert_int_not_equal(next, tx);
    ask(1, WRITE, next, "a|2", "OK|");
    end(1, next, "OK|");
}

/* ---- random sequences -----------------------------------------------------
 */

static u32 seed = 1;

static u32 rnd(u32 below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

static void random_path(char *to)
{
    static const char *const names[] = { "a", "b", "cc" };
    *to = '\0';
    for (u32 i = 0, n = 1 + rnd(3); i < n; i++) {
        strcat(to, i != 0 ? "/" : "");
        strcat(to, names[rnd(3)]);
    }
}

/* The same operation by domain 1 in its transaction and by domain 2 without
 * one has the same answer: names are told apart by their homes only. */
static void random_step(u32 tx)
{
    static const u32 types[] = { READ,  DIRECTORY, WRITE,    WRITE,
                                 MKDIR, RM,        SET_PERMS };
    char path[32];
    char text[64];
    u8 bytes[64];
    const u32 k = rnd(ARRAY_COUNT(types));
    random_path(path);
    snprintf(text, sizeof(text), "%s|%s", path,
             types[k] == WRITE ? (rnd(2) != 0 ? "v" : "a longer value") : "");
    if (types[k] == SET_PERMS) {
        snprintf(text, sizeof(text), "%s|n1|r3|", path);
    }
    request(1, types[k], tx, bytes, payload_make(text, bytes));
    char first[256];
    snprintf(first, sizeof(first), "%.200s", payload_text(&got));
    if (types[k] == SET_PERMS) {
        snprintf(text, sizeof(text), "%s|n2|r3|", path);
    }
    request(2, types[k], 0, bytes, payload_make(text, bytes));
    if (types[k] == DIRECTORY) {
        /* a transaction lists what it made last: compare as sets */
        assert_int_equal(strlen(first), strlen(payload_text(&got)));
    } else {
        assert_string_equal(first, payload_text(&got));
    }
}

static void compare_homes(void)
{
    static const char *const names[] = { "a", "b", "cc" };
    char path[32];
    for (u32 i = 0; i < 39; i++) {
        const u32 a = i % 3;
        const u32 b = i / 3 % 4;
        const u32 c = i / 12;
        snprintf(path, sizeof(path), "%s%s%s%s%s|", names[a], b != 0 ? "/" : "",
                 b != 0 ? names[b - 1] : "", b != 0 && c != 0 ? "/" : "",
                 b != 0 && c != 0 ? names[c - 1] : "");
        u8 bytes[32];
        request(1, READ, 0, bytes, payload_make(path, bytes));
        char first[256];
        snprintf(first, sizeof(first), "%.200s", payload_text(&got));
        request(2, READ, 0, bytes, payload_make(path, bytes));
        assert_string_equal(first, payload_text(&got));
    }
    assert_int_equal(client[1].nodes, client[2].nodes);
    assert_int_equal(client[1].blocks, client[2].blocks);
    assert_int_equal(client[1].shadows, 0);
}

static void test_random_transactions(void **state)
{
    (void)state;
    for (u32 round = 0; round < 300; round++) {
        const u32 tx = begin(1);
        for (u32 i = 0, n = rnd(20); i < n; i++) {
            random_step(tx);
        }
        end(1, tx, "OK|");
        compare_homes();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_isolation, store_setup),
        cmocka_unit_test_setup(test_dropped, store_setup),
        cmocka_unit_test_setup(test_conflicts, store_setup),
        cmocka_unit_test_setup(test_no_starvation_by_others, store_setup),
        cmocka_unit_test_setup(test_watches_hear_of_the_commit, store_setup),
        cmocka_unit_test_setup(test_removed_and_made_again, store_setup),
        cmocka_unit_test_setup(test_quota_of_nodes, store_setup),
        cmocka_unit_test_setup(test_quota_of_bytes, store_setup),
        cmocka_unit_test_setup(test_quota_of_watches_and_transactions,
                               store_setup),
        cmocka_unit_test_setup(test_quota_of_shadows, store_setup),
        cmocka_unit_test_setup(test_transaction_of_an_earlier_server,
                               store_setup),
        cmocka_unit_test_setup(test_random_transactions, store_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
