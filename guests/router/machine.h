/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the router needs of the machine it runs on: time, frames of others,
 * events. machine.c has it from the hypervisor; the unit tests have a machine
 * of their own, with front-ends and a store on it.
 */
#ifndef GUESTS_ROUTER_MACHINE_H
#define GUESTS_ROUTER_MACHINE_H

#include "core/base.h"

/* Nanoseconds; never goes back. */
u64 machine_now(void);

/* Map the grant of another domain to a page of our own, `where` of WINDOWS.
 * The page, or NULL. */
#define MACHINE_WINDOWS 64u
u32 *machine_map(u32 where, u32 domid, u32 ref);
void machine_unmap(u32 where);
/* Does the domain still run, as its grant shows? One that ends waits for us to
 * unmap what is its. */
bool machine_is_alive(u32 domid, u32 ref);

/* Let domain 0 read a page of ours, by that reference of our grant table. */
void machine_offer(u32 ref, const void *page);

/* Bind to a port that the domain offers; the own port, 0: refused. */
u32 machine_bind(u32 domid, u32 port);
void machine_close(u32 port);
void machine_notify(u32 port);
/* Is the port pending? It is not any more. */
bool machine_pending(u32 port);

/* Copy between a granted frame and memory of ours, or, with is_out and without
 * own, from one granted frame to another; no part crosses a page. */
struct machine_copy {
    u32 domid;
    u32 ref;
    u16 offset; /* in the granted frame */
    u16 bytes;
    bool is_out; /* to the granted frame */
    bool failed; /* out */
    u8 *own;
    u16 from_domid; /* without own */
    u16 from_offset;
    u32 from_ref;
};
#define MACHINE_COPIES 256u
/* At most MACHINE_COPIES, in order. */
void machine_copy(struct machine_copy *list, u32 count);

/* Sleep until an event or the time. Also serves packets, so that a store that
 * does not answer stops nobody's traffic. */
void machine_wait(u64 until_ns);

/* A number that no tenant knows. */
u64 machine_secret(void);

/* One line for the router's console. */
void machine_say(const char *line);
/* A report for the audit log about a domain's packets. */
void machine_report(u32 domid, u32 rule, u32 count, const char *text);

#endif
