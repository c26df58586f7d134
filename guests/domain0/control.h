/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control channel: channel 0 of the console line.
 *
 * One request a line; the answer is lines of JSON, an object each, and an
 * empty line. Requests:
 *
 *   ps                     an object for each domain
 *   stats                  the same, with what Domain0 counts
 *   pause NAME, unpause NAME, destroy NAME, start NAME, restart NAME
 *   shutdown NAME          ask it, through the store, to power off
 *   rules BYTES            then lines of hex digits: a new rule set
 *   net                    an object for each interface, as the router counts
 *   net rules              and for each rule that has met a packet
 *   store ls PATH          names and values below a path of the store
 *
 * The last object of an answer that is not a list is {"ok":true, ...} or
 * {"error":"..."}. A request that is longer than a line may be is answered by
 * an error. While one is under way, further lines wait. Lines of hex digits
 * alone that no rule set waits for, and empty ones, are passed over.
 */
#ifndef GUESTS_DOMAIN0_CONTROL_H
#define GUESTS_DOMAIN0_CONTROL_H

#include "core/base.h"

/* Go on with what is under way. True: there is more to do at once. */
bool control_work(u64 *due_ns);

/* A rule set was given with the boot module: put it in force if there is none
 * yet. */
void control_first_rules(const u8 *rules, u32 bytes);

#endif
