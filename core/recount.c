/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount; see recount.h. A pass goes through its phases in order, each a
 * number of steps; a phase ends its slice, since the next may need other locks.
 *
 * Locks: mm of the domain in every slice; GRANTS: of the domain at the other
 * end, too; PORTS: evt. A grant's uses and the map records that name it change
 * with mm of both domains held, the ends of a channel with evt of both: so the
 * other end stays as it was seen for the whole pass. Clearing needs no state of
 * the domain: it is where a pass begins.
 */
#include "core/recount.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/mem.h"
#include "core/pgentry.h"
#include "x86/pte.h"

enum { CLEAR, TABLES, HOLDERS, GRANTS, FREE_LIST, COMPARE, PORTS, DONE };

void recount_begin(struct recount *r, struct domain *d)
{
    const struct recount fresh = { .holds = r->holds, .d = d };

    *r = fresh;
    r->state = atomic_load64(&d->state);
    r->first = d->first_chunk << CHUNK_FRAME_BITS;
    r->frames = (u64)d->chunk_count << CHUNK_FRAME_BITS;
    r->frame = &frame_table[r->first];
    r->other = d->id;
}

const char *recount_text(enum recount_fault fault)
{
#define RECOUNT_TEXT(name) #name,
    static const char *const text[] = { RECOUNT_FAULTS(RECOUNT_TEXT) };

    return text[fault];
}

static void fail(struct recount *r, enum recount_fault fault, u64 where,
                 u64 expected, u64 found)
{
    if (r->fault == RECOUNT_NONE) {
        r->fault = fault;
        r->where = where;
        r->expected = expected;
        r->found = found;
    }
}

/* The record of m if it is memory of the domain, else NULL. */
static const struct frame *own(const struct recount *r, mfn_t m)
{
    const u64 n = m.v - r->first;

    return n < r->frames && frame_is_memory(&r->frame[n]) ? &r->frame[n] : NULL;
}

/* Something holds m (MFN_NONE: nothing), which is to be memory of the domain:
 * so many references, of which so many are typed. */
static void hold(struct recount *r, mfn_t m, u32 refs, u32 types)
{
    if (own(r, m) != NULL) {
        r->holds[m.v - r->first].refs += refs;
        r->holds[m.v - r->first].types += types;
    } else if (m.v != MFN_NONE) {
        fail(r, RECOUNT_FOREIGN, m.v, 0, 0);
    }
}

/* A chunk at a time. */
static bool step_clear(struct recount *r)
{
    memset(&r->holds[r->next], 0, CHUNK_FRAMES * sizeof(r->holds[0]));
    r->cost += CHUNK_FRAMES - 1;
    r->next += CHUNK_FRAMES;
    return r->next == r->frames;
}

/* ---- tables ------------------------------------------------------------ */

/* The frame is another's, or nobody's: a map record says that the entry may
 * name it. */
static bool is_mapping(struct recount *r, mfn_t table, u32 index, u64 pte)
{
    r->cost += r->d->map_count;
    for (u32 i = 0; i < r->d->map_count; i++) {
        const struct maptrack *t = &r->d->map[i];

        if (t->state == MAPTRACK_MAPPED && t->frame == pte_mfn(pte).v &&
            t->table == table.v && t->index == index) {
            return t->readonly == 0 || (pte & PTE_WRITE) == 0;
        }
    }
    return false;
}

