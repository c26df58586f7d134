/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, the granter's side: the shared table, the active records, and
 * the calls that set the table up. The model, the states and the locks are
 * described in core/gnttab.h.
 *
 * Layout of an entry as one little-endian word [XEN grant_table.h]:
 *
 *    63          32 31     16 15       0
 *   |    frame     |  domid  |  flags   |
 */
#include "core/gnttab.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/frame.h"
#include "core/gntuse.h"
#include "core/mem.h"
#include "core/nospec.h"
#include "core/pgentry.h"

#define ENTRY_TYPE_MASK 3ull
#define ENTRY_PERMIT 1ull
#define ENTRY_READONLY (1ull << 2)
#define ENTRY_READING (1ull << 3)
#define ENTRY_WRITING (1ull << 4)
#define ENTRY_CACHE (7ull << 5) /* PWT PCD PAT: not for our RAM */
#define ENTRY_TRIES 4u

_Static_assert(GRANTS_PER_FRAME * sizeof(u64) == PAGE_BYTES, "a page");

/* ---- one use ----------------------------------------------------------- */

bool gntuse_take_frame(struct domain *d, mfn_t m, bool writable)
{
    struct frame *f = frame_of(d, m);
    return writable ? pgentry_hold(d, m) == RC_OK
                    : f != NULL && frame_ref(f) == RC_OK;
}

void gntuse_drop_frame(mfn_t m, bool writable)
{
    if (writable) {
        pgentry_let_go(m);
    } else {
        frame_unref(frame_at(m));
    }
}

/* The shared word and the active record of an entry; false beyond the table.
 * Lock: mm of d. */
static bool entry_at(struct domain *d, u32 ref, u64 **word,
                     struct active_grant **active)
{
    const u64 limit = (u64)d->grants.frame_count * GRANTS_PER_FRAME;
    if (ref >= limit) {
        return false;
    }
    const u64 i = index_clamp(ref, limit);
    *word = &d->grants.shared[i / GRANTS_PER_FRAME][i % GRANTS_PER_FRAME];
    *active = &d->grants.active[i];
    return true;
}

static inline bool in_use(const struct active_grant *g)
{
    return g->readers != 0 || g->writers != 0;
}

/* May user use an entry that reads w? */
static bool entry_allows(u64 w, const struct active_grant *g, domid_t user,
                         bool writable)
{
    if ((w & ENTRY_TYPE_MASK) != ENTRY_PERMIT || (w & ENTRY_CACHE) != 0) {
        return false;
    }
    if (((w >> 16) & 0xffffu) != user) {
        return false;
    }
    if (writable && (w & ENTRY_READONLY) != 0) {
        return false;
    }
    /* An entry that is being used for one thing cannot mean another. */
    return !in_use(g) || (g->user == user && g->frame == w >> 32);
}

/* Judge the entry and mark it, in one exchange. */
static bool entry_mark(u64 *word, const struct active_grant *g, domid_t user,
                       bool writable, mfn_t *frame)
{
    const u64 marks = ENTRY_READING | (writable ? ENTRY_WRITING : 0);
    u64 w = atomic_load64(word);
    for (u32 i = 0; i < ENTRY_TRIES; i++) {
        if (!entry_allows(w, g, user, writable)) {
            return false;
        }
        *frame = mfn(w >> 32);
        if (atomic_cas64(word, &w, w | marks)) {
            return true;
        }
    }
    return false;
}

/* Take back the marks that no use justifies any more. */
static void entry_unmark(u64 *word, const struct active_grant *g)
{
    u64 marks = 0;
    if (g->writers == 0) {
        marks |= ENTRY_WRITING;
    }
    if (!in_use(g)) {
        marks |= ENTRY_READING;
    }
    (void)atomic_and64(word, ~marks);
}

