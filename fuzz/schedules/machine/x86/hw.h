/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processors of fuzz/schedules: the constants of x86/hw.h, and functions of
 * smp.c here where instructions would be.
 */
#ifndef SCHEDULES_MACHINE_HW_H
#define SCHEDULES_MACHINE_HW_H

#define hw_invlpg real_invlpg
#define hw_write_cr3 real_write_cr3
#define hw_pause real_pause
#define hw_halt real_halt
#define hw_take_interrupts real_take_interrupts
#define hw_read_cr4 real_read_cr4
#define this_cpu real_this_cpu
#include_next "x86/hw.h"
#undef hw_invlpg
#undef hw_write_cr3
#undef hw_pause
#undef hw_halt
#undef hw_take_interrupts
#undef hw_read_cr4
#undef this_cpu

void hw_invlpg(u64 va);
void hw_write_cr3(u64 root);
void hw_pause(void);
void hw_halt(void) NO_RETURN;
void hw_take_interrupts(void);
u64 hw_read_cr4(void);
struct cpu *this_cpu(void);

#endif
