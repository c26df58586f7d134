/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between hypervisor memory and the guest whose address space is
 * loaded. With the bounce and the return of a system call (entry.S, bounce.c,
 * iret.c) and the look for RDMSR (emul.c), the only code that touches a guest
 * address.
 *
 * A range is taken only when all of it lies in the guest's part of the address
 * space, so the processor's own checks do the rest: every page that a guest has
 * there is a ring-3 page of its own, and CR0.WP makes read-only ones fault. A
 * fault ends the copy through the fixup table. With SMAP the window in which
 * ring 0 may touch ring-3 pages is open around the copy instructions only.
 *
 * arch_fetch reads each byte once; the caller never looks at the guest's copy
 * again (no double fetch).
 */
#include "x86/guestcopy.h"
#include "core/arch.h"

#define COPY_BYTES_SMALL 128u /* from here on the string copy is as good */

/* bytes < COPY_BYTES_SMALL and even, in pieces of falling size: most
 * are a few words. */
static inline bool copy_small(u8 *to, const u8 *from, u64 bytes)
{
#define COPY_PIECE(size)                                                       \
    if ((bytes & size) != 0) {                                                 \
        if (!hw_copy_##size(to, from)) {                                       \
            return false;                                                      \
        }                                                                      \
        to += size;                                                            \
        from += size;                                                          \
    }
    COPY_PIECE(64)
    COPY_PIECE(32)
    COPY_PIECE(16)
    COPY_PIECE(8)
    COPY_PIECE(4)
    COPY_PIECE(2)
    return true;
}

/* guest, the address that is the guest's, is one of the two. */
static inline bool guest_copy(void *to, const void *from, u64 bytes, u64 guest)
{
    if (bytes == 0 || bytes > COPY_BYTES_MAX) {
        return bytes == 0;
    }
    const bool small = bytes < COPY_BYTES_SMALL && (bytes & 1) == 0;
    const bool ok = window_open(guest, bytes) &&
                    (small ? copy_small(to, from, bytes)
                           : hw_copy_checked(to, from, bytes) == 0);
    window_close();
    return ok;
}

bool arch_fetch(void *to, gva_t from, u64 bytes)
{
    return guest_copy(to, (const void *)from.v, bytes, from.v);
}

bool arch_store(gva_t to, const void *from, u64 bytes)
{
    return guest_copy((void *)to.v, from, bytes, to.v);
}
