/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains as a boot module makes them: built, run, ended, restarted, scrubbed,
 * until the host ends. Everything a plan can say within its limits is tried;
 * memory that is given back holds nothing; the log says what was done.
 */
#include <stdio.h>
#include <string.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/pgtable.h"
#include "core/record.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "fuzz/fuzz.h"
#include "fuzz/lives.h"
#include "fuzz/world.h"
#include "policy/manifest.h"
#include "policy/policy.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define TENANTS 2u
#define IMAGE_BYTES 200000u
#define SLICES_MAX 6000u
#define OPS_MAX 60u

static struct mf_domain plans[TENANTS + 1];
static u8 image[IMAGE_BYTES];
static struct input in;
static bool exported; /* records leave the host */

/* ---- plans
 * ------------------------------------------------------------------- */

static void make_plan(u32 id)
{
    static const u64 bases[] = { 0xffffffff80000000ull, 0,
                                 0x100000000ull,        0x7fc0000000ull,
                                 0xffff888000000000ull, 0x7ffc00000000ull };
    struct mf_domain *p = &plans[id];
    const u8 c = take8(&in);

    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "tenant%u", id);
    memset(p->cmdline, 'x', c == 0xff ? MF_CMDLINE_BYTES - 1 : c % 64u);
    p->rights = POLICY_TENANT_GIVEN;
    p->frames = (4 + c % 3u) * 256ull;
    p->frames_max = p->frames + c / 64u * 256ull;
    p->console_rate = c % 2u * 1000u;
    p->vcpus = 1 + c / 8u % 4u;
    p->weight = take16(&in);
    p->weight += p->weight == 0; /* which no manifest has */
    p->cap_percent = (c & 4) != 0 ? take8(&in) : 0;
    p->audit = (c & 32) != 0 ? MF_AUDIT_ALL : take8(&in) % 4u;
    p->on_poweroff = take8(&in) % MF_ACTIONS;
    p->on_reboot = take8(&in) % MF_ACTIONS;
    p->on_crash = take8(&in) % MF_ACTIONS;
    p->port_count = (c & 1) != 0 ? 64 : 512;
    p->grant_frames = 1;
    p->map_count = c % 5u;
    p->virt_base = bases[take8(&in) % ARRAY_COUNT(bases)];
    p->load_va = p->virt_base + take8(&in) * 4ull * PAGE_BYTES;
    p->entry_va = p->load_va + 0x100;
    p->memory_bytes = take16(&in) % IMAGE_BYTES + 1;
    p->ramdisk = (c & 16) != 0 ? 1 : MF_NONE;
    p->hypercall_va = (c & 64) != 0 ? p->load_va : MF_NO_ADDRESS;
    p->cpu_mask = (c & 128) != 0 ? 1 : 0;
}

/* False: the machine is too small, which must have been said. */
static bool begin(u32 small)
{
    static const u8 digest[32];

    static bool saved;

    if (!saved) {
        vars_save();
        saved = true;
    }
    vars_restore();
    host_pool_chunks = 2;
    host_chunks = 2 + TENANTS * 5;
    host_reset();
    host_panic_expected = true;
    host_run(NULL);
    memset(sched_cpus, 0, sizeof(sched_cpus));
    sched_init(1);
    if (image[1] == 0) {
        for (u32 i = 0; i < IMAGE_BYTES; i++) {
            image[i] = (u8)(i * 7 + 1);
        }
    }
    host.boot_fails_at = small;
    exported = (small & 1) == 0;
    host.may_wait = true;
    record_boot(digest, digest, TENANTS, (small & 1) == 0);
    for (u32 id = 1; id <= TENANTS; id++) {
        make_plan(id);
        if (domain_create((domid_t)id, &plans[id]) != RC_OK) {
            if (small == 0) {
                fuzz_fail("a tenant that fits was refused");
            }
            return false;
        }
        struct domain *d = domain_table[id];

        d->kernel = image;
        d->kernel_bytes = plans[id].memory_bytes;
        if (plans[id].ramdisk != MF_NONE) {
            d->ramdisk = image;
            d->ramdisk_bytes = 1 + take16(&in);
        }
    }
    return true;
}

/* ---- what must hold
 * ------------------------------------------------------------ */

/* The guest finds what the ABI promises where it promises it. */
static void check_built(const struct domain *d)
{
    const struct build *b = &d->build;
    const struct mf_domain *p = &plans[d->id];
    const u8 *kernel = host_frame(host_mfn(d, b->kernel_pfn));
    const struct start_info *s = host_frame(host_mfn(d, b->start_info_pfn));
    mfn_t l1;
    u32 index = 0;

    if (memcmp(kernel, image,
               d->kernel_bytes < 0x100 ? d->kernel_bytes : 0x100) != 0) {
        fuzz_fail("the kernel is not where it was to be");
    }
    if (s->nr_pages != p->frames ||
        s->shared_info != d->shared_mfn.v << PAGE_BITS ||
        s->pt_base != p->virt_base + (b->tables_pfn << PAGE_BITS)) {
        fuzz_fail("start_info of domain %u is wrong", d->id);
    }
    if (arch_walk(&d->vcpu[0], p->load_va, &l1, &index) != RC_OK ||
        pte_mfn(host_table(l1)[index]).v != host_mfn(d, b->kernel_pfn).v) {
        fuzz_fail("the kernel of domain %u is not mapped at its address",
                  d->id);
    }
}

