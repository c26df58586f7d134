/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's memory, and where the image has what; see memory.h. */
#include "tests/walker/memory.h"

#include <stdio.h>
#include <string.h>

#include "core/atomic.h"
#include "x86/pte.h"

const u8 *ram;
u64 ram_bytes;
u64 at_domains, at_domain_count, at_frames, at_frame_count, at_own;
u64 at_idle, at_image_start, at_image_end;
static struct {
    const char *name;
    u64 *at;
} const wanted[] = {
    { "domain_table", &at_domains },
    { "domain_count", &at_domain_count },
    { "frame_table", &at_frames },
    { "frame_table_count", &at_frame_count },
    { "own", &at_own },
    { "idle_l4", &at_idle },
    { "image_text_start", &at_image_start },
    { "image_end", &at_image_end },
};
/* First and last address of the two functions that end a world switch. */
u64 load_first, load_end, unload_first, unload_end;

const u64 *table_at(u64 address)
{
    static const u64 nothing[TABLE_ENTRIES];

    return address + PAGE_BYTES <= ram_bytes
               ? (const u64 *)(const void *)(ram + address)
               : nothing;
}

/* Machine address of va under the root, 0: not mapped. */
static u64 address_of(u64 root, u64 va)
{
    u64 table = root;

    for (u32 level = 4; level > 0; level--) {
        const u64 e = atomic_load64(&table_at(table)[pte_index(va, level)]);
        const u64 below = (1ull << (PAGE_BITS + 9 * (level - 1))) - 1;

        if (!pte_is_present(e)) {
            return 0;
        }
        if (level == 1 || (level < 4 && pte_is_large(e))) {
            return (e & PTE_FRAME & ~below) | (va & below);
        }
        table = e & PTE_FRAME;
    }
    return 0;
}

void read_at(u64 root, u64 va, void *to, u64 bytes)
{
    memset(to, 0, bytes);
    for (u64 done = 0; done < bytes;) {
        const u64 room = PAGE_BYTES - (va + done) % PAGE_BYTES;
        const u64 part = room < bytes - done ? room : bytes - done;
        const u64 address = address_of(root, va + done);

        if (address != 0 && address + part <= ram_bytes) {
            memcpy((u8 *)to + done, ram + address, part);
        }
        done += part;
    }
}

bool read_symbols(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned long long at;
    char kind;
    char name[256];
    u32 found = 0;
    u64 *end = NULL; /* of the function before */

    while (f != NULL && fscanf(f, "%llx %c %255s", &at, &kind, name) == 3) {
        if (end != NULL) {
            *end = at;
            end = NULL;
        }
        for (u32 i = 0; i < ARRAY_COUNT(wanted); i++) {
            if (strcmp(name, wanted[i].name) == 0) {
                *wanted[i].at = at;
                found++;
            }
        }
        if (strcmp(name, "ctxsw_load") == 0) {
            load_first = at;
            end = &load_end;
        } else if (strcmp(name, "ctxsw_unload") == 0) {
            unload_first = at;
            end = &unload_end;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found == ARRAY_COUNT(wanted) && load_end != 0 && unload_end != 0;
}
