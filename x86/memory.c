/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which chunks are RAM, and the allocator of start-up, a bump pointer in the
 * lowest usable chunks. Two bitmaps: usable (RAM, nobody's), own (ours).
 *
 * All of this runs on the first CPU before the others may call in; nothing
 * after launch.
 */
#include "x86/memory.h"

#include "core/mem.h"
#include "x86/image.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/print.h"

#define WORDS (MEMORY_CHUNKS_MAX / 64)
#define BOOT_LIMIT_CHUNK 2048u /* 4 GiB: what the boot tables map */

static u64 usable[WORDS];
static u64 own[WORDS];
static u32 chunk_count SEALED;
static u64 total_chunks SEALED;
static u64 bump_next, bump_end; /* frames of the chunk being used up */
static u64 module_start, module_bytes;
static u32 module_first, module_count;
static const u8 *module_at;

static bool bit_get(const u64 *map, u32 i)
{
    return i < MEMORY_CHUNKS_MAX && (map[i / 64] >> (i % 64) & 1) != 0;
}

/* Order by start, so that neighbours can be joined. At most BOOT_RANGES_MAX. */
static void ranges_sort(struct boot_range *r, u32 count)
{
    for (u32 i = 1; i < count; i++) {
        const struct boot_range x = r[i];
        u32 j = i;
        for (; j > 0 && r[j - 1].start > x.start; j--) {
            r[j] = r[j - 1];
        }
        r[j] = x;
    }
}

static void chunks_set(u64 *map, u64 first, u64 end, bool on)
{
    for (u64 c = first; c < end && c < MEMORY_CHUNKS_MAX; c++) {
        const u64 bit = 1ull << (c % 64);
        map[c / 64] = on ? map[c / 64] | bit : map[c / 64] & ~bit;
    }
}

/* Chunks that touch it. */
static void range_clear(u64 start, u64 end)
{
    chunks_set(usable, start / CHUNK_BYTES,
               (end + CHUNK_BYTES - 1) / CHUNK_BYTES, false);
}

static void mark_usable(const struct boot_range *r, u32 count)
{
    u32 i = 0;
    while (i < count) {
        if (!r[i].usable) {
            i++;
            continue;
        }
        const u64 start = r[i].start;
        u64 end = start + r[i].bytes;
        for (i++; i < count && r[i].usable && r[i].start <= end; i++) {
            const u64 e = r[i].start + r[i].bytes;
            end = e > end ? e : end;
        }
        /* Chunks that lie wholly in it. */
        chunks_set(usable, (start + CHUNK_BYTES - 1) / CHUNK_BYTES,
                   end / CHUNK_BYTES, true);
    }
    for (i = 0; i < count; i++) {
        if (!r[i].usable) {
            range_clear(r[i].start, r[i].start + r[i].bytes);
        }
    }
}

static void module_note(const struct bootinfo *b)
{
    module_start = b->module_start;
    module_bytes = b->module_bytes;
    if (module_bytes == 0) {
        return;
    }
    module_first = (u32)(module_start / CHUNK_BYTES);
    const u64 last = (module_start + module_bytes - 1) / CHUNK_BYTES;
    module_count = (u32)(last - module_first) + 1;
    range_clear(module_start, module_start + module_bytes);
}

void memory_init(const struct bootinfo *b)
{
    static struct boot_range sorted[BOOT_RANGES_MAX];
    memcpy(sorted, b->range, sizeof(sorted));
    ranges_sort(sorted, b->range_count);
    mark_usable(sorted, b->range_count);
    chunks_set(usable, 0, 1, false);
    for (u32 c = 0; c < MEMORY_CHUNKS_MAX; c++) {
        if (bit_get(usable, c)) {
            chunk_count = c + 1;
            total_chunks++;
        }
    }
    range_clear(IMAGE_PHYS, image_phys(image_end));
    module_note(b);
    if (total_chunks < 16) {
        cannot_start("too little memory: %lu MiB", memory_mib());
    }
}

bool memory_is_ram(const struct bootinfo *b, u64 start, u64 bytes)
{
    bool inside = false;
    for (u32 i = 0; i < b->range_count; i++) {
        const struct boot_range *const r = &b->range[i];
        const u64 end = r->start + r->bytes;
        if (r->usable && start >= r->start && start + bytes <= end) {
            inside = true;
        }
        if (!r->usable && start < end && r->start < start + bytes) {
            return false;
        }
    }
    return inside;
}

u32 memory_chunk_count(void)
{
    return chunk_count;
}

bool memory_chunk_is_own(u32 chunk)
{
    return bit_get(own, chunk);
}

u64 memory_mib(void)
{
    return total_chunks * (CHUNK_BYTES >> 20);
}

static void make_own(u64 first, u64 count)
{
    chunks_set(usable, first, first + count, false);
    chunks_set(own, first, first + count, true);
    for (u64 i = 0; i < count; i++) {
        paging_map_own_chunk((u32)(first + i));
    }
}

/* The next chunk for the hypervisor: the lowest usable one. Not zeroed. */
static u32 alloc_chunk(void)
{
    const u32 limit =
        chunk_count < BOOT_LIMIT_CHUNK ? chunk_count : BOOT_LIMIT_CHUNK;
    for (u32 c = 1; c < limit; c++) {
        if (bit_get(usable, c)) {
            make_own(c, 1);
            return c;
        }
    }
    cannot_start("too little memory: %lu MiB", memory_mib());
}

mfn_t boot_alloc(u32 frames)
{
    CHECK(frames > 0 && frames <= CHUNK_FRAMES);
    if (bump_end - bump_next < frames) {
        /* What is left of the old chunk is lost: a few frames. */
        bump_next = (u64)alloc_chunk() << CHUNK_FRAME_BITS;
        bump_end = bump_next + CHUNK_FRAMES;
    }
    const mfn_t m = mfn(bump_next);
    bump_next += frames;
    memset(linear(m), 0, (u64)frames * PAGE_BYTES);
    return m;
}

static bool run_is_usable(u64 first, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        if (!bit_get(usable, (u32)(first + i))) {
            return false;
        }
    }
    return true;
}

bool memory_take_run(u64 count, mfn_t *first)
{
    u64 c = 1;
    while (c + count <= chunk_count && !run_is_usable(c, count)) {
        c++;
    }
    if (c + count > chunk_count) {
        return false;
    }
    make_own(c, count);
    *first = mfn(c << CHUNK_FRAME_BITS);
    memset(linear(*first), 0, count * CHUNK_BYTES);
    return true;
}

bool arch_boot_chunks(u32 count, u64 *first)
{
    if (count == 0 || count >= chunk_count) {
        return false;
    }
    for (u64 c = chunk_count - count; c > 0; c--) {
        if (run_is_usable(c, count)) {
            chunks_set(usable, c, c + count, false);
            *first = c;
            return true;
        }
    }
    return false;
}

const u8 *module_map(u64 *bytes)
{
    *bytes = module_bytes;
    if (module_bytes == 0) {
        return NULL;
    }
    if (module_at == NULL) {
        const u8 *const at = paging_map_module(module_first, module_count);
        module_at = at + module_start % CHUNK_BYTES;
    }
    return module_at;
}

void module_forget(const u8 *at, u32 bytes)
{
    const u64 first = module_start + (u64)(at - module_at);
    for (u32 i = 0; i < bytes; i += 8) {
        const u64 to = first + i;
        arch_frame_write64(mfn(to / PAGE_BYTES), (u32)(to % PAGE_BYTES), 0);
    }
}
