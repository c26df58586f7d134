/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that takes single paths through the hypervisor, each a fixed number
 * of times, so that their instructions can be counted exactly: no Linux around
 * them, no interrupts between. Marks and lines of output are those of
 * guests/bench; tests/bench/systems.py reads both.
 */
#include "guests/bench/bench.h"
#include "guests/lib/guest.h"

#define PIN_L1 0u
#define PIN_L4 3u
#define UNPIN 4u
#define NEW_BASEPTR 5u
#define BREAKPOINT 3u
#define TABLE_ENTRIES 512u
#define MANY 128u
#define TIMES 256u

/* Pages to map and to make tables of. */
static u8 pages[MANY][PAGE_BYTES] __attribute__((aligned(4096)));
static u64 tables[5][TABLE_ENTRIES] __attribute__((aligned(4096)));
static struct arg_mmu_update updates[MANY];
static struct multicall_entry calls[8];
static u32 own_port;

static u64 stamp(void)
{
    return __builtin_ia32_rdtsc();
}

static void must(const char *what, s64 rc)
{
    if (rc != 0) {
        say("bench: failed: ");
        say(what);
        say(" ");
        say_dec(rc);
        say("\n");
        guest_end(3);
    }
}

/* ---- the paths ---------------------------------------------------------- */

static void do_version(void)
{
    (void)call_version(0, 0, 0, 0);
}

static void do_multicall(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(calls); i++) {
        calls[i] = (struct multicall_entry){ .op = 17 };
    }
    (void)call_multicall((u64)(uintptr_t)calls, ARRAY_COUNT(calls), 0, 0);
}

static void do_va_mapping(void)
{
    must("read-only", page_protect(pages[0], P_RO));
    must("writable", page_protect(pages[0], P_RW));
}

static void update_all(u32 count, u64 flags)
{
    for (u32 i = 0; i < count; i++) {
        updates[i] =
            (struct arg_mmu_update){ entry_of((u64)(uintptr_t)pages[i], 1),
                                     frame_of_page(pages[i]) << PAGE_BITS |
                                         flags };
    }
    must("mmu_update", call_mmu_normal(updates, count, NULL));
}

static void do_update_1(void)
{
    update_all(1, P_RO);
    update_all(1, P_RW);
}

static void do_update_32(void)
{
    update_all(32, P_RO);
    update_all(32, P_RW);
}

static void do_update_128(void)
{
    update_all(MANY, P_RO);
    update_all(MANY, P_RW);
}

static void do_pin_1(void)
{
    const u64 frame = frame_of_page(tables[1]);
    must("pin", mmu_ext(PIN_L1, frame, 0));
    must("unpin", mmu_ext(UNPIN, frame, 0));
}

static void do_pin_4(void)
{
    const u64 frame = frame_of_page(tables[4]);
    must("pin", mmu_ext(PIN_L4, frame, 0));
    must("unpin", mmu_ext(UNPIN, frame, 0));
}

static void do_switch(void)
{
    must("there", mmu_ext(NEW_BASEPTR, frame_of_page(tables[4]), 0));
    must("back", mmu_ext(NEW_BASEPTR, table_of((u64)(uintptr_t)pages, 4), 0));
}

static void do_timer(void)
{
    (void)call_set_timer_op(time_ns() + 1000000000ull, 0, 0, 0);
}

static void do_send(void)
{
    struct arg_evtchn_port a = { own_port };
    must("send", call_evtchn_send(0, &a));
}

static void do_exception(void)
{
    __asm__ volatile("int3" : : : "memory");
}

static void do_msr(void)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000102u));
}

/* Between frames of ours: what a grant adds is its reference. */
static void copy_bytes(u16 bytes)
{
    struct arg_gnttab_copy a = { .src_ref = frame_of_page(pages[0]),
                                 .src_dom = SELF,
                                 .dst_ref = frame_of_page(pages[1]),
                                 .dst_dom = SELF,
                                 .len = bytes };
    must("copy", call_grant_copy(&a, 1, NULL));
    must("copy", a.status);
}

static void do_copy_64(void)
{
    copy_bytes(64);
}

static void do_copy_4k(void)
{
    copy_bytes(PAGE_BYTES);
}

/* ---- what they need ----------------------------------------------------- */

