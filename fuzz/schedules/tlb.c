/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translations that CPUs keep for their guests: see processors.h.
 */
#include <string.h>

#include "core/domain.h"
#include "fuzz/schedules/processors.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define KEPT_MAX 8u

struct kept {
    u64 va;
    mfn_t m;
    bool write;
    const struct domain *d; /* whose guest; NULL: not in use */
};

static struct kept kept[CPUS][KEPT_MAX];
static u32 next[CPUS];

void tlb_forget(u32 cpu)
{
    memset(kept[cpu], 0, sizeof(kept[cpu]));
    next[cpu] = 0;
}

void tlb_reset(void)
{
    for (u32 i = 0; i < CPUS; i++) {
        tlb_forget(i);
    }
}

void tlb_forget_page(u32 cpu, u64 va)
{
    for (u32 i = 0; i < KEPT_MAX; i++) {
        if (kept[cpu][i].va == va / PAGE_BYTES * PAGE_BYTES) {
            kept[cpu][i].d = NULL;
        }
    }
}

/* As the processor walks, all rights of all levels together. */
static bool walk(const struct vcpu *v, u64 va, struct kept *to)
{
    mfn_t at = v->in_kernel ? v->kernel_root : v->user_root;
    bool write = true;

    for (u32 level = 4; level >= 1; level--) {
        if (at.v == MFN_NONE || at.v >= frame_table_count) {
            return false;
        }
        const u64 pte = host_table(at)[pte_index(va, level)];

        if (!pte_is_present(pte)) {
            return false;
        }
        write = write && (pte & PTE_WRITE) != 0;
        at = pte_mfn(pte);
    }
    *to = (struct kept){ va, at, write, v->domain };
    return true;
}

/* d maps frame m of another by a grant. */
static bool maps(const struct domain *d, mfn_t m, bool write)
{
    for (u32 i = 0; i < d->map_count; i++) {
        const struct maptrack *t = &d->map[i];

        if (t->state == MAPTRACK_MAPPED && t->frame == m.v &&
            (!write || t->readonly == 0)) {
            return true;
        }
    }
    return false;
}

static void check(u32 cpu, const struct kept *k)
{
    if (k->d == NULL || k->m.v == k->d->shared_mfn.v) {
        return;
    }
    if (!frame_is_owned(k->d, k->m)) {
        if (!maps(k->d, k->m, k->write)) {
            fuzz_fail("CPU %u still reaches frame %llx of another domain", cpu,
                      (unsigned long long)k->m.v);
        }
    } else if (k->write && host_memory.window[k->m.v]) {
        fuzz_fail("CPU %u still writes frame %llx, a page table", cpu,
                  (unsigned long long)k->m.v);
    }
}

void tlb_check(void)
{
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        for (u32 i = 0; i < KEPT_MAX; i++) {
            check(cpu, &kept[cpu][i]);
        }
    }
}

void tlb_check_table(mfn_t m)
{
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        for (u32 i = 0; i < KEPT_MAX; i++) {
            const struct kept *k = &kept[cpu][i];

            if (k->d != NULL && k->write && k->m.v == m.v) {
                fuzz_fail("frame %llx becomes a page table, and CPU %u still "
                          "writes it",
                          (unsigned long long)m.v, cpu);
            }
        }
    }
}

bool tlb_touch(u64 va, bool write)
{
    const u32 cpu = cpus_self();
    struct kept *to = NULL;

    va = va / PAGE_BYTES * PAGE_BYTES;
    for (u32 i = 0; i < KEPT_MAX; i++) {
        struct kept *k = &kept[cpu][i];

        if (k->d != NULL && k->va == va && (k->write || !write)) {
            check(cpu, k);
            return true;
        }
    }
    to = &kept[cpu][next[cpu]];
    next[cpu] = (next[cpu] + 1) % KEPT_MAX;
    if (!walk(processors_current(cpu), va, to)) {
        to->d = NULL;
        return false;
    }
    check(cpu, to);
    return to->write || !write;
}
