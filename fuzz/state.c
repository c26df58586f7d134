/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain is, as a sum and as lines of text; and what must hold of it.
 *
 * The sum: each thing that is not as at the start of time is a kind, a number
 * and up to three values; its hash is mixed and added, so that the order does
 * not matter and zeroes cost nothing. Left out is what may differ between
 * states that mean the same: quarantine stamps, accessed and dirty bits,
 * handles, the order of free frames, pending bits, what a guest wrote into its
 * own memory. The same list of things is printed for FUZZ_LOG=2
 * (fuzz/README.md).
 */
#include <string.h>

#include "core/arch.h"
#include "fuzz/scan.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define NOWHERE 0xffffffffu

struct tally {
    const struct domain *d;
    u64 sum;
    bool print;
};

static u64 mix(u64 x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static inline void thing(struct tally *t, const char *kind, u64 n, u64 a, u64 b,
                         u64 c)
{
    const u64 tag = (u64)kind[0] | (u64)kind[1] << 8;
    u64 h = mix(tag + 0x9e3779b97f4a7c15ull * (n + 1));

    h ^= a * 0xd6e8feb86659fd93ull;
    h += b * 0xa0761d6478bd642full;
    h ^= (c << 32 | c >> 32) * 0xe7037ed1a0b428dbull;
    t->sum += mix(h);
    if (t->print) {
        fuzz_say("  %s %llu %llx %llx %llx\n", kind, (unsigned long long)n,
                 (unsigned long long)a, (unsigned long long)b,
                 (unsigned long long)c);
    }
}

/* Frames are named by their number within the domain's chunks. */
static u64 name(const struct domain *d, u64 m)
{
    const u64 first = d->first_chunk << CHUNK_FRAME_BITS;

    if (m == MFN_NONE) {
        return NOWHERE;
    }
    return m >= first && m - first < SCAN_FRAMES ? m - first : m | 1ull << 63;
}

static u64 entry_name(const struct domain *d, u64 pte)
{
    const u64 ignored = PTE_ACCESSED | PTE_DIRTY;

    if (!pte_is_present(pte)) {
        return pte;
    }
    return (pte & ~(PTE_FRAME | ignored)) | name(d, pte_mfn(pte).v) << 12;
}

static void add_memory(struct tally *t, const struct scan *s)
{
    for (u32 i = 0; i < s->used_count; i++) {
        const u32 n = s->used[i];
        const struct frame *f = &s->frame[n];

        if (f->type == FRAME_FREE) {
            continue; /* which one is next is nobody's business */
        }
        thing(t, "frame", n,
              f->type | (u64)f->state << 8 | (u64)f->pinned << 16,
              f->refs | (u64)f->types << 32, f->pfn);
    }
    for (u32 i = 0; i < s->entry_count; i++) {
        const struct scan_entry *e = &s->entry[i];

        thing(t, "entry", e->table * 512ull + e->index,
              entry_name(t->d, e->pte), 0, 0);
    }
}

static void add_vcpu(struct tally *t, const struct vcpu *v)
{
    const struct domain *d = t->d;

    thing(t, "vcpu", v->id, v->state, name(d, v->kernel_root.v),
          name(d, v->user_root.v));
    thing(t, "area", v->id, name(d, v->info_frame.v),
          name(d, v->runstate_frame[0].v) << 32 |
              name(d, v->runstate_frame[1].v),
          name(d, v->time_frame[0].v) << 32 | name(d, v->time_frame[1].v));
    for (u32 i = 0; i < VIRQ_COUNT; i++) {
        if (v->virq_port[i] != 0) {
            thing(t, "virq", v->id * 32 + i, v->virq_port[i], 0, 0);
        }
    }
}

static void add_ports(struct tally *t)
{
    for (u32 p = 1; p < t->d->port_count; p++) {
        const struct evtchn *e = &t->d->port[p];

        if (e->state != EVTCHN_FREE) {
            thing(t, "port", p, e->state | (u64)e->virq << 8,
                  e->peer | (u64)e->peer_port << 32, e->vcpu);
        }
    }
}

static void add_grants(struct tally *t)
{
    const struct domain *d = t->d;
    const struct gnttab *g = &d->grants;
    const u64 count = (u64)g->frame_count * GRANTS_PER_FRAME;

    thing(t, "grants", 0, g->frame_count, g->uses, 0);
    for (u64 i = 0; g->uses != 0 && i < count; i++) {
        const struct active_grant *a = &g->active[i];

        if ((a->readers | a->writers) != 0) {
            thing(t, "active", i, a->readers | (u64)a->writers << 32, a->user,
                  name(d, a->frame));
        }
    }
    for (u32 i = 0; i < d->map_count; i++) {
        const struct maptrack *m = &d->map[i];

        if (m->state == MAPTRACK_MAPPED) {
            thing(t, "map", 0, m->granter | (u64)m->ref << 32,
                  m->frame | (u64)m->readonly << 63, m->host_addr);
        }
    }
}

static u64 sum(const struct scan *s, bool print)
{
    const struct domain *d = s->d;
    struct tally t = { d, 0, print };

    thing(&t, "domain", d->id, d->frames | d->state << 32, d->rights, 0);
    add_memory(&t, s);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        add_vcpu(&t, &d->vcpu[i]);
    }
    add_ports(&t);
    add_grants(&t);
    return t.sum;
}

