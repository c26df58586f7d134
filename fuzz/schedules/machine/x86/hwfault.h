/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86/hwfault.h for fuzz/schedules: sleeping is a function of smp.c here.
 */
#ifndef SCHEDULES_MACHINE_HWFAULT_H
#define SCHEDULES_MACHINE_HWFAULT_H

#define hw_sleep real_sleep
#include_next "x86/hwfault.h"
#undef hw_sleep

void hw_sleep(void);

#endif
