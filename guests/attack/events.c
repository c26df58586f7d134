/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on grants and events: A19..A32.
 */
#include "guests/attack/attack.h"

#define DOM_OTHER 2u
#define PORT_MAX 4096u
#define VIRQ_HOST 3u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- grants ----------------------------------------------------------------
 */

s64 attack_grant_map(void)
{
    struct arg_gnttab_map a = { .host_addr = va_of(scratch[1]),
                                .flags = 2,
                                .dom = DOM_OTHER };
    return call_grant_map(&a, 1, NULL);
}

s64 attack_grant_unmap(void)
{
    struct arg_gnttab_unmap a = { .host_addr = va_of(scratch[1]) };
    return call_grant_unmap(&a, 1, NULL);
}

s64 attack_grant_copy(void)
{
    struct arg_gnttab_copy a = { .src_dom = DOM_OTHER,
                                 .dst_dom = SELF,
                                 .dst_ref = frame_of_page(scratch[1]),
                                 .len = 4096,
                                 .flags = 1 };
    return call_grant_copy(&a, 1, NULL);
}

s64 attack_grant_v2(void)
{
    struct arg_gnttab_version a = { 2 };
    return call_grant_version(&a, 1, NULL);
}

s64 attack_grant_rest(void)
{
    static const u8 absent[] = { 3, 4, 7, 9, 10, 11, 12, 13, 255 };
    for (u32 i = 0; i < ARRAY_COUNT(absent); i++) {
        if (hypercall(20, absent[i], va_of(scratch[1]), 1, 0, 0) != -ENOSYS) {
            return absent[i];
        }
    }
    return 0;
}

s64 attack_grant_frames(void)
{
    struct arg_gnttab_setup a = { .dom = SELF, .nr_frames = 0x80000000u };
    const s64 rc = call_grant_setup(&a, 1, NULL);
    return rc != 0 ? rc - 100 : a.status;
}

s64 attack_grant_other(void)
{
    struct arg_gnttab_setup a = { .dom = DOM_OTHER, .nr_frames = 1 };
    const s64 rc = call_grant_setup(&a, 1, NULL);
    return rc != 0 ? rc - 100 : a.status;
}

s64 attack_grant_count(void)
{
    struct arg_gnttab_query a = { .dom = SELF };
    return call_grant_query(&a, 0x80000000ull, NULL);
}

s64 attack_grant_edge(void)
{
    /* The second element begins in the hypervisor's part. */
    return hypercall(20, 6, 0x00007ffffffffff8ull, 1, 0, 0);
}

/* ---- ports that are not there
 * ----------------------------------------------------- */

static const u32 bad_ports[] = { 0,          PORT_MAX - 1, PORT_MAX,
                                 0x7fffffff, 0x80000000u,  U32_MAX };

s64 attack_send_bad(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(bad_ports); i++) {
        struct arg_evtchn_port p = { bad_ports[i] };
        if (call_evtchn_send(0, &p) != -EINVAL) {
            return i + 1;
        }
    }
    return 0;
}

s64 attack_close_bad(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(bad_ports); i++) {
        struct arg_evtchn_port p = { bad_ports[i] };
        if (call_evtchn_close(0, &p) != -EINVAL) {
            return i + 1;
        }
    }
    return 0;
}

static s64 port_alloc(u32 *port)
{
    struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = DOM_OTHER };
    const s64 rc = call_evtchn_alloc_unbound(0, &a);
    *port = a.port;
    return rc;
}

static s64 port_close(u32 port)
{
    struct arg_evtchn_port p = { port };
    return call_evtchn_close(0, &p);
}

s64 attack_send_unbound(void)
{
    u32 port;
    s64 rc = port_alloc(&port);
    if (rc != 0) {
        return rc;
    }
    struct arg_evtchn_port p = { port };
    rc = call_evtchn_send(0, &p);
    return port_close(port) == 0 ? rc : 1;
}

s64 attack_alloc_other(void)
{
    struct arg_evtchn_unbound a = { .dom = DOM_OTHER, .remote_dom = SELF };
    return call_evtchn_alloc_unbound(0, &a);
}

