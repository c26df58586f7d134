/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains, as Domain0 sees them: who is there, and is served.
 *
 *   ABSENT -- it runs --> SERVED -- it ends, its last words are out --> ABSENT
 *
 * A domain's incarnation tells one life from the next. Everything known here
 * is asked of the hypervisor, so that a Domain0 that is started anew finds the
 * running domains and serves them on: their rings hold their own indices.
 *
 * What a domain offered is given back when it has ended and what it printed
 * last is out, or after LAST_WORDS_NS: its memory is not freed before.
 */
#ifndef GUESTS_DOMAIN0_LIFE_H
#define GUESTS_DOMAIN0_LIFE_H

#include "guests/domain0/limits.h"
#include "guests/domain0/pvcon.h"
#include "guests/domain0/wire.h"

/* As the hypervisor counts them [core/domain.h]. */
enum life_state {
    LIFE_NONE,
    LIFE_BUILDING,
    LIFE_RUNNING,
    LIFE_ENDING,
    LIFE_SCRUBBING,
    LIFE_ENDED,
    LIFE_FROZEN,
    LIFE_STARTING,
    LIFE_PAUSED
};

enum life_role { ROLE_TENANT, ROLE_DOMAIN0, ROLE_ROUTER };

struct tenant {
    u32 state; /* enum life_state */
    u32 role, end_reason, vcpus, frames, frames_max;
    u32 remote_console, remote_store; /* the domain's ports */
    u64 incarnation, served; /* served: that life's incarnation + 1, or 0 */
    u64 cpu_ns, refused;
    u64 leave_ns; /* ended while served: when to stop waiting; else 0 */
    u32 console_port, store_port; /* ours */
    u32 console_handle, store_handle;
    u32 restored;  /* records of an earlier Domain0 that were taken over */
    bool is_saved; /* a later one would find everything */
    char name[33];
    struct pvcon console;
    struct wire wire;
};

extern struct tenant tenant[CLIENTS_MAX];
extern u32 tenant_count; /* domains there are, with Domain0 */

/* How many domains there are, with Domain0; how each fares is known then. */
u32 life_count(void);
/* Serve all that run: once, after life_count. */
void life_begin(void);
/* Ask how all domains fare; begin and end to serve. */
void life_scan(void);
/* One round of all rings. True: there is more to do at once. *due is lowered
 * to the time at which something waits for tokens. */
bool life_serve(u64 *due_ns);
/* Bytes that were typed for a channel. */
void life_typed(u32 channel, const u8 *bytes, u32 count);
/* The line has room again, or may have. */
void life_line_ready(void);
/* The domain of that name, or CLIENTS_MAX. */
u32 life_find(const char *name);

const char *life_state_name(u32 state);
const char *life_role_name(u32 role);

#endif
