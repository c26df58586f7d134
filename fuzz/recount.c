/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount of the fuzzers: see scan.h. What holds a frame is the list at the
 * top of tests/host_recount.c; this is a second, quicker text of the same
 * rules, so that it can follow each operation.
 */
#include <inttypes.h>
#include <string.h>

#include "core/pgwork.h"
#include "fuzz/scan.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define HV_FIRST 256u
#define HV_LAST 271u

static struct scan scan;
static u32 refs[SCAN_FRAMES], types[SCAN_FRAMES];

static bool is_table(const struct frame *f)
{
    return f->type >= FRAME_L1 && f->type <= FRAME_L4;
}

static const u64 *table_of(u64 n)
{
    return (const u64 *)(const void *)(host_memory.arena +
                                       ((scan.first + n) << PAGE_BITS));
}

/* Entries 0..taken-1 of a table that are not zero. */
static void scan_table(u64 n, u32 level, u32 taken)
{
    const u64 *table = table_of(n);

    for (u32 i = 0; i < taken; i += 8) {
        const u64 *e = &table[i];

        if ((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) == 0) {
            continue;
        }
        for (u32 k = i; k < i + 8 && k < taken; k++) {
            if (table[k] == 0 ||
                (level == 4 && k >= HV_FIRST && k <= HV_LAST)) {
                continue;
            }
            if (scan.entry_count >= SCAN_ENTRIES) {
                fuzz_fail("more entries than the oracle can hold");
            }
            scan.entry[scan.entry_count++] =
                (struct scan_entry){ (u16)n, (u16)k, level, table[k] };
        }
    }
}

const struct scan *scan_domain(const struct domain *d)
{
    scan.d = d;
    scan.first = d->first_chunk << CHUNK_FRAME_BITS;
    scan.frame = &host_memory.frames[scan.first];
    scan.used_count = 0;
    scan.entry_count = 0;
    for (u32 n = 0; n < SCAN_FRAMES; n++) {
        const struct frame *f = &scan.frame[n];

        if ((f->refs | f->types | f->type | f->pfn) == 0) {
            continue;
        }
        scan.used[scan.used_count++] = (u16)n;
        if (is_table(f) && f->state == FRAME_SETTLED) {
            scan_table(n, f->type, TABLE_ENTRIES);
        }
    }
    return &scan;
}

/* ---- what holds ------------------------------------------------------------
 */

static void wrong(u64 m, const char *what)
{
    if (!scan_owns(&scan, m)) {
        fuzz_fail("domain %u, machine frame %" PRIx64 ": %s", scan.d->id, m,
                  what);
    }
    fuzz_fail("domain %u, frame %" PRIu64 ": %s", scan.d->id, m - scan.first,
              what);
}

static void hold(u64 m, bool typed)
{
    if (!scan_owns(&scan, m)) {
        wrong(m, "held, and not the domain's");
    }
    refs[m - scan.first]++;
    types[m - scan.first] += typed;
}

static void hold_if(mfn_t m)
{
    if (m.v != MFN_NONE) {
        hold(m.v, true);
    }
}

static void hold_entry(const struct scan_entry *e)
{
    const u64 m = (e->pte & PTE_FRAME) >> PAGE_BITS;

    if ((e->pte & PTE_PRESENT) == 0) {
        return;
    }
    if ((e->pte & PTE_USER) == 0 || (e->pte & (PTE_LARGE | PTE_GLOBAL)) != 0) {
        wrong(e->table + scan.first, "an entry with bits that must not be");
    }
    if (e->level > 1) {
        hold(m, true);
        if (scan.frame[m - scan.first].type != e->level - 1) {
            wrong(m, "named as a table, and is none of that level");
        }
        return;
    }
    if (!scan_owns(&scan, m)) {
        return; /* the hypervisor's, shared; or a grant: check_foreign */
    }
    hold(m, (e->pte & PTE_WRITE) != 0);
    if ((e->pte & PTE_WRITE) != 0 &&
        scan.frame[m - scan.first].type != FRAME_WRITABLE) {
        wrong(m, "writable to its guest, and something else");
    }
}

static bool is_shared(const struct domain *d, u64 m)
{
    if (m == d->shared_mfn.v) {
        return true;
    }
    for (u32 i = 0; i < d->grants.frame_count; i++) {
        if (m == d->grants.shared_mfn[i].v) {
            return true;
        }
    }
    return false;
}

