/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over whole tables: validation and release, cut at any entry.
 *
 * The state of a walk is domain.work (pgwork.h). The loop below takes one step
 * a turn: one entry, or entering or leaving a table. Invariant of the loop: for
 * each table on the stack, exactly the entries 0..taken-1 hold what they name;
 * a table below another on the stack is what entry taken of the upper one
 * names, and is counted there only when it has settled (validation), or not
 * any more (release). So wherever the walk stops, nothing else needs to know.
 *
 * Zero entries are passed in groups of eight: most tables are nearly empty.
 */
#include "core/arch.h"
#include "core/pgentry.h"
#include "core/pgtable.h"
#include "x86/layout.h"
#include "x86/pte.h"

static void push(struct pgwork *w, u64 table, u32 level, u32 taken)
{
    if (w->depth >= 4) {
        arch_panic("pgwalk: more than four levels");
    }
    w->step[w->depth].table = table;
    w->step[w->depth].taken = taken;
    w->depth++;
    w->level = level;
}

/* Begin to validate m, a PLAIN frame: on the stack, in the window. A table of
 * another level can not become one of this (levels descend): RC_EINVAL; other
 * uses pass: RC_EBUSY. */
static enum rc enter(struct domain *d, struct frame *f, mfn_t m, u32 level)
{
    if (frame_is_table(f)) {
        return RC_EINVAL;
    }
    pgentry_quarantine(d, f, level);
    const enum rc rc = frame_begin_table(f, level);

    if (rc != RC_OK) {
        return rc;
    }
    arch_window_map(m);
    if (level == 4) {
        arch_install_slots(d, m);
    }
    push(&d->work, m.v, level, 0);
    return RC_OK;
}

/* Take what entry pte of a level > 1 needs. RC_PREEMPT: its table has been
 * pushed and is to be validated first. */
static enum rc take_upper(struct domain *d, u32 level, u64 pte)
{
    if ((pte & ~PGENTRY_GUEST) != 0) {
        return RC_EINVAL;
    }
    const mfn_t m = pte_mfn(pte);
    struct frame *f = frame_of(d, m);

    if (f == NULL) {
        return RC_EINVAL;
    }
    if (f->type == level - 1 && f->state == FRAME_SETTLED) {
        return frame_ref_table(f, level - 1);
    }
    const enum rc rc = enter(d, f, m, level - 1);

    return rc == RC_OK ? RC_PREEMPT : rc;
}

static void fail(struct pgwork *w, enum rc rc)
{
    atomic_store32(&w->mode, PGWORK_RELEASE);
    w->result = rc;
}

/* The table on top of the stack is complete: it is a table now, and what the
 * entry above it holds. */
static void leave_validated(struct pgwork *w)
{
    frame_settle_table(frame_at(mfn(w->step[w->depth - 1].table)));
    w->depth--;
    if (w->depth == 0) {
        atomic_store32(&w->mode, PGWORK_DONE);
        w->result = RC_OK;
        return;
    }
    w->level++;
    w->step[w->depth - 1].taken++;
}

/* What steps cost of the budget: one at all, an entry of an L1 table or of
 * another in it, two groups of zeroes. */
#define STEP_COST 2
#define LEAF_COST 2
#define ENTRY_COST 6
#define ZEROES_A_UNIT (2 * PGENTRY_GROUP)

/* Take one entry of an upper table. RC_PREEMPT: its table comes first. */
static enum rc validate_entry(struct domain *d, u32 level, u64 *table, u32 i)
{
    const u64 pte = table[i];

    if (!pte_is_present(pte)) {
        return pgentry_check_absent(pte);
    }
    if (pgentry_is_hv_slot(level, i)) {
        return RC_OK;
    }
    const enum rc rc = take_upper(d, level, pte);

    if (rc == RC_OK || rc == RC_PREEMPT) {
        table[i] = pgentry_fix(pte);
    }
    return rc;
}

/* Take the rest of a group of an L1 table, as far as it is good. */
static enum rc validate_leaves(struct domain *d, u64 *table, u32 *taken)
{
    const u32 end = (*taken | (PGENTRY_GROUP - 1)) + 1;
    enum rc rc = RC_OK;
    u32 i = *taken;

