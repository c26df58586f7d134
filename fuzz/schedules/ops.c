/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of guests: see ops.h and ops.def. Each call goes through dispatch,
 * with its arguments in the guest memory of its CPU, and is made again where it
 * was cut.
 */
#include "fuzz/schedules/ops.h"

#include <string.h>

#include "core/atomic.h"
#include "core/dispatch.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"
#include "x86/hw.h"
#include "x86/pte.h"

#define CUT (-1000) /* the result of a call that nobody will hear */
#define PAGE(n) ((u64)(n) * PAGE_BYTES)
#define MS 1000000ull

struct outcome ops_outcome;

static u32 handle; /* of domain 2's mapping */

static void note(u32 cpu, s64 result)
{
    struct outcome *o = &ops_outcome;

    if (o->count[cpu] < RESULTS_MAX) {
        o->result[cpu][o->count[cpu]] = result;
    }
    o->count[cpu]++;
}

/* ---- one call --------------------------------------------------------------
 */

static u32 at_of(u32 cpu)
{
    return 0x2000u + cpu * 0x4000u;
}

static u64 put(u32 cpu, const void *arg, u32 bytes)
{
    memcpy(host_guest(at_of(cpu)), arg, bytes);
    return HOST_GUEST_BASE + at_of(cpu);
}

static s64 call(struct vcpu *v, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
    struct hc_call c = { .v = v, .nr = nr, .arg = { a0, a1, a2, a3 } };
    s64 result = dispatch(&c);

    while (result == RC_PREEMPT) {
        hw_take_interrupts();
        if (atomic_load64(&v->domain->state) != DOMAIN_RUNNING ||
            atomic_load32(&v->sched.stop_asked) != 0) {
            return CUT; /* it would leave its CPU here */
        }
        result = dispatch(&c);
    }
    return result;
}

static struct vcpu *me(u32 cpu)
{
    return processors_current(cpu);
}

static s64 plain(u32 cpu, u32 nr, u64 a0, u64 a1)
{
    return call(me(cpu), nr, a0, a1, 0, 0);
}

/* A call with one structure as argument 1. */
static s64 with(u32 cpu, u32 nr, u64 sub, const void *arg, u32 bytes)
{
    return call(me(cpu), nr, sub, put(cpu, arg, bytes), 1, 0);
}

static mfn_t own(u32 cpu, u64 pfn_number)
{
    return host_mfn(me(cpu)->domain, pfn_number);
}

