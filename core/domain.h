/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain: its memory, events, grants, consoles and life.
 *
 *   NONE -> BUILDING -> RUNNING -> ENDING -> SCRUBBING -> ENDED
 *             ^                      |
 *             +----- restart --------+       RUNNING -> FROZEN
 *
 * RUNNING: vCPUs may run. ENDING: it has asked to end, or was made to; its
 * vCPUs leave their CPUs, then its frames are given back in bounded steps.
 * FROZEN: what we keep of it was found wrong (auditor.h); nothing of it runs or
 * is touched again. SCRUBBING: its frames are zeroed. ENDED: nothing is left
 * but the record; the number is never reused for another tenant. STARTING: an
 * ENDED one that is to be built again, by command. incarnation counts the
 * launches. A RUNNING one may be paused: its vCPUs stay off all CPUs.
 *
 * Domain0 and the router are domains like others; that they are there for
 * others shows in their rights and in domain_service only.
 *
 * Memory of a domain: whole chunks, reserved when it is first built and kept
 * until it has ended. Pool frames, for what the hypervisor keeps of it, are
 * charged to it at the same time.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "core/build.h"
#include "core/evtchn.h"
#include "core/frame.h"
#include "core/gnttab.h"
#include "core/ids.h"
#include "core/lock.h"
#include "core/nospec.h"
#include "core/pgwork.h"
#include "core/rc.h"
#include "core/vcpu.h"
#include "core/xen.h"
#include "policy/manifest.h"

enum domain_state {
    DOMAIN_NONE,
    DOMAIN_BUILDING,
    DOMAIN_RUNNING,
    DOMAIN_ENDING,
    DOMAIN_SCRUBBING,
    DOMAIN_ENDED,
    DOMAIN_FROZEN,
    DOMAIN_STARTING,
    DOMAIN_PAUSED /* shown by hc_domain_info only: RUNNING, and paused */
};

/* How a domain ended: shutdown reasons 0..5 of the ABI, and ours. */
#define ENDED_KILLED 16u    /* the hypervisor stopped it (domain_crash) */
#define ENDED_FROZEN 17u    /* to be looked at: RUNNING -> FROZEN */
#define ENDED_DESTROYED 18u /* by command: it does not start again */

struct domain {
    domid_t id;               /* [I] */
    u64 state;                /* [a] enum domain_state */
    u64 incarnation;          /* [I] while it lives */
    char name[MF_NAME_BYTES]; /* [I] a copy: the plan is seen on the idle root
                                 only, and a name is wanted anywhere */
    u32 role;                 /* [I] enum mf_role */
    u64 rights;               /* [a] can only shrink */
    u64 rights_used;          /* [a] of those recorded at first use */
    u64 permits;              /* [I] what others may do to it */
    u32 audit;                /* [I] enum mf_audit */
    u32 end_reason;           /* [a] set once on leaving RUNNING */
    u32 end_claimed;          /* [a] 1: somebody is ending it */
    u32 paused;               /* [a] */

    struct vcpu *vcpu; /* [I] array */
    u32 vcpu_count;    /* [I] */

    struct lock mm;
    u64 first_chunk;    /* [I] chunks are contiguous: [first, first + count) */
    u32 chunk_count;    /* [I] */
    u64 frame_first;    /* [I] the same in frames */
    u64 frame_count;    /* [I] */
    u64 frames;         /* [m] frames that are its memory now */
    u64 frames_max;     /* [I] and pseudo-physical numbers are below this */
    u32 free_head;      /* [m] FREE frames: number within our chunks, linked by
                           frame.pfn; FRAME_NO_PFN ends the list */
    struct pgwork work; /* [m] page-table work in progress */
    ns_t recount_at;    /* the frame auditor's: when it is due, */
    u32 recount_lost;   /* and passes lost on end */
    u64 cpus;           /* [a] CPUs that may hold translations of ours */
    mfn_t m2p_l3, private_l3; /* [I] tables behind slots 256 and 257 */
    u64 *m2p;      /* [m] M2P words of our chunks' frames, read-only to the
                      guest at its place in slot 256 */
    mfn_t m2p_mfn; /* [I] first of chunk_count frames behind m2p */
    mfn_t private_l1[VCPU_MAX / 8]; /* [I] L1 tables, 8 vCPUs each */

    struct shared_info *shared; /* [I] hypervisor frame, mapped by the guest */
    mfn_t shared_mfn;           /* [I] */

    struct lock evt;
    struct evtchn *port;       /* [e] array */
    u32 port_count;            /* [I] ports 1..port_count-1 */
    u64 port_free[PORT_WORDS]; /* [e] a bit for each that is FREE */

    struct gnttab grants;
    struct maptrack *map; /* [m] array */
    u32 map_count;        /* [I] */
    u32 map_free;         /* [m] head of the free list */

