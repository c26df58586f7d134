/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the attacker and its helper meet, and what passes between them: see
 * peer.h. The mail is a page of the attacker's; in the helper the attacker's
 * frame is mapped in place of its own, so that both find it at one address.
 */
#include "guests/attack/peer.h"

#include "guests/lib/refusals.h"

#define DOMS 16u    /* domain numbers that are tried */
#define REF_MAIL 8u /* + the helper's number */
#define REF_NEVER 511u
#define STATUS_BAD_DOMAIN (-2)
#define SECOND 1000000000ull
#define PATIENCE (20 * SECOND)
#define HANDLES 1024u

struct mail {
    volatile u32 attacker, helper; /* domain numbers; 0: not met */
    volatile u32 port, stop, quit;
    volatile u32 served; /* attackers that the helper has seen the end of */
    volatile u32 asked, done; /* calls */
    over_there *volatile f;
    volatile u64 arg[3];
    volatile s64 answer;
};

static union {
    struct mail mail;
    u8 bytes[PAGE_BYTES];
} page __attribute__((aligned(4096)));
static u8 window[WINDOW_PAGES][PAGE_BYTES] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static u32 busy;
static struct {
    u64 va;
    u32 handle;
    bool used;
} kept[HANDLES];

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- the attacker's grants -------------------------------------------------
 */

void grant_raw(u32 ref, u64 word)
{
    __atomic_store_n(&table[ref], word, __ATOMIC_SEQ_CST);
}

u64 grant_word(u32 ref)
{
    return __atomic_load_n(&table[ref], __ATOMIC_SEQ_CST);
}

static u64 entry(u32 dom, u64 frame, u32 flags)
{
    return flags | (u64)dom << 16 | frame << 32;
}

void grant_to_peer(u32 ref, u64 frame, u32 flags)
{
    grant_raw(ref, entry(page.mail.helper, frame, flags));
}

static bool table_open(void)
{
    u64 list[1] = { 0 };
    struct arg_gnttab_setup a = { .dom = SELF,
                                  .nr_frames = 1,
                                  .frame_list = va_of(list) };
    const s64 rc = call_grant_setup(&a, 1, NULL);
    return rc == 0 && *(volatile s16 *)&a.status == 0 &&
           map_va(va_of(table), *(volatile u64 *)list << PAGE_BITS | P_RW, 2) ==
               0;
}

/* ---- the attacker's side ---------------------------------------------------
 */

u32 peer_attacker(void)
{
    return page.mail.attacker;
}

u32 peer_helper(void)
{
    return page.mail.helper;
}

u32 peer_served(void)
{
    return page.mail.served;
}

u32 peer_port(void)
{
    return page.mail.port;
}

bool peer_told_to_stop(void)
{
    return page.mail.stop != 0;
}

static bool port_open(void)
{
    struct arg_evtchn_unbound a = { .dom = SELF,
                                    .remote_dom = (u16)page.mail.helper };
    const s64 rc = call_evtchn_alloc_unbound(0, &a);
    page.mail.port = *(volatile u32 *)&a.port;
    return rc == 0;
}

/* True when there is a helper; asks once. */
static bool meet(void)
{
    static bool tried;
    static bool met;
    if (tried) {
        return met;
    }
    tried = true;
    if (option("helper")[0] == '\0' || !table_open()) {
        return false;
    }
    for (u32 dom = 1; dom < DOMS; dom++) {
        const u64 frame = frame_of_page(&page);
        grant_raw(REF_MAIL + dom, entry(dom, frame, GTF_PERMIT));
    }
    const u64 end = time_ns() + PATIENCE;
    while (page.mail.helper == 0 && time_ns() < end) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
    for (u32 dom = 1; dom < DOMS; dom++) {
        if (dom != page.mail.helper) {
            grant_raw(REF_MAIL + dom, 0);
        }
    }
    met = page.mail.helper != 0 && port_open();
    return met;
}

static void wake(void)
{
    struct arg_evtchn_port p = { page.mail.port };
    (void)call_evtchn_send(0, &p);
}

void peer_begin(over_there *f, u64 a, u64 b, u64 c)
{
    page.mail.stop = 0;
    page.mail.f = f;
    page.mail.arg[0] = a;
    page.mail.arg[1] = b;
    page.mail.arg[2] = c;
    __atomic_add_fetch(&page.mail.asked, 1, __ATOMIC_SEQ_CST);
    wake();
}

s64 peer_end(void)
{
    const u64 end = time_ns() + PATIENCE;
    page.mail.stop = 1;
    while (page.mail.done != page.mail.asked) {
        if (time_ns() > end) {
            return -9999;
        }
        (void)call_sched_yield(0, 0, 0, 0);
    }
    return page.mail.answer;
}

s64 peer_call(over_there *f, u64 a, u64 b, u64 c)
{
    peer_begin(f, a, b, c);
    return peer_end();
}

s64 with_peer(s64 (*action)(void))
{
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) {
        (void)call_sched_yield(0, 0, 0, 0);
    }
    const s64 r = meet() ? action() : NO_HELPER;
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
    return r;
}

