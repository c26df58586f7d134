/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As fuzz/machine/x86/hw.h, for x86/hwfault.h.
 */
#ifndef FUZZ_MACHINE_HWFAULT_H
#define FUZZ_MACHINE_HWFAULT_H

#define hw_load_gs real_load_gs
#define hw_copy_2 real_copy_2
#define hw_load_frame real_load_frame
#define hw_store_frame real_store_frame
#define hw_read_dr6 real_read_dr6
#define hw_write_dr6 real_write_dr6
#include_next "x86/hwfault.h"
#undef hw_load_gs
#undef hw_copy_2
#undef hw_load_frame
#undef hw_store_frame
#undef hw_read_dr6
#undef hw_write_dr6

bool hw_load_gs(u16 selector, u16 flat, u64 own, u64 *base);
bool hw_copy_2(void *to, const void *from);
bool hw_load_frame(u64 w[9], const void *from);
bool hw_store_frame(u64 sp, u64 ret, const u64 w[8]);
u64 hw_read_dr6(void);
void hw_write_dr6(u64 value);

#endif