    mfn_t console_mfn; /* [I] rings in guest memory, written by launch */
    mfn_t store_mfn;
    port_t console_port, store_port; /* [I] guest's ends */
    u32 console_rate;                /* [I] bytes per second, 0 the default */
    struct lock console; /* rank ring: held while emergency output goes out, so
                            that two vCPUs do not mix theirs */
    ns_t console_paid;   /* under console: until when its bytes are paid for */

    u64 refused; /* [a] refusals counted */

    const struct mf_domain *plan; /* [I] its record in the manifest */
    const u8 *kernel, *ramdisk;   /* [I] image bytes in the boot module */
    u64 kernel_bytes, ramdisk_bytes;
    struct build build; /* life lock: see build.h */
};

extern struct domain *domain_table[DOMID_MAX + 1]; /* [I] by number */
extern u32 domain_first; /* [I] 0 where there is a Domain0, else 1 */
extern u32
    domain_count; /* [I] the highest number; all from the first are used */
extern struct domain *domain_service[MF_ROLE_COUNT]; /* [I] by role, or NULL */

/*@ predicate frame_owns{L}(struct domain *d, integer m) =
    d->frame_first <= m < d->frame_first + d->frame_count;
  predicate frames_ok{L}(struct domain *d) =
    d->frame_first + d->frame_count <= 0x1000000000;
  predicate frames_in_table{L}(struct domain *d) =
    d->frame_first + d->frame_count <= frame_table_count; */

/* m lies in the chunks of d. Needs no lock: chunks do not move. */
/*@ requires \valid_read(d) && frames_ok(d);
    assigns \nothing;
    ensures \result <==> frame_owns(d, m.v); */
static inline bool frame_is_owned(const struct domain *d, mfn_t m)
{
    return m.v >= d->frame_first && m.v - d->frame_first < d->frame_count;
}

/* The record of m when d owns it and it is part of d's memory (not FREE, not
 * PRIVATE), else NULL. */
/*@ requires \valid_read(d) && frames_ok(d) && frames_in_table(d) &&
             frame_table_ok;
    assigns \nothing;
    ensures \result != \null ==> frame_owns(d, m.v) &&
            m.v < frame_table_count && \result == &frame_table[m.v] &&
            \result->type != FRAME_FREE && \result->type != FRAME_PRIVATE; */
static inline struct frame *frame_of(const struct domain *d, mfn_t m)
{
    if (!frame_is_owned(d, m)) {
        return NULL;
    }
    /* Speculation, too, stays in the domain's own. */
    const u64 nth = index_clamp(m.v - d->frame_first, d->frame_count);
    struct frame *f = &frame_table[d->frame_first + nth];

    return frame_is_memory(f) ? f : NULL;
}

/* The domain with that number, or NULL. The table is fixed after boot. */
struct domain *domain_by_id(u64 id);
/* DOMID_SELF or d's own number. */
static inline bool domain_is_self(const struct domain *d, u64 id)
{
    return id == DOMID_SELF || id == d->id;
}

/* Make the record of domain id from its plan: chunks, pool frames, vCPUs. At
 * boot only. RC_ENOMEM: the machine is too small. */
enum rc domain_create(domid_t id, const struct mf_domain *plan) MUST_CHECK;

/* Make the domain ready for building (first start or restart); domain_work does
 * the rest. RC_ENOMEM: its memory is too small for its images. */
enum rc domain_begin(struct domain *d) MUST_CHECK;

/* Raise the host's virtual interrupt in the services that have bound it. */
void domain_tell(u32 virq);

/* Show pfn for the own frame m in the guest's M2P view. Lock: mm. */
void domain_set_m2p(struct domain *d, mfn_t m, u64 pfn_number);

/* One bounded slice of what the lives of domains need (building, ending,
 * restarting, stopping the host). True when there may be more to do. Any CPU,
 * no lock held; returns at once when another CPU is at it. */
bool domain_work(void);
/* Is there such work? For the way back to a guest: one load. */
bool domain_work_wanted(void);

/* Keep the domain's vCPUs off all CPUs, from the next pick of each on, or let
 * them on again. Any lock but sched. */
void domain_pause(struct domain *d, bool paused);
/* Build an ENDED domain again. RC_EBUSY: it is not ENDED. */
enum rc domain_restart(struct domain *d) MUST_CHECK;

/* End the domain with the reason (a shutdown reason or one of ours). Only
 * the first reason counts. Its vCPUs leave their CPUs at the next chance; the
 * current one when it would return to the guest. Any lock but sched. */
void domain_end(struct domain *d, u32 reason);

/* The guest did what leaves it no way to go on: end it, recording why and
 * where. why is a short constant text. */
void domain_crash(struct domain *d, const char *why);

#endif