static void empty_l1(void)
{
    must("table", page_protect(tables[1], P_RO));
}

static void full_l1(void)
{
    must("table", page_protect(tables[1], P_RW));
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        tables[1][i] = frame_of_page(pages[i % MANY]) << PAGE_BITS | P_RO;
    }
    must("table", page_protect(tables[1], P_RO));
}

/* A root with our own mappings above, and a full L1 below. */
static void tree(void)
{
    const u64 *const from = page_of_frame(table_of((u64)(uintptr_t)pages, 4));
    for (u32 i = 272; i < TABLE_ENTRIES; i++) {
        tables[4][i] = from[i];
    }
    for (u32 level = 2; level <= 4; level++) {
        tables[level][0] =
            frame_of_page(tables[level - 1]) << PAGE_BITS | P_TABLE;
    }
    for (u32 level = 2; level <= 4; level++) {
        must("table", page_protect(tables[level], P_RO));
    }
}

/* The other root stays a root. */
static void pinned_tree(void)
{
    must("pin", mmu_ext(PIN_L4, frame_of_page(tables[4]), 0));
}

static void masked_port(void)
{
    struct arg_evtchn_ipi a = { .vcpu = 0 };
    must("ipi", call_evtchn_bind_ipi(0, &a));
    own_port = a.port;
}

static void events_on(void)
{
    struct arg_evtchn_port a = { own_port };
    must("unmask", call_evtchn_unmask(0, &a));
    my_info()->upcall_mask = 0;
    (void)call_version(0, 0, 0, 0);
}

static void events_off(void)
{
    my_info()->upcall_mask = 1;
    must("upcalls", event_count >= TIMES ? 0 : -1);
}

static void exceptions_pass(void)
{
    room()->passing |= 1u << BREAKPOINT;
}

static const struct {
    const char *name;
    u32 each; /* operations in one go */
    void (*set_up)(void);
    void (*go)(void);
    void (*tear_down)(void);
} paths[] = {
    { "hypercall", 1, NULL, do_version, NULL },
    { "multicall", 8, NULL, do_multicall, NULL },
    { "update_va_mapping", 2, NULL, do_va_mapping, NULL },
    { "mmu_update_1", 2, NULL, do_update_1, NULL },
    { "mmu_update_32", 64, NULL, do_update_32, NULL },
    { "mmu_update_128", 256, NULL, do_update_128, NULL },
    { "pin_l1_empty", 1, empty_l1, do_pin_1, NULL },
    { "pin_l1_full", 1, full_l1, do_pin_1, NULL },
    { "pin_tree", 1, tree, do_pin_4, NULL },
    { "new_baseptr", 2, pinned_tree, do_switch, NULL },
    { "set_timer", 1, NULL, do_timer, NULL },
    { "send_masked", 1, masked_port, do_send, NULL },
    { "send_upcall", 1, events_on, do_send, events_off },
    { "exception", 1, exceptions_pass, do_exception, NULL },
    { "rdmsr", 1, NULL, do_msr, NULL },
    { "grant_copy_64", 1, NULL, do_copy_64, NULL },
    { "grant_copy_4k", 1, NULL, do_copy_4k, NULL },
};

#define MARK(value)                                                            \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long %c0"                       \
                     :                                                         \
                     : "i"(value)                                              \
                     : "memory")

static void measure(u32 n)
{
    if (paths[n].set_up != NULL) {
        paths[n].set_up();
    }
    paths[n].go();
    MARK(MARK_BEGIN);
    const u64 from = stamp();
    for (u32 i = 0; i < TIMES; i++) {
        paths[n].go();
    }
    const u64 to = stamp();
    MARK(MARK_END);
    if (paths[n].tear_down != NULL) {
        paths[n].tear_down();
    }
    say("bench: row ");
    say(paths[n].name);
    say(" ");
    say_dec((s64)TIMES * paths[n].each);
    say(" ");
    say_dec((s64)(to - from));
    say("\n");
    /* The console shall not be written while the next one is counted. */
    sleep_until(time_ns() + 50000000);
}

void guest_main(void)
{
    for (u32 n = 0; n < ARRAY_COUNT(paths); n++) {
        measure(n);
    }
    say("bench: end\n");
}
