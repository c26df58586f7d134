/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a domain; phases in build.h.
 *
 * Frame pfn of the new domain is the pfn-th frame of its chunks. Its address
 * space at start, as the ABI has it [XEN xen.h, "initial memory layout"]:
 *
 *   virt_base + (pfn << 12):
 *     0..           nothing of ours; the guest's to use
 *     kernel_pfn    the flat kernel image
 *     ramdisk_pfn   the ramdisk, if any
 *     p2m_pfn       u64 frame number of each pfn
 *     start_info, xenstore ring, console ring
 *     tables_pfn    L4, then L3s, L2s, L1s: mapped read-only
 *     stack_pfn     one page
 *     ..end_pfn     at least 512 KiB of room, end rounded up to 4 MiB
 *
 * The tables are written as plain memory and then pinned through the same code
 * that validates a guest's: the builder has no privilege over the frame
 * machine.
 */
#include "core/build.h"

#include "core/arch.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/pgtable.h"
#include "policy/manifest.h"
#include "x86/pte.h"

#define SLICE_FRAMES 16u
#define ROOM_FRAMES 128u   /* 512 KiB above the stack */
#define ROUND_FRAMES 1024u /* 4 MiB */
#define WORDS_A_WRITE 64u
#define MAGIC "xen-3.0-x86_64"

static mfn_t frame_number(const struct domain *d, u64 pfn_number)
{
    return mfn((d->first_chunk << CHUNK_FRAME_BITS) + pfn_number);
}

/* Units of 2^bits bytes that [base, base + frames pages) touches. */
static u64 regions(u64 base, u64 frames, u32 bits)
{
    const u64 first = base >> bits;
    const u64 last = (base + (frames << PAGE_BITS) - 1) >> bits;

    return last - first + 1;
}

static u64 round_up(u64 frames)
{
    return (frames + ROUND_FRAMES - 1) / ROUND_FRAMES * ROUND_FRAMES;
}

/*
 * Size the tables for a span that contains the tables themselves. Linux drops
 * its boot mapping up to the 4 MiB in which the tables end; where the room
 * above them would reach into the next 4 MiB, empty pages are put behind the
 * tables until they end there too, so that nothing stays mapped that is both
 * writable and executable.
 */
static void size_tables(struct build *b, u64 virt_base)
{
    u64 tables = 4;

    for (u32 i = 0; i < 8; i++) {
        b->stack_pfn = b->tables_pfn + tables;
        b->end_pfn = round_up(b->stack_pfn + 1 + ROOM_FRAMES);
        b->l1_count = regions(virt_base, b->end_pfn, 21);
        b->l2_count = regions(virt_base, b->end_pfn, 30);
        b->l3_count = regions(virt_base, b->end_pfn, 39);
        const u64 needed = 1 + b->l3_count + b->l2_count + b->l1_count;

        if (needed <= tables && round_up(b->stack_pfn) == b->end_pfn) {
            return;
        }
        tables = needed > tables ? needed
                                 : round_up(b->stack_pfn) - b->tables_pfn + 1;
    }
}

enum rc build_begin(struct domain *d)
{
    const struct mf_domain *p = d->plan;
    struct build *b = &d->build;

    d->free_head = FRAME_NO_PFN;
    d->frames = p->frames;
    d->work.mode = PGWORK_IDLE;
    d->work.depth = 0;
    b->phase = BUILD_FRAMES;
    b->next = 0;
    b->kernel_pfn = (p->load_va - p->virt_base) >> PAGE_BITS;
    b->ramdisk_pfn = b->kernel_pfn + pages_of(p->memory_bytes);
    b->p2m_pfn = b->ramdisk_pfn + pages_of(d->ramdisk_bytes);
    b->start_info_pfn = b->p2m_pfn + pages_of(p->frames * 8);
    b->store_pfn = b->start_info_pfn + 1;
    b->console_pfn = b->store_pfn + 1;
    b->tables_pfn = b->console_pfn + 1;
    size_tables(b, p->virt_base);
    return b->end_pfn <= p->frames ? RC_OK : RC_ENOMEM;
}

