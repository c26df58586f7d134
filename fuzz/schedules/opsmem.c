/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of guests on their memory, and on grants: see ops.def.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "fuzz/schedules/calls.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"
#include "x86/hw.h"
#include "x86/pte.h"

static u32 handle[2]; /* of domain 2's mappings: page 40, and by pfn 8 */

/* ---- memory ----------------------------------------------------------------
 */

void op_nothing(u32 cpu)
{
    (void)cpu;
}

void op_write16(u32 cpu)
{
    touch(cpu, 16, 3);
}

ONE(unmap16, map_page(cpu, 16, 0))
ONE(map16, map_page(cpu, 16, writable(own(cpu, 16))))
ONE(pin16, mmuext(cpu, 0, own(cpu, 16).v))

void op_retype16(u32 cpu)
{
    op_unmap16(cpu);
    op_pin16(cpu);
}

ONE(pin8, mmuext(cpu, 0, own(cpu, 8).v))
ONE(unpin8, mmuext(cpu, 4, own(cpu, 8).v))

void op_repin8(u32 cpu)
{
    op_unpin8(cpu);
    op_pin8(cpu);
}

ONE(link8, mmu_update(cpu, ROOT_PFN + 2, 1, writable(own(cpu, 8))))
ONE(cut8, mmu_update(cpu, ROOT_PFN + 2, 1, 0))
ONE(put8, mmu_update(cpu, 8, 0, writable(own(cpu, 20))))
ONE(map8, map_page(cpu, 41, writable(own(cpu, 8))))

void op_write8(u32 cpu)
{
    touch(cpu, 41, 2);
}

/* What the guest had in its frame before it became a table. To a table it could
 * not write: nobody may make it one meanwhile. */
static void fill(u32 cpu, u32 pfn, u32 first, u32 count, u64 value)
{
    struct domain *d = processors_current(cpu)->domain;
    const mfn_t m = own(cpu, pfn);

    lock_take(&d->mm);
    for (u32 i = first; i < first + count && !host_memory.window[m.v]; i++) {
        arch_frame_write64(m, i * 8, value);
    }
    lock_drop(&d->mm);
}

void op_root12(u32 cpu)
{
    const mfn_t m = own(cpu, 12);

    fill(cpu, 12, 260, 1, writable(own(cpu, 8)));
    note(cpu, mmuext(cpu, 3, m.v));
    note(cpu, mmuext(cpu, 4, m.v));
}

/* More entries than one part of a call may look at. */
static void fill9(u32 cpu)
{
    fill(cpu, 9, 0, 500, writable(own(cpu, 20)));
}

void op_pin9(u32 cpu)
{
    fill9(cpu);
    note(cpu, mmuext(cpu, 0, own(cpu, 9).v));
}

void op_link9(u32 cpu)
{
    fill9(cpu);
    note(cpu, mmu_update(cpu, ROOT_PFN + 2, 2, writable(own(cpu, 9))));
}

ONE(cut9, mmu_update(cpu, ROOT_PFN + 2, 2, 0))
ONE(unpin9, mmuext(cpu, 4, own(cpu, 9).v))

void op_flush(u32 cpu)
{
    const u32 all = 3;
    const struct arg_mmuext_op a = { .cmd = 8,
                                     .arg2 =
                                         HOST_GUEST_BASE + at_of(cpu) + 0x100 };

    memcpy(host_guest(at_of(cpu) + 0x100), &all, sizeof(all));
    note(cpu, call(me(cpu), 26, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF));
}

void op_root(u32 cpu)
{
    note(cpu, mmuext(cpu, 15, own(cpu, ROOT_PFN).v));
    note(cpu, mmuext(cpu, 15, 0));
}

static void balloon(u32 cpu, u64 sub, u32 list, u64 word)
{
    const struct arg_memory_reservation a = { .extent_start =
                                                  HOST_GUEST_BASE + list,
                                              .nr_extents = 1,
                                              .domid = DOMID_SELF };

    memcpy(host_guest(list), &word, sizeof(word));
    note(cpu, with(cpu, 12, sub, &a, sizeof(a)));
}

void op_shrink10(u32 cpu)
{
    balloon(cpu, 1, at_of(cpu) + 0x100, own(cpu, 10).v);
}

void op_shrink9(u32 cpu)
{
    balloon(cpu, 1, at_of(cpu) + 0x100, own(cpu, 9).v);
}

void op_grow_ro(u32 cpu)
{
    balloon(cpu, 6, (u32)(OPS_READONLY - HOST_GUEST_BASE) + cpu * 8, 10);
}

void op_grow10(u32 cpu)
{
    balloon(cpu, 6, at_of(cpu) + 0x100, 10);
}

ONE(map10, map_page(cpu, 42, writable(own(cpu, 10))))

/* ---- grants ----------------------------------------------------------------
 */

void map_grant(u32 cpu, u64 va)
{
    struct arg_gnttab_map a = {
        .host_addr = va, .flags = 2, .ref = OPS_REF, .dom = 1
    };

    (void)with(cpu, 20, 0, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
    if (a.status == GRANT_OKAY) {
        handle[va != PAGE(40)] = a.handle;
    }
}

static void unmap_grant(u32 cpu, u64 va)
{
    struct arg_gnttab_unmap a = { .host_addr = va,
                                  .handle = handle[va != PAGE(40)] };

    (void)with(cpu, 20, 1, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
    tlb_check();
}

void op_gmap(u32 cpu)
{
    map_grant(cpu, PAGE(40));
}

void op_gunmap(u32 cpu)
{
    unmap_grant(cpu, PAGE(40));
}

void op_gmap9(u32 cpu)
{
    map_grant(cpu, PAGE(1024 + 510));
}

void op_gunmap9(u32 cpu)
{
    unmap_grant(cpu, PAGE(1024 + 510));
}

void op_gwrite(u32 cpu)
{
    touch(cpu, 40, 3);
}

void op_gcopy(u32 cpu)
{
    struct arg_gnttab_copy a = { .src_ref = OPS_REF,
                                 .src_dom = 1,
                                 .dst_ref = own(cpu, 20).v,
                                 .dst_dom = DOMID_SELF,
                                 .len = 64,
                                 .flags = 1 };

    (void)with(cpu, 20, 5, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
}

/* As a guest withdraws it: only when no mark is in the entry. */
void op_revoke(u32 cpu)
{
    u64 *word = &world_domain(1)->grants.shared[0][OPS_REF];
    u64 old = atomic_load64(word) & ~0x18ull;

    cpus_point(NULL, TOUCH_SWAP);
    note(cpu, atomic_cas64(word, &old, 0));
}

void op_retype17(u32 cpu)
{
    note(cpu, map_page(cpu, 17, 0));
    note(cpu, mmuext(cpu, 0, own(cpu, 17).v));
}
