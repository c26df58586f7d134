/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of the tests' machine: an arena of frames, their records, the
 * window, the guest buffer; and what is taken of it at boot. See host_arch.h.
 */
#include <string.h>
#include <sys/mman.h>

#include "core/arch.h"
#include "tests/host_arch.h"

struct host_memory host_memory;
u32 host_pool_chunks = HOST_POOL_CHUNKS;
u32 host_chunks = HOST_CHUNKS;

static u8 *arena;
static struct frame frames[HOST_FRAMES];
static bool window[HOST_FRAMES];
static u8 guest[HOST_GUEST_BYTES];
static u64 chunk_next;

/* Of the address sanitizer, where there is one. */
__attribute__((weak)) void __asan_poison_memory_region(const void *, size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(const void *, size_t);

/* Zeroes again, where something may have been written. */
static void clear_arena(void)
{
    for (u64 m = 0; m < HOST_FRAMES; m++) {
        u8 *const page = arena + (m << PAGE_BITS);

        if (m < host_memory.pool_next && host_memory.guard[m]) {
            if (__asan_unpoison_memory_region != NULL) {
                __asan_unpoison_memory_region(page, PAGE_BYTES);
            }
        } else if (m < host_memory.pool_next ||
                   (host_memory.dirty[m / 64] >> m % 64 & 1) != 0) {
            memset(page, 0, PAGE_BYTES);
        }
    }
}

void host_memory_reset(void)
{
    if (arena != NULL) {
        clear_arena();
    } else {
        arena =
            mmap(NULL, (size_t)HOST_FRAMES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (arena == MAP_FAILED) {
        host_fail("no memory");
    }
    memset(frames, 0, sizeof(frames));
    memset(window, 0, sizeof(window));
    memset(guest, 0, sizeof(guest));
    frame_table = frames;
    frame_table_count = (u64)host_chunks * CHUNK_FRAMES;
    host_memory = (struct host_memory){ .arena = arena,
                                        .frames = frames,
                                        .window = window,
                                        .guest = guest,
                                        .pool_next = 1 /* 0 is nobody's */ };
    chunk_next = host_pool_chunks;
}

void host_touch(mfn_t m)
{
    host_memory.dirty[m.v / 64] |= 1ull << (m.v % 64);
}

void *host_frame(mfn_t m)
{
    if (m.v >= frame_table_count) {
        host_fail("frame outside the machine");
    }
    host_touch(m);
    return arena + (m.v << PAGE_BITS);
}

u64 *host_table(mfn_t m)
{
    return host_frame(m);
}

void *host_guest(u32 offset)
{
    host_memory.guest_dirty[offset / PAGE_BYTES] = true;
    return &guest[offset];
}

static bool boot_fails(void)
{
    return host.boot_fails_at != 0 && --host.boot_fails_at == 0;
}

u64 host_memory_used(void)
{
    return chunk_next * CHUNK_FRAMES;
}

u64 host_pool_used(void)
{
    return host_memory.pool_next;
}

void *arch_boot_frames(u64 count, mfn_t *first)
{
    u64 *const next = &host_memory.pool_next;

    if (boot_fails() || count + 1 > host_pool_chunks * CHUNK_FRAMES - *next) {
        return NULL;
    }
    *first = mfn(*next);
    *next += count + 1; /* and a frame that nobody may touch */
    host_memory.guard[*next - 1] = true;
    if (__asan_poison_memory_region != NULL) {
        __asan_poison_memory_region(arena + ((*next - 1) << PAGE_BITS),
                                    PAGE_BYTES);
    }
    return arena + (first->v << PAGE_BITS);
}

bool arch_boot_chunks(u32 count, u64 *first)
{
    if (boot_fails() || count > host_chunks - chunk_next) {
        return false;
    }
    *first = chunk_next;
    chunk_next += count;
    return true;
}

enum rc arch_domain_tables(struct domain *d)
{
    d->m2p_l3 = mfn(0);
    d->private_l3 = mfn(0);
    return boot_fails() ? RC_ENOMEM : RC_OK;
}