/* Advance to the next phase when this one has done count units. */
static void advance(struct build *b, u64 count)
{
    if (b->next >= count) {
        b->phase++;
        b->next = 0;
    }
}

static void step_frames(struct domain *d)
{
    struct build *b = &d->build;
    const u64 count = (u64)d->chunk_count << CHUNK_FRAME_BITS;
    const u64 private = count - d->vcpu_count * 4ull;

    for (u32 i = 0; i < SLICE_FRAMES && b->next < count; i++, b->next++) {
        const mfn_t m = frame_number(d, b->next);
        struct frame *f = frame_at(m);

        if (frame_is_table(f)) {
            arch_window_unmap(m);
        }
        frame_reset(f);
        arch_frame_zero(m);
        domain_set_m2p(d, m, PFN_INVALID);
        if (b->next < d->plan->frames) {
            frame_populate(f, (u32)b->next);
            domain_set_m2p(d, m, b->next);
        } else if (b->next >= private) {
            frame_reserve(f);
        } else {
            f->pfn = d->free_head;
            d->free_head = (u32)b->next;
        }
    }
    advance(b, count);
}

static void step_copy(struct domain *d, u64 at_pfn, const u8 *from, u64 bytes)
{
    struct build *b = &d->build;
    const u64 count = pages_of(bytes);

    for (u32 i = 0; i < SLICE_FRAMES && b->next < count; i++, b->next++) {
        const u64 done = b->next << PAGE_BITS;
        const u64 left = bytes - done;
        const u32 now = left < PAGE_BYTES ? (u32)left : PAGE_BYTES;

        arch_frame_write(frame_number(d, at_pfn + b->next), 0, from + done,
                         now);
    }
    advance(b, count);
}

/* Entry of table number t at that index, 0 for none. Tables are numbered as
 * they lie: L4, L3s, L2s, L1s, which reach to end_pfn at least; then empty
 * pages. */
static u64 boot_entry(const struct domain *d, u64 t, u64 index)
{
    const struct build *b = &d->build;
    const u64 base = d->plan->virt_base;
    const u64 counts[5] = { 0, b->l1_count, b->l2_count, b->l3_count, 1 };
    u64 table = 0; /* the first of its level, which ends at 1 */
    u32 level = 4;

    while (level > 1 && t >= table + counts[level]) {
        table += counts[level];
        level--;
    }
    if (level == 1) {
        const u64 p = (t - table) * TABLE_ENTRIES + index;
        const bool is_table = p >= b->tables_pfn && p < b->stack_pfn;
        const u64 flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED;

        return p >= b->end_pfn ? 0
                               : pte_make(frame_number(d, p),
                                          flags | (is_table ? 0 : PTE_WRITE));
    }
    /* What an entry covers is counted in units of that size, from address 0. */
    const u32 bits = PAGE_BITS + 9 * (level - 1);
    const u64 unit = (((base >> (bits + 9)) + (t - table)) << 9) + index;
    const u64 nth = unit - (base >> bits);

    if (unit < base >> bits || nth >= counts[level - 1]) {
        return 0;
    }
    return pte_make(
        frame_number(d, b->tables_pfn + table + counts[level] + nth),
        PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY);
}

/* Words of the frame list, or of the tables: pages frames from at_pfn on. */
static void step_words(struct domain *d, u64 at_pfn, u64 pages)
{
    struct build *b = &d->build;
    const u64 page = b->next / TABLE_ENTRIES;
    const u64 index = b->next % TABLE_ENTRIES;
    u64 words[WORDS_A_WRITE];

    for (u32 i = 0; i < WORDS_A_WRITE; i++) {
        const u64 p = b->next + i;

        words[i] = b->phase == BUILD_TABLES ? boot_entry(d, page, index + i)
                   : p < d->plan->frames    ? frame_number(d, p).v
                                            : PFN_INVALID;
    }
    arch_frame_write(frame_number(d, at_pfn + page), (u32)index * 8, words,
                     sizeof(words));
    b->next += WORDS_A_WRITE;
    advance(b, pages * TABLE_ENTRIES);
}

