/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More attacks by two vCPUs or more: one rewrites what the hypervisor reads for
 * the other. R14, R22, R46, R48, R64, R69.
 */
#include "guests/attack/peer.h"
#include "guests/lib/smp.h"

#define ROUNDS 2000u
#define RACE_NS 1500000000ull
#define REF REF_FIRST
#define MARK_A 0x4141414141414141ull
#define MARK_B 0x4242424242424242ull
#define GATE_CALL 0x0000ec000008f000ull
#define TSS_64 0x0000890000000067ull
#define DATA_RING3 0x00cff3000000ffffull
#define SELECTOR 0x0bu /* entry 1 of the guest's GDT */
#define INVLPG_MULTI 9u
#define DOM_OTHER 900u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 *words_of(u32 page)
{
    return (u64 *)(void *)scratch[page];
}

/* attack, while the others run f; for no longer than RACE_NS. */
static s64 race(void (*f)(void), s64 (*round)(void))
{
    const u64 end = time_ns() + RACE_NS;
    s64 r = second_start();
    if (r != 0) {
        return r;
    }
    second_run(f);
    for (u32 i = 0; r == 0 && i < ROUNDS && time_ns() < end; i++) {
        r = round();
    }
    second_stop();
    return r;
}

/* ---- R14: the bytes of a trapped store ------------------------------------
 */

/* Of three bytes each, all with rdi as the address and rax as the value: mov,
 * xchg, or, cmpxchg's second half, a load, inc, and what is no instruction. */
static const u8 stores[][3] = {
    { 0x48, 0x89, 0x07 }, { 0x48, 0x87, 0x07 }, { 0x48, 0x09, 0x07 },
    { 0x48, 0x0f, 0xb1 }, { 0x48, 0x8b, 0x07 }, { 0x48, 0xff, 0x07 },
    { 0x0f, 0x0b, 0x07 }, { 0x66, 0x89, 0x07 }, { 0xf0, 0x0f, 0xc7 },
};

static void rewrite_code(void)
{
    volatile u8 *const code = scratch[4];
    for (u32 i = 0; i < 100; i++) {
        for (u32 j = 0; j < 3; j++) {
            code[j] = stores[i % ARRAY_COUNT(stores)][j];
        }
        code[0] = stores[0][0];
        code[1] = stores[0][1];
    }
}

static void run_store(u64 entry)
{
    const u64 own = frame_of_page(scratch[3]) << PAGE_BITS | P_RO;
    __asm__ volatile("call *%%rdx"
                     :
                     : "a"(own), "D"(entry), "d"(va_of(scratch[4])), "c"(own)
                     : "memory", "cc");
}

static u64 own_entry(void)
{
    const u64 at = entry_of(va_of(scratch[3]), 1);
    return va_of(page_of_frame(at >> PAGE_BITS)) + (at & 0xfff);
}

/* Whatever was executed, the entry names the page or nothing. */
static s64 store_round(void)
{
    const u64 frame = frame_of_page(scratch[3]);
    (void)trapped(run_store, own_entry());
    const u64 e = entry_value(va_of(scratch[3]), 1);
    if ((e & P_PRESENT) != 0 && (e & P_FRAME) >> PAGE_BITS != frame) {
        return 1;
    }
    return page_protect(scratch[3], P_RO);
}

s64 attack_race_code(void)
{
    u8 *const code = scratch[4];
    for (u32 i = 3; i < 8; i++) {
        code[i] = 0x90;
    }
    code[8] = 0xc3;
    return race(rewrite_code, store_round);
}

/* ---- R48: descriptors that change while they are copied --------------------
 */

static void rewrite_gdt(void)
{
    volatile u64 *const table = words_of(1);
    for (u32 i = 0; i < 200; i++) {
        table[1] = GATE_CALL;
        table[1] = DATA_RING3;
        table[1] = TSS_64;
        table[1] = DATA_RING3;
    }
}

/* What was loaded is a data segment of ring 3, or nothing: LAR tells. */
static s64 gdt_round(void)
{
    u64 list[1] = { frame_of_page(scratch[1]) };
    u32 access = 0;
    u8 known = 0;
    const s64 rc = call_set_gdt(va_of(list), 16, 0, 0);
    if (rc != 0) {
        return rc == -EINVAL ? 0 : rc;
    }
    __asm__ volatile("lar %2, %0\n\tsetz %1"
                     : "=r"(access), "=q"(known)
                     : "r"(SELECTOR)
                     : "cc");
    return known != 0 && (access & 0xfe00) != 0xf200 ? (s64)access : 0;
}

s64 attack_race_gdt(void)
{
    const s64 r = race(rewrite_gdt, gdt_round);
    (void)call_set_gdt(0, 0, 0, 0);
    return r;
}

/* ---- R46: NMIs into every way in and out ----------------------------------
 */

/* What it meets, it begins anew: see smp.h. */
static void bounce(void)
{
    static u32 turn;
    const u64 frame[9] = {
        [5] = 0xe008,
        [7] = va_of(room()->own[7]) + PAGE_BYTES - 256,
        [8] = SS_KERNEL,
    };
    switch (__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % 6) {
    case 0:
        __asm__ volatile("ud2");
        break;
    case 1:
        *(volatile u64 *)HV_START = 0;
        break;
    case 2:
        __asm__ volatile("int3");
        break;
    case 3:
        (void)call_version(0, 0, 0, 0);
        __asm__ volatile("rdmsr" : : "c"(0xc0000080u) : "rax", "rdx");
        break;
    case 4:
        raw_iret(frame);
        break;
    default:
        (void)call_sched_yield(0, 0, 0, 0);
        break;
    }
}

