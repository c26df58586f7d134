/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world that records speak of, as fuzz/world.c builds it in the harness:
 * pfn 4 to 7 are L4 to L1 of both vCPUs, and map pages 16 to 31. The arguments'
 * memory hangs in the same L3, by tables of ours; the L4 shows all that the
 * guest began with, too.
 */
#include "guests/bytecode/bytecode.h"
#include "guests/lib/guest.h"

#define UVMF_INVLPG 2u
#define NEW_BASEPTR 5u
#define NEW_USER_BASEPTR 15u
#define HV_FIRST_SLOT 256u
#define HV_LAST_SLOT 271u

typedef u64 table_t[512];

u64 world_grants[2][512] __attribute__((aligned(4096)));
static u8 arguments[ARGUMENTS_PAGES + 1][PAGE_BYTES]
    __attribute__((aligned(4096)));
static table_t arguments_l2 __attribute__((aligned(4096)));
static table_t arguments_l1 __attribute__((aligned(4096)));

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static void need(s64 rc, const char *what)
{
    if (rc != 0) {
        say("bytecode: ");
        say(what);
        say(": ");
        say_dec(rc);
        say("\n");
        guest_end(SHUTDOWN_CRASH);
    }
}

volatile u64 *world_page(u32 n)
{
    return (volatile u64 *)(VIRT_BASE + (u64)n * PAGE_BYTES);
}

static u64 frame_of(u32 n)
{
    return frame_of_page((const volatile void *)world_page(n));
}

static void link(volatile u64 *table, u32 index, u64 frame, u64 flags)
{
    table[index] = frame << PAGE_BITS | flags;
}

static void tables_fill(void)
{
    const u64 *from = page_of_frame(table_of(va_of(arguments), 4));

    for (u32 i = 0; i < 512; i++) {
        world_page(ROOT_PAGE)[i] =
            i < HV_FIRST_SLOT || i > HV_LAST_SLOT ? from[i] : 0;
    }
    for (u32 i = 0; i < OPEN_COUNT; i++) {
        link(world_page(ROOT_PAGE + 3), OPEN_PAGE + i, frame_of(OPEN_PAGE + i),
             P_RW | P_USER);
    }
    for (u32 i = 0; i < ARGUMENTS_PAGES; i++) {
        link(arguments_l1, i, frame_of_page(arguments[i]), P_RW | P_USER);
    }
    link(arguments_l1, ARGUMENTS_BYTES / PAGE_BYTES - 1,
         frame_of_page(arguments[ARGUMENTS_PAGES]), P_RW | P_USER);
    link(arguments_l2, 0, frame_of_page(arguments_l1), P_TABLE);
    for (u32 i = 0; i < 3; i++) {
        link(world_page(ROOT_PAGE + i), 0, frame_of(ROOT_PAGE + i + 1),
             P_TABLE);
    }
    link(world_page(ROOT_PAGE + 1), (u32)(ARGUMENTS_BASE >> 30),
         frame_of_page(arguments_l2), P_TABLE);
    for (u32 i = 0; i < 4 * 512; i++) {
        world_page(SECOND_ROOT_PAGE)[i] = world_page(ROOT_PAGE)[i];
    }
}

static void grants_map(struct places *own)
{
    u64 list[2] = { 0 };
    struct arg_gnttab_setup a = { .dom = SELF,
                                  .nr_frames = 2,
                                  .frame_list = va_of(list) };

    need(call_grant_setup(&a, 1, NULL), "grant table");
    for (u32 i = 0; i < 2; i++) {
        own->grants[i] = list[i];
        need(map_va(va_of(world_grants[i]), list[i] << PAGE_BITS | P_RW,
                    UVMF_INVLPG),
             "grant table page");
    }
}

void world_setup(struct places *own)
{
    own->first = frame_of(0);
    own->shared = start_info->shared_info >> PAGE_BITS;
    grants_map(own);
    tables_fill();
    for (u32 n = 0; n < PAGES_COUNT; n++) {
        need(page_protect(world_page(n), P_RO), "a page of the world");
    }
    need(page_protect(arguments_l1, P_RO), "a table");
    need(page_protect(arguments_l2, P_RO), "a table");
    need(world_root(), "the root");
}

s64 world_root(void)
{
    return mmu_ext(NEW_BASEPTR, frame_of(ROOT_PAGE), 0);
}

void world_refresh(void)
{
    struct arg_set_iopl iopl = { 0 };

    __asm__ volatile("mov %w0, %%ds\n\tmov %w0, %%es\n\t"
                     "mov %w0, %%fs\n\tmov %w0, %%gs"
                     :
                     : "r"(0));
    (void)world_root();
    (void)mmu_ext(NEW_USER_BASEPTR, frame_of(ROOT_PAGE), 0);
    (void)call_set_debugreg(7, 0, 0, 0);
    (void)call_set_iopl(0, &iopl);
    (void)call_fpu_taskswitch(0, 0, 0, 0);
    if (me() == 0) {
        (void)call_vcpu_up(1, 0, 0, 0);
    }
    traps_setup();
}
