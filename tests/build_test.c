/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a domain: what lies where, what is mapped how, for the kinds of
 * kernels there are; and that what comes out stands a recount.
 */
#include "tests/life_fixture.h"

static const struct start_info *start_of(const struct domain *d)
{
    return host_frame(host_mfn(d, d->build.start_info_pfn));
}

/* Everything that holds of any domain that was built. */
static void check(struct domain *d)
{
    const struct mf_domain *p = d->plan;
    const struct build *b = &d->build;
    host_recount(d);
    assert_int_equal(host_locks_held(), 0);
    assert_int_equal(b->end_pfn % 1024, 0);       /* 4 MiB */
    assert_true(b->end_pfn - b->stack_pfn > 128); /* 512 KiB of room */
    assert_true(b->end_pfn <= p->frames);
    /* What Linux drops of its boot mapping ends where the tables do. */
    assert_int_equal((b->stack_pfn + 1023) / 1024 * 1024, b->end_pfn);
    for (u64 n = 0; n < p->frames; n++) {
        const u64 va = p->virt_base + (n << PAGE_BITS);
        const bool table = n >= b->tables_pfn && n < b->stack_pfn;
        mfn_t l1;
        const u64 pte = lookup(d, va, &l1);
        assert_int_equal(pte_is_present(pte), n < b->end_pfn);
        if (pte_is_present(pte)) {
            assert_int_equal(pte_mfn(pte).v, host_mfn(d, n).v);
            assert_int_equal((pte & PTE_WRITE) != 0, !table);
            assert_true((pte & PTE_USER) != 0);
        }
        const struct frame *f = frame_at(host_mfn(d, n));
        assert_true(table || f->type == FRAME_WRITABLE ||
                    f->type == FRAME_PLAIN);
        assert_int_equal(f->pfn, n);
        assert_int_equal(d->m2p[n], n);
    }
    const u64 *p2m = NULL;
    for (u64 n = 0; n < (p->frames + 511) / 512 * 512; n++) {
        p2m = host_frame(host_mfn(d, b->p2m_pfn + n / 512));
        assert_int_equal(p2m[n % 512],
                         n < p->frames ? host_mfn(d, n).v : PFN_INVALID);
    }
}

static void check_start(const struct domain *d)
{
    const struct mf_domain *p = d->plan;
    const struct build *b = &d->build;
    const struct start_info *s = start_of(d);
    assert_string_equal(s->magic, "xen-3.0-x86_64");
    assert_int_equal(s->nr_pages, p->frames);
    assert_int_equal(s->shared_info, d->shared_mfn.v << PAGE_BITS);
    assert_int_equal(s->flags, 0);
    assert_int_equal(s->store_mfn, host_mfn(d, b->store_pfn).v);
    assert_int_equal(s->console_mfn, host_mfn(d, b->console_pfn).v);
    assert_int_equal(s->store_evtchn, d->store_port);
    assert_int_equal(s->console_evtchn, d->console_port);
    assert_int_not_equal(s->store_evtchn, 0);
    assert_int_not_equal(s->store_evtchn, s->console_evtchn);
    assert_int_equal(s->pt_base, p->virt_base + (b->tables_pfn << PAGE_BITS));
    assert_int_equal(s->nr_pt_frames, b->stack_pfn - b->tables_pfn);
    assert_int_equal(s->mfn_list, p->virt_base + (b->p2m_pfn << PAGE_BITS));
    assert_string_equal(s->cmd_line, p->cmdline);
    const bool disk = d->ramdisk_bytes != 0;
    assert_int_equal(s->mod_len, d->ramdisk_bytes);
    assert_int_equal(s->mod_start,
                     disk ? p->virt_base + (b->ramdisk_pfn << PAGE_BITS) : 0);
    const mfn_t root = host_mfn(d, b->tables_pfn);
    assert_int_equal(d->vcpu[0].kernel_root.v, root.v);
    assert_int_equal(frame_at(root)->pinned, 1);
    assert_int_equal(frame_at(root)->types, 2); /* the pin and the root */
    assert_int_equal(d->vcpu[0].state, VCPU_UP);
    assert_int_equal(d->vcpu[1].state, VCPU_EMPTY);
}