static u64 writable(mfn_t m)
{
    return pte_make(m, PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
}

static s64 map_page(u32 cpu, u64 page, u64 pte)
{
    return call(me(cpu), 14, PAGE(page), pte, 0, 0);
}

static s64 mmuext(u32 cpu, u32 cmd, u64 arg1)
{
    const struct arg_mmuext_op a = { .cmd = cmd, .arg1 = arg1 };

    return call(me(cpu), 26, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF);
}

static s64 mmu_update(u32 cpu, u64 pfn_number, u32 index, u64 pte)
{
    const struct arg_mmu_update a = {
        .ptr = (own(cpu, pfn_number).v << PAGE_BITS) + 8ull * index, .val = pte
    };

    return call(me(cpu), 1, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF);
}

/* An operation of one call. */
#define ONE(name, result)                                                      \
    static void op_##name(u32 cpu)                                             \
    {                                                                          \
        note(cpu, result);                                                     \
    }

/* ---- memory ----------------------------------------------------------------
 */

static void op_nothing(u32 cpu)
{
    (void)cpu;
}

static void touch(u32 cpu, u64 page, u32 times)
{
    for (u32 i = 0; i < times; i++) {
        cpus_point(NULL, TOUCH_SWAP);
        hw_take_interrupts();
        (void)tlb_touch(PAGE(page), true);
    }
    (void)cpu;
}

static void op_write16(u32 cpu)
{
    touch(cpu, 16, 3);
}

ONE(unmap16, map_page(cpu, 16, 0))
ONE(map16, map_page(cpu, 16, writable(own(cpu, 16))))
ONE(pin16, mmuext(cpu, 0, own(cpu, 16).v))

static void op_retype16(u32 cpu)
{
    op_unmap16(cpu);
    op_pin16(cpu);
}

ONE(pin8, mmuext(cpu, 0, own(cpu, 8).v))
ONE(unpin8, mmuext(cpu, 4, own(cpu, 8).v))

static void op_repin8(u32 cpu)
{
    op_unpin8(cpu);
    op_pin8(cpu);
}

ONE(link8, mmu_update(cpu, ROOT_PFN + 2, 1, writable(own(cpu, 8))))
ONE(cut8, mmu_update(cpu, ROOT_PFN + 2, 1, 0))
ONE(put8, mmu_update(cpu, 8, 0, writable(own(cpu, 20))))
ONE(map8, map_page(cpu, 41, writable(own(cpu, 8))))

static void op_write8(u32 cpu)
{
    touch(cpu, 41, 2);
}

static void op_flush(u32 cpu)
{
    const u32 all = 3;
    const struct arg_mmuext_op a = { .cmd = 8,
                                     .arg2 =
                                         HOST_GUEST_BASE + at_of(cpu) + 0x100 };

    memcpy(host_guest(at_of(cpu) + 0x100), &all, sizeof(all));
    note(cpu, call(me(cpu), 26, put(cpu, &a, sizeof(a)), 1, 0, DOMID_SELF));
}

static void op_root(u32 cpu)
{
    note(cpu, mmuext(cpu, 15, own(cpu, ROOT_PFN).v));
    note(cpu, mmuext(cpu, 15, 0));
}

static void balloon(u32 cpu, u64 sub, u64 word)
{
    const struct arg_memory_reservation a = {
        .extent_start = HOST_GUEST_BASE + at_of(cpu) + 0x100,
        .nr_extents = 1,
        .domid = DOMID_SELF
    };

    memcpy(host_guest(at_of(cpu) + 0x100), &word, sizeof(word));
    note(cpu, with(cpu, 12, sub, &a, sizeof(a)));
}

static void op_shrink10(u32 cpu)
{
    balloon(cpu, 1, own(cpu, 10).v);
}

static void op_grow10(u32 cpu)
{
    balloon(cpu, 6, 10);
}

ONE(map10, map_page(cpu, 42, writable(own(cpu, 10))))

/* ---- grants ----------------------------------------------------------------
 */

static void op_gmap(u32 cpu)
{
    struct arg_gnttab_map a = {
        .host_addr = PAGE(40), .flags = 2, .ref = OPS_REF, .dom = 1
    };

    (void)with(cpu, 20, 0, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
    if (a.status == GRANT_OKAY) {
        handle = a.handle;
    }
}

static void op_gunmap(u32 cpu)
{
    struct arg_gnttab_unmap a = { .host_addr = PAGE(40), .handle = handle };

    (void)with(cpu, 20, 1, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
    tlb_check();
}

static void op_gwrite(u32 cpu)
{
    touch(cpu, 40, 3);
}

static void op_gcopy(u32 cpu)
{
    struct arg_gnttab_copy a = { .src_ref = OPS_REF,
                                 .src_dom = 1,
                                 .dst_ref = own(cpu, 20).v,
                                 .dst_dom = DOMID_SELF,
                                 .len = 64,
                                 .flags = 1 };

    (void)with(cpu, 20, 5, &a, sizeof(a));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.status);
}

/* As a guest withdraws it: only when no mark is in the entry. */
static void op_revoke(u32 cpu)
{
    u64 *word = &world_domain(1)->grants.shared[0][OPS_REF];
    u64 old = atomic_load64(word) & ~0x18ull;

    cpus_point(NULL, TOUCH_SWAP);
    note(cpu, atomic_cas64(word, &old, 0));
}

static void op_retype17(u32 cpu)
{
    note(cpu, map_page(cpu, 17, 0));
    note(cpu, mmuext(cpu, 0, own(cpu, 17).v));
}

/* ---- events ----------------------------------------------------------------
 */

static void op_offer(u32 cpu)
{
    struct arg_evtchn_unbound a = { .dom = DOMID_SELF, .remote_dom = 2 };

    note(cpu, with(cpu, 32, 6, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

static void op_bind(u32 cpu)
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

static void op_send(u32 cpu)
{
    port_call(cpu, 4);
}

static void op_close(u32 cpu)
{
    port_call(cpu, 3);
}

static void op_ipi(u32 cpu)
{
    struct arg_evtchn_ipi a = { .vcpu = 1 };

    note(cpu, with(cpu, 32, 7, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

static void op_virq(u32 cpu)
{
    struct arg_evtchn_virq a = { .virq = VIRQ_TIMER };

    note(cpu, with(cpu, 32, 1, &a, sizeof(a)));
    memcpy(&a, host_guest(at_of(cpu)), sizeof(a));
    note(cpu, a.port);
}

static void op_route(u32 cpu)
{
    const struct arg_evtchn_vcpu a = { .port = 1, .vcpu = 1 };

    note(cpu, with(cpu, 32, 8, &a, sizeof(a)));
}

static void op_mask(u32 cpu)
{
    u64 *mask = &me(cpu)->domain->shared->evtchn_mask[0];

    cpus_point(mask, TOUCH_SWAP);
    (void)atomic_or64(mask, 2);
}

static void op_unmask(u32 cpu)
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

static void op_poll(u32 cpu)
{
    poll(cpu, 0);
}

static void op_poll_ms(u32 cpu)
{
    poll(cpu, host.now + MS);
}

static void op_block(u32 cpu)
{
    *polls(me(cpu)) = false;
    note(cpu, plain(cpu, 29, 1, 0));
}

ONE(yield, plain(cpu, 29, 0, 0))
ONE(timer, plain(cpu, 15, host.now + MS, 0))

static void op_tick(u32 cpu)
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

static void op_info(u32 cpu)
{
    const struct arg_vcpu_info_place a = { .mfn = own(cpu, 18).v,
                                           .offset = me(cpu)->id * 64 };

    note(cpu, call(me(cpu), 24, 10, me(cpu)->id, put(cpu, &a, sizeof(a)), 0));
}

static void op_area(u32 cpu)
{
    const struct arg_runstate_area a = { .addr = PAGE(19) };

    note(cpu, call(me(cpu), 24, 5, me(cpu)->id, put(cpu, &a, sizeof(a)), 0));
}

static void op_end(u32 cpu)
{
    const struct arg_sched_shutdown a = { .reason = 0 };

    note(cpu, with(cpu, 29, 2, &a, sizeof(a)));
}

static void op_crash(u32 cpu)
{
    domain_crash(me(cpu)->domain, "it was asked for");
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
