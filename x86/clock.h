/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, behind arch_now and arch_timer_arm: nanoseconds since start-up from the
 * time-stamp counter, one timer a CPU, and the wall clock at start-up.
 */
#ifndef X86_CLOCK_H
#define X86_CLOCK_H

#include "core/ids.h"

/* First CPU: measure TSC and APIC timer against the PIT, read the RTC. */
void clock_init(void);
/* Each CPU: set the timer's mode. */
void clock_setup(void);

/* ns = ns_base + ((tsc - tsc_base) << shift) * mul / 2^32, as in the ABI's time
 * record (a negative shift shifts right). */
void clock_scale(u32 *mul, s8 *shift, u64 *tsc_base, u64 *ns_base);
/* Wall clock at arch_now() == 0: nanoseconds since 1970, UTC. */
u64 clock_wall_base(void);
/* TSC frequency in kHz. */
u64 clock_tsc_khz(void);

#endif