/* A present entry of the table, which is of that level. */
static void count_entry(struct recount *r, mfn_t table, u32 level, u32 index,
                        u64 pte)
{
    const mfn_t m = pte_mfn(pte);
    const struct frame *f = own(r, m);
    const u32 typed = level > 1 || (pte & PTE_WRITE) != 0 ? 1 : 0;
    const u32 type = level > 1 ? level - 1 : FRAME_WRITABLE;

    if ((pte & (~PGENTRY_GUEST | PTE_USER | PTE_GLOBAL)) != PTE_USER) {
        fail(r, RECOUNT_ENTRY, table.v, index, pte);
    }
    if (f != NULL) {
        hold(r, m, 1, typed);
        if (typed != 0 && (f->type != type || f->state != FRAME_SETTLED)) {
            fail(r, RECOUNT_TARGET, m.v, type, f->type);
        }
    } else if (level > 1 || (!pgentry_is_shared(r->d, m) &&
                             !is_mapping(r, table, index, pte))) {
        fail(r, RECOUNT_FOREIGN, m.v, 0, pte);
    }
}

/* Entries of the table that hold what they name. */
static u32 taken(const struct pgwork *w, const struct frame *f, mfn_t m)
{
    if (f->state == FRAME_SETTLED) {
        return TABLE_ENTRIES;
    }
    for (u32 i = 0; i < w->depth && i < ARRAY_COUNT(w->step); i++) {
        if (w->step[i].table == m.v) {
            return w->step[i].taken;
        }
    }
    return 0; /* and nothing holds it: found when it is compared */
}

/* A table, as far as the slice goes, or a frame that is none. Zero entries are
 * passed eight at a time. */
static bool step_tables(struct recount *r)
{
    const mfn_t m = mfn(r->first + r->next / TABLE_ENTRIES);
    const struct frame *f = &r->frame[m.v - r->first];
    const u32 end = frame_is_table(f) ? taken(&r->d->work, f, m) : 0;
    const u64 *table = end != 0 ? arch_table(m) : NULL;
    u32 i = (u32)(r->next % TABLE_ENTRIES);

    for (; i < end && i < TABLE_ENTRIES && r->cost + 1 < RECOUNT_SLICE;
         r->cost++) {
        const bool zeroes =
            i % PGENTRY_GROUP == 0 && pgentry_group(&table[i]) == 0;

        if (pte_is_present(table[i]) && !pgentry_is_hv_slot(f->type, i)) {
            count_entry(r, m, f->type, i, table[i]);
        }
        i += zeroes ? PGENTRY_GROUP : 1;
    }
    r->next += (i < end ? i : TABLE_ENTRIES) - r->next % TABLE_ENTRIES;
    return r->next == r->frames * TABLE_ENTRIES;
}

static bool step_holders(struct recount *r)
{
    const struct domain *d = r->d;
    const struct pgwork *w = &d->work;

    if (w->mode == PGWORK_DONE && w->result == RC_OK) {
        hold(r, mfn(w->top), 1, 1);
    }
    for (u32 i = 0; i < w->depth && i < ARRAY_COUNT(w->step); i++) {
        hold(r, mfn(w->step[i].table), 1, 1);
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct vcpu *v = &d->vcpu[i];
        const mfn_t areas[] = { v->kernel_root,       v->user_root,
                                v->info_frame,        v->runstate_frame[0],
                                v->runstate_frame[1], v->time_frame[0],
                                v->time_frame[1] };

        for (u32 k = 0; k < ARRAY_COUNT(areas); k++) {
            hold(r, areas[k], 1, 1);
        }
    }
    return true;
}

/* ---- grants ------------------------------------------------------------ */

/* The map records of user that name the grant of g are all of its uses. */
static bool uses_ok(struct recount *r, const struct domain *g, u64 ref,
                    const struct domain *user)
{
    u32 readers = 0;
    u32 writers = 0;

    if (g == user || ref >= (u64)g->grants.frame_max * GRANTS_PER_FRAME) {
        return false;
    }
    const struct active_grant *a = &g->grants.active[ref];

    r->cost += user->map_count;
    for (u32 i = 0; i < user->map_count; i++) {
        const struct maptrack *t = &user->map[i];

        if (t->state == MAPTRACK_MAPPED && t->granter == g->id &&
            t->ref == ref && t->frame == a->frame) {
            readers += t->readonly != 0 ? 1 : 0;
            writers += t->readonly != 0 ? 0 : 1;
        }
    }
    return a->user == user->id && readers + writers != 0 &&
           a->readers == readers && a->writers == writers;
}