    for (; i < end; i++) {
        const u64 pte = table[i];

        rc = pgentry_take_l1(d, pte);
        if (rc != RC_OK) {
            break;
        }
        table[i] = pgentry_fix(pte);
    }
    *taken = i;
    return rc;
}

/* One step of validation: zeroes and entries, as far as the budget goes and no
 * table comes first. Its cost. */
static s32 validate_step(struct domain *d, s32 budget)
{
    struct pgwork *w = &d->work;
    struct pgwork_step *s = &w->step[w->depth - 1];

    if (s->taken == TABLE_ENTRIES) {
        leave_validated(w);
        return STEP_COST;
    }
    u64 *table = arch_table(mfn(s->table));
    const bool leaves = w->level == 1;
    s32 cost = 0;
    enum rc rc;

    do {
        const u32 from = s->taken;
        const u32 to = pgentry_pass_zeroes(table, from);

        cost += STEP_COST + (s32)((to - from) / ZEROES_A_UNIT);
        s->taken = to;
        if (to == TABLE_ENTRIES) {
            return cost;
        }
        if (leaves) {
            rc = validate_leaves(d, table, &s->taken);
            cost += LEAF_COST * (s32)(s->taken - to + 1);
        } else {
            rc = validate_entry(d, w->level, table, to);
            s->taken += rc == RC_OK ? 1 : 0;
            cost += ENTRY_COST;
        }
    } while (rc == RC_OK && s->taken < TABLE_ENTRIES && cost < budget);
    if (rc != RC_OK && rc != RC_PREEMPT) {
        fail(w, rc);
    }
    return cost;
}

/* All entries of the top table are released: it is plain memory again. */
static void leave_released(struct pgwork *w)
{
    const mfn_t m = mfn(w->step[w->depth - 1].table);

    if (w->level == 4) { /* the guest gets the frame back without them */
        for (u32 i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
            arch_pte_write(m, i, 0);
        }
    }
    arch_window_unmap(m);
    frame_end_table(frame_at(m));
    w->depth--;
    if (w->depth != 0) {
        w->level++;
    } else {
        atomic_store32(&w->mode,
                       w->result == RC_OK ? PGWORK_IDLE : PGWORK_DONE);
    }
}

/* The number of entries up to the last group before taken, counted from the
 * start, that has one that is not zero; taken itself within a group. */
static u32 before_zeroes(const u64 *table, u32 taken)
{
    if (taken % PGENTRY_GROUP == 0) {
        while (taken != 0 &&
               pgentry_group(&table[taken - PGENTRY_GROUP]) == 0) {
            taken -= PGENTRY_GROUP;
            while (taken >= PGENTRY_RUN &&
                   pgentry_run_is_zero(&table[taken - PGENTRY_RUN])) {
                taken -= PGENTRY_RUN;
            }
        }
    }
    return taken;
}

/* Drop what one entry of an upper table holds. */
static void release_entry(struct pgwork *w, u64 pte, u32 i)
{
    if (pte_is_present(pte) && !pgentry_is_hv_slot(w->level, i) &&
        frame_unref_table(frame_at(pte_mfn(pte)))) {
        push(w, pte_mfn(pte).v, w->level - 1, TABLE_ENTRIES);
    }
}

/* One step of release, from the end; as one of validation. */
static s32 release_step(struct domain *d, s32 budget)
{
    struct pgwork *w = &d->work;
    struct pgwork_step *s = &w->step[w->depth - 1];

    if (s->taken == 0) {
        leave_released(w);
        return STEP_COST;
    }
    const u64 *table = arch_table(mfn(s->table));
    const u32 depth = w->depth;
    s32 cost = 0;

    do {
        const u32 from = before_zeroes(table, s->taken);
        u32 i = from;

        cost += STEP_COST + (s32)((s->taken - from) / ZEROES_A_UNIT);
        if (from != 0 && w->level == 1) {
            do {
                i--;
                pgentry_drop_l1(d, table[i]);
            } while (i % PGENTRY_GROUP != 0);
            cost += LEAF_COST * (s32)(from - i);
        } else if (from != 0) {
            i--;
            release_entry(w, table[i], i);
            cost += ENTRY_COST;
        }
        s->taken = i;
    } while (s->taken != 0 && w->depth == depth && cost < budget);
    return cost;
}

