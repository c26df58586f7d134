/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's machine, as the hypervisor gives it: see machine.h.
 */
#include "guests/router/machine.h"

#include "core/atomic.h"
#include "core/mem.h"
#include "guests/lib/guest.h"

#define MAP_HOST 2u
#define SOURCE_REF 1u
#define DEST_REF 2u
#define GRANT_READ                                                             \
    5u /* [XEN grant_table.h] permit_access, readonly; domain 0 */
#define BAD_DOMAIN (-2)
#define NO_HANDLE U32_MAX
#define UVMF_INVLPG 2u

static u8 window[MACHINE_WINDOWS][PAGE_BYTES] __attribute__((aligned(4096)));
static u32 handle[MACHINE_WINDOWS];
static bool windows_ready;
static struct arg_gnttab_copy copies[MACHINE_COPIES];
static u8 nowhere[PAGE_BYTES] __attribute__((aligned(4096)));

u64 machine_now(void)
{
    return time_ns();
}

/* ---- frames of others ------------------------------------------------------
 */

/* A mapping is written where nothing is mapped: take our own pages away. */
static void windows_clear(void)
{
    for (u32 i = 0; i < MACHINE_WINDOWS; i++) {
        (void)map_va((u64)(uintptr_t)window[i], 0, UVMF_INVLPG);
        handle[i] = NO_HANDLE;
    }
    windows_ready = true;
}

u32 *machine_map(u32 where, u32 domid, u32 ref)
{
    if (!windows_ready) {
        windows_clear();
    }
    if (where >= MACHINE_WINDOWS || handle[where] != NO_HANDLE) {
        return NULL;
    }
    struct arg_gnttab_map a = { .host_addr = (u64)(uintptr_t)window[where],
                                .flags = MAP_HOST,
                                .ref = ref,
                                .dom = (u16)domid };
    if (call_grant_map(&a, 1, NULL) != 0 || a.status != 0) {
        return NULL;
    }
    handle[where] = a.handle;
    return (u32 *)(void *)window[where];
}

void machine_unmap(u32 where)
{
    if (where >= MACHINE_WINDOWS || handle[where] == NO_HANDLE) {
        return;
    }
    struct arg_gnttab_unmap a = { .host_addr = (u64)(uintptr_t)window[where],
                                  .handle = handle[where] };
    (void)call_grant_unmap(&a, 1, NULL);
    handle[where] = NO_HANDLE;
}

static u64 frame_at(const u8 *own)
{
    return frame_of_page(
        (const void *)((u64)(uintptr_t)own & ~(u64)(PAGE_BYTES - 1)));
}

bool machine_is_alive(u32 domid, u32 ref)
{
    struct arg_gnttab_copy a = { .src_ref = ref,
                                 .src_dom = (u16)domid,
                                 .dst_ref = frame_at(nowhere),
                                 .dst_dom = SELF,
                                 .flags = SOURCE_REF };
    (void)call_grant_copy(&a, 1, NULL);
    return a.status != BAD_DOMAIN;
}

static struct arg_gnttab_copy copy_out(const struct machine_copy *c)
{
    struct arg_gnttab_copy a = { .len = c->bytes,
                                 .status = BAD_DOMAIN,
                                 .flags = DEST_REF,
                                 .dst_ref = c->ref,
                                 .dst_dom = (u16)c->domid,
                                 .dst_offset = c->offset };
    if (c->own != NULL) {
        a.src_ref = frame_at(c->own);
        a.src_dom = SELF;
        a.src_offset = (u16)((u64)(uintptr_t)c->own % PAGE_BYTES);
    } else {
        a.flags |= SOURCE_REF;
        a.src_ref = c->from_ref;
        a.src_dom = c->from_domid;
        a.src_offset = c->from_offset;
    }
    return a;
}

static struct arg_gnttab_copy copy_in(const struct machine_copy *c)
{
    return (struct arg_gnttab_copy){
        .len = c->bytes,
        .status = BAD_DOMAIN,
        .flags = SOURCE_REF,
        .src_ref = c->ref,
        .src_dom = (u16)c->domid,
        .src_offset = c->offset,
        .dst_ref = frame_at(c->own),
        .dst_dom = SELF,
        .dst_offset = (u16)((u64)(uintptr_t)c->own % PAGE_BYTES)
    };
}

