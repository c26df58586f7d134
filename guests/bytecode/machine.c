/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz/values.c asks of the harness's machine (tests/host_arch.h,
 * fuzz/world.h), filled in from what the real one told this guest.
 */
#include <string.h>

#include "fuzz/world.h"
#include "guests/bytecode/bytecode.h"
#include "tests/host_arch.h"

#define PORT_COUNT 64u

struct host host;
u64 frame_table_count = 0x20000; /* 512 MiB: beyond what there is is odd */
static struct domain domains[WORLD_DOMAINS + 1];
static struct vcpu vcpus[WORLD_DOMAINS + 1][WORLD_VCPUS];

struct domain *world_domain(u32 id)
{
    return &domains[id];
}

mfn_t host_mfn(const struct domain *d, u64 pfn_number)
{
    return mfn((d->first_chunk << CHUNK_FRAME_BITS) + pfn_number);
}

void *host_guest(u32 offset)
{
    return (void *)(uintptr_t)(HOST_GUEST_BASE + offset);
}

/* Only of the tables of grammar.c, which the harness has checked. */
void fuzz_fail(const char *format, ...)
{
    (void)format;
    for (;;) {
        live_end(3);
    }
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

void machine_begin(void)
{
    for (u32 id = 0; id <= WORLD_DOMAINS; id++) {
        domains[id].id = (domid_t)id;
        domains[id].port_count = PORT_COUNT;
        domains[id].vcpu = vcpus[id];
        for (u32 v = 0; v < WORLD_VCPUS; v++) {
            vcpus[id][v].domain = &domains[id];
        }
    }
}

void machine_places(const struct places places[4])
{
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        struct domain *d = &domains[id];

        d->first_chunk = places[id].first >> CHUNK_FRAME_BITS;
        d->shared_mfn = mfn(places[id].shared);
        d->grants.shared_mfn[0] = mfn(places[id].grants[0]);
        d->grants.shared_mfn[1] = mfn(places[id].grants[1]);
    }
}