static void check_image(const struct domain *d, u64 at_pfn, const u8 *bytes,
                        u64 count)
{
    for (u64 done = 0; done < count; done += PAGE_BYTES) {
        const u64 left = count - done;
        assert_memory_equal(host_frame(host_mfn(d, at_pfn + done / PAGE_BYTES)),
                            bytes + done,
                            left < PAGE_BYTES ? left : PAGE_BYTES);
    }
}

static void test_linux(void **state)
{
    (void)state;
    struct domain *d = build(1, plan_linux(1, 32 * MIB_FRAMES));
    check(d);
    check_start(d);
    assert_int_equal(d->build.kernel_pfn, 4096);
    check_image(d, d->build.kernel_pfn, kernel_image, KERNEL_BYTES);
    check_image(d, d->build.ramdisk_pfn, ramdisk_image, RAMDISK_BYTES);
    /* Behind the stored bytes the image is zero. */
    const u8 *tail = host_frame(host_mfn(d, 4096 + KERNEL_BYTES / PAGE_BYTES));
    assert_int_equal(tail[KERNEL_BYTES % PAGE_BYTES], 0);
    assert_int_equal(d->rights, POLICY_TENANT_GIVEN);
    assert_int_equal(d->incarnation, 1);
}

static void test_grub_at_address_0(void **state)
{
    (void)state;
    struct domain *d = build(1, plan_grub(1, 16 * MIB_FRAMES));
    check(d);
    check_start(d);
    assert_int_equal(d->build.kernel_pfn, 0);
    check_image(d, 0, kernel_image, KERNEL_BYTES);
}

/* Images of every size around the points where one more table is needed. */
static void test_layouts(void **state)
{
    (void)state;
    for (u64 bytes = 0x2b0000; bytes < 0x420000; bytes += 0x13000) {
        setup(NULL);
        struct mf_domain *p = plan_grub(1, 16 * MIB_FRAMES);
        p->memory_bytes = bytes;
        check(build(1, p));
    }
    /* An address space that begins in the middle of each table. */
    const u64 bases[] = { 0x7ffffc00000, 0x3fffffc00000, 0x400000,
                          0x7fbfffc00000 };
    for (u32 i = 0; i < ARRAY_COUNT(bases); i++) {
        setup(NULL);
        struct mf_domain *p = plan_grub(1, 16 * MIB_FRAMES);
        p->virt_base = bases[i];
        p->load_va = bases[i];
        p->entry_va = bases[i];
        check(build(1, p));
    }
}

static void test_memory_too_small(void **state)
{
    (void)state;
    struct mf_domain *p = plan_linux(1, 17 * MIB_FRAMES);
    struct domain *d = make(1, p);
    assert_int_equal(domain_begin(d), RC_ENOMEM);
    assert_int_equal(d->state, DOMAIN_NONE);
    assert_false(domain_work());
}

static void test_a_machine_too_small(void **state)
{
    (void)state;
    struct mf_domain *p = plan_linux(1, 1024 * MIB_FRAMES);
    assert_int_equal(domain_create(1, p), RC_ENOMEM);
    assert_null(domain_by_id(1));
}

/* Frames beyond the memory at start are there for the balloon. */
static void test_room_for_the_balloon(void **state)
{
    (void)state;
    struct mf_domain *p = plan_grub(1, 16 * MIB_FRAMES);
    p->frames_max = 18 * MIB_FRAMES;
    struct domain *d = build(1, p);
    check(d);
    const u64 chunk_frames = (u64)d->chunk_count * CHUNK_FRAMES;
    u64 freed = 0;
    for (u32 n = d->free_head; n != FRAME_NO_PFN;
         n = frame_at(host_mfn(d, n))->pfn) {
        assert_true(n >= p->frames && n < chunk_frames);
        assert_int_equal(frame_at(host_mfn(d, n))->type, FRAME_FREE);
        assert_int_equal(d->m2p[n], PFN_INVALID);
        freed++;
    }
    const u64 private = d->vcpu_count * 4ull;
    assert_int_equal(freed, chunk_frames - p->frames - private);
    for (u64 i = 1; i <= private; i++) {
        assert_int_equal(frame_at(host_mfn(d, chunk_frames - i))->type,
                         FRAME_PRIVATE);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_linux),
        TEST(test_grub_at_address_0),
        TEST(test_layouts),
        TEST(test_memory_too_small),
        TEST(test_a_machine_too_small),
        TEST(test_room_for_the_balloon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
