/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Domain0 asks of the hypervisor: see machine.h.
 */
#include "guests/domain0/machine.h"
#include "guests/lib/guest.h"

#define MAP_HOST (1u << 1) /* [XEN grant_table.h] GNTMAP_host_map */
#define COPY_SOURCE_REF 1u
#define UVMF_INVLPG 2u
#define LINE_MAX 256u

/* ---- pages ----------------------------------------------------------------
 */

u32 page_map(u32 domid, u32 grant, void *page)
{
    const u64 va = (u64)(uintptr_t)page;
    struct arg_gnttab_map m = {
        .host_addr = va, .flags = MAP_HOST, .ref = grant, .dom = (u16)domid
    };
    if (map_va(va, 0, UVMF_INVLPG) != 0 || call_grant_map(&m, 1, NULL) != 0 ||
        m.status != 0) {
        return NO_HANDLE;
    }
    return m.handle;
}

void page_unmap(u32 handle, void *page)
{
    struct arg_gnttab_unmap u = { .host_addr = (u64)(uintptr_t)page,
                                  .handle = handle };
    (void)call_grant_unmap(&u, 1, NULL);
}

bool page_copy(u32 domid, u32 grant, void *page)
{
    struct arg_gnttab_copy c = { .src_ref = grant,
                                 .src_dom = (u16)domid,
                                 .dst_ref = frame_of_page(page),
                                 .dst_dom = SELF,
                                 .len = PAGE_BYTES,
                                 .flags = COPY_SOURCE_REF };
    return call_grant_copy(&c, 1, NULL) == 0 && c.status == 0;
}

/* ---- ports ----------------------------------------------------------------
 */

static void port_unmask(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_unmask(0, &a);
}

u32 port_bind(u32 domid, u32 remote)
{
    struct arg_evtchn_interdomain a = { .remote_dom = (u16)domid,
                                        .remote_port = remote };
    if (call_evtchn_bind_interdomain(0, &a) != 0) {
        return 0;
    }
    port_unmask(a.local_port);
    return a.local_port;
}

u32 port_bind_virq(u32 virq)
{
    struct arg_evtchn_virq a = { .virq = virq };
    if (call_evtchn_bind_virq(0, &a) != 0) {
        return 0;
    }
    port_unmask(a.port);
    return a.port;
}

void port_close(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_close(0, &a);
}

void port_notify(u32 port)
{
    struct arg_evtchn_port a = { port };
    (void)call_evtchn_send(0, &a);
}

/* Events stay masked but for the time asleep, so nothing is missed between a
 * look and the sleep. */
static u64 heard[PORT_WORDS];

void ports_take(void)
{
    __atomic_store_n(&my_info()->upcall_mask, 1, __ATOMIC_SEQ_CST);
    pending_take();
    for (u32 i = 0; i < PORT_WORDS; i++) {
        heard[i] = __atomic_exchange_n(&port_events[i], 0, __ATOMIC_SEQ_CST);
    }
}

bool port_heard(u32 port)
{
    return (heard[port / 64] >> port % 64 & 1) != 0;
}

void sleep_for_event(u64 until_ns)
{
    (void)call_set_timer_op(until_ns, 0, 0, 0);
    (void)call_sched_block(0, 0, 0, 0); /* unmasks, and back at any event */
}

/* ---- the console line -----------------------------------------------------
 */

u32 line_write(u32 channel, const u8 *bytes, u32 count)
{
    struct arg_serial a = { .channel = (u16)channel,
                            .bytes = count < LINE_MAX ? count : LINE_MAX,
                            .buffer = (u64)(uintptr_t)bytes };
    const s64 taken = call_serial_write(0, &a);
    return taken > 0 ? (u32)taken : 0;
}

u32 line_read(u8 *bytes, u32 room)
{
    struct arg_serial a = { .bytes = room < LINE_MAX ? room : LINE_MAX,
                            .buffer = (u64)(uintptr_t)bytes };
    const s64 got = call_serial_read(0, &a);
    return got > 0 ? (u32)got : 0;
}

void log_line(const char *text)
{
    say(text);
    say("\n");
}