/* Is the grant of g, a number of which one is d, used as its user says? False
 * with is_cut: in a slice of its own, with the lock of the other. */
static bool check_use(struct recount *r, const struct domain *g, u64 ref,
                      const struct domain *user)
{
    const struct domain *other = g == r->d ? user : g;

    r->is_cut = other != NULL && r->other != other->id;
    if (r->is_cut) {
        r->other = other->id;
    } else if (other == NULL || !uses_ok(r, g, ref, user)) {
        fail(r, RECOUNT_GRANT, ref, 0, 0);
    }
    return !r->is_cut;
}

/* The map records of the domain, then its own grants. */
static bool step_grants(struct recount *r)
{
    const struct domain *d = r->d;
    const u64 ref = r->next - d->map_count;

    if (r->next < d->map_count) {
        const struct maptrack *t = &d->map[r->next];

        if (t->state == MAPTRACK_MAPPED &&
            !check_use(r, domain_by_id(t->granter), t->ref, d)) {
            return false;
        }
    } else if (ref < (u64)d->grants.frame_max * GRANTS_PER_FRAME) {
        const struct active_grant *a = &d->grants.active[ref];
        const bool used = (a->readers | a->writers) != 0;

        if (used && !check_use(r, d, ref, domain_by_id(a->user))) {
            return false;
        }
        hold(r, mfn(used ? a->frame : MFN_NONE), a->readers + a->writers,
             a->writers);
        r->uses += (u64)a->readers + a->writers;
    } else {
        if (r->uses != d->grants.uses) {
            fail(r, RECOUNT_GRANT, ref, r->uses, d->grants.uses);
        }
        return true;
    }
    r->next++;
    return false;
}

/* ---- comparison -------------------------------------------------------- */

/* A frame of the free list. A list that ends has none twice; one that has as
 * many as there are FREE frames has each. */
static bool step_free_list(struct recount *r)
{
    const u64 at = r->free == 0 ? r->d->free_head : r->next;

    if (at == FRAME_NO_PFN) {
        return true;
    }
    if (at >= r->frames || r->free == r->frames ||
        r->frame[at].type != FRAME_FREE) {
        fail(r, RECOUNT_FREE_LIST, r->first + at, 0, r->free);
        return true;
    }
    r->free++;
    r->next = r->frame[at].pfn;
    return false;
}

static bool state_ok(const struct frame *f)
{
    const bool table = frame_is_table(f);
    const bool typed = table || f->type == FRAME_WRITABLE;

    return f->type <= FRAME_PRIVATE && f->types <= f->refs &&
           typed == (f->types > 0) && f->pinned <= (table ? 1 : 0) &&
           (table || f->state == FRAME_SETTLED);
}

static bool step_compare(struct recount *r)
{
    const struct domain *d = r->d;

    if (r->next == r->frames) {
        if (r->memory != d->frames) {
            fail(r, RECOUNT_MEMORY, 0, r->memory, d->frames);
        } else if (r->free != 0) {
            fail(r, RECOUNT_FREE_LIST, 0, 0, r->free);
        }
        return true;
    }
    const u64 m = r->first + r->next;
    const struct frame *f = &r->frame[r->next];
    const u32 refs = r->holds[r->next].refs + f->pinned;
    const u32 types = r->holds[r->next].types + f->pinned;
    const bool is_memory = frame_is_memory(f);
    const u64 word = is_memory ? f->pfn : PFN_INVALID;

    if (f->refs != refs) {
        fail(r, RECOUNT_REFS, m, refs, f->refs);
    } else if (f->types != types) {
        fail(r, RECOUNT_TYPES, m, types, f->types);
    } else if (!state_ok(f)) {
        fail(r, RECOUNT_STATE, m, types, f->type);
    } else if (d->m2p[r->next] != word) {
        fail(r, RECOUNT_M2P, m, word, d->m2p[r->next]);
    }
    r->memory += is_memory ? 1 : 0;
    r->free -= f->type == FRAME_FREE ? 1 : 0;
    r->next++;
    return false;
}

