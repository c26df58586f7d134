/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker: every entry that the hypervisor has in a root, looked up again
 * and accounted for. It is the test of a promise: whatever a processor can be
 * made to reveal of its own address space, no tenant's memory is in it but page
 * tables and the loaded tenant's own. It walks the hypervisor's own root at the
 * end of start-up; and, when the manifest asks for it, the root that was just
 * loaded at each world switch.
 *
 * What a slot may show (layout.h draws them):
 *
 *   M2P      the M2P words of the loaded domain, read-only
 *   PRIVATE  the loaded domain's private frames; frames of its memory where it
 *            has registered areas; frames of ours, read-only
 *   LINEAR   chunks of ours, as 2 MiB pages; a frame of a tenant's chunk only
 *            while the frame table says that it is a page table
 *   IMAGE    the image
 *   PERCPU   frames of ours; this CPU's temporary slots are empty
 *   DEVICE   registers, in no tenant's memory
 *   MODULE   in the idle root only: the boot module, read-only
 *   others   nothing
 *
 * nothing that is writable and executable, nothing to user mode but M2P; and
 * every table on the way is a frame of ours, the L4 table apart. In LINEAR
 * a frame is shown at its own machine address. Another CPU's temporary slots
 * are that CPU's to check: they may be in use while it works for its tenant.
 *
 * Other CPUs go on meanwhile. A table is typed before it is shown and hidden
 * before it loses the type, so an entry that is still there when the type has
 * been read was right to be; one that went or came is looked at again.
 */
#include "x86/walker.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "x86/domtables.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/memory.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/print.h"
#include "x86/pte.h"

#define LOOKS_MAX 1000u
#define RIGHTS_ALL (PTE_WRITE | PTE_USER)
#define PAGES_A_VCPU (PRIVATE_STRIDE / PAGE_BYTES)
#define PAGES_A_CPU (PERCPU_STRIDE / PAGE_BYTES)

struct walker {
    const struct domain *domain; /* owner of the root, NULL: idle */
    u64 entries;                 /* that map something */
    u64 va;                      /* of the entry looked at */
};

static bool enabled SEALED;
static u64 switches; /* [a] */
static u64 entries;  /* [a] */
static u64 strays;   /* [a] entries that show what they must not */

void walker_enable(bool on)
{
    enabled = on;
}

/* What an entry shows that it must not, NULL for nothing: counted; the first is
 * named, and the walk's end stops the host. */
static void wrong(const struct walker *w, const char *what, u64 e)
{
    if (what != NULL && atomic_add64(&strays, 1) == 0) {
        arch_log("walker: slot %u shows %s: frame %lx at %lx, entry %lx\n",
                 pte_index(w->va, 4), what, pte_mfn(e).v, w->va, e);
    }
}

static bool frame_is_image(mfn_t m)
{
    const u64 at = m.v << PAGE_BITS;
    return at >= image_phys(image_text_start) && at < image_phys(image_end);
}

static bool frame_is_ours(mfn_t m)
{
    return memory_chunk_is_own((u32)(m.v >> CHUNK_FRAME_BITS));
}

static bool frame_is_tenants(mfn_t m)
{
    for (u32 i = domain_first; i <= domain_count; i++) {
        if (frame_is_owned(domain_table[i], m)) {
            return true;
        }
    }
    return false;
}

/* Frame m has a table's type, or its entry in the window is no longer there.
 * Each further look follows a change by another CPU. */
static bool window_is_right(const u64 *entry, mfn_t m)
{
    const struct frame *f = frame_at(m);
    for (u32 i = 0; f != NULL && i < LOOKS_MAX; i++) {
        const u8 type = atomic_load8(&f->type);
        if (type >= FRAME_L1 && type <= FRAME_L4) {
            return true;
        }
        if (!pte_is_present(atomic_load64(entry))) {
            return true;
        }
    }
    return false;
}

/* The functions below say what an entry shows that it must not, or NULL. */

static const char *window_fault(const struct walker *w, const u64 *entry)
{
    const u64 e = atomic_load64(entry);
    const mfn_t m = pte_mfn(e);
    if (!pte_is_present(e)) {
        return NULL;
    }
    if (LINEAR_BASE + (m.v << PAGE_BITS) != w->va) {
        return "a frame at another's place";
    }
    return window_is_right(entry, m) ? NULL
                                     : "a tenant's frame that is no page table";
}

