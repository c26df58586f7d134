/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firewall's rule set as it is loaded and read, against a copy kept here.
 */
#include <openssl/sha.h>

#include "core/domain.h"
#include "tests/call_fixture.h"

#define RULES_BYTES 65536u
#define AT 0x10000u
#define AT2 0x18000u

/* Generation before the test: of the tests before it. */
static u64 first;
static u8 image[RULES_BYTES + 4096];

static s64 write_part(u32 offset, u32 bytes)
{
    const struct arg_rules_write a = { offset, bytes, GUEST(AT2) };

    if (offset < sizeof(image) && bytes <= 2048) {
        memcpy(host_guest(AT2), image + offset, bytes);
    }
    memcpy(host_guest(AT), &a, sizeof(a));
    return call(55, 8, GUEST(AT), 0, 0);
}

static s64 commit(u32 bytes, struct arg_rules_commit *a)
{
    *a = (struct arg_rules_commit){ .bytes = bytes };
    memcpy(host_guest(AT), a, sizeof(*a));
    const s64 rc = call(55, 9, GUEST(AT), 0, 0);

    memcpy(a, host_guest(AT), sizeof(*a));
    return rc;
}

static s64 read_part(u32 offset, u32 bytes, struct arg_rules_read *a)
{
    *a = (struct arg_rules_read){ .offset = offset,
                                  .bytes = bytes,
                                  .buffer = GUEST(AT2) };
    memcpy(host_guest(AT), a, sizeof(*a));
    const s64 rc = call(55, 10, GUEST(AT), 0, 0);

    memcpy(a, host_guest(AT), sizeof(*a));
    return rc;
}

static void load(u32 bytes, u8 seed)
{
    for (u32 i = 0; i < sizeof(image); i++) {
        image[i] = (u8)(i * 31 + i / 256 + seed);
    }
    for (u32 at = 0; at < bytes; at += 2048) {
        const u32 left = bytes - at;

        assert_int_equal(write_part(at, left < 2048 ? left : 2048), 0);
    }
}

static void check_live(u32 bytes, u64 generation)
{
    struct arg_rules_read a;

    for (u32 at = 0; at < bytes; at += 2048) {
        const u32 left = bytes - at;
        const u32 part = left < 2048 ? left : 2048;

        assert_int_equal(read_part(at, part, &a), 0);
        assert_int_equal(a.total, bytes);
        assert_int_equal(a.generation, first + generation);
        assert_memory_equal(host_guest(AT2), image + at, part);
    }
}

static void begin(void)
{
    struct arg_rules_read r;

    assert_int_equal(read_part(0, 0, &r), 0);
    first = r.generation;
}

static void test_a_set_comes_into_force_whole(void **state)
{
    (void)state;
    static const u32 sizes[] = { 1, 2048, 5000, RULES_BYTES };
    u8 digest[32];
    struct arg_rules_commit a;
    struct arg_rules_read r;

    assert_int_equal(read_part(0, 0, &r), 0);
    assert_int_equal(r.generation, 0); /* the first test of all */
    assert_int_equal(r.total, 0);
    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        load(sizes[i], (u8)i);
        assert_int_equal(read_part(0, 0, &r), 0);
        assert_int_equal(r.generation, i); /* not yet */
        assert_int_equal(commit(sizes[i], &a), 0);
        assert_int_equal(a.generation, i + 1);
        SHA256(image, sizes[i], digest);
        assert_memory_equal(a.digest, digest, 32);
        check_live(sizes[i], i + 1);
    }
}

static void test_parts_out_of_order_are_refused(void **state)
{
    (void)state;
    struct arg_rules_commit a;
    struct arg_rules_read r;

    begin();
    load(4096, 1);
    assert_int_equal(write_part(2048, 10), RC_EINVAL);
    assert_int_equal(write_part(4097, 10), RC_EINVAL);
    assert_int_equal(write_part(0, 2049), RC_EINVAL);
    assert_int_equal(commit(4095, &a), RC_EINVAL);
    assert_int_equal(commit(0, &a), RC_EINVAL);
    assert_int_equal(commit(4096, &a), 0);
    assert_int_equal(commit(4096, &a), RC_EINVAL); /* nothing is staged */
    check_live(4096, 1);
    load(RULES_BYTES, 2);
    assert_int_equal(write_part(RULES_BYTES, 1), RC_EINVAL);
    assert_int_equal(write_part(U32_MAX, 1), RC_EINVAL);
    assert_int_equal(write_part(0, 100), 0); /* begun again */
    assert_int_equal(commit(RULES_BYTES, &a), RC_EINVAL);
    assert_int_equal(commit(100, &a), 0);
    check_live(100, 2);
    assert_int_equal(read_part(101, 0, &r), RC_EINVAL);
    assert_int_equal(read_part(0, 101, &r), RC_EINVAL);
    assert_int_equal(read_part(U32_MAX, 2, &r), RC_EINVAL);
    assert_int_equal(read_part(100, 0, &r), 0);
}

static void test_a_part_that_faults_is_not_taken(void **state)
{
    (void)state;
    struct arg_rules_write w = { 0, 100, GUEST(HOST_GUEST_BYTES - 50) };
    struct arg_rules_commit a;

    begin();
    load(100, 3);
    w.offset = 100;
    memcpy(host_guest(AT), &w, sizeof(w));
    assert_int_equal(call(55, 8, GUEST(AT), 0, 0), RC_EFAULT);
    assert_int_equal(commit(100, &a), 0);
    check_live(100, 1);
}

/* The router hears of each new set. */
static void test_a_commit_raises_an_event(void **state)
{
    (void)state;
    struct arg_evtchn_virq q = { .virq = VIRQ_RULES };
    struct arg_rules_commit a;

    memcpy(host_guest(AT), &q, sizeof(q));
    assert_int_equal(call(32, 1, GUEST(AT), 0, 0), 0);
    domain_service[MF_ROLE_ROUTER] = d;
    const port_t port = d->vcpu[0].virq_port[VIRQ_RULES];

    load(10, 4);
    assert_int_equal(commit(11, &a), RC_EINVAL);
    assert_false(evtchn_is_pending(d, port));
    assert_int_equal(commit(10, &a), 0);
    assert_true(evtchn_is_pending(d, port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_set_comes_into_force_whole),
        TEST(test_parts_out_of_order_are_refused),
        TEST(test_a_part_that_faults_is_not_taken),
        TEST(test_a_commit_raises_an_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
