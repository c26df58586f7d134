/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by two vCPUs at once. What each single call answers is open; what
 * must hold is said at the end of each.
 */
#include "guests/attack/attack.h"
#include "guests/lib/smp.h"

#define PIN_L1 0u
#define PIN_L3 2u
#define PIN_L4 3u
#define UNPIN 4u
#define NEW_BASEPTR 5u
#define DATA_RING3 0x00cff3000000ffffull
#define ROUNDS 1500u
#define ROUNDS_NS 300000000ull

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static u64 begun_ns;

/* So many rounds, or as many as the time allows: where each waits for another
 * CPU, that is a matter of what else the machine does. */
static bool more(u32 i, u32 rounds)
{
    return i < rounds && time_ns() < begun_ns + ROUNDS_NS;
}

static s64 with_second(void (*f)(void), s64 (*attack)(void))
{
    const s64 rc = second_start();
    if (rc != 0) {
        return rc;
    }
    second_run(f);
    begun_ns = time_ns();
    const s64 r = attack();
    second_stop();
    return r;
}

/* ---- a writable translation kept hot while the page becomes a table --------
 */

/* Four bytes across two entries: never carried out as a table write. */
static void store_hot(void)
{
    static u32 value;
    for (u32 i = 0; i < 512; i++) {
        const u32 at = 6 + 8 * (i % 100);
        *(volatile u32 *)(void *)&scratch[1][at] = value++ & 0x7ffe;
    }
}

static u64 sum(const volatile u64 *page)
{
    u64 s = 0;
    for (u32 i = 0; i < 512; i++) {
        s = s * 31 + page[i];
    }
    return s;
}

static s64 pin_under_store(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    const volatile u64 *page = (const volatile u64 *)(void *)scratch[1];
    for (u32 i = 0; more(i, ROUNDS); i++) {
        /* No flush is asked for. */
        s64 rc = map_va(va_of(page), frame << PAGE_BITS | P_RO, 0);
        if (rc == 0) {
            rc = mmu_ext(PIN_L1, frame, 0);
        }
        if (rc != 0) {
            return rc;
        }
        const u64 before = sum(page);
        (void)call_version(0, 0, 0, 0);
        if (sum(page) != before) {
            return 1;
        }
        rc = mmu_ext(UNPIN, frame, 0);
        if (rc != 0 || map_va(va_of(page), frame << PAGE_BITS | P_RW, 2) != 0) {
            return -1;
        }
    }
    return 0;
}

s64 attack_race_stale(void)
{
    return with_second(store_hot, pin_under_store);
}

/* ---- one page, pinned as everything by both ---------------------------------
 */

static void pin_other(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    (void)mmu_ext(PIN_L3, frame, 0);
    (void)mmu_ext(UNPIN, frame, 0);
    (void)mmu_ext(PIN_L1, frame, 0);
    (void)mmu_ext(UNPIN, frame, 0);
}

static s64 pin_both(void)
{
    const u64 frame = frame_of_page(scratch[1]);
    const u64 va = va_of(scratch[1]);
    for (u32 i = 0; more(i, ROUNDS); i++) {
        (void)map_va(va, frame << PAGE_BITS | P_RO, 0);
        (void)mmu_ext(PIN_L4, frame, 0);
        (void)map_va(va, frame << PAGE_BITS | P_RW, 0);
        (void)mmu_ext(UNPIN, frame, 0);
    }
    return 0;
}

s64 attack_race_pin(void)
{
    const s64 r = with_second(pin_other, pin_both);
    (void)mmu_ext(UNPIN, frame_of_page(scratch[1]), 0);
    return r != 0 ? r : page_protect(scratch[1], P_RW);
}

/* ---- arguments that change under the call
 * -------------------------------------- */

static struct arg_mmu_update update;

static void rewrite(void)
{
    const u64 own = frame_of_page(scratch[2]) << PAGE_BITS | P_RO;
    volatile u64 *val = &update.val;
    for (u32 i = 0; i < 100; i++) {
        *val = table_of(va_of(scratch[0]), 4) << PAGE_BITS | P_RW;
        *val = 0x100000 | P_RW;
        *val = own | P_WRITE;
        *val = own;
    }
}

static s64 update_loop(void)
{
    const u64 own = frame_of_page(scratch[2]);
    update.ptr = entry_of(va_of(scratch[3]), 1);
    for (u32 i = 0; more(i, ROUNDS * 4); i++) {
        const s64 rc = call_mmu_normal(&update, 1, NULL);
        const u64 e = entry_value(va_of(scratch[3]), 1);
        if (rc != 0 && rc != -EBUSY) {
            return rc;
        }
        if (rc == 0 && (e & P_FRAME) >> PAGE_BITS != own) {
            return i + 1;
        }
    }
    return 0;
}