/* A page of a vCPU's private area. */
static const char *private_fault(const struct walker *w, u64 e, u64 rights)
{
    const struct domain *d = w->domain;
    const u64 at = (w->va - PRIVATE_BASE) >> PAGE_BITS;
    const u32 vcpu = (u32)(at / PAGES_A_VCPU);
    const u32 page = (u32)(at % PAGES_A_VCPU);
    const mfn_t m = pte_mfn(e);
    for (u32 i = 0; i < PRIVATE_FRAMES_PER_VCPU; i++) {
        if (page == private_own_page[i] && vcpu < d->vcpu_count &&
            m.v == private_frame(d, vcpu, i).v) {
            return NULL;
        }
    }
    if (page >= PRIVATE_VCPU_INFO_PAGE && page < PRIVATE_GDT_PAGE) {
        return frame_of(d, m) != NULL
                   ? NULL
                   : "an area that is not the loaded tenant's memory";
    }
    const bool ours = frame_is_ours(m) || frame_is_image(m);
    return ours && (rights & PTE_WRITE) == 0
               ? NULL
               : "a frame that is not the loaded vCPU's";
}

static const char *m2p_fault(const struct walker *w, u64 e, u64 rights)
{
    const u64 nth = pte_mfn(e).v - w->domain->m2p_mfn.v;
    return nth < w->domain->chunk_count && (rights & PTE_WRITE) == 0
               ? NULL
               : "words that are not the loaded tenant's to read";
}

static const char *percpu_fault(const struct walker *w, u64 e)
{
    const u64 at = (w->va - PERCPU_BASE) >> PAGE_BITS;
    const u64 page = at % PAGES_A_CPU;
    if (page >= TEMP_FIRST_PAGE && page < TEMP_FIRST_PAGE + TEMP_SLOTS) {
        return at / PAGES_A_CPU != this_cpu()->id ? NULL
                                                  : "a temporary mapping";
    }
    return frame_is_ours(pte_mfn(e)) ? NULL
                                     : "a frame that is not the hypervisor's";
}

static const char *device_fault(u64 e, u64 frames)
{
    const mfn_t first = pte_mfn(e);
    const mfn_t last = mfn(first.v + frames - 1);
    return frame_is_tenants(first) || frame_is_tenants(last)
               ? "a tenant's frame among devices"
               : NULL;
}

/* An entry of an L1 table that maps a page; not of LINEAR. */
static const char *page_fault(const struct walker *w, u64 e, u64 rights)
{
    switch (pte_index(w->va, 4)) {
    case M2P_SLOT:
        return m2p_fault(w, e, rights);
    case PRIVATE_SLOT:
        return private_fault(w, e, rights);
    case IMAGE_SLOT:
        return frame_is_image(pte_mfn(e)) ? NULL : "a frame outside the image";
    case PERCPU_SLOT:
        return percpu_fault(w, e);
    case DEVICE_SLOT:
        return device_fault(e, 1);
    default:
        return "a page where nothing is";
    }
}

static const char *large_fault(const struct walker *w, u64 e, u64 rights)
{
    const u32 slot = pte_index(w->va, 4);
    const mfn_t m = pte_mfn(e);
    if (slot == LINEAR_SLOT) {
        return frame_is_ours(m) && LINEAR_BASE + (m.v << PAGE_BITS) == w->va
                   ? NULL
                   : "a chunk that is not the hypervisor's";
    }
    return slot == MODULE_SLOT && (rights & PTE_WRITE) == 0
               ? device_fault(e, CHUNK_FRAMES)
               : "a large page";
}

/* Rights of e under a table with rights over: WRITE, USER and NX bits. */
static u64 rights_below(u64 over, u64 e)
{
    return (over & e & RIGHTS_ALL) | ((over | e) & PTE_NX);
}

/* Any entry that maps something. */
static void check_rights(struct walker *w, u64 e, u64 rights)
{
    w->entries++;
    const bool open = (rights & PTE_WRITE) != 0 && (rights & PTE_NX) == 0;
    const bool user =
        (rights & PTE_USER) != 0 && pte_index(w->va, 4) != M2P_SLOT;
    wrong(w, open ? "something writable and executable" : NULL, e);
    wrong(w, user ? "something to user mode" : NULL, e);
}