void machine_copy(struct machine_copy *list, u32 count)
{
    if (count == 0) {
        return;
    }
    for (u32 i = 0; i < count; i++) {
        copies[i] = list[i].is_out ? copy_out(&list[i]) : copy_in(&list[i]);
    }
    const s64 rc = call_grant_copy(copies, count, NULL);
    for (u32 i = 0; i < count; i++) {
        list[i].failed = rc != 0 || copies[i].status != 0;
    }
}

/* Our own grant table, mapped when it is first needed. */
void machine_offer(u32 ref, const void *page)
{
    static u64 table[PAGE_BYTES / 8] __attribute__((aligned(4096)));
    static bool is_ready;
    u64 list[1] = { 0 };
    struct arg_gnttab_setup a = { .dom = SELF,
                                  .nr_frames = 1,
                                  .frame_list = (u64)(uintptr_t)list };

    if (!is_ready) {
        is_ready =
            call_grant_setup(&a, 1, NULL) == 0 && a.status == 0 &&
            map_va((u64)(uintptr_t)table,
                   *(volatile u64 *)list << PAGE_BITS | P_RW, UVMF_INVLPG) == 0;
    }
    if (is_ready && ref < ARRAY_COUNT(table)) {
        atomic_store64(&table[ref], GRANT_READ | frame_of_page(page) << 32);
    }
}

/* ---- events ----------------------------------------------------------------
 */

u32 machine_bind(u32 domid, u32 port)
{
    struct arg_evtchn_interdomain a = { .remote_dom = (u16)domid,
                                        .remote_port = port };
    return call_evtchn_bind_interdomain(0, &a) == 0 ? a.local_port : 0;
}

void machine_close(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_close(0, &a);
}

void machine_notify(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_send(0, &a);
}

bool machine_pending(u32 port)
{
    u64 *word = &shared->evtchn_pending[port / 64 % PORT_WORDS];
    const u64 bit = 1ull << port % 64;
    return (atomic_load64(word) & bit) != 0 &&
           (atomic_and64(word, ~bit) & bit) != 0;
}

/* ---- words -----------------------------------------------------------------
 */

/* Without waiting: when nobody reads the console, lines are lost and frames are
 * not. */
void machine_say(const char *line)
{
    struct console_ring *r = page_of_frame(start_info->console_mfn);
    u32 prod = r->out_prod;
    const u32 used = prod - atomic_load32(&r->out_cons);
    u32 bytes = 0;
    while (line[bytes] != '\0') {
        bytes++;
    }
    if (used > sizeof(r->out) || bytes + 1 > sizeof(r->out) - used) {
        return;
    }
    for (u32 i = 0; i <= bytes; i++) {
        r->out[prod++ % sizeof(r->out)] = i < bytes ? (u8)line[i] : (u8)'\n';
    }
    atomic_store32(&r->out_prod, prod);
    machine_notify(start_info->console_evtchn);
}

void machine_report(u32 domid, u32 rule, u32 count, const char *text)
{
    struct arg_net_report a = { .domid = (u16)domid,
                                .rule = rule,
                                .count = count };
    u8 *to = (u8 *)&a.text;
    const u32 room = sizeof(a) - (u32)offsetof(struct arg_net_report, text);
    for (u32 i = 0; i + 1 < room && text[i] != '\0'; i++) {
        to[i] = (u8)text[i];
    }
    (void)call_net_report(0, &a);
}

/* The processor's own random numbers where it has them; else when we began to
 * count, which tenants cannot see to the last digit. */
u64 machine_secret(void)
{
    static u64 state;
    u32 eax = 1;
    u32 ebx;
    u32 ecx = 0;
    u32 edx;
    u64 random = 0;
    __asm__ volatile("cpuid"
                     : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx)
                     :
                     : "memory");
    if ((ecx >> 30 & 1) != 0) {
        __asm__ volatile("rdrand %0" : "=r"(random) : : "cc");
    }
    state = (state ^ random ^ __builtin_ia32_rdtsc()) * 0x9e3779b97f4a7c15ull;
    state ^= state >> 29;
    return state;
}