static u64 va_of(const struct domain *d, u64 pfn_number)
{
    return d->plan->virt_base + (pfn_number << PAGE_BITS);
}

static void write_start_info(struct domain *d)
{
    const struct build *b = &d->build;
    const struct mf_domain *p = d->plan;
    struct start_info s = { .magic = MAGIC };

    s.nr_pages = p->frames;
    s.shared_info = d->shared_mfn.v << PAGE_BITS;
    s.store_mfn = d->store_mfn.v;
    s.store_evtchn = d->store_port;
    s.console_mfn = d->console_mfn.v;
    s.console_evtchn = d->console_port;
    s.pt_base = va_of(d, b->tables_pfn);
    s.nr_pt_frames = b->stack_pfn - b->tables_pfn;
    s.mfn_list = va_of(d, b->p2m_pfn);
    if (d->ramdisk_bytes != 0) {
        s.mod_start = va_of(d, b->ramdisk_pfn);
        s.mod_len = d->ramdisk_bytes;
    }
    for (u32 i = 0; i < XEN_CMDLINE_BYTES - 1 && p->cmdline[i] != 0; i++) {
        s.cmd_line[i] = p->cmdline[i];
    }
    arch_frame_write(frame_number(d, b->start_info_pfn), 0, &s, sizeof(s));
}

/* The rings of console and store, and a port for each: for domain 0 to take,
 * like anything that a domain offers to another. */
static void offer_rings(struct domain *d)
{
    d->store_mfn = frame_number(d, d->build.store_pfn);
    d->console_mfn = frame_number(d, d->build.console_pfn);
    gnttab_offer(d, GRANT_REF_CONSOLE, 0, d->console_mfn);
    gnttab_offer(d, GRANT_REF_STORE, 0, d->store_mfn);
    d->store_port = evtchn_offer(d, 0);
    d->console_port = evtchn_offer(d, 0);
}

/* Pin the boot tables and make them vCPU 0's root; cut like a guest's pin. */
static enum rc pin_root(struct domain *d)
{
    struct vcpu *v = &d->vcpu[0];
    const mfn_t l4 = frame_number(d, d->build.tables_pfn);

    v->budget = PGTABLE_BUDGET;
    const enum rc rc = pgtable_set_root(v, l4, false);

    return rc == RC_OK ? pgtable_pin(v, l4, 4) : rc;
}

static enum rc step_start(struct domain *d)
{
    const struct build *b = &d->build;
    const struct mf_domain *p = d->plan;
    const enum rc rc = pin_root(d);

    if (rc != RC_OK) {
        return rc;
    }
    if (d->id != 0) {
        offer_rings(d);
    }
    write_start_info(d);
    if (p->hypercall_va != MF_NO_ADDRESS) {
        arch_hypercall_page(
            frame_number(d, (p->hypercall_va - p->virt_base) >> PAGE_BITS));
    }
    arch_vcpu_reset(&d->vcpu[0], p->entry_va,
                    va_of(d, b->stack_pfn) + PAGE_BYTES,
                    va_of(d, b->start_info_pfn));
    return RC_OK;
}

enum rc build_step(struct domain *d)
{
    struct build *b = &d->build;

    switch (b->phase) {
    case BUILD_FRAMES:
        step_frames(d);
        break;
    case BUILD_KERNEL:
        step_copy(d, b->kernel_pfn, d->kernel, d->kernel_bytes);
        break;
    case BUILD_RAMDISK:
        step_copy(d, b->ramdisk_pfn, d->ramdisk, d->ramdisk_bytes);
        break;
    case BUILD_P2M:
        step_words(d, b->p2m_pfn, pages_of(d->plan->frames * 8));
        break;
    case BUILD_TABLES:
        step_words(d, b->tables_pfn, b->stack_pfn - b->tables_pfn);
        break;
    default:
        return step_start(d);
    }
    return RC_PREEMPT;
}
