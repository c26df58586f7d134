/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts by grants and ports: more than the two of each that the tenant
 * offers to domain 0.
 */
#include "guests/hostile0/hostile0.h"

#define TABLE_REFS 512u /* of one page, which every tenant has */
#define REFS_MAX 32768u /* of the largest table */
#define PORTS_MAX 4096u
#define OWN_PORTS 8u /* more than are bound here */
#define NO_HANDLE 0xffffffffu
#define SRC_REF 1u
#define DST_REF 2u

/* ---- mappings
 * --------------------------------------------------------------- */

static s64 map(u16 dom, u64 ref, u64 at, u32 flags)
{
    struct arg_gnttab_map m = {
        .host_addr = at, .flags = flags, .ref = (u32)ref, .dom = dom
    };
    if (call_grant_map(&m, 1, NULL) != 0) {
        return UNWANTED;
    }
    if (m.status == 0) {
        struct arg_gnttab_unmap u = { .host_addr = at, .handle = m.handle };
        look((const void *)at);
        (void)call_grant_unmap(&u, 1, NULL);
    }
    return m.status;
}

static s64 ref_map(u64 ref)
{
    return map(prey.domid, ref, va_of(window), MAP_HOST);
}

static s64 ref_map_read(u64 ref)
{
    return map(prey.domid, ref, va_of(window), MAP_HOST | MAP_READ);
}

/* There must be nothing where a mapping comes. */
static void clear_window(void)
{
    (void)map_va(va_of(window), 0, UVMF_INVLPG);
}

s64 try_ref_map(void)
{
    clear_window();
    return each(ref_map, REF_STORE + 1, TABLE_REFS);
}

s64 try_ref_map_read(void)
{
    clear_window();
    return each(ref_map_read, REF_STORE + 1, TABLE_REFS);
}

s64 try_ref_beyond(void)
{
    clear_window();
    return both(each(ref_map, REFS_MAX, REFS_MAX + 512),
                both(ref_map(0x80000000u), ref_map(U32_MAX)));
}

s64 try_ref_self(void)
{
    clear_window();
    return both(map(0, REF_CONSOLE, va_of(window), MAP_HOST),
                map(0, REF_STORE, va_of(window), MAP_HOST));
}

static s64 ref_of(u64 dom)
{
    return map((u16)dom, REF_CONSOLE, va_of(window), MAP_HOST);
}

s64 try_ref_nobody(void)
{
    clear_window();
    return both(each(ref_of, NOBODY, NOBODY + 100), ref_of(0xffff));
}

s64 try_ref_place(void)
{
    static const u64 more[] = { HV_START + PAGE_BYTES, HV_END - PAGE_BYTES,
                                0x800000000000ull };
    s64 answer = map(prey.domid, REF_STORE, va_of(window) + 8, MAP_HOST);
    for (u32 i = 0; i < ARRAY_COUNT(more); i++) {
        answer = both(answer, map(prey.domid, REF_STORE, more[i], MAP_HOST));
    }
    return answer;
}

static s64 unmap(u64 handle)
{
    struct arg_gnttab_unmap u = { .host_addr = va_of(window),
                                  .handle = (u32)handle };
    return call_grant_unmap(&u, 1, NULL) != 0 ? UNWANTED : u.status;
}

/* Handle 0 and its generations: the one ring that is mapped has a place. */
s64 try_ref_unmap(void)
{
    return both(each(unmap, 4096, 8192), unmap(NO_HANDLE));
}

s64 try_ring_by_number(void)
{
    return map_va(va_of(window), prey.ring << PAGE_BITS | P_RW, UVMF_INVLPG);
}

/* ---- copies
 * ----------------------------------------------------------------- */

static s64 copy(struct arg_gnttab_copy *a)
{
    if (call_grant_copy(a, 1, NULL) != 0) {
        return UNWANTED;
    }
    if (a->status == 0) {
        look(bytes);
    }
    return a->status;
}

/* From there to the own bytes. */
static s64 copy_in(u16 dom, u64 number, u32 flags)
{
    struct arg_gnttab_copy a = { .src_ref = number,
                                 .src_dom = dom,
                                 .dst_ref = frame_of_page(bytes),
                                 .dst_dom = SELF,
                                 .len = PAGE_BYTES,
                                 .flags = (u16)flags };
    return copy(&a);
}

/* From the own bytes, which are zero, to there. */
static s64 copy_out(u16 dom, u64 number, u32 flags)
{
    struct arg_gnttab_copy a = { .src_ref = frame_of_page(bytes),
                                 .src_dom = SELF,
                                 .dst_ref = number,
                                 .dst_dom = dom,
                                 .len = PAGE_BYTES,
                                 .flags = (u16)flags };
    return copy(&a);
}

static s64 copy_from_ref(u64 ref)
{
    return copy_in(prey.domid, ref, SRC_REF);
}

static s64 copy_to_ref(u64 ref)
{
    return copy_out(prey.domid, ref, DST_REF);
}

s64 try_copy_from_ref(void)
{
    return each(copy_from_ref, REF_STORE + 1, TABLE_REFS);
}

