/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that lives short and often; its tenant file says that it is to start
 * again whatever happened. Each life takes of everything there is: ports, pins,
 * balloon, mappings.
 *
 *   mode=reboot   it then reboots
 *   mode=kill     it goes on taking and giving back, until its second vCPU,
 *                 after a time nobody can tell, makes the mistake that ends
 *                 the domain
 *   until=S       a life that begins S seconds after the host powers off
 */
#include "guests/lib/guest.h"
#include "guests/lib/smp.h"

#define TAKEN 8u
#define NS_PER_S 1000000000ull
#define DELAY_MASK 0xfffffu /* time-stamp counts */
#define PIN_L1 0u
#define UNPIN 4u

static u8 page[TAKEN][PAGE_BYTES] __attribute__((aligned(4096)));

static u64 counter(void)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

static void pins(void)
{
    for (u32 i = 0; i < TAKEN; i++) {
        const u64 frame = frame_of_page(page[i]);
        (void)page_protect(page[i], P_RO);
        (void)mmu_ext(PIN_L1, frame, 0);
        (void)mmu_ext(UNPIN, frame, 0);
        (void)page_protect(page[i], P_RW);
        page[i][0] = (u8)i;
    }
}

static void balloon(void)
{
    u64 frames[1] = { frame_of_page(page[TAKEN - 1]) };
    struct arg_memory_reservation r = { .extent_start = (u64)(uintptr_t)frames,
                                        .nr_extents = 1,
                                        .domid = SELF };
    const u64 va = (u64)(uintptr_t)page[TAKEN - 1];
    const u64 pfn = (va - VIRT_BASE) >> PAGE_BITS;
    (void)map_va(va, 0, 2);
    if (call_decrease_reservation(0, &r) == 1) {
        frames[0] = pfn;
        (void)call_populate_physmap(0, &r);
    }
    ((volatile u64 *)start_info->mfn_list)[pfn] = frames[0];
    (void)map_va(va, frames[0] << PAGE_BITS | P_RW, 2);
}

static void ports(bool close)
{
    for (u32 i = 0; i < 32; i++) {
        struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
        if (call_evtchn_alloc_unbound(0, &a) == 0 && close) {
            struct arg_evtchn_port p = { a.port };
            (void)call_evtchn_close(0, &p);
        }
    }
}

/* On the second vCPU. */
static void mistake(void)
{
    const u64 begun = counter();
    const u64 delay = (begun * 0x9e3779b97f4a7c15ull) >> 20 & DELAY_MASK;
    while (counter() - begun < delay) {
    }
    switch (delay % 3) {
    case 0:
        guest_end(SHUTDOWN_CRASH);
    case 1:
        iret_at(0x10000); /* no frame there */
    default:
        (void)mmu_write(entry_of(VIRT_BASE, 4), 0); /* nothing is mapped */
    }
}

void guest_main(void)
{
    if (time_ns() > option_number("until", 0) * NS_PER_S) {
        return;
    }
    pins();
    balloon();
    ports(false);
    if (!text_equal(option("mode"), "kill")) {
        guest_end(SHUTDOWN_REBOOT);
    }
    if (second_start() != 0) {
        say("churn: no second vCPU\n");
        return;
    }
    second_run(mistake);
    for (;;) {
        pins();
        ports(true);
    }
}