static s64 nmi_round(void)
{
    for (u32 v = 0; v < vcpu_count; v++) {
        if (v != me() && call_vcpu_send_nmi(v, 0, 0, 0) != 0) {
            return 1;
        }
    }
    return 0;
}

s64 attack_race_nmi(void)
{
    return race(bounce, nmi_round);
}

/* ---- R64: one lock, all vCPUs ----------------------------------------------
 */

static void hold_locks(void)
{
    struct arg_gnttab_query q = { .dom = SELF };
    struct arg_evtchn_port p = { start_info->console_evtchn };
    u64 *const set = words_of(6);
    *set = U64_MAX;
    (void)call_grant_query(&q, 1, NULL);
    (void)call_evtchn_send(0, &p);
    (void)mmu_ext(INVLPG_MULTI, va_of(set), va_of(set));
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
    if (call_evtchn_alloc_unbound(0, &a) == 0) {
        p.port = *(volatile u32 *)&a.port;
        (void)call_evtchn_close(0, &p);
    }
}

static s64 lock_round(void)
{
    hold_locks();
    return page_protect(scratch[1], P_RO);
}

s64 attack_race_locks(void)
{
    return race(hold_locks, lock_round);
}

/* ---- R69: indices that change while the ring is read -----------------------
 */

static void rewrite_store(void)
{
    struct store_ring *const r = page_of_frame(start_info->store_mfn);
    volatile u32 *const indices = &r->req_cons;
    for (u32 i = 0; i < 200; i++) {
        const u32 now = indices[0];
        indices[1] = now + i % 900;
        indices[2] = indices[3] - i % 1024;
        r->req[i % sizeof(r->req)] = 0; /* requests without a body */
    }
}

static s64 store_send(void)
{
    struct arg_evtchn_port p = { start_info->store_evtchn };
    return call_evtchn_send(0, &p);
}

s64 attack_race_store(void)
{
    return race(rewrite_store, store_send);
}

/* ---- R22: grant entries that change while they are used --------------------
 */

static void rewrite_grant(void)
{
    const u64 a = frame_of_page(scratch[1]) << 32;
    const u64 b = frame_of_page(scratch[2]) << 32;
    const u64 to = (u64)peer_helper() << 16;
    const u64 values[] = { GTF_PERMIT | to | a,
                           GTF_PERMIT | to | b,
                           GTF_PERMIT | GTF_READONLY | to | a,
                           0,
                           GTF_PERMIT | to | 0x100ull << 32,
                           GTF_PERMIT | (u64)DOM_OTHER << 16 | b,
                           2 | to | a };
    for (u32 i = 0; i < 100; i++) {
        grant_raw(REF, values[i % ARRAY_COUNT(values)]);
    }
}

static s64 seen(const volatile u64 *page)
{
    const u64 first = page[0];
    for (u32 i = 0; i < 512; i++) {
        if (page[i] != first || (first != MARK_A && first != MARK_B)) {
            return 1;
        }
    }
    return 0;
}

/* Map, look, unmap, until it is told to stop: what is mapped is one of the two
 * pages, whole. The number of mappings, or -1 - the turn that was wrong. */
static s64 map_loop_there(u64 most, u64 b, u64 c)
{
    s64 mapped = 0;
    (void)b;
    (void)c;
    for (u64 i = 0; i < most && !peer_told_to_stop(); i++) {
        const s64 h = peer_map(REF, i % 2 == 0 ? MAP_RO : MAP_RW, 1);
        if (h < 0) {
            continue;
        }
        const s64 bad = seen((const volatile u64 *)(void *)peer_window(1));
        if (peer_unmap((u64)h, 1, 0) != 0 || bad != 0) {
            return -1 - (s64)i;
        }
        mapped++;
    }
    return mapped;
}

/* The same by copies of a whole page. */
static s64 copy_loop_there(u64 most, u64 b, u64 c)
{
    s64 copied = 0;
    (void)b;
    (void)c;
    for (u64 i = 0; i < most && !peer_told_to_stop(); i++) {
        struct arg_gnttab_copy a = { .src_ref = REF,
                                     .src_dom = (u16)peer_attacker(),
                                     .dst_ref = frame_of_page(scratch[3]),
                                     .dst_dom = SELF,
                                     .len = PAGE_BYTES,
                                     .flags = 1 };
        const s64 rc = call_grant_copy(&a, 1, NULL);
        if (rc != 0) {
            return rc;
        }
        if (*(volatile s16 *)&a.status == 0) {
            if (seen((const volatile u64 *)(void *)scratch[3]) != 0) {
                return -1 - (s64)i;
            }
            copied++;
        }
    }
    return copied;
}

static s64 flipped(over_there *loop)
{
    s64 r = second_start();
    if (r != 0) {
        return r;
    }
    for (u32 i = 0; i < 512; i++) {
        words_of(1)[i] = MARK_A;
        words_of(2)[i] = MARK_B;
    }
    second_run(rewrite_grant);
    peer_begin(loop, 1000000, 0, 0);
    const u64 end = time_ns() + RACE_NS;
    while (time_ns() < end) {
        sleep_until(end); /* this CPU is for the one that rewrites */
    }
    r = peer_end();
    second_stop();
    grant_raw(REF, 0);
    /* Nothing has gone through at all: then nothing was tried. */
    return r > 0 ? 0 : r == 0 ? 1 : r;
}

static s64 flipped_maps(void)
{
    return flipped(map_loop_there);
}

static s64 flipped_copies(void)
{
    return flipped(copy_loop_there);
}

s64 attack_race_maps(void)
{
    return with_peer(flipped_maps);
}

s64 attack_race_copies(void)
{
    return with_peer(flipped_copies);
}
