/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain gets of machine memory at boot, and the tables behind its two
 * private top-level slots (x86/layout.h):
 *
 *   M2P       the domain's M2P words, read-only to the guest, each chunk's page
 *             at its own place; all other places are holes
 *   PRIVATE   64 pages a vCPU; the frames are the last ones of the domain's
 *             own chunks (type PRIVATE), so they are mapped nowhere else
 *
 * Tenants' chunks are taken from the top of memory, the hypervisor's own from
 * the bottom. Runs at boot only, on one CPU, but for private_entry.
 */
#include "x86/domtables.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/domain.h"
#include "core/mem.h"
#include "x86/desc_tables.h"
#include "x86/image.h"
#include "x86/memory.h"
#include "x86/paging.h"
#include "x86/pte.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)
#define LEAF_FLAGS (TABLE_FLAGS | PTE_NX)
#define M2P_FLAGS (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define VCPUS_A_TABLE 8u
#define PAGES_A_VCPU 64u
#define SLOT_PAGE 2u /* of the temporary ones, this file's */
#define STUB_BYTES 32u
#define STUB_COUNT (PAGE_BYTES / STUB_BYTES)

static const u8 own_page[PRIVATE_FRAMES_PER_VCPU] = {
    PRIVATE_STATE_PAGE, PRIVATE_TRAPS_PAGE, PRIVATE_LDT_PAGE, PRIVATE_GDT_PAGE
};
/* What a virtual GDT has between the guest's page and the hypervisor's. */
static const u64 no_descriptors[TABLE_ENTRIES] __attribute__((aligned(4096)));

void *arch_boot_frames(u64 count, mfn_t *first)
{
    if (count <= CHUNK_FRAMES) {
        *first = boot_alloc((u32)count);
        return linear(*first);
    }
    const u64 chunks = (count + CHUNK_FRAMES - 1) / CHUNK_FRAMES;

    return memory_take_run(chunks, first) ? linear(*first) : NULL;
}

static u64 *new_table(mfn_t *m)
{
    *m = boot_alloc(1);
    return linear(*m);
}

static void make_m2p(struct domain *d)
{
    u64 *l3 = new_table(&d->m2p_l3);
    mfn_t m;
    u64 *l2 = new_table(&m);

    l3[0] = pte_make(m, M2P_FLAGS);
    for (u64 i = 0; i < d->chunk_count; i++) {
        const u64 chunk = d->first_chunk + i;
        u64 *entry = &l2[chunk / TABLE_ENTRIES];

        if (*entry == 0) {
            (void)new_table(&m);
            *entry = pte_make(m, M2P_FLAGS);
        }
        u64 *l1 = linear(pte_mfn(*entry));

        l1[chunk % TABLE_ENTRIES] =
            pte_make(mfn(d->m2p_mfn.v + i), M2P_FLAGS | PTE_NX);
    }
}

u64 *private_entry(const struct domain *d, u32 vcpu, u32 page)
{
    u64 *l1 = linear(d->private_l1[vcpu / VCPUS_A_TABLE]);

    return &l1[vcpu % VCPUS_A_TABLE * PAGES_A_VCPU + page];
}

mfn_t private_frame(const struct domain *d, u32 vcpu, u32 which)
{
    const u64 end = (d->first_chunk + d->chunk_count) << CHUNK_FRAME_BITS;

    return mfn(end - (u64)(d->vcpu_count - vcpu) * PRIVATE_FRAMES_PER_VCPU +
               which);
}

static void make_vcpu(struct domain *d, u32 n)
{
    const u64 read_only = (LEAF_FLAGS & ~PTE_WRITE);
    const mfn_t none = mfn(image_phys(no_descriptors) >> PAGE_BITS);

    for (u32 i = 0; i < PRIVATE_FRAMES_PER_VCPU; i++) {
        *private_entry(d, n, own_page[i]) =
            pte_make(private_frame(d, n, i), LEAF_FLAGS);
    }
    for (u32 p = PRIVATE_GDT_PAGE + 1; p < PAGES_A_VCPU / 2; p++) {
        *private_entry(d, n, p) = pte_make(none, read_only);
    }
    *private_entry(d, n, PRIVATE_GDT_HV_PAGE) =
        pte_make(gdt_page_frame(), read_only);
}

static void make_private(struct domain *d)
{
    u64 *l3 = new_table(&d->private_l3);
    mfn_t m;
    u64 *l2 = new_table(&m);
    const u32 tables = (d->vcpu_count + VCPUS_A_TABLE - 1) / VCPUS_A_TABLE;

    l3[0] = pte_make(m, TABLE_FLAGS);
    for (u32 i = 0; i < tables; i++) {
        (void)new_table(&d->private_l1[i]);
        l2[i] = pte_make(d->private_l1[i], TABLE_FLAGS);
    }
    for (u32 n = 0; n < d->vcpu_count; n++) {
        make_vcpu(d, n);
    }
}

enum rc arch_domain_tables(struct domain *d)
{
    make_m2p(d);
    make_private(d);
    for (u32 i = 0; i < d->chunk_count; i++) {
        paging_window_prepare((u32)d->first_chunk + i, boot_alloc(1));
    }
    return RC_OK;
}

/* push rcx; push r11; mov $nr,%eax; syscall; pop r11; pop rcx; ret. The stub of
 * iret keeps rax on the stack instead, and does not come back. */
void arch_hypercall_page(mfn_t m)
{
    static const u8 call[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                               0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
    static const u8 iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, NR_IRET,
                               0,    0,    0,    0x0f, 0x05 };
    u8 *page = temp_map(SLOT_PAGE, m);

    memset(page, 0xcc, PAGE_BYTES);
    for (u32 nr = 0; nr < STUB_COUNT; nr++) {
        u8 *stub = page + nr * STUB_BYTES;

        if (nr == NR_IRET) {
            memcpy(stub, iret, sizeof(iret));
        } else {
            memcpy(stub, call, sizeof(call));
            stub[4] = (u8)nr;
        }
    }
    temp_unmap(SLOT_PAGE);
}