void peer_quit(void)
{
    if (meet()) {
        page.mail.quit = 1;
        wake();
    }
}

/* ---- the helper's side -----------------------------------------------------
 */

u8 *peer_window(u64 slot)
{
    return window[slot % WINDOW_PAGES];
}

/* Map to va, where nothing may be: the handle, or the status. */
static s64 map_at(u64 va, u32 dom, u32 ref, u32 flags)
{
    struct arg_gnttab_map a = {
        .host_addr = va, .flags = flags, .ref = ref, .dom = (u16)dom
    };
    const s64 rc = call_grant_map(&a, 1, NULL);
    const s64 status = *(volatile s16 *)&a.status;
    const u32 handle = *(volatile u32 *)&a.handle;
    if (rc != 0 || status != 0) {
        return rc != 0 ? rc - 1000 : status;
    }
    for (u32 i = 0; i < HANDLES; i++) {
        if (!kept[i].used) {
            kept[i].va = va;
            kept[i].handle = handle;
            kept[i].used = true;
            break;
        }
    }
    return handle;
}

static s64 unmap_at(u64 va, u32 handle)
{
    struct arg_gnttab_unmap a = { .host_addr = va, .handle = handle };
    const s64 rc = call_grant_unmap(&a, 1, NULL);
    const s64 status = *(volatile s16 *)&a.status;
    for (u32 i = 0; rc == 0 && status == 0 && i < HANDLES; i++) {
        if (kept[i].used && kept[i].handle == handle) {
            kept[i].used = false;
        }
    }
    return rc != 0 ? rc - 1000 : status;
}

s64 peer_map(u64 ref, u64 flags, u64 slot)
{
    const u64 va = va_of(peer_window(slot));
    return map_at(va, page.mail.attacker, (u32)ref, (u32)flags);
}

s64 peer_unmap(u64 handle, u64 slot, u64 unused)
{
    (void)unused;
    return unmap_at(va_of(peer_window(slot)), (u32)handle);
}

static bool find_attacker(void)
{
    for (u32 dom = 1; dom < DOMS; dom++) {
        for (u32 own = 1; own < DOMS; own++) {
            if (map_at(va_of(&page), dom, REF_MAIL + own, MAP_RW) >= 0) {
                page.mail.attacker = dom;
                page.mail.helper = own;
                return true;
            }
        }
    }
    return false;
}

static void sleep_ms(u32 port)
{
    u32 ports[1] = { port };
    struct arg_sched_poll a = { .ports = va_of(ports),
                                .nr_ports = port != 0 ? 1 : 0,
                                .timeout = time_ns() + SECOND / 1000 };
    (void)call_sched_poll(0, &a);
    shared->evtchn_pending[port / 64] = 0;
}

static u32 bind(void)
{
    struct arg_evtchn_interdomain a = { .remote_dom = (u16)page.mail.attacker,
                                        .remote_port = page.mail.port };
    return call_evtchn_bind_interdomain(0, &a) == 0
               ? *(volatile u32 *)&a.local_port
               : 0;
}

static bool attacker_gone(u32 dom)
{
    return map_at(va_of(peer_window(0)), dom, REF_NEVER, MAP_RO) ==
           STATUS_BAD_DOMAIN;
}

bool peer_attacker_gone(void)
{
    return attacker_gone(page.mail.attacker);
}

/* Until the attacker says so, or is no more. */
static void serve(void)
{
    const u32 dom = page.mail.attacker;
    u32 port = 0;
    for (u32 idle = 1; page.mail.quit == 0; idle++) {
        if (page.mail.done != page.mail.asked) {
            page.mail.answer = page.mail.f(page.mail.arg[0], page.mail.arg[1],
                                           page.mail.arg[2]);
            barrier();
            page.mail.done = page.mail.asked;
            idle = 1;
        } else if (port == 0 && page.mail.port != 0) {
            port = bind();
        }
        if (idle % 100 == 0 && attacker_gone(dom)) {
            break;
        }
        sleep_ms(port);
    }
}

static void unmap_kept(void)
{
    for (u32 i = 0; i < HANDLES; i++) {
        if (kept[i].used && unmap_at(kept[i].va, kept[i].handle) != 0) {
            say("ATTACK helper: an unmapping FAILED\n");
        }
    }
}

void peer_serve(void)
{
    u64 end = time_ns() + 3 * PATIENCE;
    bool quit = false;
    for (u32 i = 0; i < WINDOW_PAGES; i++) {
        (void)map_va(va_of(window[i]), 0, 2);
    }
    (void)map_va(va_of(&page), 0, 2);
    for (u32 served = 0; !quit && time_ns() < end;) {
        if (!find_attacker()) {
            sleep_ms(0);
            continue;
        }
        page.mail.served = served++;
        serve();
        quit = page.mail.quit != 0;
        unmap_kept();
        end = time_ns() + 3 * PATIENCE;
    }
    say("ATTACK helper: done\nATTACK refusals ");
    refusals_say();
    say("\n");
    guest_end(SHUTDOWN_POWEROFF);
}
