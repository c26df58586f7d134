/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame auditor: any sequence of calls, looked at while it goes on and when
 * it is over. A domain to which nothing was done by force is never frozen. Then
 * the hypervisor's own records are damaged, and the auditor must come to an end
 * over them, whatever they say; a count that is wrong must be found. Or, with
 * byte 0 from 0xc0 on, counts of frames are damaged and the domain goes on: the
 * frame machine may panic over it, and nothing worse.
 *
 * The input: how many damages (byte 0, modulo 4), 8 bytes for each, and the
 * records of the sequence.
 */
#include <string.h>

#include "core/arch.h"
#include "core/auditor.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"

#define DAMAGE_BYTES 8u
#define LOOKS 6u
#define SLICES 2000u

/* Let the idle CPU look until each domain was seen. */
static void look(void)
{
    for (u32 i = 0; i < LOOKS; i++) {
        host.now += 40 * AUDITOR_PAUSE_NS; /* all are due */
        for (u32 k = 0; k < SLICES && auditor_idle(host.now) <= host.now; k++) {
        }
        if (host_locks_held() != 0) {
            fuzz_fail("the auditor keeps a lock");
        }
    }
}

static void damage_frame(struct domain *d, u8 what, u16 n, u64 value,
                         bool *must)
{
    struct frame *f = frame_at(host_mfn(d, n % CHUNK_FRAMES));
    const struct frame before = *f;

    switch (what % 8) {
    case 0:
        f->refs = (u32)value;
        *must = f->refs != before.refs;
        break;
    case 1:
        f->types = (u32)value;
        *must = f->types != before.types;
        break;
    case 2:
        f->type = value % 9;
        break;
    case 3:
        f->state = value % 3;
        break;
    case 4:
        f->pinned = value & 3;
        *must = f->pinned != before.pinned;
        break;
    default:
        f->pfn = (u32)value;
        break;
    }
    /* A table that is none to the machine is not one to look into. */
    const bool table = f->type >= FRAME_L1 && f->type <= FRAME_L4;

    if (table != host_memory.window[host_mfn(d, n % CHUNK_FRAMES).v]) {
        *f = before;
        *must = false;
    }
}

static void damage_other(struct domain *d, u8 what, u16 n, u64 value)
{
    struct maptrack *m = &d->map[n % d->map_count];
    struct active_grant *g = &d->grants.active[n % 8u];
    struct evtchn *e = &d->port[n % 8u];

    switch (what % 8) {
    case 0:
        m->state = value & 1;
        m->granter = (u16)(value >> 8 & 7u);
        break;
    case 1:
        m->ref = value % 64 < 48 ? (u32)value % 16u : (u32)value;
        m->frame = host_mfn(world_domain(2), value >> 32 & 31u).v;
        m->readonly = value >> 8 & 1;
        break;
    case 2:
        g->readers = value % 4;
        g->writers = value / 4 % 4;
        g->user = (u32)(value >> 8);
        g->frame = host_mfn(d, value % CHUNK_FRAMES).v;
        break;
    case 3:
        d->grants.uses = value % 8;
        break;
    case 4:
        e->state = value % 8;
        e->virq = (u8)(value >> 8);
        e->peer = (u16)(value >> 8 & 7u);
        e->peer_port = (u32)(value >> 32) % 32u;
        e->vcpu = (u32)(value >> 12) & 3u;
        break;
    case 5:
        d->vcpu[n % d->vcpu_count].virq_port[n / 8u % VIRQ_COUNT] = (u32)value;
        break;
    case 6:
        d->frames = value;
        break;
    default:
        d->free_head = (u32)value;
        break;
    }
}

/* An entry of a live table becomes another. */
static void damage_entry(struct domain *d, u16 n, u64 value)
{
    const mfn_t m = host_mfn(d, n / 512u % WORLD_FRAMES);

    if (host_memory.window[m.v]) {
        host_table(m)[n % 512u] = value;
    }
}

static bool damage(struct input *in, bool frames)
{
    struct input rec = { in->data + in->at, DAMAGE_BYTES, 0 };
    const u8 what = take8(&rec);
    struct domain *d = world_domain(1 + what / 128u);
    const u16 n = take16(&rec);
    const u8 c = take8(&rec);
    u64 value = (u64)take16(&rec) | (u64)take16(&rec) << 32;
    bool must = false;

    in->at += DAMAGE_BYTES;
    if (c >= 0xc0) { /* a frame, as an entry has it */
        value = host_mfn(d, c % WORLD_FRAMES).v << PAGE_BITS | (value & 0xfff);
    }
    if (frames || what % 4 == 0) {
        damage_frame(d, c, n % WORLD_FRAMES, value & 0xffff, &must);
    } else if (what % 4 == 1) {
        damage_other(d, c, n, value);
    } else if (what % 4 == 2) {
        damage_entry(d, n, value);
    } else {
        d->m2p[n % CHUNK_FRAMES] = value;
    }
    return must && d->state == DOMAIN_RUNNING;
}

void target_auditor(const u8 *data, size_t bytes)
{
    static const struct family family = {
        .world = { .connected = true, .audited = true, .watched = true },
        .acts = 1u << ACT_GRANT | 1u << ACT_LOOK | 1u << ACT_TRAPPED,
        .numbers = 1u << 1 | 1u << 12 | 1u << 14 | 1u << 20 | 1u << 24 |
                   1u << 26 | 1ull << 32
    };
    static struct seq q;
    struct input in = { data, bytes, 0 };
    const u8 how = take8(&in);
    const bool blind = how >= 0xc0;
    const u32 damages = how % 4u;
    const size_t first = 1 + damages * DAMAGE_BYTES;
    bool must = false;

    if (bytes < first) {
        return;
    }
    seq_run(&q, &family, data + first, bytes - first);
    look();
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        if (world_domain(id)->state == DOMAIN_FROZEN) {
            fuzz_fail("domain %u was frozen for nothing", id);
        }
    }
    for (u32 i = 0; i < damages; i++) {
        const bool this = damage(&in, blind);

        must = (damages == 1 && this) || must;
    }
    if (blind && host_expect_panic()) {
        seq_run_blind(&q, data + first, bytes - first);
        host_panic_expected = false;
    }
    if (blind) {
        return; /* what is wrong was noticed, or did no harm yet */
    }
    look();
    if (host_expect_panic()) { /* the host goes on without them, or ends */
        for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
            auditor_exit(world_domain(id));
            (void)domain_work();
        }
        host_panic_expected = false;
    } else if (host.off_code == 0) {
        fuzz_fail("panic");
    }
    auditor_report();
    if (must && world_domain(1)->state != DOMAIN_FROZEN &&
        world_domain(2)->state != DOMAIN_FROZEN) {
        fuzz_fail("a wrong count was not found");
    }
}