/* An entry names another's frame only if a grant of it is mapped, with no more
 * rights than were granted. */
static void check_foreign(const struct scan_entry *e)
{
    const struct domain *d = scan.d;
    const u64 m = (e->pte & PTE_FRAME) >> PAGE_BITS;

    if (e->level != 1 || (e->pte & PTE_PRESENT) == 0 || scan_owns(&scan, m) ||
        is_shared(d, m)) {
        return;
    }
    for (u32 i = 0; i < d->map_count; i++) {
        const struct maptrack *t = &d->map[i];

        if (t->state == MAPTRACK_MAPPED && t->frame == m &&
            t->table == e->table + scan.first && t->index == e->index &&
            ((e->pte & PTE_WRITE) == 0 || t->readonly == 0)) {
            return;
        }
    }
    wrong(m, "mapped, and nobody granted it");
}

static void hold_work(const struct pgwork *w)
{
    const u32 settled = scan.entry_count;

    if (w->mode == PGWORK_DONE && w->result == RC_OK) {
        hold(w->top, true);
    }
    if (w->mode != PGWORK_VALIDATE && w->mode != PGWORK_RELEASE) {
        return;
    }
    for (u32 i = 0; i < w->depth; i++) {
        hold(w->step[i].table, true);
        scan_table(w->step[i].table - scan.first, w->level + (w->depth - 1 - i),
                   w->step[i].taken);
    }
    for (u32 i = settled; i < scan.entry_count; i++) {
        hold_entry(&scan.entry[i]);
    }
    scan.entry_count = settled;
}

static void hold_vcpu(const struct vcpu *v)
{
    hold_if(v->kernel_root);
    hold_if(v->user_root);
    hold_if(v->info_frame);
    for (u32 i = 0; i < 2; i++) {
        hold_if(v->runstate_frame[i]);
        hold_if(v->time_frame[i]);
    }
}

static void hold_grants(const struct domain *d)
{
    const u64 count = (u64)d->grants.frame_count * GRANTS_PER_FRAME;

    for (u64 i = 0; d->grants.uses != 0 && i < count; i++) {
        const struct active_grant *g = &d->grants.active[i];

        for (u32 k = 0; k < g->readers; k++) {
            hold(g->frame, false);
        }
        for (u32 k = 0; k < g->writers; k++) {
            hold(g->frame, true);
        }
    }
}

static void compare(u32 n)
{
    const struct frame *f = &scan.frame[n];
    const bool typed = is_table(f) || f->type == FRAME_WRITABLE;
    const u64 m = scan.first + n;

    if (f->refs != refs[n]) {
        wrong(m, f->refs > refs[n] ? "more references counted than held"
                                   : "fewer references counted than held");
    }
    if (f->types != types[n]) {
        wrong(m, f->types > types[n] ? "more typed uses counted than there are"
                                     : "fewer typed uses counted than there "
                                       "are");
    }
    if (f->types > f->refs || typed != (f->types > 0)) {
        wrong(m, "type and counts do not fit");
    }
    if ((f->type == FRAME_FREE || f->type == FRAME_PRIVATE) && f->refs != 0) {
        wrong(m, "not memory, and referenced");
    }
    if (f->pinned != 0 && !is_table(f)) {
        wrong(m, "pinned, and no table");
    }
    if (host_memory.window[m] != is_table(f)) {
        wrong(m, "in the window of tables by mistake, or not there");
    }
}

void recount(const struct scan *s)
{
    const struct domain *d = s->d;

    memset(refs, 0, sizeof(refs));
    memset(types, 0, sizeof(types));
    for (u32 i = 0; i < s->entry_count; i++) {
        hold_entry(&s->entry[i]);
        check_foreign(&s->entry[i]);
    }
    hold_work(&d->work);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        hold_vcpu(&d->vcpu[i]);
    }
    hold_grants(d);
    for (u32 i = 0; i < s->used_count; i++) {
        const u32 n = s->used[i];

        if (s->frame[n].pinned != 0) {
            hold(s->first + n, true);
        }
    }
    for (u32 n = 0; n < SCAN_FRAMES; n++) {
        if ((refs[n] | s->frame[n].refs | s->frame[n].types |
             s->frame[n].type) != 0) {
            compare(n);
        }
    }
}