static enum rc run(struct vcpu *v)
{
    struct domain *d = v->domain;

    while (d->work.mode == PGWORK_VALIDATE || d->work.mode == PGWORK_RELEASE) {
        if (v->budget <= 0) {
            return RC_PREEMPT;
        }
        v->budget -= d->work.mode == PGWORK_VALIDATE
                         ? validate_step(d, v->budget)
                         : release_step(d, v->budget);
    }
    return RC_OK;
}

static void begin_release(struct domain *d, mfn_t m, u32 level)
{
    struct pgwork *w = &d->work;

    atomic_store32(&w->mode, PGWORK_RELEASE);
    w->result = RC_OK;
    w->top = m.v;
    w->top_level = level;
    w->depth = 0;
    push(w, m.v, level, TABLE_ENTRIES);
}

enum rc pgwalk_ready_for(struct vcpu *v, mfn_t m, u32 level)
{
    struct pgwork *w = &v->domain->work;

    if (w->mode == PGWORK_IDLE) {
        return RC_OK;
    }
    /* At most two turns: finish, drop an unclaimed table, finish that. */
    for (u32 i = 0; i < 2; i++) {
        const enum rc rc = run(v);

        if (rc != RC_OK) {
            return rc;
        }
        if (w->mode != PGWORK_DONE ||
            (w->top == m.v && w->top_level == level)) {
            return RC_OK;
        }
        atomic_store32(&w->mode, PGWORK_IDLE);
        if (w->result == RC_OK) {
            struct frame *f = frame_at(mfn(w->top));

            if (frame_unref_table(f)) {
                begin_release(v->domain, mfn(w->top), w->top_level);
            }
        }
    }
    return run(v);
}

enum rc pgtable_ready(struct vcpu *v)
{
    return pgwalk_ready_for(v, mfn(MFN_NONE), 0);
}

enum rc pgtable_continue(struct vcpu *v)
{
    lock_take(&v->domain->mm);
    const enum rc rc = run(v);

    lock_drop(&v->domain->mm);
    return rc;
}

static NO_INLINE enum rc get_by_work(struct vcpu *v, mfn_t m, u32 level)
{
    struct domain *d = v->domain;
    struct pgwork *w = &d->work;
    enum rc rc = pgwalk_ready_for(v, m, level);

    if (rc != RC_OK) {
        return rc;
    }
    if (w->mode == PGWORK_DONE) {
        atomic_store32(&w->mode, PGWORK_IDLE);
        return w->result;
    }
    struct frame *f = frame_of(d, m);

    if (f == NULL) {
        return RC_EINVAL;
    }
    if (f->type == level && f->state == FRAME_SETTLED) {
        return frame_ref_table(f, level);
    }
    w->depth = 0;
    rc = enter(d, f, m, level);
    if (rc != RC_OK) {
        return rc;
    }
    atomic_store32(&w->mode, PGWORK_VALIDATE);
    w->top = m.v;
    w->top_level = level;
    rc = run(v);
    if (rc != RC_OK) {
        return rc;
    }
    atomic_store32(&w->mode, PGWORK_IDLE);
    return w->result;
}

enum rc pgtable_get(struct vcpu *v, mfn_t m, u32 level)
{
    struct frame *f = frame_of(v->domain, m);

    if (v->domain->work.mode == PGWORK_IDLE && f != NULL && f->type == level &&
        f->state == FRAME_SETTLED) {
        return frame_ref_table(f, level);
    }
    return get_by_work(v, m, level);
}

static NO_INLINE void release(struct vcpu *v, mfn_t m, u32 level)
{
    begin_release(v->domain, m, level);
    (void)run(v); /* if it is cut, whoever comes next finishes it */
}

void pgtable_put(struct vcpu *v, mfn_t m)
{
    struct frame *f = frame_at(m);

    if (v->domain->work.mode != PGWORK_IDLE) {
        arch_panic("pgtable: put while work is open");
    }
    const u32 level = f->type;

    if (frame_unref_table(f)) {
        release(v, m, level);
    }
}
