/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small machine: built once, saved, given back for each run. See world.h.
 */
#include "fuzz/world.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/atomic.h"
#include "core/auditor.h"
#include "core/pgtable.h"
#include "core/record.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "policy/manifest.h"
#include "policy/policy.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

#define POOL_CHUNKS 1u
#define CHUNKS (POOL_CHUNKS + WORLD_DOMAINS)
#define FRAMES (CHUNKS * CHUNK_FRAMES)

static struct {
    bool there;
    u8 *arena; /* FRAMES pages */
    struct frame frames[FRAMES];
    bool window[FRAMES];
    u64 dirty[FRAMES / 64]; /* frames that stay dirty for good */
    struct host host;
    u64 victim;
} saved;

/* ---- building ------------------------------------------------------------ */

/* The tree of vCPU 0 maps some pages writable, so that areas, rings and
 * arguments can be given by addresses of its own. */
static void map_pages(struct domain *d)
{
    u64 *l1 = host_table(host_mfn(d, ROOT_PFN + 3));

    for (u64 i = MAPPED_FIRST; i < MAPPED_FIRST + MAPPED_COUNT; i++) {
        l1[i] = pte_make(host_mfn(d, i),
                         PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
    }
}

static void make_domain(u32 id, const struct world_kind *kind)
{
    struct domain *d = host_domain((domid_t)id, WORLD_FRAMES, WORLD_VCPUS);

    d->rights = POLICY_TENANT_GIVEN;
    if (kind->connected) {
        d->rights |= RIGHT_MASK(CONNECT);
    }
    d->rights |= kind->serving && id == 1 ? RIGHTS_ALL : 0;
    d->permits = id == WORLD_VICTIM ? 0 : RIGHTS_ALL;
    d->audit = kind->audited ? MF_AUDIT_ALL : 0;
    map_pages(d);
    (void)host_build_root(&d->vcpu[0], WORLD_VA, ROOT_PFN);
    d->console_rate = id == 2 ? 1000 : 0;
    if (kind->scheduled && id != WORLD_VICTIM) {
        for (u32 i = 0; i < WORLD_VCPUS; i++) {
            sched_online(&d->vcpu[i]);
        }
    }
}

static void build(const struct world_kind *kind)
{
    static const u8 digest[32] = { 0xd1 };

    host_pool_chunks = POOL_CHUNKS;
    host_chunks = CHUNKS;
    host_port_count = 16; /* so that they can be used up */
    host_grant_frames = 2;
    host_map_count = 4;
    host_reset();
    sched_init(2);
    if (kind->audited) {
        record_boot(digest, digest, WORLD_DOMAINS, true);
    }
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        make_domain(id, kind);
    }
    if (kind->watched && auditor_init(true) != RC_OK) {
        fuzz_fail("no auditor");
    }
    host_run(&world_domain(1)->vcpu[0]);
}

/* ---- saving and giving back ---------------------------------------------- */

static void save(void)
{
    saved.arena = calloc(FRAMES, PAGE_BYTES);
    for (u64 m = 0; m < FRAMES; m++) {
        if (m >= POOL_CHUNKS * CHUNK_FRAMES || !host_memory.guard[m]) {
            memcpy(saved.arena + m * PAGE_BYTES,
                   host_memory.arena + m * PAGE_BYTES, PAGE_BYTES);
        }
    }
    memcpy(saved.frames, host_memory.frames, sizeof(saved.frames));
    memcpy(saved.window, host_memory.window, sizeof(saved.window));
    memset(host_memory.dirty, 0, sizeof(host_memory.dirty));
    vars_save();
    memcpy(&saved.host, &host, sizeof(host));
    saved.victim = world_digest(world_domain(WORLD_VICTIM));
    saved.there = true;
}

static void copy_frame(u64 m)
{
    memcpy(host_memory.arena + m * PAGE_BYTES, saved.arena + m * PAGE_BYTES,
           PAGE_BYTES);
}

/* The consoles are large and nobody reads what is beyond their counts. */
static void give_back_host(void)
{
    const size_t before = offsetof(struct host, console);
    const size_t after = before + sizeof(host.console);

    memcpy(&host, &saved.host, before);
    memcpy((u8 *)&host + after, (const u8 *)&saved.host + after,
           sizeof(host) - after);
    for (u32 i = 0; i < HOST_DOMAINS; i++) {
        host.console[i].count = 0;
    }
}

static void give_back(void)
{
    for (u64 m = 1; m < host_memory.pool_next; m++) {
        if (!host_memory.guard[m]) {
            copy_frame(m);
        }
    }
    for (u32 w = POOL_CHUNKS * CHUNK_FRAMES / 64; w < FRAMES / 64; w++) {
        for (u64 set = host_memory.dirty[w]; set != 0; set &= set - 1) {
            copy_frame(w * 64ull + (u64)__builtin_ctzll(set));
        }
    }
    memset(host_memory.dirty, 0, sizeof(host_memory.dirty));
    for (u32 p = 0; p < HOST_GUEST_BYTES / PAGE_BYTES; p++) {
        if (host_memory.guest_dirty[p]) {
            memset(host_memory.guest + p * PAGE_BYTES, 0, PAGE_BYTES);
            host_memory.guest_dirty[p] = false;
        }
    }
    memcpy(host_memory.frames, saved.frames, sizeof(saved.frames));
    memcpy(host_memory.window, saved.window, sizeof(saved.window));
    vars_restore();
    give_back_host();
}

void world_begin(const struct world_kind *kind)
{
    if (saved.there) {
        give_back();
        return;
    }
    build(kind);
    save();
}

struct domain *world_domain(u32 id)
{
    return domain_table[id];
}

void world_check_victim(void)
{
    const struct domain *d = world_domain(WORLD_VICTIM);

    if (world_check(d) != saved.victim) {
        fuzz_fail("domain %u, which did nothing, has changed", WORLD_VICTIM);
    }
}

/* ---- the double-fetch trap ----------------------------------------------- */

#define READS_MAX 256u

static struct {
    u64 va, bytes;
} reads[READS_MAX];
static u32 read_count;

/* Before a read: bytes of this call that were read before become others, as
 * when another CPU of the guest writes them just now. */
static void on_read(void)
{
    const u64 va = host.read_va;
    const u64 end = va + host.read_bytes;
    const u64 base = HOST_GUEST_BASE;

    if (va < base || end > base + HOST_GUEST_BYTES || end < va) {
        return;
    }
    for (u32 i = 0; i < read_count; i++) {
        const u64 from = reads[i].va > va ? reads[i].va : va;
        const u64 old_end = reads[i].va + reads[i].bytes;
        const u64 to = old_end < end ? old_end : end;

        for (u64 at = from; at < to; at++) {
            *(u8 *)host_guest((u32)(at - base)) ^= (u8)(0x55 + at);
        }
    }
    if (read_count < READS_MAX && host.read_bytes != 0) {
        reads[read_count].va = va;
        reads[read_count].bytes = host.read_bytes;
        read_count++;
    }
}

void world_trap_reads(bool on)
{
    host.on_guest_read = on ? on_read : NULL;
}

void world_call_begins(void)
{
    read_count = 0;
}