static const u64 *table_of(const struct walker *w, u64 e)
{
    const bool ours = frame_is_ours(pte_mfn(e));
    wrong(w, ours ? NULL : "a table that is not the hypervisor's", e);
    return linear(pte_mfn(e));
}

/* Most tables are nearly empty: eight entries at a time. */
static bool group_is_empty(const u64 *t, u32 i)
{
    return i % 8 == 0 && (t[i] | t[i + 1] | t[i + 2] | t[i + 3] | t[i + 4] |
                          t[i + 5] | t[i + 6] | t[i + 7]) == 0;
}

static void walk_l1(struct walker *w, const u64 *l1, u64 va, u64 over)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        if (group_is_empty(l1, i)) {
            i += 7;
            continue;
        }
        const u64 e = atomic_load64(&l1[i]);
        if (!pte_is_present(e)) {
            continue;
        }
        w->va = va + (u64)i * PAGE_BYTES;
        check_rights(w, e, rights_below(over, e));
        if (pte_index(va, 4) == LINEAR_SLOT) {
            wrong(w, window_fault(w, &l1[i]), e);
        } else {
            wrong(w, page_fault(w, e, rights_below(over, e)), e);
        }
    }
}

static void walk_l2(struct walker *w, const u64 *l2, u64 va, u64 over)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        const u64 e = atomic_load64(&l2[i]);
        if (!pte_is_present(e)) {
            continue;
        }
        const u64 rights = rights_below(over, e);
        w->va = va + (u64)i * CHUNK_BYTES;
        if (pte_is_large(e)) {
            check_rights(w, e, rights);
            wrong(w, large_fault(w, e, rights), e);
        } else {
            walk_l1(w, table_of(w, e), w->va, rights);
        }
    }
}

static void walk_slot(struct walker *w, u32 slot, u64 l4e)
{
    const u64 base = M2P_BASE + (((u64)slot - M2P_SLOT) << 39);
    const u32 first = w->domain == NULL ? LINEAR_SLOT : M2P_SLOT;
    w->va = base;
    if (slot < first || slot > DEVICE_SLOT ||
        (slot == MODULE_SLOT && w->domain != NULL)) {
        wrong(w, "something where nothing is", l4e);
    }
    const u64 *const l3 = table_of(w, l4e);
    const u64 over = rights_below(RIGHTS_ALL, l4e);
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        const u64 e = atomic_load64(&l3[i]);
        if (pte_is_present(e)) {
            w->va = base + ((u64)i << 30);
            wrong(w, pte_is_large(e) ? "a page of 1 GiB" : NULL, e);
            walk_l2(w, table_of(w, e), w->va, rights_below(over, e));
        }
    }
}

/* All of a root; slots that are a guest's are its own business. */
static u64 walk_root(const struct domain *d, mfn_t root)
{
    struct walker w = { d, 0, 0 };
    if (!paging_linear_has(root)) {
        panic("walker: the loaded root %lx is no table", root.v);
    }
    const u64 *const l4 = linear(root);
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        const u64 e = atomic_load64(&l4[slot]);
        const bool is_hv = slot >= HV_FIRST_SLOT && slot <= HV_LAST_SLOT;
        if (pte_is_present(e) && (is_hv || d == NULL)) {
            walk_slot(&w, slot, e);
        }
    }
    const u64 found = atomic_load64(&strays);
    if (found != 0) {
        panic("walker: %lu entries show what they must not", found);
    }
    return w.entries;
}

u64 walker_verify(void)
{
    return walk_root(NULL, mfn(paging_own_cr3() >> PAGE_BITS));
}

void walker_check(const struct domain *d)
{
    if (!enabled) {
        return;
    }
    const u64 root = (hw_read_cr3() & PTE_FRAME) >> PAGE_BITS;
    const u64 walked = walk_root(d, mfn(root));
    (void)atomic_add64(&switches, 1);
    (void)atomic_add64(&entries, walked);
}

void walker_report(void)
{
    if (enabled) {
        arch_log("walker: %lu world switches, %lu entries walked, "
                 "%lu tenant frames beyond page tables\n",
                 atomic_load64(&switches), atomic_load64(&entries),
                 atomic_load64(&strays));
    }
}