s64 try_copy_to_ref(void)
{
    return each(copy_to_ref, REF_STORE + 1, TABLE_REFS);
}

static s64 copy_from_frame(u64 frame)
{
    return copy_in(prey.domid, frame, 0);
}

static s64 copy_to_frame(u64 frame)
{
    return copy_out(prey.domid, frame, 0);
}

static s64 copy_from_own(u64 frame)
{
    return copy_in(SELF, frame, 0);
}

static s64 copy_to_own(u64 frame)
{
    return copy_out(SELF, frame, 0);
}

s64 try_copy_from_frame(void)
{
    return each_frame(copy_from_frame);
}

s64 try_copy_to_frame(void)
{
    return each_frame(copy_to_frame);
}

s64 try_copy_from_own(void)
{
    return each_frame(copy_from_own);
}

s64 try_copy_to_own(void)
{
    return each_frame(copy_to_own);
}

s64 try_copy_past_ring(void)
{
    struct arg_gnttab_copy in = { .src_ref = REF_CONSOLE,
                                  .src_dom = prey.domid,
                                  .src_offset = PAGE_BYTES - 8,
                                  .dst_ref = frame_of_page(bytes),
                                  .dst_dom = SELF,
                                  .len = 64,
                                  .flags = SRC_REF };
    struct arg_gnttab_copy out = { .src_ref = frame_of_page(bytes),
                                   .src_dom = SELF,
                                   .dst_ref = REF_CONSOLE,
                                   .dst_dom = prey.domid,
                                   .dst_offset = PAGE_BYTES - 8,
                                   .len = 64,
                                   .flags = DST_REF };
    return both(copy(&in), copy(&out));
}

s64 try_table_setup(void)
{
    struct arg_gnttab_setup a = { .dom = prey.domid,
                                  .nr_frames = 1,
                                  .frame_list = va_of(bytes) };
    return call_grant_setup(&a, 1, NULL) != 0 ? UNWANTED : a.status;
}

s64 try_table_query(void)
{
    struct arg_gnttab_query a = { .dom = prey.domid };
    return call_grant_query(&a, 1, NULL) != 0 ? UNWANTED : a.status;
}

/* ---- ports
 * ------------------------------------------------------------------ */

static s64 bind(u16 dom, u64 remote, u32 *local)
{
    struct arg_evtchn_interdomain a = { .remote_dom = dom,
                                        .remote_port = (u32)remote };
    const s64 r = call_evtchn_bind_interdomain(0, &a);
    *local = a.local_port;
    return r;
}

static s64 bind_rest(u64 remote)
{
    u32 local;
    return remote == prey.console_port || remote == prey.store_port
               ? -EINVAL
               : bind(prey.domid, remote, &local);
}

s64 try_bind_rest(void)
{
    return both(each(bind_rest, 0, PORTS_MAX + 64), bind_rest(U32_MAX));
}

s64 try_bind_twice(void)
{
    u32 local;
    u32 again;
    const s64 first = bind(prey.domid, prey.console_port, &local);
    const s64 second = bind(prey.domid, prey.console_port, &again);
    struct arg_evtchn_port p = { local };
    return first != 0 || call_evtchn_close(0, &p) != 0 ? UNWANTED : second;
}

static s64 bind_nobody(u64 dom)
{
    u32 local;
    return bind((u16)dom, 1, &local);
}

s64 try_bind_nobody(void)
{
    return both(each(bind_nobody, NOBODY, NOBODY + 100), bind_nobody(0xffff));
}

static s64 send(u64 port)
{
    struct arg_evtchn_port p = { (u32)port };
    return call_evtchn_send(0, &p);
}

static s64 close(u64 port)
{
    struct arg_evtchn_port p = { (u32)port };
    return call_evtchn_close(0, &p);
}

s64 try_send_unbound(void)
{
    return each(send, OWN_PORTS, PORTS_MAX + 64);
}

s64 try_close_unbound(void)
{
    return each(close, OWN_PORTS, PORTS_MAX + 64);
}

s64 try_offer_other(void)
{
    struct arg_evtchn_unbound a = { .dom = prey.domid, .remote_dom = 0 };
    return call_evtchn_alloc_unbound(0, &a);
}

/* ---- after the rights are gone
 * ---------------------------------------------- */

s64 try_late_map(void)
{
    struct arg_gnttab_map m = { .host_addr = va_of(window),
                                .flags = MAP_HOST,
                                .ref = REF_STORE,
                                .dom = prey.domid };
    clear_window();
    return call_grant_map(&m, 1, NULL);
}

s64 try_late_copy(void)
{
    struct arg_gnttab_copy a = { .src_ref = REF_STORE,
                                 .src_dom = prey.domid,
                                 .dst_ref = frame_of_page(bytes),
                                 .dst_dom = SELF,
                                 .len = 8,
                                 .flags = SRC_REF };
    return call_grant_copy(&a, 1, NULL);
}

s64 try_late_bind(void)
{
    u32 local;
    return bind(prey.domid, prey.store_port, &local);
}