s64 attack_race_args(void)
{
    update.val = frame_of_page(scratch[2]) << PAGE_BITS | P_RO;
    return with_second(rewrite, update_loop);
}

/* ---- ports
 * --------------------------------------------------------------------- */

static void port_cycle(void)
{
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
    if (call_evtchn_alloc_unbound(0, &a) == 0) {
        struct arg_evtchn_port p = { a.port };
        (void)call_evtchn_send(0, &p);
        (void)call_evtchn_close(0, &p);
    }
    struct arg_evtchn_ipi i = { .vcpu = 0 };
    if (call_evtchn_bind_ipi(0, &i) == 0) {
        struct arg_evtchn_port p = { i.port };
        (void)call_evtchn_unmask(0, &p);
        (void)call_evtchn_send(0, &p);
        (void)call_evtchn_close(0, &p);
    }
}

static s64 ports_both(void)
{
    for (u32 i = 0; more(i, ROUNDS); i++) {
        port_cycle();
        for (u32 port = 1; port < 16; port++) {
            struct arg_evtchn_port p = { port };
            if (port != start_info->console_evtchn &&
                port != start_info->store_evtchn) {
                (void)call_evtchn_close(0, &p);
            }
        }
    }
    return 0;
}

s64 attack_race_ports(void)
{
    return with_second(port_cycle, ports_both);
}

/* ---- a descriptor in use that goes away
 * ------------------------------------------ */

static void use_segment(void)
{
    u64 list[1] = { frame_of_page(scratch[4]) };
    (void)call_set_gdt(va_of(list), 16, 0, 0);
    for (u32 i = 0; i < 200; i++) {
        __asm__ volatile("mov %w0, %%ds\n\tmov %w0, %%gs" : : "r"(0x0b));
    }
}

static s64 segment_flip(void)
{
    const u64 at = (frame_of_page(scratch[4]) << PAGE_BITS) + 8;
    for (u32 i = 0; more(i, ROUNDS * 4); i++) {
        const s64 rc =
            call_update_descriptor(at, i % 2 == 0 ? DATA_RING3 : 0, 0, 0);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void leave_segments(void)
{
    __asm__ volatile("mov %w0, %%ds\n\tmov %w0, %%gs" : : "r"(0));
    (void)call_set_gdt(0, 0, 0, 0);
}

s64 attack_race_segment(void)
{
    const s64 r = with_second(use_segment, segment_flip);
    second_run(leave_segments);
    second_stop();
    return r;
}

/* ---- the other vCPU comes and goes
 * ------------------------------------------------- */

static s64 up_and_down(void)
{
    for (u32 i = 0; more(i, ROUNDS); i++) {
        if (call_vcpu_down(1, 0, 0, 0) != 0 || call_vcpu_up(1, 0, 0, 0) != 0) {
            return i + 1;
        }
        (void)call_vcpu_send_nmi(1, 0, 0, 0);
    }
    return 0;
}

s64 attack_race_updown(void)
{
    return with_second(port_cycle, up_and_down);
}

/* ---- roots
 * ----------------------------------------------------------------------------
 */

static u64 *copy_root(u32 page)
{
    const u64 *from = page_of_frame(table_of(va_of(scratch[0]), 4));
    u64 *root = (u64 *)(void *)scratch[page];
    for (u32 i = 0; i < 512; i++) {
        root[i] = i < 256 || i > 271 ? from[i] : 0;
    }
    (void)page_protect(root, P_RO);
    return root;
}

static void roots_other(void)
{
    const u64 frame = frame_of_page(scratch[5]);
    (void)mmu_ext(NEW_BASEPTR, frame, 0);
    (void)mmu_ext(PIN_L4, frame, 0);
    (void)mmu_ext(NEW_BASEPTR, table_of(va_of(scratch[0]), 4), 0);
    (void)mmu_ext(UNPIN, frame, 0);
}

static s64 roots_both(void)
{
    for (u32 i = 0; more(i, ROUNDS); i++) {
        roots_other();
    }
    return 0;
}

static void root_back(void)
{
    (void)mmu_ext(NEW_BASEPTR, table_of(va_of(scratch[0]), 4), 0);
}

s64 attack_race_roots(void)
{
    (void)copy_root(5);
    const s64 r = with_second(roots_other, roots_both);
    root_back();
    second_run(root_back); /* wherever an exception may have left it */
    second_stop();
    (void)mmu_ext(UNPIN, frame_of_page(scratch[5]), 0);
    return r != 0 ? r : page_protect(scratch[5], P_RW);
}
