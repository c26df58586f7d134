/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Domain0 that is hostile: see main.c. Here is what its attempts share.
 */
#ifndef GUESTS_HOSTILE0_HOSTILE0_H
#define GUESTS_HOSTILE0_HOSTILE0_H

#include "guests/lib/guest.h"

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EFAULT 14
#define EBUSY 16
#define EINVAL 22
#define ENOSYS 38

#define FAULT 1000    /* an exception */
#define MIXED 1001    /* not the same answer for each */
#define UNWANTED 1002 /* what should have been done first was refused */

#define REF_CONSOLE 0u
#define REF_STORE 1u
#define MAP_HOST 2u
#define MAP_READ 4u
#define NOBODY 1000u
#define UVMF_INVLPG 2u

/* The tenant, as domain_info and the rings that it offers tell. */
struct prey {
    u16 domid;
    u32 console_port, store_port;
    u64 ring;          /* frame of its console ring */
    u64 first, beyond; /* frames around that: all of its image and tables */
};
extern struct prey prey;

/* A page to map others at, a page of bytes to copy to and from, and how often
 * an attempt asked (main.c). */
extern u8 window[PAGE_BYTES], bytes[PAGE_BYTES];
extern u64 asked;

/* Count what of a page is the tenant's: words of its pattern. */
void look(const volatile void *page);
/* Words of the pattern, in bytes. */
u64 pattern_bytes(const volatile u64 *words, u64 count);

/* f of each number from first to beyond - 1: the answer of all, or MIXED. */
s64 each(s64 (*f)(u64), u64 first, u64 beyond);
/* The same of each frame of the prey but those that are this guest's own. */
s64 each_frame(s64 (*f)(u64));
/* The answer so far and one more: the same, or MIXED. */
s64 both(s64 a, s64 b);

static inline u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

#define ATTEMPT(name, expected, record, what) s64 try_##name(void);
#include "guests/hostile0/attempts.def"

#endif
