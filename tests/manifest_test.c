/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot module's checker: a good module, one damage for each error there
 * is, every byte of the manifest flipped, every length cut. The module stands
 * at the end of its own allocation, so that ASan sees a read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/sha256.h"
#include "policy/manifest_check.h"
#include "policy/policy.h"
#include "rf/policytext.h"

enum { DOMAINS = 2, IMAGES = 3, MODULE_BYTES = 12 * 4096 };

#define LINUX_BASE 0xffffffff80000000ull

struct module {
    u8 *bytes;
    struct mf_header *h;
    struct mf_domain *d;
    struct mf_image *image;
};

static void seal(struct module *m)
{
    u8 digest[32];

    memset(m->h->digest, 0, 32);
    sha256((const u8 *)m->h, m->h->manifest_bytes, digest);
    memcpy(m->h->digest, digest, 32);
}

static void fill_domain(struct mf_domain *d, const char *name, u32 kernel)
{
    strcpy(d->name, name);
    strcpy(d->cmdline, "console=hvc0 quiet");
    d->role = MF_ROLE_TENANT;
    d->flags = MF_SEALED;
    d->rights = policy_role_given(MF_ROLE_TENANT);
    d->frames = 64 * 256;
    d->frames_max = 128 * 256;
    d->vcpus = 1;
    d->weight = 256;
    d->audit = MF_AUDIT_ALL;
    d->on_reboot = MF_RESTART;
    d->port_count = 1024;
    d->grant_frames = 4;
    d->map_count = 64;
    d->kernel = kernel;
    d->ramdisk = 2;
    d->load_va = LINUX_BASE + 0x1000000;
    d->virt_base = LINUX_BASE;
    d->entry_va = d->load_va + 0x200;
    d->memory_bytes = 0x5000;
    d->hypercall_va = d->load_va + 0x1000;
}

static struct module good(void)
{
    struct module m;

    m.bytes = aligned_alloc(4096, MODULE_BYTES);
    assert_non_null(m.bytes);
    memset(m.bytes, 0, MODULE_BYTES);
    m.h = (struct mf_header *)(void *)(m.bytes + MF_OFFSET);
    m.d = (struct mf_domain *)(void *)(m.h + 1);
    m.image = (struct mf_image *)(void *)(m.d + DOMAINS);
    memcpy(m.h->magic, MF_MAGIC, 8);
    m.h->version = MF_VERSION;
    m.h->flags = MF_CONSOLE_MUX;
    m.h->module_bytes = MODULE_BYTES;
    m.h->manifest_bytes = 4 * 4096;
    m.h->domain_count = DOMAINS;
    m.h->image_count = IMAGES;
    fill_domain(&m.d[0], "web", 0);
    fill_domain(&m.d[1], "db-2", 1);
    for (u32 i = 0; i < IMAGES; i++) {
        m.image[i].offset = (5 + 2 * i) * 4096;
        m.image[i].bytes = 4096 + 100 * i;
        memset(m.bytes + m.image[i].offset, (int)(i + 1), m.image[i].bytes);
        sha256(m.bytes + m.image[i].offset, m.image[i].bytes,
               m.image[i].digest);
    }
    seal(&m);
    return m;
}

static enum mf_error check(const struct module *m)
{
    struct manifest_fault fault;
    const bool answer = manifest_check(m->bytes, MODULE_BYTES, &fault);

    assert_int_equal(answer, fault.error == MF_GOOD);
    return fault.error;
}

static void test_a_good_module_passes(void **state)
{
    (void)state;
    struct module m = good();

    assert_int_equal(check(&m), MF_GOOD);
    for (u32 i = 0; i < IMAGES; i++) {
        assert_true(manifest_check_image(m.bytes, &m.image[i]));
    }
    free(m.bytes);
}

/* Each row: the error, the index it must name, what is done to a good module.
 * The manifest is sealed again afterwards unless the row says otherwise. */
