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

/* Open the window for bytes, 1..COPY_BYTES_MAX, from start. False: they are not
 * all the guest's. window_close in either case. */
static inline bool window_open(u64 start, u64 bytes)
{
    /* 64 KiB cannot span the hole, so the end tells of both. */
    const u64 last = start + bytes - 1;
    if (start >= HV_END ? last < HV_END : last >= LOW_END) {
        return false;
    }
    hw_speculation_barrier(); /* nothing is touched on a guess of that */
    if (entry_smap != 0) {
        hw_stac();
    }
    return true;
}

static inline void window_close(void)
{
    if (entry_smap != 0) {
        hw_clac();
    }
}

#endif
