/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for core/ that concern guests' frames and the vCPU's own pages.
 *
 * Page tables are read and written in the LINEAR window, where exactly the live
 * tables are; all other frames through a temporary slot, which is mapped for
 * the one copy only. Slots 0 and 1 are this file's; it runs with interrupts
 * off and nothing it calls uses them.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"
#include "x86/clock.h"
#include "x86/domtables.h"
#include "x86/hw.h"
#include "x86/paging.h"
#include "x86/private.h"
#include "x86/pte.h"

#define SLOT_FROM 0u
#define SLOT_TO 1u
#define RUNSTATE_UPDATE (1ull << 63)

u32 arch_cpu(void)
{
    return this_cpu()->id;
}

struct vcpu *arch_current(void)
{
    return this_cpu()->current;
}

u64 arch_guest_rip(void)
{
    return this_cpu()->current != NULL ? guest_regs()->rip : 0;
}

void arch_resched(void)
{
    this_cpu()->resched = 1;
}

/* ---- page tables
 * -------------------------------------------------------------- */

static u64 *entry_at(mfn_t table, u32 index)
{
    return (u64 *)linear(table) + (index & (TABLE_ENTRIES - 1));
}

u64 *arch_table(mfn_t table)
{
    return linear(table);
}

u64 arch_pte_read(mfn_t table, u32 index)
{
    return atomic_load64(entry_at(table, index));
}

void arch_pte_write(mfn_t table, u32 index, u64 value)
{
    atomic_store64(entry_at(table, index), value);
}

bool arch_pte_swap(mfn_t table, u32 index, u64 *expected, u64 value)
{
    return atomic_cas64(entry_at(table, index), expected, value);
}

enum rc arch_walk(const struct vcpu *v, u64 va, mfn_t *table, u32 *index)
{
    if (!address_is_guest(va) || v->kernel_root.v == MFN_NONE) {
        return RC_EFAULT;
    }
    mfn_t t = v->kernel_root;
    for (u32 level = 4; level > 1; level--) {
        const u64 pte = arch_pte_read(t, pte_index(va, level));
        if (!pte_is_present(pte)) {
            return RC_EFAULT;
        }
        t = pte_mfn(pte);
    }
    *table = t;
    *index = pte_index(va, 1);
    return RC_OK;
}

void arch_install_slots(const struct domain *d, mfn_t l4)
{
    arch_pte_write(
        l4, M2P_SLOT,
        pte_make(d->m2p_l3, PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_NX));
    arch_pte_write(l4, PRIVATE_SLOT,
                   pte_make(d->private_l3,
                            PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_NX));
    for (u32 slot = LINEAR_SLOT; slot <= HV_LAST_SLOT; slot++) {
        arch_pte_write(l4, slot, paging_hv_slot(slot));
    }
}

/* ---- other frames
 * ---------------------------------------------------------------- */

void arch_frame_zero(mfn_t m)
{
    hw_fill_bytes(temp_map(SLOT_TO, m), 0, PAGE_BYTES);
    temp_unmap(SLOT_TO);
}

u64 *arch_frame_open(mfn_t m)
{
    return temp_map(SLOT_TO, m);
}

void arch_frame_close(void)
{
    temp_unmap(SLOT_TO);
}

void arch_frame_write64(mfn_t m, u32 offset, u64 value)
{
    atomic_store64(&arch_frame_open(m)[(offset & 0xff8) / 8], value);
    arch_frame_close();
}

void arch_frame_copy(mfn_t to, u32 to_offset, mfn_t from, u32 from_offset,
                     u32 bytes)
{
    u8 *target = temp_map(SLOT_TO, to);
    const u8 *source = temp_map(SLOT_FROM, from);
    hw_copy_bytes(target + to_offset, source + from_offset, bytes);
    temp_unmap(SLOT_FROM);
    temp_unmap(SLOT_TO);
}

void arch_frame_read(void *to, mfn_t from, u32 offset, u32 bytes)
{
    const u8 *source = temp_map(SLOT_FROM, from);
    hw_copy_bytes(to, source + offset, bytes);
    temp_unmap(SLOT_FROM);
}

void arch_frame_write(mfn_t to, u32 offset, const void *from, u32 bytes)
{
    u8 *target = temp_map(SLOT_TO, to);
    hw_copy_bytes(target + offset, from, bytes);
    temp_unmap(SLOT_TO);
}

/* ---- registered areas
 * ---------------------------------------------------------------- */

void *arch_private_map(struct vcpu *v, u32 page, mfn_t m)
{
    const struct domain *d = v->domain;
    u64 *entry = private_entry(d, v->id, page);
    const u64 va = private_va(v, page);
    const u64 old = atomic_load64(entry);
    const u64 pte = m.v == MFN_NONE
                        ? 0
                        : pte_make(m, PTE_PRESENT | PTE_WRITE | PTE_ACCESSED |
                                          PTE_DIRTY | PTE_NX);
    atomic_store64(entry, pte);
    if (pte_is_present(old)) {
        arch_tlb_flush_page(atomic_load64(&d->cpus), va);
    }
    return (void *)va;
}

/* The record may be read by the guest at any time: odd while it changes. */
static void time_write(struct vcpu_time_info *t,
                       const struct vcpu_time_info *now)
{
    const u32 version = (atomic_load32(&t->version) | 1u) + 2u;
    (void)atomic_swap32(&t->version, version);
    atomic_store64(&t->tsc_timestamp, now->tsc_timestamp);
    atomic_store64(&t->system_time, now->system_time);
    atomic_store32(&t->tsc_to_system_mul, now->tsc_to_system_mul);
    atomic_store8((u8 *)&t->tsc_shift, (u8)now->tsc_shift);
    atomic_store8(&t->flags, now->flags);
    atomic_store32(&t->version, version + 1);
}

void arch_time_publish(struct vcpu *v)
{
    struct vcpu_time_info now;
    clock_time_info(&now);
    time_write(&v->info->time, &now);
    if (v->time_frame[0].v != MFN_NONE) {
        const u64 va = private_va(v, PRIVATE_TIME_PAGE) + v->time_offset;
        time_write((struct vcpu_time_info *)va, &now);
    }
}

/* The guest may have asked that the update be marked in the entry time; it is
 * marked always, which no reader minds. */
void arch_runstate_publish(struct vcpu *v)
{
    if (v->runstate_frame[0].v == MFN_NONE) {
        return;
    }
    struct vcpu_runstate_info *area =
        (struct vcpu_runstate_info *)(private_va(v, PRIVATE_RUNSTATE_PAGE) +
                                      v->runstate_offset);
    const struct vcpu_runstate_info *now = &v->runstate;
    atomic_store64(&area->state_entry_time,
                   now->state_entry_time | RUNSTATE_UPDATE);
    hw_barrier();
    atomic_store32(&area->state, now->state);
    for (u32 i = 0; i < ARRAY_COUNT(now->time); i++) {
        atomic_store64(&area->time[i], now->time[i]);
    }
    atomic_store64(&area->state_entry_time, now->state_entry_time);
}

/* ---- the first state of a vCPU
 * ------------------------------------------------ */

void arch_vcpu_reset(struct vcpu *v, u64 rip, u64 rsp, u64 rsi)
{
    for (u32 i = 1; i < PRIVATE_FRAMES_PER_VCPU; i++) {
        arch_frame_zero(private_frame(v->domain, v->id, i));
    }
    struct guest_state *s =
        temp_map(SLOT_TO, private_frame(v->domain, v->id, 0));
    vcpustate_start(s, rip, rsp, rsi);
    temp_unmap(SLOT_TO);
    vcpustate_reset(v);
}