u64 world_digest(const struct domain *d)
{
    return sum(scan_domain(d), false);
}

void world_print(const struct domain *d)
{
    (void)sum(scan_domain(d), true);
}

/* ---- what must hold ------------------------------------------------------ */

/* Frames are conserved: what is not the domain's memory is free or the
 * hypervisor's, and every frame it gave back is on its list once. */
static void check_conservation(const struct scan *s)
{
    const struct domain *d = s->d;
    u64 memory = 0;
    u64 listed = 0;
    u64 own = 0; /* the hypervisor's */

    for (u32 i = 0; i < s->used_count; i++) {
        const u32 type = s->frame[s->used[i]].type;

        memory += type != FRAME_FREE && type != FRAME_PRIVATE;
        own += type == FRAME_PRIVATE;
    }
    for (u32 n = d->free_head; n != FRAME_NO_PFN; n = s->frame[n].pfn) {
        if (n >= SCAN_FRAMES || s->frame[n].type != FRAME_FREE ||
            listed > SCAN_FRAMES) {
            fuzz_fail("domain %u: the list of free frames is broken", d->id);
        }
        listed++;
    }
    if (memory != d->frames || memory + listed + own != SCAN_FRAMES) {
        fuzz_fail("domain %u: %llu frames are its memory, %llu free, %llu "
                  "counted",
                  d->id, (unsigned long long)memory, (unsigned long long)listed,
                  (unsigned long long)d->frames);
    }
}

/* Ports that are connected name each other; interrupts and ports, too. */
static void check_ports(const struct domain *d)
{
    for (u32 p = 1; p < d->port_count; p++) {
        const struct evtchn *e = &d->port[p];

        if (e->state == EVTCHN_INTERDOMAIN) {
            const struct domain *peer = domain_by_id(e->peer);
            const struct evtchn *other =
                peer != NULL && e->peer_port < peer->port_count
                    ? &peer->port[e->peer_port]
                    : NULL;

            if (other == NULL || other->state != EVTCHN_INTERDOMAIN ||
                other->peer != d->id || other->peer_port != p) {
                fuzz_fail("port %u of domain %u: its peer knows better", p,
                          d->id);
            }
        }
        if (e->state == EVTCHN_VIRQ &&
            (e->vcpu >= d->vcpu_count ||
             d->vcpu[e->vcpu].virq_port[e->virq] != p)) {
            fuzz_fail("port %u of domain %u: not the interrupt's", p, d->id);
        }
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        for (u32 n = 0; n < VIRQ_COUNT; n++) {
            const u32 p = d->vcpu[i].virq_port[n];

            if (p != 0 && d->port[p].state != EVTCHN_VIRQ) {
                fuzz_fail("interrupt %u of vCPU %u: port %u is not its", n, i,
                          p);
            }
        }
    }
}

/* Every mapping of d is a use that its granter knows of, and no more. */
static void check_grants(const struct domain *d)
{
    u64 uses = 0;

    for (u32 id = 1; id <= domain_count; id++) {
        const struct domain *m = domain_table[id];

        for (u32 i = 0; i < m->map_count; i++) {
            const struct maptrack *t = &m->map[i];

            if (t->state == MAPTRACK_MAPPED && t->granter == d->id) {
                const struct active_grant *a = &d->grants.active[t->ref];

                uses++;
                if (a->user != m->id || a->frame != t->frame ||
                    (t->readonly != 0 ? a->readers : a->writers) == 0) {
                    fuzz_fail("domain %u maps grant %u of domain %u, which "
                              "does not know",
                              m->id, t->ref, d->id);
                }
            }
        }
    }
    if (uses != d->grants.uses) {
        fuzz_fail("domain %u: %llu uses of grants counted, %llu there are",
                  d->id, (unsigned long long)d->grants.uses,
                  (unsigned long long)uses);
    }
}

u64 world_check(const struct domain *d)
{
    const struct scan *s = scan_domain(d);

    if (host_locks_held() != 0) {
        fuzz_fail("a lock is still held");
    }
    if (d->state == DOMAIN_RUNNING) { /* else being built or scrubbed */
        recount(s);
        check_conservation(s);
        check_ports(d);
        check_grants(d);
    }
    return sum(s, false);
}
