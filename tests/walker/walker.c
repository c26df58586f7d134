/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker: a plugin of QEMU that looks up every entry which the hypervisor
 * has in a root, and accounts for it, from outside. It is the test of a
 * promise: whatever a processor can be made to reveal of its own address space,
 * no tenant's memory is in it but page tables and the loaded tenant's own. It
 * walks the root just loaded when a vCPU has been put on a CPU (ctxsw_load) and
 * taken off it (ctxsw_unload), in the machine's memory, which QEMU keeps in a
 * file (tests/walker/bin).
 *
 * What a slot may show (x86/layout.h draws them):
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
 *
 * Arguments: symbols=FILE (of nm -n), ram=FILE, bytes=N of it, out=FILE, where
 * one line a stray entry goes (the first 20), and at the end
 *   walker: N world switches, M entries walked, K tenant frames beyond page
 *   tables
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/atomic.h"
#include "core/domain.h"
#include "tests/bounds/qemu_plugin.h"
#include "tests/walker/memory.h"
#include "x86/cpu.h"
#include "x86/layout.h"
#include "x86/pte.h"

#define PERCPU_SLOT 261u /* its address is all that the kernel asks for */
#define LOOKS_MAX 1000u
#define LINES_MAX 20u
#define RIGHTS_ALL (PTE_WRITE | PTE_USER)
#define PAGES_A_VCPU (PRIVATE_STRIDE / PAGE_BYTES)
#define PAGES_A_CPU (PERCPU_STRIDE / PAGE_BYTES)
#define RET 0xc3u
#define JMP 0xe9u

struct walk {
    struct domain domain; /* owner of the root */
    bool idle;            /* it is nobody's */
    u64 root;             /* machine address */
    u32 cpu;
    u64 va; /* of the entry looked at */
    u64 entries;
};

static FILE *out;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static u64 switches, entries, strays; /* [a] */

int qemu_plugin_version = QEMU_PLUGIN_API;

static u64 word_at(const struct walk *w, u64 va)
{
    u64 word;

    read_at(w->root, va, &word, sizeof(word));
    return word;
}

/* ---- whose frame it is --------------------------------------------------- */

static void wrong(const struct walk *w, const char *what, u64 e)
{
    if (what == NULL || atomic_add64(&strays, 1) >= LINES_MAX) {
        return;
    }
    pthread_mutex_lock(&out_lock);
    fprintf(out, "slot %u shows %s: frame %llx at %llx, entry %llx\n",
            pte_index(w->va, 4), what, (unsigned long long)pte_mfn(e).v,
            (unsigned long long)w->va, (unsigned long long)e);
    fflush(out);
    pthread_mutex_unlock(&out_lock);
}

static bool frame_is_image(mfn_t m)
{
    const u64 at = IMAGE_BASE + (m.v << PAGE_BITS);

    return at >= at_image_start && at < at_image_end;
}

/* Its chunk is marked in the host's map of its own. */
static bool frame_is_ours(const struct walk *w, mfn_t m)
{
    const u64 chunk = m.v >> CHUNK_FRAME_BITS;

    return (word_at(w, at_own + chunk / 64 * 8) >> chunk % 64 & 1) != 0;
}

static bool frame_is_tenants(const struct walk *w, mfn_t m)
{
    const u32 count = (u32)word_at(w, at_domain_count);

    for (u32 i = 0; i <= count; i++) {
        const u64 at = word_at(w, at_domains + i * 8ull);
        struct domain d;

        if (at != 0) {
            read_at(w->root, at, &d, sizeof(d));
            if (frame_is_owned(&d, m)) {
                return true;
            }
        }
    }
    return false;
}

/* The functions below say what an entry shows that it must not, or NULL. */

static const char *window_fault(const struct walk *w, const u64 *entry)
{
    const mfn_t m = pte_mfn(atomic_load64(entry));

    if (LINEAR_BASE + (m.v << PAGE_BITS) != w->va) {
        return pte_is_present(atomic_load64(entry))
                   ? "a frame at another's place"
                   : NULL;
    }
    for (u32 i = 0; i < LOOKS_MAX; i++) {
        struct frame f;

        read_at(w->root, word_at(w, at_frames) + m.v * sizeof(f), &f,
                sizeof(f));
        if (frame_is_table(&f) || !pte_is_present(atomic_load64(entry))) {
            return NULL;
        }
    }
    return "a tenant's frame that is no page table";
}

