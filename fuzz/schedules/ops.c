/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of guests on events, time, vCPUs and domains: see ops.def.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "fuzz/schedules/calls.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"
#include "x86/hw.h"
#include "x86/pte.h"
#define MS 1000000ull

/* ---- events ----------------------------------------------------------------
 */

void op_offer(u32 cpu)
{
    struct arg_evtchn_unbound a = { .dom = DOMID_SELF, .remote_dom = 2 };

    note(cpu, with(cpu, 32, 6, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

void op_bind(u32 cpu)
{
    const struct arg_evtchn_interdomain a = { .remote_dom = 1,
                                              .remote_port = 1 };

    note(cpu, with(cpu, 32, 0, &a, sizeof(a)));
}

static void port_call(u32 cpu, u64 sub)
{
    const struct arg_evtchn_port a = { .port = 1 };

    note(cpu, with(cpu, 32, sub, &a, sizeof(a)));
}

void op_send(u32 cpu)
{
    port_call(cpu, 4);
}

void op_close(u32 cpu)
{
    port_call(cpu, 3);
}

void op_ipi(u32 cpu)
{
    struct arg_evtchn_ipi a = { .vcpu = 1 };

    note(cpu, with(cpu, 32, 7, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

void op_rebind(u32 cpu)
{
    op_close(cpu);
    op_offer(cpu);
}

void op_selfbind(u32 cpu)
{
    const struct arg_evtchn_unbound offer = { .dom = DOMID_SELF,
                                              .remote_dom = DOMID_SELF };
    const struct arg_evtchn_interdomain bind = { .remote_dom = DOMID_SELF,
                                                 .remote_port = 1 };

    op_close(cpu);
    note(cpu, with(cpu, 32, 6, &offer, sizeof(offer)));
    note(cpu, with(cpu, 32, 0, &bind, sizeof(bind)));
}

void op_swap1(u32 cpu)
{
    op_close(cpu);
    op_ipi(cpu);
}

void op_virq(u32 cpu)
{
    struct arg_evtchn_virq a = { .virq = VIRQ_TIMER };

    note(cpu, with(cpu, 32, 1, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

void op_route(u32 cpu)
{
    const struct arg_evtchn_vcpu a = { .port = 1, .vcpu = 1 };

    note(cpu, with(cpu, 32, 8, &a, sizeof(a)));
}

void op_mask(u32 cpu)
{
    u64 *mask = &me(cpu)->domain->shared->evtchn_mask[0];

    cpus_point(mask, TOUCH_SWAP);
    (void)atomic_or64(mask, 2);
}

void op_unmask(u32 cpu)
{
    port_call(cpu, 9);
}

/* ---- sleep and time --------------------------------------------------------
 */

static bool *polls(const struct vcpu *v)
{
    static bool is[WORLD_DOMAINS + 1][WORLD_VCPUS];

    return &is[v->domain->id][v->id];
}

bool ops_polls(const struct vcpu *v)
{
    return *polls(v);
}

static void poll(u32 cpu, u64 timeout)
{
    const port_t port = 1;
    const struct arg_sched_poll a = { .ports =
                                          HOST_GUEST_BASE + at_of(cpu) + 0x100,
                                      .nr_ports = 1,
                                      .timeout = timeout };

    *polls(me(cpu)) = true;
    memcpy(host_guest(at_of(cpu) + 0x100), &port, sizeof(port));
    note(cpu, with(cpu, 29, 3, &a, sizeof(a)));
}

void op_poll(u32 cpu)
{
    poll(cpu, 0);
}

void op_poll_ms(u32 cpu)
{
    poll(cpu, host.now + MS);
}

void op_block(u32 cpu)
{
    *polls(me(cpu)) = false;
    note(cpu, plain(cpu, 29, 1, 0));
}

ONE(yield, plain(cpu, 29, 0, 0))
ONE(timer, plain(cpu, 15, host.now + MS, 0))

void op_tick(u32 cpu)
{
    host.now += 2 * MS;
    this_cpu()->resched = 1;
    (void)cpu;
}

/* ---- vCPUs and domains -----------------------------------------------------
 */

ONE(up1, plain(cpu, 24, 1, 1))
ONE(down1, plain(cpu, 24, 2, 1))
ONE(down0, plain(cpu, 24, 2, 0))

void op_info(u32 cpu)
{
    const struct arg_vcpu_info_place a = { .mfn = own(cpu, 18).v,
                                           .offset = me(cpu)->id * 64 };

    note(cpu, call(me(cpu), 24, 10, me(cpu)->id, put(cpu, &a, sizeof(a)), 0));
}

void op_area(u32 cpu)
{
    const struct arg_runstate_area a = { .addr = PAGE(19) };

    note(cpu, call(me(cpu), 24, 5, me(cpu)->id, put(cpu, &a, sizeof(a)), 0));
}

void op_end(u32 cpu)
{
    const struct arg_sched_shutdown a = { .reason = 0 };

    note(cpu, with(cpu, 29, 2, &a, sizeof(a)));
}

void op_crash(u32 cpu)
{
    domain_crash(me(cpu)->domain, "it was asked for");
}

/* Each is refused, by what nothing else here reaches. */
void op_odd(u32 cpu)
{
    const struct arg_vcpu_info_place place = { .mfn = own(cpu, 18).v,
                                               .offset = 4 };
    const struct arg_callback callback = { .type = 6 };
    const struct arg_memory_reservation nothing = { .domid = DOMID_SELF };

    note(cpu, call(me(cpu), 24, 10, 0, put(cpu, &place, sizeof(place)), 0));
    note(cpu, with(cpu, 30, 0, &callback, sizeof(callback)));
    note(cpu, with(cpu, 12, 6 | 5 << 6, &nothing, sizeof(nothing)));
    note(cpu, plain(cpu, 17, 6, PAGE(1000)));
    note(cpu, plain(cpu, 17, 6, OPS_READONLY));
    note(cpu, mmu_update(cpu, ROOT_PFN, 260, 0));
    map_grant(cpu, 0xffff900000000000ull);
}

/* ---- by name --------------------------------------------------------------
 */

const char *ops_name(enum op op)
{
    static const char *const names[] = {
#define OP(name, doc) #name,
#include "fuzz/schedules/ops.def"
#undef OP
    };

    return names[op];
}

void ops_do(enum op op, u32 cpu)
{
    static void (*const run[])(u32 cpu) = {
#define OP(name, doc) op_##name,
#include "fuzz/schedules/ops.def"
#undef OP
    };

    run[op](cpu);
}