s64 attack_bind_other(void)
{
    struct arg_evtchn_interdomain a = { .remote_dom = DOM_OTHER,
                                        .remote_port = 1 };
    return call_evtchn_bind_interdomain(0, &a);
}

/* ---- limits
 * ------------------------------------------------------------------------- */

s64 attack_ports_all(void)
{
    static u32 ports[PORT_MAX];
    u32 count = 0;
    s64 rc = 0;
    while (count < PORT_MAX && rc == 0) {
        rc = port_alloc(&ports[count]);
        count += rc == 0 ? 1 : 0;
    }
    for (u32 i = 0; i < count; i++) {
        if (port_close(ports[i]) != 0) {
            return i + 1;
        }
    }
    return rc;
}

static s64 virq_bind(u32 virq, u32 vcpu, u32 *port)
{
    struct arg_evtchn_virq a = { .virq = virq, .vcpu = vcpu };
    const s64 rc = call_evtchn_bind_virq(0, &a);
    *port = a.port;
    return rc;
}

s64 attack_virq_bad(void)
{
    u32 port;
    const s64 rc = virq_bind(U32_MAX, 0, &port);
    return rc == -EINVAL ? virq_bind(24, 0, &port) : rc;
}

s64 attack_virq_host(void)
{
    u32 port;
    return virq_bind(VIRQ_HOST, 0, &port);
}

s64 attack_virq_twice(void)
{
    u32 port;
    u32 other;
    s64 rc = virq_bind(VIRQ_TIMER, 0, &port);
    if (rc != 0) {
        return rc;
    }
    rc = virq_bind(VIRQ_TIMER, 0, &other);
    return port_close(port) == 0 ? rc : 1;
}

s64 attack_virq_vcpu(void)
{
    u32 port;
    return virq_bind(VIRQ_TIMER, 32, &port);
}

/* ---- what the guest may write at any time
 * ---------------------------------------------- */

static void take_what_came(void)
{
    volatile u8 *mask = &my_info()->upcall_mask;
    *mask = 0;
    for (u32 i = 0; i < 10; i++) {
        (void)call_version(0, 0, 0, 0);
    }
    *mask = 1;
}

s64 attack_scribble(void)
{
    const u64 before = event_count;
    u32 port;
    if (port_alloc(&port) != 0) {
        return 1;
    }
    for (u32 round = 0; round < 50; round++) {
        fill(shared->evtchn_mask, round % 2 == 0 ? 0xff : 0, 512);
        fill(shared->evtchn_pending, 0xff, 512);
        my_info()->pending_sel = U64_MAX;
        my_info()->upcall_pending = 1;
        struct arg_evtchn_port p = { port };
        (void)call_evtchn_unmask(0, &p);
        take_what_came();
    }
    fill(shared->evtchn_pending, 0, 512);
    fill(shared->evtchn_mask, 0xff, 512);
    if (port_close(port) != 0) {
        return 2;
    }
    return event_count > before ? 0 : 3;
}

s64 attack_storm(void)
{
    struct arg_evtchn_port p = { start_info->console_evtchn };
    for (u32 i = 0; i < 20000; i++) {
        if (call_evtchn_send(0, &p) != 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- poll
 * -----------------------------------------------------------
 */

static s64 poll(u64 ports, u32 count, u64 timeout)
{
    struct arg_sched_poll a = { .ports = ports,
                                .nr_ports = count,
                                .timeout = timeout };
    return call_sched_poll(0, &a);
}

s64 attack_poll_many(void)
{
    return poll(va_of(scratch[1]), 129, 1);
}

s64 attack_poll_null(void)
{
    return poll(0, 1, 1);
}

s64 attack_poll_range(void)
{
    u32 *ports = (u32 *)(void *)scratch[1];
    ports[0] = PORT_MAX;
    return poll(va_of(ports), 1, 1);
}

s64 attack_poll_twice(void)
{
    u32 *ports = (u32 *)(void *)scratch[1];
    for (u32 i = 0; i < 128; i++) {
        ports[i] = start_info->console_evtchn;
    }
    return poll(va_of(ports), 128, 1);
}
