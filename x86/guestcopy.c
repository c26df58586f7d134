/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between hypervisor memory and the guest whose address space is
 * loaded: the only code that touches a guest address.
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
#include "core/arch.h"
#include "x86/hwfault.h"
#include "x86/private.h"

#define COPY_BYTES_MAX 65536u
#define COPY_WORDS_SMALL 16u /* up to here a loop beats the string copy */

static bool range_is_guest(u64 start, u64 bytes)
{
    const u64 last = start + bytes - 1;
    if (bytes > COPY_BYTES_MAX || last < start) {
        return false;
    }
    /* 64 KiB cannot span the hole, so both ends tell. */
    return address_is_guest(start) && address_is_guest(last) &&
           (start >= HV_END) == (last >= HV_END);
}

static void window_open(void)
{
    if (entry_smap != 0) {
        hw_stac();
    }
}

static void window_close(void)
{
    if (entry_smap != 0) {
        hw_clac();
    }
}

/* Between the guest's memory at va and ours, to the guest if store. */
static bool guest_copy(u64 va, u8 *ours, u64 bytes, bool store)
{
    void *const guest = (void *)va;
    const bool words = (bytes & 7) == 0 && bytes <= COPY_WORDS_SMALL * 8;
    bool ok = true;
    if (bytes == 0) {
        return true;
    }
    if (!range_is_guest(va, bytes)) {
        return false;
    }
    hw_speculation_barrier();
    window_open();
    if (!words) {
        ok = (store ? hw_copy_checked(guest, ours, bytes)
                    : hw_copy_checked(ours, guest, bytes)) == 0;
    }
    for (u64 i = 0; ok && words && i < bytes; i += 8) {
        u64 word;
        if (store) {
            __builtin_memcpy(&word, ours + i, 8);
            ok = hw_store_checked((void *)(va + i), word);
        } else {
            ok = hw_load_checked(&word, (const void *)(va + i));
            __builtin_memcpy(ours + i, &word, 8);
        }
    }
    window_close();
    return ok;
}

bool arch_fetch(void *to, gva_t from, u64 bytes)
{
    return guest_copy(from.v, to, bytes, false);
}

/* Ours is only read. */
bool arch_store(gva_t to, const void *from, u64 bytes)
{
    return guest_copy(to.v, (u8 *)(uintptr_t)from, bytes, true);
}
