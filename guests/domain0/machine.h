/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Domain0 asks of the hypervisor, by the calls of core/hypercalls.def:
 * pages and ports that others offer, the console line, time, sleep.
 */
#ifndef GUESTS_DOMAIN0_MACHINE_H
#define GUESTS_DOMAIN0_MACHINE_H

#include "core/base.h"

#define GRANT_CONSOLE 0u /* [XEN grant_table.h] reserved for these rings */
#define GRANT_STORE 1u

#define NO_HANDLE U32_MAX

/* Map a page that the domain offers over one of our own; NO_HANDLE when it
 * cannot be had. Unmapped, the page is not there. */
u32 page_map(u32 domid, u32 grant, void *page);
void page_unmap(u32 handle, void *page);

/* A copy of a page that the domain lets us read; false: it does not. */
bool page_copy(u32 domid, u32 grant, void *page) MUST_CHECK;

/* A local port to the other's; 0 when it is not offered. Unmasked. */
u32 port_bind(u32 domid, u32 remote);
u32 port_bind_virq(u32 virq);
void port_close(u32 port);
void port_notify(u32 port);
/* Take all events that are pending; then: was this port among them? */
void ports_take(void);
bool port_heard(u32 port);

/* Sleep until the next event, or until then. */
void sleep_for_event(u64 until_ns);

/* Bytes to a channel of the console line; how many it took. */
u32 line_write(u32 channel, const u8 *bytes, u32 count);
/* What was typed, with its framing. */
u32 line_read(u8 *bytes, u32 room);

/* A line for the host's own text. */
void log_line(const char *text);

#endif