#define VARIANTS                                                               \
    V(MAGIC, 0, m.h->magic[7] = '2')                                           \
    V(VERSION, 0, m.h->version = 1)                                            \
    V(TRUNCATED, 0, m.h->module_bytes++)                                       \
    V(TRUNCATED, 0, m.h->module_bytes = U64_MAX)                               \
    V(LONGER, 0, m.h->module_bytes--)                                          \
    V(LONGER, 0, m.h->module_bytes = 0)                                        \
    V(NO_DOMAIN, 0, m.h->domain_count = 0)                                     \
    V(DOMAIN_COUNT, 0, m.h->domain_count = MF_DOMAINS_MAX + 1)                 \
    V(DOMAIN_COUNT, 0, m.h->domain_count = U32_MAX)                            \
    V(NO_IMAGE, 0, m.h->image_count = 0)                                       \
    V(IMAGE_COUNT, 0, m.h->image_count = MF_IMAGES_MAX + 1)                    \
    V(MANIFEST_BYTES, 0, m.h->domain_count = 3)                                \
    V(MANIFEST_BYTES, 0, m.h->image_count = 65)                                \
    V(MANIFEST_BYTES, 0, m.h->manifest_bytes = 5 * 4096)                       \
    V(MANIFEST_BYTES, 0, m.h->manifest_bytes = 1)                              \
    V(MANIFEST_END, 0, m.h->domain_count = 1000;                               \
      m.h->manifest_bytes = 1002 * 4096)                                       \
    V(HEADER_FLAGS, 0, m.h->flags = MF_HEADER_FLAGS + 1)                       \
    V(HEADER_ZERO, 0, m.h->zero[0] = 1)                                        \
    V(HEADER_ZERO, 0, m.h->zero[sizeof(m.h->zero) - 1] = 1)                    \
    V(TABLE_ZERO, 0, m.image[3].offset = 1)                                    \
    V(TABLE_ZERO, 0, m.bytes[5 * 4096 - 1] = 1)                                \
    V(IMAGE_ALIGN, 1, m.image[1].offset++)                                     \
    V(IMAGE_EMPTY, 2, m.image[2].bytes = 0)                                    \
    V(IMAGE_START, 0, m.image[0].offset = 4 * 4096)                            \
    V(IMAGE_START, 0, m.image[0].offset = 0)                                   \
    V(IMAGE_END, 2, m.image[2].bytes = 3 * 4096 + 1)                           \
    V(IMAGE_END, 2, m.image[2].bytes = U64_MAX)                                \
    V(IMAGE_END, 2, m.image[2].offset = U64_MAX & ~4095ull)                    \
    V(IMAGE_END, 2, m.image[2].offset = 12 * 4096)                             \
    V(IMAGE_OVERLAP, 1, m.image[0].bytes = 2 * 4096 + 1)                       \
    V(IMAGE_OVERLAP, 1, m.image[1].offset = 5 * 4096)                          \
    V(IMAGE_OVERLAP, 2, m.image[2].offset = 5 * 4096)                          \
    V(IMAGE_ZERO, 1, m.image[1].zero[15] = 9)                                  \
    V(IMAGE_UNUSED, 1, m.d[1].kernel = 0)                                      \
    V(NAME_EMPTY, 1, memset(m.d[1].name, 0, 32))                               \
    V(NAME_START, 0, m.d[0].name[0] = '-')                                     \
    V(NAME_START, 0, m.d[0].name[0] = '1')                                     \
    V(NAME_CHARACTER, 1, m.d[1].name[1] = 'B')                                 \
    V(NAME_CHARACTER, 1, m.d[1].name[1] = '\x1b')                              \
    V(NAME_CHARACTER, 1, m.d[1].name[1] = (char)0xe4)                          \
    V(NAME_END, 0, memset(m.d[0].name, 'a', 32))                               \
    V(NAME_PADDING, 0, m.d[0].name[31] = 'x')                                  \
    V(NAME_TWICE, 1, strcpy(m.d[0].name, "db-2"))                              \
    V(ROLE, 0, m.d[0].role = MF_ROLE_COUNT)                                    \
    V(ROLE, 0, m.d[0].role = U32_MAX)                                          \
    V(ROLE_DOMAIN0, 1, m.d[1].role = MF_ROLE_DOMAIN0)                          \
    V(ROLE_ROUTER, 1, m.d[0].role = MF_ROLE_ROUTER;                            \
      m.d[1].role = MF_ROLE_ROUTER)                                            \
    V(ROLE_ROUTER, 1, m.d[1].role = MF_ROLE_ROUTER)                            \
    V(RIGHTS_ROLE, 0, m.d[0].rights = RIGHT_MASK(OBSERVE))                     \
    V(RIGHTS_ROLE, 0, m.d[0].role = MF_ROLE_ROUTER;                            \
      m.d[0].rights = RIGHT_MASK(DESTROY))                                     \
    V(PERMITS, 1, m.d[1].permits = RIGHT_MASK(MEMORY))                         \
    V(PERMITS, 1, m.d[1].permits = U64_MAX)                                    \
    V(DOMAIN_FLAGS, 0, m.d[0].flags = 2)                                       \
    V(RIGHTS_UNKNOWN, 0, m.d[0].rights = U64_MAX)                              \
    V(RIGHTS_UNKNOWN, 1, m.d[1].rights |= RIGHTS_ALL + 1)                      \
    V(DOMAIN_ZERO, 1, m.d[1].zero[0] = 1)                                      \
    V(DOMAIN_ZERO, 1, m.d[1].zero[sizeof(m.d[1].zero) - 1] = 1)                \
    V(FRAMES_NONE, 0, m.d[0].frames = 0)                                       \
    V(FRAMES_UNIT, 0, m.d[0].frames++)                                         \
    V(FRAMES_ORDER, 0, m.d[0].frames = 129 * 256)                              \
    V(FRAMES_ORDER, 0, m.d[0].frames = U64_MAX & ~255ull)                      \
    V(FRAMES_MAX_UNIT, 0, m.d[0].frames_max++)                                 \
    V(FRAMES_MAX, 0, m.d[0].frames_max = MF_MEMORY_MAX_FRAMES + 256)           \
    V(VCPUS, 0, m.d[0].vcpus = 0)                                              \
    V(VCPUS, 0, m.d[0].vcpus = 33)                                             \
    V(WEIGHT, 0, m.d[0].weight = 0)                                            \
    V(WEIGHT, 0, m.d[0].weight = 65536)                                        \
    V(CAP, 0, m.d[0].cap_percent = 3201)                                       \
    V(AUDIT, 0, m.d[0].audit = 4)                                              \
    V(ON_POWEROFF, 0, m.d[0].on_poweroff = MF_ACTIONS)                         \
    V(ON_REBOOT, 0, m.d[0].on_reboot = MF_ACTIONS)                             \
    V(ON_CRASH, 0, m.d[0].on_crash = MF_ACTIONS)                               \
    V(CONSOLE_RATE, 0, m.d[0].console_rate = 10000001)                         \
    V(PORTS, 0, m.d[0].port_count = 0)                                         \
    V(PORTS, 0, m.d[0].port_count = 96)                                        \
    V(PORTS, 0, m.d[0].port_count = 4160)                                      \
    V(GRANT_FRAMES, 0, m.d[0].grant_frames = 0)                                \
    V(GRANT_FRAMES, 0, m.d[0].grant_frames = 65)                               \
    V(MAPS, 0, m.d[0].map_count = 65537)                                       \
    V(KERNEL, 0, m.d[0].kernel = 3; m.d[1].ramdisk = 0)                        \
    V(KERNEL, 0, m.d[0].kernel = MF_NONE; m.d[1].ramdisk = 0)                  \
    V(RAMDISK, 0, m.d[0].ramdisk = 3)                                          \
    V(KERNEL_FLAGS, 0, m.d[0].kernel_flags = 2)                                \
    V(BASE_UNIT, 0, m.d[0].virt_base += 4096)                                  \
    V(BASE_RANGE, 0, m.d[0].virt_base = 0x800000000000)                        \
    V(BASE_RANGE, 0, m.d[0].virt_base = 0xffff800000000000)                    \
    V(BASE_RANGE, 0, m.d[0].virt_base = 0xffff87ffffc00000)                    \
    V(LOAD_UNIT, 0, m.d[0].load_va++)                                          \
    V(LOAD_RANGE, 0, m.d[0].load_va = LINUX_BASE - 4096)                       \
    V(SPAN_SMALL, 1, m.d[1].memory_bytes = 4195)                               \
    V(SPAN_SMALL, 1, m.d[1].memory_bytes = 0)                                  \
    V(SPAN_LARGE, 0, m.d[0].memory_bytes = (48ull << 20) + 1)                  \
    V(SPAN_LARGE, 0, m.d[0].memory_bytes = U64_MAX)                            \
    V(SPAN_LARGE, 0, m.d[0].load_va = LINUX_BASE + (65ull << 20))              \
    V(SPAN_LARGE, 0, m.d[0].load_va = U64_MAX & ~4095ull)                      \
    V(SPAN_RANGE, 0, m.d[0].virt_base = U64_MAX & ~0x3fffffull;                \
      m.d[0].load_va = m.d[0].virt_base; m.d[0].entry_va = m.d[0].virt_base)   \
    V(SPAN_RANGE, 0, m.d[0].virt_base = 0x800000000000 - 0x400000;             \
      m.d[0].load_va = m.d[0].virt_base; m.d[0].entry_va = m.d[0].virt_base)   \
    V(ENTRY, 0, m.d[0].entry_va = m.d[0].load_va - 1)                          \
    V(ENTRY, 0, m.d[0].entry_va = m.d[0].load_va + 0x5000)                     \
    V(HYPERCALL_UNIT, 0, m.d[0].hypercall_va += 8)                             \
    V(HYPERCALL_RANGE, 0, m.d[0].hypercall_va = m.d[0].load_va - 4096)         \
    V(HYPERCALL_RANGE, 0, m.d[0].hypercall_va = m.d[0].load_va + 0x5000)       \
    V(HYPERCALL_RANGE, 0, m.d[0].memory_bytes = 0x4fff;                        \
      m.d[0].hypercall_va = m.d[0].load_va + 0x4000)                           \
    V(CMDLINE_END, 0, memset(m.d[0].cmdline, 'a', MF_CMDLINE_BYTES))           \
    V(CMDLINE_CHARACTER, 1, m.d[1].cmdline[3] = '\n')                          \
    V(CMDLINE_CHARACTER, 1, m.d[1].cmdline[3] = '\x7f')                        \
    V(CMDLINE_PADDING, 0, m.d[0].cmdline[MF_CMDLINE_BYTES - 1] = 1)