/* The last frames of a domain's chunks are its vCPUs', four each. */
static bool is_own_page(const struct domain *d, u32 vcpu, u32 page, mfn_t m)
{
    static const u32 pages[PRIVATE_FRAMES_PER_VCPU] = { PRIVATE_STATE_PAGE,
                                                        PRIVATE_TRAPS_PAGE,
                                                        PRIVATE_LDT_PAGE,
                                                        PRIVATE_GDT_PAGE };
    const u64 end = (d->first_chunk + d->chunk_count) << CHUNK_FRAME_BITS;

    for (u32 i = 0; i < PRIVATE_FRAMES_PER_VCPU; i++) {
        if (page == pages[i] && vcpu < d->vcpu_count &&
            m.v == end - (d->vcpu_count - vcpu) * PRIVATE_FRAMES_PER_VCPU + i) {
            return true;
        }
    }
    return false;
}

static const char *private_fault(const struct walk *w, u64 e, u64 rights)
{
    const u64 at = (w->va - PRIVATE_BASE) >> PAGE_BITS;
    const u32 page = (u32)(at % PAGES_A_VCPU);
    const mfn_t m = pte_mfn(e);

    if (is_own_page(&w->domain, (u32)(at / PAGES_A_VCPU), page, m)) {
        return NULL;
    }
    if (page >= PRIVATE_VCPU_INFO_PAGE && page < PRIVATE_GDT_PAGE) {
        return frame_is_owned(&w->domain, m)
                   ? NULL
                   : "an area that is not the loaded tenant's memory";
    }
    const bool ours = frame_is_ours(w, m) || frame_is_image(m);

    return ours && (rights & PTE_WRITE) == 0
               ? NULL
               : "a frame that is not the loaded vCPU's";
}

static const char *m2p_fault(const struct walk *w, u64 e, u64 rights)
{
    return pte_mfn(e).v - w->domain.m2p_mfn.v < w->domain.chunk_count &&
                   (rights & PTE_WRITE) == 0
               ? NULL
               : "words that are not the loaded tenant's to read";
}

static const char *percpu_fault(const struct walk *w, u64 e)
{
    const u64 at = (w->va - PERCPU_BASE) >> PAGE_BITS;
    const u64 page = at % PAGES_A_CPU;

    if (page >= TEMP_FIRST_PAGE && page < TEMP_FIRST_PAGE + TEMP_SLOTS) {
        return at / PAGES_A_CPU != w->cpu ? NULL : "a temporary mapping";
    }
    return frame_is_ours(w, pte_mfn(e)) ? NULL
                                        : "a frame that is not the host's";
}

static const char *device_fault(const struct walk *w, u64 e, u64 frames)
{
    const mfn_t first = pte_mfn(e);

    return frame_is_tenants(w, first) ||
                   frame_is_tenants(w, mfn(first.v + frames - 1))
               ? "a tenant's frame among devices"
               : NULL;
}

static const char *page_fault(const struct walk *w, const u64 *entry,
                              u64 rights)
{
    const u64 e = atomic_load64(entry);

    switch (pte_index(w->va, 4)) {
    case M2P_SLOT:
        return m2p_fault(w, e, rights);
    case PRIVATE_SLOT:
        return private_fault(w, e, rights);
    case LINEAR_SLOT:
        return window_fault(w, entry);
    case IMAGE_SLOT:
        return frame_is_image(pte_mfn(e)) ? NULL : "a frame outside the image";
    case PERCPU_SLOT:
        return percpu_fault(w, e);
    case DEVICE_SLOT:
        return device_fault(w, e, 1);
    default:
        return "a page where nothing is";
    }
}

static const char *large_fault(const struct walk *w, u64 e, u64 rights)
{
    const mfn_t m = pte_mfn(e);

    if (pte_index(w->va, 4) == LINEAR_SLOT) {
        return frame_is_ours(w, m) && LINEAR_BASE + (m.v << PAGE_BITS) == w->va
                   ? NULL
                   : "a chunk that is not the host's";
    }
    return pte_index(w->va, 4) == MODULE_SLOT && (rights & PTE_WRITE) == 0
               ? device_fault(w, e, CHUNK_FRAMES)
               : "a large page";
}

/* ---- the walk ------------------------------------------------------------ */

/* Rights of e under a table with rights over: WRITE, USER and NX bits. */
static u64 rights_below(u64 over, u64 e)
{
    return (over & e & RIGHTS_ALL) | ((over | e) & PTE_NX);
}

static void check_rights(struct walk *w, u64 e, u64 rights)
{
    w->entries++;
    if ((rights & PTE_WRITE) != 0 && (rights & PTE_NX) == 0) {
        wrong(w, "something writable and executable", e);
    }
    if ((rights & PTE_USER) != 0 && pte_index(w->va, 4) != M2P_SLOT) {
        wrong(w, "something to user mode", e);
    }
}