enum grant_status gntuse_begin(struct domain *granter, domid_t user, u32 ref,
                               bool writable, mfn_t *frame)
{
    u64 *word = NULL;
    struct active_grant *g = NULL;
    /* With the lock: a domain that ends gives its memory up when it has left
     * RUNNING and no use is left. */
    if (atomic_load64(&granter->state) != DOMAIN_RUNNING) {
        return GRANT_BAD_DOMAIN;
    }
    if (!entry_at(granter, ref, &word, &g)) {
        return GRANT_BAD_REF;
    }
    mfn_t m = mfn(MFN_NONE);
    if (!entry_mark(word, g, user, writable, &m)) {
        return GRANT_GENERAL_ERROR;
    }
    if (!gntuse_take_frame(granter, m, writable)) {
        entry_unmark(word, g);
        return GRANT_GENERAL_ERROR;
    }
    g->user = user;
    g->frame = m.v;
    if (writable) {
        g->writers++;
    } else {
        g->readers++;
    }
    granter->grants.uses++;
    *frame = m;
    return GRANT_OKAY;
}

void gntuse_end(struct domain *granter, u32 ref, bool writable)
{
    u64 *word = NULL;
    struct active_grant *g = NULL;
    if (!entry_at(granter, ref, &word, &g) ||
        (writable ? g->writers : g->readers) == 0) {
        arch_panic("grant: use ended twice");
    }
    gntuse_drop_frame(mfn(g->frame), writable);
    if (writable) {
        g->writers--;
    } else {
        g->readers--;
    }
    granter->grants.uses--;
    entry_unmark(word, g);
}

bool gnttab_in_use(struct domain *d)
{
    lock_take(&d->mm);
    const bool used = d->grants.uses != 0;
    lock_drop(&d->mm);
    return used;
}

/* ---- creation ---------------------------------------------------------- */

void gnttab_init(struct domain *d)
{
    struct gnttab *t = &d->grants;
    for (u32 f = 0; f < t->frame_max; f++) {
        memset(t->shared[f], 0, PAGE_BYTES);
        arch_interrupts();
    }
    t->frame_count = 1;
    t->end_next = 0;
    for (u32 i = 0; i < d->map_count; i++) {
        d->map[i].next = i + 1;
    }
    d->map_free = 0;
}

void gnttab_offer(struct domain *d, u32 ref, domid_t user, mfn_t frame)
{
    atomic_store64(&d->grants.shared[0][ref],
                   frame.v << 32 | (u64)user << 16 | ENTRY_PERMIT);
}

/* ---- handlers ---------------------------------------------------------- */

s64 hc_grant_setup(struct hc_call *c, struct arg_gnttab_setup *a)
{
    struct domain *d = c->v->domain;
    if (!domain_is_self(d, a->dom)) {
        a->status = GRANT_DENIED;
        return RC_OK;
    }
    if (a->nr_frames > d->grants.frame_max) {
        a->status = GRANT_GENERAL_ERROR;
        return RC_OK;
    }
    const u64 bytes = a->nr_frames * sizeof(u64);
    /* The frames are fixed from creation, so the list needs no lock. */
    _Static_assert(sizeof(d->grants.shared_mfn[0]) == sizeof(u64), "a list");
    if (!arch_store(gva(a->frame_list), d->grants.shared_mfn, bytes)) {
        a->status = GRANT_BAD_ADDRESS;
        return RC_OK;
    }
    lock_take(&d->mm);
    if (a->nr_frames > d->grants.frame_count) {
        d->grants.frame_count = a->nr_frames;
    }
    lock_drop(&d->mm);
    a->status = GRANT_OKAY;
    return RC_OK;
}

s64 hc_grant_query(struct hc_call *c, struct arg_gnttab_query *a)
{
    struct domain *d = c->v->domain;
    if (!domain_is_self(d, a->dom)) {
        a->status = GRANT_DENIED;
        return RC_OK;
    }
    lock_take(&d->mm);
    a->nr_frames = d->grants.frame_count;
    lock_drop(&d->mm);
    a->max_nr_frames = d->grants.frame_max;
    a->status = GRANT_OKAY;
    return RC_OK;
}

s64 hc_grant_version(struct hc_call *c, struct arg_gnttab_version *a)
{
    (void)c;
    if (a->version != 1) {
        return RC_EINVAL;
    }
    return RC_OK; /* it is what there is, also when the table is in use */
}
