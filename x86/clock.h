/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, behind arch_now and arch_timer_arm: nanoseconds since start-up from the
 * time-stamp counter, one timer a CPU, and the wall clock at start-up.
 */
#ifndef X86_CLOCK_H
#define X86_CLOCK_H

#include "core/xen.h"

/* First CPU: measure TSC and APIC timer against the PIT, read the RTC. */
void clock_init(void);
/* Each CPU: set the timer's mode. */
void clock_setup(void);

/* The ABI's record: ns = system_time + ((tsc - tsc_timestamp) << shift) * mul /
 * 2^32 (a negative shift shifts right). The version is left alone. */
void clock_time_info(struct vcpu_time_info *t);
/* TSC frequency in kHz. */
u64 clock_tsc_khz(void);

#endif