/* A table of the level that entry e of the one above names, mapping va.. */
static void walk_table(struct walk *w, u32 level, u64 e, u64 va, u64 over)
{
    const u64 *const table = table_at(e & PTE_FRAME);

    w->va = va;
    wrong(w,
          frame_is_ours(w, pte_mfn(e)) ? NULL
                                       : "a table that is not the host's",
          e);
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        const u64 entry = atomic_load64(&table[i]);
        const u64 here = va + ((u64)i << (PAGE_BITS + 9 * (level - 1)));
        const u64 rights = rights_below(over, entry);

        if (!pte_is_present(entry)) {
            continue;
        }
        w->va = here;
        if (level == 1) {
            check_rights(w, entry, rights);
            wrong(w, page_fault(w, &table[i], rights), entry);
        } else if (!pte_is_large(entry)) {
            /* NOLINTNEXTLINE: three levels deep */
            walk_table(w, level - 1, entry, here, rights);
        } else {
            check_rights(w, entry, rights);
            wrong(w,
                  level == 2 ? large_fault(w, entry, rights)
                             : "a page of 1 GiB",
                  entry);
        }
    }
}

static void walk_root(struct walk *w)
{
    const u64 *const l4 = table_at(w->root);

    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        const u64 e = atomic_load64(&l4[slot]);
        const bool is_hv = slot >= HV_FIRST_SLOT && slot <= HV_LAST_SLOT;
        const u64 base = M2P_BASE + (((u64)slot - M2P_SLOT) << 39);

        if (!pte_is_present(e) || !(is_hv || w->idle)) {
            continue;
        }
        w->va = base;
        if (slot < (w->idle ? LINEAR_SLOT : M2P_SLOT) || slot > DEVICE_SLOT ||
            (slot == MODULE_SLOT && !w->idle)) {
            wrong(w, "something where nothing is", e);
        }
        walk_table(w, 3, e, base, rights_below(RIGHTS_ALL, e));
    }
    (void)atomic_add64(&switches, 1);
    (void)atomic_add64(&entries, w->entries);
}

/* A world switch of the CPU is about to be over. Which root that has loaded
 * says its block, which the host's own root shows; and where that one is stands
 * in the image, which lies at its own address. */
static void on_switch(unsigned int cpu, void *data)
{
    const u64 own_root =
        *(const u64 *)(const void *)(ram + at_idle - IMAGE_BASE) << PAGE_BITS;
    struct walk w = { .cpu = cpu, .idle = data == NULL };
    struct cpu block;

    read_at(own_root, PERCPU_BASE + cpu * (u64)PERCPU_STRIDE, &block,
            sizeof(block));
    w.root = block.cr3;
    if (!w.idle) {
        struct vcpu v;

        read_at(w.root, (u64)(uintptr_t)block.current, &v, sizeof(v));
        read_at(w.root, (u64)(uintptr_t)v.domain, &w.domain, sizeof(w.domain));
    }
    walk_root(&w);
}

/* ---- QEMU ---------------------------------------------------------------- */

/* It returns, or goes on in another function as its last deed. */
static bool is_end(struct qemu_plugin_insn *insn, u64 at, u64 first, u64 end)
{
    const u8 *bytes = qemu_plugin_insn_data(insn);
    const u64 size = qemu_plugin_insn_size(insn);
    s32 distance = 0;

    if (at < first || at >= end) {
        return false;
    }
    if (size == 5 && bytes[0] == JMP) {
        memcpy(&distance, bytes + 1, sizeof(distance));
    }
    const u64 to = at + size + (u64)(s64)distance;

    return (size == 1 && bytes[0] == RET) ||
           (distance != 0 && (to < first || to >= end));
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    u64 at = qemu_plugin_tb_vaddr(tb);

    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        if (is_end(insn, at, load_first, load_end)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_switch,
                                                   QEMU_CB_NO_REGS, &load_end);
        } else if (is_end(insn, at, unload_first, unload_end)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_switch,
                                                   QEMU_CB_NO_REGS, NULL);
        }
        at += qemu_plugin_insn_size(insn);
    }
}

static void on_end(uint64_t id, void *data)
{
    (void)id;
    (void)data;
    fprintf(out,
            "walker: %llu world switches, %llu entries walked, %llu tenant "
            "frames beyond page tables\n",
            (unsigned long long)switches, (unsigned long long)entries,
            (unsigned long long)strays);
    fclose(out);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    const char *symbols = "";
    const char *file = "";

    (void)info;
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        value = value != NULL ? value + 1 : argv[i];
        if (strncmp(argv[i], "symbols=", 8) == 0) {
            symbols = value;
        } else if (strncmp(argv[i], "ram=", 4) == 0) {
            file = value;
        } else if (strncmp(argv[i], "bytes=", 6) == 0) {
            ram_bytes = strtoull(value, NULL, 10);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(value, "w");
        }
    }
    const int fd = open(file, O_RDONLY);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, ram_bytes, PROT_READ, MAP_SHARED, fd, 0);

    if (out == NULL || map == MAP_FAILED || !read_symbols(symbols)) {
        fprintf(stderr, "walker: bad symbols=, ram=, bytes= or out=\n");
        return 1;
    }
    ram = map;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
