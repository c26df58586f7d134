/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests that build and end domains by the code that ships: plans and
 * images as a boot module would have them, and the host's idle work.
 */
#ifndef TESTS_LIFE_FIXTURE_H
#define TESTS_LIFE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "core/pgtable.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "policy/manifest.h"
#include "policy/policy.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define MIB_FRAMES 256u
#define LINUX_BASE 0xffffffff80000000ull
#define KERNEL_BYTES 300000u
#define RAMDISK_BYTES 70001u

static struct mf_domain plans[4];
static u8 kernel_image[KERNEL_BYTES];
static u8 ramdisk_image[RAMDISK_BYTES];

static inline int setup(void **state)
{
    (void)state;
    host_reset();
    host_run(NULL);
    memset(sched_cpus, 0, sizeof(sched_cpus));
    sched_init(1);
    memset(plans, 0, sizeof(plans));
    for (u32 i = 0; i < KERNEL_BYTES; i++) {
        kernel_image[i] = (u8)(i * 7 + 1);
    }
    for (u32 i = 0; i < RAMDISK_BYTES; i++) {
        ramdisk_image[i] = (u8)(i * 5 + 3);
    }
    return 0;
}

/* A plan as rf makes one of a Linux kernel: 16 MiB up from its base. */
static inline struct mf_domain *plan_linux(domid_t id, u64 frames)
{
    struct mf_domain *p = &plans[id];
    strcpy(p->name, "linux");
    strcpy(p->cmdline, "console=hvc0 root=/dev/ram0");
    p->rights = POLICY_TENANT_GIVEN;
    p->frames = frames;
    p->frames_max = frames;
    p->vcpus = 2;
    p->weight = 256;
    p->on_reboot = MF_RESTART;
    p->port_count = 64;
    p->grant_frames = 1;
    p->map_count = 4;
    p->ramdisk = 1;
    p->virt_base = LINUX_BASE;
    p->load_va = LINUX_BASE + 0x1000000;
    p->entry_va = p->load_va + 0x100;
    p->memory_bytes = 400000;
    p->hypercall_va = p->load_va + 0x2000;
    return p;
}

/* And of GRUB: everything from address 0 on, no ramdisk. */
static inline struct mf_domain *plan_grub(domid_t id, u64 frames)
{
    struct mf_domain *p = plan_linux(id, frames);
    strcpy(p->name, "grub");
    p->virt_base = 0;
    p->load_va = 0;
    p->entry_va = 0x10;
    p->ramdisk = MF_NONE;
    p->hypercall_va = MF_NO_ADDRESS;
    return p;
}

static inline struct domain *make(domid_t id, const struct mf_domain *p)
{
    assert_int_equal(domain_create(id, p), RC_OK);
    struct domain *d = domain_by_id(id);
    assert_non_null(d);
    d->kernel = kernel_image;
    d->kernel_bytes = KERNEL_BYTES;
    if (p->ramdisk != MF_NONE) {
        d->ramdisk = ramdisk_image;
        d->ramdisk_bytes = RAMDISK_BYTES;
    }
    return d;
}

/* Let the host work until it has nothing to do. */
static inline u32 work(void)
{
    u32 slices = 0;
    while (domain_work()) {
        assert_int_equal(host_locks_held(), 0);
        slices++;
        assert_true(slices < 1000000);
    }
    return slices;
}

static inline struct domain *build(domid_t id, const struct mf_domain *p)
{
    struct domain *d = make(id, p);
    assert_int_equal(domain_begin(d), RC_OK);
    (void)work();
    assert_int_equal(d->state, DOMAIN_RUNNING);
    return d;
}

/* The entry that maps va in d's first address space, 0 for none; *l1 is the
 * table it is in. */
static inline u64 lookup(const struct domain *d, u64 va, mfn_t *l1)
{
    u32 index = 0;
    if (arch_walk(&d->vcpu[0], va, l1, &index) != RC_OK) {
        return 0;
    }
    return host_table(*l1)[index];
}

#endif
