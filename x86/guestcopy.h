/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around each access to guest memory: the check of the range, and
 * the window in which ring 0 may touch ring-3 pages. See guestcopy.c.
 */
#ifndef X86_GUESTCOPY_H
#define X86_GUESTCOPY_H

#include "x86/hwfault.h"
#include "x86/private.h"

#define COPY_BYTES_MAX 65536u
#define LOW_END 0x0000800000000000

/* bytes: 1..COPY_BYTES_MAX. */
static inline bool range_is_guest(u64 start, u64 bytes)
{
    /* 64 KiB cannot span the hole, so the end tells of both. */
    const u64 last = start + bytes - 1;
    return start >= HV_END ? last >= HV_END : last < LOW_END;
}

/* After the check: nothing is read on a guess of what it says. */
static inline void window_open(void)
{
    hw_speculation_barrier();
    if (entry_smap != 0) {
        hw_stac();
    }
}

static inline void window_close(void)
{
    if (entry_smap != 0) {
        hw_clac();
    }
}

#endif
