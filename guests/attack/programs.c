/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit programs of a 64-bit guest, by the segment that the ABI has for them:
 * A45.
 */
#include "guests/attack/attack.h"

#define NEW_USER_BASEPTR 15u
#define CS_32 0xe023u
#define LOW_VA 0x40000000ull /* what a 32-bit program can reach */
#define INT_OPCODE 0xcdu

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static void go(u64 frame)
{
    raw_iret((const u64 *)frame);
}

/* Two bytes of code at a low address, as a 32-bit program. */
static s64 program_32(u8 first, u8 second)
{
    u64 *l3 = (u64 *)(void *)scratch[1];
    u64 *l2 = (u64 *)(void *)scratch[2];
    u64 *l1 = (u64 *)(void *)scratch[3];
    u64 *frame = (u64 *)(void *)scratch[6];
    scratch[4][0] = first;
    scratch[4][1] = second;
    scratch[4][2] = 0x0f; /* ud2 */
    scratch[4][3] = 0x0b;
    l1[0] = frame_of_page(scratch[4]) << PAGE_BITS | P_RO | P_USER;
    l1[1] = frame_of_page(scratch[5]) << PAGE_BITS | P_RW | P_USER;
    l2[0] = frame_of_page(l1) << PAGE_BITS | P_TABLE;
    l3[LOW_VA >> 30] = frame_of_page(l2) << PAGE_BITS | P_TABLE;
    (void)page_protect(l1, P_RO);
    (void)page_protect(l2, P_RO);
    (void)page_protect(l3, P_RO);
    const u64 at = entry_of(LOW_VA, 4);
    s64 r = mmu_write(at, frame_of_page(l3) << PAGE_BITS | P_TABLE);
    if (r == 0) {
        r = mmu_ext(NEW_USER_BASEPTR, at >> PAGE_BITS, 0);
    }
    frame[4] = LOW_VA;
    frame[5] = CS_32;
    frame[7] = LOW_VA + 2 * PAGE_BYTES - 16;
    frame[8] = SS_KERNEL;
    r = r != 0 ? r : trapped(go, va_of(frame));
    const s64 back = mmu_ext(NEW_USER_BASEPTR, 0, 0);
    return mmu_write(at, 0) == 0 && back == 0 ? r : 1;
}

static s64 one_exception(s64 r)
{
    return r == TRAPPED + GP || r == TRAPPED + UD ? 0 : r;
}

s64 attack_syscall_32(void)
{
    return one_exception(program_32(0x0f, 0x05));
}

s64 attack_sysenter_32(void)
{
    return one_exception(program_32(0x0f, 0x34));
}

s64 attack_int80_32(void)
{
    return program_32(INT_OPCODE, 0x80);
}

s64 attack_into_32(void)
{
    return program_32(0x90, 0xce);
}

s64 attack_pop_32(void)
{
    return one_exception(program_32(0x07, 0x90)); /* pop es: nothing to pop */
}