/* ---- ports ------------------------------------------------------------- */

static bool port_ok(const struct domain *d, port_t p)
{
    const struct evtchn *e = &d->port[p];
    const u32 vcpu = atomic_load32(&e->vcpu);

    if (vcpu >= d->vcpu_count || e->state > EVTCHN_IPI) {
        return false;
    }
    if (e->state == EVTCHN_VIRQ) {
        return e->virq < VIRQ_COUNT && d->vcpu[vcpu].virq_port[e->virq] == p;
    }
    if (e->state == EVTCHN_INTERDOMAIN) {
        const struct domain *peer = domain_by_id(e->peer);

        return peer != NULL && e->peer_port < peer->port_count &&
               peer->port[e->peer_port].state == EVTCHN_INTERDOMAIN &&
               peer->port[e->peer_port].peer == d->id &&
               peer->port[e->peer_port].peer_port == p;
    }
    return true;
}

/* The ports, then the virtual interrupts of each vCPU. */
static bool step_ports(struct recount *r)
{
    const struct domain *d = r->d;
    const u64 vcpu = r->next - d->port_count;

    if (r->next < d->port_count) {
        if (!port_ok(d, (port_t)r->next)) {
            fail(r, RECOUNT_PORT, r->next, 0, 0);
        }
    } else if (vcpu == d->vcpu_count) {
        return true;
    } else {
        for (u32 n = 0; n < VIRQ_COUNT; n++) {
            const port_t p = d->vcpu[vcpu].virq_port[n];

            if (p != 0 &&
                (p >= d->port_count || d->port[p].virq != n ||
                 d->port[p].state != EVTCHN_VIRQ || d->port[p].vcpu != vcpu)) {
                fail(r, RECOUNT_PORT, p, 0, 0);
            }
        }
    }
    r->next++;
    return false;
}

/* ---- a slice ----------------------------------------------------------- */

/* True when the phase is over. */
static bool step(struct recount *r)
{
    switch (r->phase) {
    case CLEAR:
        return step_clear(r);
    case TABLES:
        return step_tables(r);
    case HOLDERS:
        return step_holders(r);
    case GRANTS:
        return step_grants(r);
    case FREE_LIST:
        return step_free_list(r);
    case COMPARE:
        return step_compare(r);
    default:
        return step_ports(r);
    }
}

static enum rc slice(struct recount *r)
{
    bool over = false;

    r->is_cut = false;
    for (r->cost = 0; r->cost < RECOUNT_SLICE && !over && !r->is_cut;
         r->cost++) {
        over = step(r);
    }
    if (over) {
        r->phase++;
        r->next = 0;
        r->other = r->d->id; /* what is found from here on is not its fault */
    }
    if (r->fault != RECOUNT_NONE) {
        return RC_EIO;
    }
    return r->phase == DONE ? RC_OK : RC_PREEMPT;
}

enum rc recount_slice(struct recount *r) RF_UNCHECKED_LOCKS
{
    struct domain *d = r->d;
    struct domain *other = domain_table[r->other];
    enum rc rc = RC_EAGAIN;

    lock_take_two(&d->mm, &other->mm);
    lock_take(&d->evt);
    const u32 turn = d->mm.serving; /* our own ticket */

    if (atomic_load64(&d->state) == r->state &&
        (r->phase == CLEAR || turn == r->turn + 1)) {
        r->turn = turn;
        rc = slice(r);
    }
    lock_drop(&d->evt);
    lock_drop_two(&d->mm, &other->mm);
    return rc;
}