static void check_clean(const struct domain *d)
{
    const u64 frames = (u64)d->chunk_count << CHUNK_FRAME_BITS;

    for (u64 i = 0; i < frames; i++) {
        const u64 *words = host_frame(host_mfn(d, i));
        u64 any = 0;

        for (u32 k = 0; k < TABLE_ENTRIES; k++) {
            any |= words[k];
        }
        if (any != 0) {
            fuzz_fail("frame %llu of domain %u was left as it was",
                      (unsigned long long)i, d->id);
        }
        if (frame_at(host_mfn(d, i))->refs != 0) {
            fuzz_fail("frame %llu of domain %u is still referenced",
                      (unsigned long long)i, d->id);
        }
    }
}

static u64 seen[TENANTS + 1];

/* What has become of the domains since the last look. */
static void look(void)
{
    lives_look();
    for (u32 id = 1; id <= TENANTS; id++) {
        struct domain *d = domain_table[id];

        if (d->state == seen[id]) {
            continue;
        }
        if (d->state == DOMAIN_RUNNING) {
            check_built(d);
            host_recount(d);
        } else if (d->state == DOMAIN_ENDED && seen[id] == DOMAIN_SCRUBBING) {
            check_clean(d);
        }
        seen[id] = d->state;
    }
}

/* ---- operations
 * ----------------------------------------------------------------- */

static void pick(void)
{
    ns_t until = 0;

    host_run(sched_pick(0, host.now, &until));
    sched_left(0);
}

static void end(struct domain *d, u8 c)
{
    static const u32 reasons[] = { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT,
                                   SHUTDOWN_CRASH };
    const u32 reason = reasons[c % 3];

    if (c % 4 == 3) {
        lives_will_end(d, ENDED_KILLED, true);
        domain_crash(d, "the fuzzer says so");
    } else {
        lives_will_end(d, reason, false);
        domain_end(d, reason);
    }
    fuzz_say("end domain %u, %u\n", d->id, c % 4);
}

static void work(u32 slices)
{
    for (u32 i = 0; i < slices && domain_work(); i++) {
        look();
        if (host_locks_held() != 0) {
            fuzz_fail("a lock is still held");
        }
    }
    look();
}

static void one(void)
{
    const u8 what = take8(&in);
    const u8 c = take8(&in);
    struct domain *d = domain_table[1 + c / 128u % TENANTS];

    switch (what % 6) {
    case 0:
        work(c);
        break;
    case 1:
        work(SLICES_MAX);
        break;
    case 2:
        if (d->state == DOMAIN_RUNNING) {
            end(d, c);
            look();
        }
        break;
    case 3:
        pick();
        break;
    case 4:
        host.now += (u64)c * 10000000u;
        sched_timers_run(0, host.now);
        break;
    default:
        host.audit_stuck = c % 8 == 7;
        if (record_waiting() || domain_work_wanted()) {
            (void)record_drain(c);
        }
        host.audit_stuck = c == 0xff; /* and stays so: it is given up */
        exported = exported && c != 0xff;
        break;
    }
}

static void run(void)
{
    for (u32 id = 1; id <= TENANTS; id++) {
        if (domain_begin(domain_table[id]) != RC_OK) {
            domain_table[id]->state = DOMAIN_ENDED; /* too small */
        }
        seen[id] = domain_table[id]->state;
    }
    lives_begin();
    for (u32 i = 0; i < OPS_MAX && left(&in) != 0; i++) {
        one();
    }
    pick();
    work(SLICES_MAX);
    if (exported) {
        lives_compare(false);
    }
}

void target_build(const u8 *data, size_t bytes)
{
    in = (struct input){ data, bytes, 0 };
    const u8 c = take8(&in);
    const u32 small = c >= 0xe0 ? c % 32u : 0;

    if (host_expect_panic()) {
        if (begin(small)) {
            host.boot_fails_at = 0;
            run();
            if (c % 8 == 3) {
                host.audit_stuck = c % 16 == 3;
                (void)record_panic(0x1000);
            }
        }
        host_panic_expected = false;
        return;
    }
    if (small != 0 && domain_count == 0) {
        return; /* no room for the log */
    }
    if (host.off_code == 0) {
        fuzz_fail("panic");
    }
    lives_look();
    if (exported) {
        lives_compare(true); /* the last tenant has ended, and so the host */
    }
}
