/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as it begins, and the guests' operations one after the other: see
 * ops.h.
 */
#include <string.h>

#include "core/pgtable.h"
#include "core/sched.h"
#include "core/schedcpu.h"
#include "fuzz/schedules/ops.h"
#include "fuzz/world.h"
#include "tests/host_arch.h"
#include "x86/hw.h"

static struct {
    enum op op[OPS_MAX];
    u32 count, next;
    struct vcpu *v;
} todo[CPUS];
static bool started;

static void next_job(u32 cpu)
{
    ops_do(todo[cpu].op[todo[cpu].next++], cpu);
    if (todo[cpu].next < todo[cpu].count) {
        processors_give(cpu, todo[cpu].v, next_job);
    }
}

void ops_give(u32 cpu, enum op op)
{
    if (todo[cpu].count < OPS_MAX) {
        todo[cpu].op[todo[cpu].count++] = op;
    }
}

/* ---- the machine as it begins ----------------------------------------------
 */

static void prep_memory(enum prep prep)
{
    switch (prep) {
    case PREP_PINNED:
        ops_do(OP_pin8, 0);
        break;
    case PREP_HELD:
        ops_do(OP_link8, 0);
        break;
    case PREP_FREE:
        ops_do(OP_shrink10, 0);
        break;
    default:
        break;
    }
}

static void prepare(enum prep prep)
{
    struct domain *d = world_domain(1);
    struct cpu *cpu = this_cpu();

    cpu->current = &d->vcpu[0];
    prep_memory(prep);
    if (prep == PREP_GRANTED || prep == PREP_MAPPED) {
        d->grants.shared[0][OPS_REF] = host_mfn(d, 17).v << 32 | 2ull << 16 | 1;
    }
    const bool channel = prep == PREP_CHANNEL || prep == PREP_MASKED;

    if (prep == PREP_OFFERED || channel) {
        ops_do(OP_offer, 0);
    }
    if (prep == PREP_IPI || prep == PREP_QUIET) {
        ops_do(OP_ipi, 0);
        d->shared->evtchn_mask[0] = prep == PREP_QUIET ? 2 : 0;
    }
    cpu->current = &world_domain(2)->vcpu[0];
    if (prep == PREP_MAPPED) {
        ops_do(OP_gmap, 0);
    }
    if (channel) {
        ops_do(OP_bind, 0);
        world_domain(2)->shared->evtchn_mask[0] = prep == PREP_MASKED ? 2 : 0;
    }
    /* Nothing is pending at the start. */
    for (u32 id = 1; id <= 2; id++) {
        world_domain(id)->shared->evtchn_pending[0] = 0;
        world_domain(id)->vcpu[0].pend_sel = 0;
        world_domain(id)->vcpu[1].pend_sel = 0;
    }
    cpu->current = NULL;
}

/* Both vCPUs have the same tables. */
static void second_root(struct domain *d)
{
    struct vcpu *v = &d->vcpu[1];

    v->budget = PGTABLE_BUDGET;
    if (pgtable_set_root(v, d->vcpu[0].kernel_root, false) != RC_OK) {
        fuzz_fail("no root for vCPU 1");
    }
}

static void place(struct vcpu *v, u32 cpu)
{
    v->sched.cpu = cpu;
    todo[cpu].v = v;
    sched_online(v);
}

void ops_begin(enum prep prep, bool peer)
{
    static const struct world_kind kind = { .connected = true,
                                            .audited = true };

    if (!started) {
        processors_start();
        started = true;
    }
    processors_reset();
    world_begin(&kind);
    sched_set_cpus(cpus_count);
    memset(&ops_outcome, 0, sizeof(ops_outcome));
    memset(todo, 0, sizeof(todo));
    struct domain *d = world_domain(1);
    struct vcpu *v1 = &d->vcpu[1];

    second_root(d);
    second_root(world_domain(2));
    prepare(prep);
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        world_domain(id)->cpus = 0;
    }
    processors_reset();
    place(&d->vcpu[0], 0);
    if (prep == PREP_DOWN) {
        v1->state = VCPU_DOWN;
    }
    if (peer) {
        place(&world_domain(2)->vcpu[0], 1);
    } else if (prep != PREP_DOWN) {
        place(v1, 1);
    }
    if (cpus_count > 2) {
        place(&world_domain(2)->vcpu[1], 2);
    }
    for (u32 i = 0; i < cpus_count; i++) {
        cpus_interrupt(i);
    }
    cpus_run();
    memset(&ops_outcome, 0, sizeof(ops_outcome));
}

void ops_run(void)
{
    for (u32 i = 0; i < cpus_count; i++) {
        if (todo[i].count != 0) {
            processors_give(i, todo[i].v, next_job);
        }
    }
    cpus_run();
    check_quiet();
}
