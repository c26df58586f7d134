/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of domains: start, pause, end, restart, and the end of the host when
 * no tenant is left; Domain0 and the router do not keep it up. States in
 * domain.h.
 *
 * domain_end only marks; the rest is work, done in bounded slices by whichever
 * CPU has time (domain_work), one CPU at a time. The order of an ending:
 * record, vCPUs off their CPUs, foreign mappings given back, ports closed, all
 * translations flushed, then every frame is reset and zeroed. A domain whose
 * frames others still map by grants stays ENDING until they let go.
 */
#include "core/arch.h"
#include "core/atomic.h"
#include "core/auditor.h"
#include "core/domain.h"
#include "core/mem.h"
#include "core/record.h"
#include "core/sched.h"
#include "policy/manifest.h"
#include "x86/layout.h"

#define UNMAP_BUDGET 16u
#define CLOSE_BUDGET 64u
#define CODE_ALL_OFF 0x10u
#define CODE_SOME_CRASHED 0x11u

static u32 wanted;  /* [a] there is work */
static u32 working; /* [a] a CPU is at it */
static u32 turn;    /* the worker's: domain of the last slice */
static u32 crashes; /* [a] tenants that ended in no good way */

bool domain_work_wanted(void)
{
    return atomic_load32(&wanted) != 0;
}

static bool ended_well(u32 reason)
{
    return reason == SHUTDOWN_POWEROFF || reason == SHUTDOWN_REBOOT ||
           reason == ENDED_DESTROYED;
}

static const char *reason_text(u32 reason)
{
    return reason == SHUTDOWN_POWEROFF ? "poweroff"
           : reason == SHUTDOWN_REBOOT ? "reboot"
           : reason == SHUTDOWN_CRASH  ? "crash (its kernel panicked)"
           : reason == ENDED_FROZEN    ? "frozen"
           : reason == ENDED_DESTROYED ? "destroyed"
                                       : "stopped by the hypervisor";
}

static const char *kind_text(const struct domain *d)
{
    return d->role == MF_ROLE_TENANT ? "tenant" : "service";
}

void domain_end(struct domain *d, u32 reason)
{
    if (atomic_load64(&d->state) != DOMAIN_RUNNING ||
        atomic_swap32(&d->end_claimed, 1) != 0) {
        return;
    }
    record_life(d, AUDIT_DOMAIN_SHUTDOWN, reason);
    d->end_reason = reason;
    atomic_store64(&d->state,
                   reason == ENDED_FROZEN ? DOMAIN_FROZEN : DOMAIN_ENDING);
    arch_log("%s %s ended: %s\n", kind_text(d), d->name, reason_text(reason));
    if (!ended_well(reason) && d->role == MF_ROLE_TENANT) {
        atomic_add32(&crashes, 1);
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        sched_offline(&d->vcpu[i]);
    }
    atomic_store32(&wanted, 1);
    domain_tell(VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *why)
{
    if (atomic_load64(&d->state) != DOMAIN_RUNNING) {
        return;
    }
    arch_log("%s %s: %s\n", kind_text(d), d->name, why);
    record_crash(d, arch_guest_rip(), why);
    domain_end(d, ENDED_KILLED);
}

static bool vcpus_are_off(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        if (!sched_is_off(&d->vcpu[i])) {
            return false;
        }
    }
    return true;
}

/* What core/ keeps of a vCPU; x86/ resets the rest before it is used. Nothing
 * is shown where the guest's registered areas were. */
static void reset_vcpu(struct vcpu *v)
{
    (void)arch_private_map(v, PRIVATE_VCPU_INFO_PAGE, mfn(MFN_NONE));
    for (u32 i = 0; i < 2; i++) {
        (void)arch_private_map(v, PRIVATE_RUNSTATE_PAGE + i, mfn(MFN_NONE));
        (void)arch_private_map(v, PRIVATE_TIME_PAGE + i, mfn(MFN_NONE));
        v->runstate_frame[i] = mfn(MFN_NONE);
        v->time_frame[i] = mfn(MFN_NONE);
    }
    v->info = &v->domain->shared->vcpu_info[v->id];
    v->info_frame = mfn(MFN_NONE);
    v->state = VCPU_EMPTY;
    v->in_kernel = true;
    v->kernel_root = mfn(MFN_NONE);
    v->user_root = mfn(MFN_NONE);
    v->pend_sel = 0;
    v->poll_count = 0;
    v->patience = 0;
    v->recent_nr = 0;
}

enum rc domain_begin(struct domain *d)
{
    /* The record as before its first instruction. What has ended has closed
     * its ports and given its mappings back; nobody uses its grants. */
    memset(d->shared, 0, PAGE_BYTES);
    memset(d->shared->evtchn_mask, 0xff, sizeof(d->shared->evtchn_mask));
    arch_interrupts();
    for (u32 i = 0; i < LEGACY_VCPU_MAX; i++) {
        d->shared->vcpu_info[i].upcall_mask = 1;
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        reset_vcpu(&d->vcpu[i]);
    }
    evtchn_init(d);
    arch_interrupts();
    gnttab_init(d);
    d->rights = d->plan->rights;
    d->rights_used = 0;
    d->incarnation++;
    const enum rc rc = build_begin(d);

    if (rc == RC_OK) {
        atomic_store64(&d->state, DOMAIN_BUILDING);
        atomic_store32(&wanted, 1);
    }
    return rc;
}