static bool seen[MF_ERROR_COUNT];

static void test_each_damage_has_its_error(void **state)
{
    (void)state;
    u32 count = 0;

#define V(expected, at, ...)                                                   \
    {                                                                          \
        struct module m = good();                                              \
        struct manifest_fault fault;                                           \
                                                                               \
        __VA_ARGS__;                                                           \
        if (m.h->manifest_bytes >= 4096 &&                                     \
            m.h->manifest_bytes <= MODULE_BYTES - MF_OFFSET) {                 \
            seal(&m);                                                          \
        }                                                                      \
        assert_false(manifest_check(m.bytes, MODULE_BYTES, &fault));           \
        assert_string_equal(manifest_error_text(fault.error),                  \
                            manifest_error_text(MF_ERROR_##expected));         \
        assert_int_equal(fault.error, MF_ERROR_##expected);                    \
        assert_int_equal(fault.index, at);                                     \
        seen[fault.error] = true;                                              \
        count++;                                                               \
        free(m.bytes);                                                         \
    }
    VARIANTS
#undef V
    assert_true(count >= 60);
}

static void test_edges_that_are_good(void **state)
{
    (void)state;
    struct module m = good();

    m.d[0].vcpus = 32;
    m.d[0].weight = 65535;
    m.d[0].cap_percent = 3200;
    m.d[0].port_count = 64;
    m.d[1].port_count = 4096;
    m.d[0].grant_frames = 64;
    m.d[0].map_count = 65536;
    m.d[0].frames_max = MF_MEMORY_MAX_FRAMES;
    m.d[0].role = MF_ROLE_DOMAIN0;
    m.d[0].rights = RIGHTS_ALL;
    m.d[0].permits = POLICY_PERMITS;
    m.d[1].role = MF_ROLE_ROUTER;
    m.d[1].rights = POLICY_ROUTER_GIVEN;
    m.d[0].hypercall_va = MF_NO_ADDRESS;
    m.d[1].hypercall_va = m.d[1].load_va + 0x4000;
    m.d[0].entry_va = m.d[0].load_va + 0x4fff;
    m.d[1].ramdisk = MF_NONE;
    m.d[0].cpu_mask = U64_MAX;
    m.d[1].virt_base = 0;
    m.d[1].load_va = 0x100000;
    m.d[1].entry_va = 0x100000;
    m.d[1].hypercall_va = MF_NO_ADDRESS;
    memset(m.d[0].cmdline, 'a', MF_CMDLINE_BYTES - 1);
    memset(m.d[0].name, 'z', MF_NAME_BYTES - 1);
    m.image[2].bytes = 3 * 4096;
    seal(&m);
    assert_int_equal(check(&m), MF_GOOD);
    free(m.bytes);
}

static void test_every_flipped_byte_is_refused(void **state)
{
    (void)state;
    struct module m = good();

    for (u32 i = 0; i < m.h->manifest_bytes; i++) {
        u8 *const byte = m.bytes + MF_OFFSET + i;

        *byte ^= (u8)(1u << i % 8);
        assert_int_not_equal(check(&m), MF_GOOD);
        *byte ^= (u8)(1u << i % 8);
    }
    assert_int_equal(check(&m), MF_GOOD);
    m.h->digest[0] ^= 1;
    assert_int_equal(check(&m), MF_ERROR_DIGEST);
    seen[MF_ERROR_DIGEST] = true;
    free(m.bytes);
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    struct module m = good();

    for (u32 bytes = 0; bytes < MODULE_BYTES; bytes += 61) {
        /* A copy that ends where the module does. */
        u8 *const cut = malloc(bytes + 1);
        struct manifest_fault fault;

        assert_non_null(cut);
        memcpy(cut, m.bytes, bytes);
        assert_false(manifest_check(cut, bytes, &fault));
        assert_int_equal(fault.error, bytes < MF_OFFSET + 4096
                                          ? MF_ERROR_SHORT
                                          : MF_ERROR_TRUNCATED);
        seen[fault.error] = true;
        free(cut);
    }
    free(m.bytes);
}

/* Cut where the header agrees with the cut: the ranges must notice. */
static void test_a_cut_that_the_header_hides(void **state)
{
    (void)state;
    struct module m = good();

    for (u32 bytes = 2 * 4096; bytes < MODULE_BYTES - 3 * 4096 + 200;
         bytes += 64) {
        u8 *const cut = malloc(bytes);
        struct manifest_fault fault;

        assert_non_null(cut);
        m.h->module_bytes = bytes;
        seal(&m);
        memcpy(cut, m.bytes, bytes);
        assert_false(manifest_check(cut, bytes, &fault));
        assert_true(fault.error == MF_ERROR_MANIFEST_END ||
                    fault.error == MF_ERROR_IMAGE_END);
        free(cut);
    }
    free(m.bytes);
}

static void test_image_digests(void **state)
{
    (void)state;
    struct module m = good();

    for (u32 i = 0; i < IMAGES; i++) {
        for (u64 at = 0; at < m.image[i].bytes; at += 97) {
            u8 *const byte = m.bytes + m.image[i].offset + at;

            *byte ^= 0x80;
            assert_false(manifest_check_image(m.bytes, &m.image[i]));
            *byte ^= 0x80;
        }
    }
    seen[MF_ERROR_IMAGE_DIGEST] = true;
    free(m.bytes);
}

static void test_a_module_off_its_alignment(void **state)
{
    (void)state;
    struct module m = good();
    u8 *const moved = malloc(MODULE_BYTES + 1);
    struct manifest_fault fault;

    assert_non_null(moved);
    memcpy(moved + 1, m.bytes, MODULE_BYTES);
    assert_false(manifest_check(moved + 1, MODULE_BYTES, &fault));
    assert_int_equal(fault.error, MF_ERROR_ALIGN);
    seen[MF_ERROR_ALIGN] = true;
    free(moved);
    free(m.bytes);
}

/* Resealed noise: any answer, but no read out of bounds and no loop. */
static void test_noise_under_a_good_digest(void **state)
{
    (void)state;
    srand(7);
    for (u32 round = 0; round < 3000; round++) {
        struct module m = good();
        const u32 changes = 1 + (u32)rand() % 4;

        for (u32 i = 0; i < changes; i++) {
            const u32 field = 4096 + 8 * ((u32)rand() % 152);
            u8 *const at =
                m.bytes + MF_OFFSET +
                (rand() % 2 == 0 ? field : 3 * 4096 + (u32)rand() % 192);

            *at = (u8)rand();
        }
        seal(&m);
        (void)check(&m);
        free(m.bytes);
    }
}

static void test_every_error_was_provoked(void **state)
{
    (void)state;
    /* A tenant may hold every right there is: no bit is in between. */
    seen[MF_ERROR_RIGHTS_ROLE] = true;
    for (int e = 1; e < MF_ERROR_COUNT; e++) {
        if (!seen[e]) {
            print_error("%s\n", manifest_error_text((enum mf_error)e));
        }
        assert_true(seen[e]);
        assert_true(manifest_error_where((enum mf_error)e) <= MF_IN_DIGESTS);
        for (int k = 0; k < e; k++) {
            assert_string_not_equal(manifest_error_text((enum mf_error)e),
                                    manifest_error_text((enum mf_error)k));
        }
    }
    assert_non_null(manifest_error_text((enum mf_error)4711));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_module_passes),
        cmocka_unit_test(test_each_damage_has_its_error),
        cmocka_unit_test(test_edges_that_are_good),
        cmocka_unit_test(test_every_flipped_byte_is_refused),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_a_cut_that_the_header_hides),
        cmocka_unit_test(test_image_digests),
        cmocka_unit_test(test_a_module_off_its_alignment),
        cmocka_unit_test(test_noise_under_a_good_digest),
        cmocka_unit_test(test_every_error_was_provoked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
