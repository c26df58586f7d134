/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for core/ when a domain is made (first times, the page of hypercall
 * stubs).
 */
#include "core/abi.h"
#include "core/arch.h"
#include "core/domain.h"
#include "core/mem.h"
#include "x86/clock.h"
#include "x86/paging.h"
#include "x86/private.h"

#define SLOT_PAGE 2u
#define NS_PER_S 1000000000ull
#define STUB_BYTES 32u
#define STUB_COUNT (PAGE_BYTES / STUB_BYTES)

void arch_domain_times(struct domain *d)
{
    struct vcpu_time_info now = { .version = 2 };
    const u64 wall = clock_wall_base();

    clock_time_info(&now);
    for (u32 i = 0; i < LEGACY_VCPU_MAX; i++) {
        d->shared->vcpu_info[i].time = now;
    }
    d->shared->wc_version = 2;
    d->shared->wc_sec = (u32)(wall / NS_PER_S);
    d->shared->wc_sec_hi = (u32)(wall / NS_PER_S >> 32);
    d->shared->wc_nsec = (u32)(wall % NS_PER_S);
}

/* push rcx; push r11; mov $nr,%eax; syscall; pop r11; pop rcx; ret. The stub of
 * iret keeps rax on the stack instead, and does not come back. */
void arch_hypercall_page(mfn_t m)
{
    static const u8 call[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                               0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
    static const u8 iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, NR_IRET,
                               0,    0,    0,    0x0f, 0x05 };
    u8 *page = temp_map(SLOT_PAGE, m);

    memset(page, 0xcc, PAGE_BYTES);
    for (u32 nr = 0; nr < STUB_COUNT; nr++) {
        u8 *stub = page + nr * STUB_BYTES;

        if (nr == NR_IRET) {
            memcpy(stub, iret, sizeof(iret));
        } else {
            memcpy(stub, call, sizeof(call));
            stub[4] = (u8)nr;
        }
    }
    temp_unmap(SLOT_PAGE);
}
