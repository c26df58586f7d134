/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount; see host_recount.h. What holds a frame:
 *
 *   an entry of a table (of one on the stack of work: the entries taken)
 *   a pin; a vCPU's root; work that owns a table or an unclaimed result
 *   the rings and areas that the hypervisor writes by number
 *   grants of ours that others have mapped
 */
#include "tests/host_recount.h"

#include "core/arch.h"
#include "core/frame.h"
#include "core/pgentry.h"
#include "x86/pte.h"

struct tally {
    struct domain *d;
    struct recount *count;
    u64 first;
    enum recount_fault fault;
    mfn_t bad;
};

static void complain(struct tally *t, enum recount_fault fault, mfn_t m)
{
    if (t->fault == RECOUNT_OK) {
        t->fault = fault;
        t->bad = m;
    }
}

static void hold(struct tally *t, mfn_t m, bool typed)
{
    if (!frame_is_owned(t->d, m)) {
        complain(t, RECOUNT_FOREIGN, m);
        return;
    }
    struct recount *c = &t->count[m.v - t->first];

    c->refs++;
    c->types += typed ? 1 : 0;
}

static void hold_area(struct tally *t, mfn_t m)
{
    if (m.v != MFN_NONE) {
        hold(t, m, true);
    }
}

static void tally_entry(struct tally *t, u32 level, u64 pte)
{
    const mfn_t m = pte_mfn(pte);

    if (level > 1) {
        hold(t, m, true);
        const struct frame *f = frame_at(m);

        if (f == NULL || f->type != level - 1) {
            complain(t, RECOUNT_FOREIGN, m);
        }
        return;
    }
    if (!frame_is_owned(t->d, m)) {
        return; /* shared, or a grant mapping: not counted here */
    }
    hold(t, m, (pte & PTE_WRITE) != 0);
    if ((pte & PTE_WRITE) != 0 && frame_at(m)->type != FRAME_WRITABLE) {
        complain(t, RECOUNT_WRITABLE, m);
    }
}

static void tally_table(struct tally *t, mfn_t m, u32 level, u32 taken)
{
    const u64 *table = arch_table(m);

    for (u32 i = 0; i < taken; i++) {
        if (pte_is_present(table[i]) && !pgentry_is_hv_slot(level, i)) {
            tally_entry(t, level, table[i]);
        }
    }
}

static void tally_work(struct tally *t)
{
    const struct pgwork *w = &t->d->work;

    if (w->mode == PGWORK_DONE) {
        if (w->result == RC_OK) {
            hold(t, mfn(w->top), true);
        }
        return;
    }
    if (w->mode == PGWORK_IDLE) {
        return;
    }
    for (u32 i = 0; i < w->depth; i++) {
        const mfn_t m = mfn(w->step[i].table);

        hold(t, m, true);
        tally_table(t, m, w->level + (w->depth - 1 - i), w->step[i].taken);
    }
}

static void tally_vcpu(struct tally *t, const struct vcpu *v)
{
    hold_area(t, v->kernel_root);
    hold_area(t, v->user_root);
    hold_area(t, v->info_frame);
    for (u32 i = 0; i < 2; i++) {
        hold_area(t, v->runstate_frame[i]);
        hold_area(t, v->time_frame[i]);
    }
}

static void tally_grants(struct tally *t)
{
    const struct gnttab *g = &t->d->grants;
    const u64 count = (u64)g->frame_count * GRANTS_PER_FRAME;

    for (u64 i = 0; i < count; i++) {
        for (u32 k = 0; k < g->active[i].readers; k++) {
            hold(t, mfn(g->active[i].frame), false);
        }
        for (u32 k = 0; k < g->active[i].writers; k++) {
            hold(t, mfn(g->active[i].frame), true);
        }
    }
}

static void compare(struct tally *t, const struct frame *f, mfn_t m)
{
    const struct recount *c = &t->count[m.v - t->first];
    const bool table = f->type >= FRAME_L1 && f->type <= FRAME_L4;
    const bool typed = table || f->type == FRAME_WRITABLE;

    if (f->refs != c->refs) {
        complain(t, RECOUNT_REFS, m);
    } else if (f->types != c->types) {
        complain(t, RECOUNT_TYPES, m);
    } else if (f->types > f->refs || typed != (f->types > 0)) {
        complain(t, RECOUNT_STATE, m);
    } else if ((f->type == FRAME_FREE || f->type == FRAME_PRIVATE) &&
               f->refs != 0) {
        complain(t, RECOUNT_STATE, m);
    } else if (f->pinned != 0 && !table) {
        complain(t, RECOUNT_STATE, m);
    }
}

enum recount_fault recount_domain(struct domain *d, struct recount *scratch,
                                  mfn_t *bad)
{
    const u64 frames = (u64)d->chunk_count << CHUNK_FRAME_BITS;
    struct tally t = {
        d, scratch, d->first_chunk << CHUNK_FRAME_BITS, RECOUNT_OK, { 0 }
    };

    for (u64 i = 0; i < frames; i++) {
        scratch[i].refs = 0;
        scratch[i].types = 0;
    }
    for (u64 i = 0; i < frames; i++) {
        const mfn_t m = mfn(t.first + i);
        const struct frame *f = frame_at(m);

        if (f->type >= FRAME_L1 && f->type <= FRAME_L4 &&
            f->state == FRAME_SETTLED) {
            tally_table(&t, m, f->type, TABLE_ENTRIES);
            if (f->pinned != 0) {
                hold(&t, m, true);
            }
        }
    }
    tally_work(&t);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        tally_vcpu(&t, &d->vcpu[i]);
    }
    hold_area(&t, d->con.state == CONRING_OPEN ? d->con.frame : mfn(MFN_NONE));
    hold_area(&t,
              d->store.state == CONRING_OPEN ? d->store.frame : mfn(MFN_NONE));
    tally_grants(&t);
    for (u64 i = 0; i < frames; i++) {
        compare(&t, frame_at(mfn(t.first + i)), mfn(t.first + i));
    }
    *bad = t.bad;
    return t.fault;
}