void domain_pause(struct domain *d, bool paused)
{
    atomic_store32(&d->paused, paused ? 1 : 0);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        sched_hold(&d->vcpu[i], 0);
    }
}

enum rc domain_restart(struct domain *d)
{
    u64 state = DOMAIN_ENDED;

    if (!atomic_cas64(&d->state, &state, DOMAIN_STARTING)) {
        return RC_EBUSY;
    }
    atomic_store32(&wanted, 1);
    arch_resched();
    return RC_OK;
}

static void start(struct domain *d)
{
    record_life(
        d, d->incarnation > 1 ? AUDIT_DOMAIN_RESTARTED : AUDIT_DOMAIN_STARTED,
        d->incarnation);
    arch_log("%s %s %s: %lu MiB, %u vCPU%s\n", kind_text(d), d->name,
             d->incarnation > 1 ? "restarted" : "started", d->plan->frames >> 8,
             d->vcpu_count, d->vcpu_count == 1 ? "" : "s");
    arch_domain_times(d);
    domain_pause(d, false);
    atomic_store32(&d->end_claimed, 0);
    atomic_store64(&d->state, DOMAIN_RUNNING);
    atomic_store32(&d->vcpu[0].state, VCPU_UP);
    sched_online(&d->vcpu[0]);
    domain_tell(VIRQ_DOM_EXC);
}

static u32 action_of(const struct domain *d)
{
    const struct mf_domain *p = d->plan;

    return d->end_reason == SHUTDOWN_POWEROFF ? p->on_poweroff
           : d->end_reason == SHUTDOWN_REBOOT ? p->on_reboot
           : d->end_reason == ENDED_DESTROYED ? (u32)MF_DESTROY
                                              : p->on_crash;
}

static bool over(struct domain *d)
{
    atomic_store64(&d->state, DOMAIN_ENDED);
    domain_tell(VIRQ_DOM_EXC);
    return true;
}

/* The frames, and no more; what only zeroes is never refused. */
static bool step_scrubbing(struct domain *d)
{
    return d->build.phase == BUILD_FRAMES ? build_step(d) == RC_PREEMPT
                                          : over(d);
}

/* One slice of an ending. True: more to do now. */
static bool step_ending(struct domain *d)
{
    if (!vcpus_are_off(d)) {
        return false; /* their CPUs were kicked; come back */
    }
    if (!gnttab_unmap_all(d, UNMAP_BUDGET)) {
        return true;
    }
    if (gnttab_in_use(d)) {
        return false;
    }
    if (!evtchn_close_some(d, CLOSE_BUDGET)) {
        return true;
    }
    arch_tlb_flush(atomic_load64(&d->cpus));
    atomic_store64(&d->cpus, 0);
    const u32 action = action_of(d);

    if (action == MF_RESTART && domain_begin(d) == RC_OK) {
        return true;
    }
    if (action == MF_PRESERVE) {
        return over(d);
    }
    record_life(d, AUDIT_DOMAIN_DESTROYED, d->end_reason);
    d->build.phase = BUILD_FRAMES;
    d->build.next = 0;
    atomic_store64(&d->state, DOMAIN_SCRUBBING);
    return true;
}

static bool step_building(struct domain *d)
{
    const enum rc rc = build_step(d);

    if (rc == RC_OK) {
        start(d);
    } else if (rc != RC_PREEMPT) {
        arch_panic("launch: the first tables of a tenant were refused");
    }
    return true;
}

static bool step(struct domain *d)
{
    switch (atomic_load64(&d->state)) {
    case DOMAIN_STARTING:
        if (domain_begin(d) != RC_OK) {
            arch_panic("start: a tenant does not fit where it was");
        }
        return true;
    case DOMAIN_BUILDING:
        return step_building(d);
    case DOMAIN_ENDING:
        return step_ending(d);
    case DOMAIN_SCRUBBING:
        return step_scrubbing(d);
    default:
        return false;
    }
}

static void host_end(void)
{
    const u32 code =
        atomic_load32(&crashes) == 0 ? CODE_ALL_OFF : CODE_SOME_CRASHED;

    arch_log("all tenants have ended\n");
    auditor_report();
    record_host_end(code);
    record_flush();
    arch_machine_off(code);
}

/* One slice for one domain that needs one: the next behind the last. */
static bool step_next(void)
{
    bool more = false;
    bool alive = false;
    bool pending = false;

    for (u32 i = domain_first; i <= domain_count && !more; i++) {
        turn = turn < domain_count ? turn + 1 : domain_first;
        more = step(domain_table[turn]);
    }
    for (u32 i = domain_first; i <= domain_count; i++) {
        const struct domain *d = domain_table[i];
        const u64 state = atomic_load64(&d->state);
        const bool gone = state == DOMAIN_ENDED || state == DOMAIN_FROZEN;

        alive = alive || (!gone && d->role == MF_ROLE_TENANT);
        pending = pending || (!gone && state != DOMAIN_RUNNING);
    }
    if (!alive && domain_count != 0) {
        host_end();
    }
    if (pending) {
        atomic_store32(&wanted, 1);
    }
    return more;
}

bool domain_work(void)
{
    if (atomic_load32(&wanted) == 0 || atomic_swap32(&working, 1) != 0) {
        return false;
    }
    atomic_store32(&wanted, 0);
    const bool more = step_next();

    atomic_store32(&working, 0);
    return more;
}
