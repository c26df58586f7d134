/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader tells us, from multiboot2 or PVH, in one form.
 *
 * The parser is pure: physical memory is given as (mem, mem_bytes), and every
 * read is bounded by it and by the structure's own length.
 */
#ifndef X86_BOOTINFO_H
#define X86_BOOTINFO_H

#include "core/mem.h"

#define MULTIBOOT2_BOOT_MAGIC 0x36d76289u
#define BOOT_RANGES_MAX 256u

struct boot_range {
    u64 start;
    u64 bytes;
    bool usable; /* else reserved, ACPI, device or bad */
};

struct bootinfo {
    struct boot_range range[BOOT_RANGES_MAX];
    u32 range_count;
    u64 module_start; /* physical */
    u64 module_bytes; /* 0: no module */
    u32 module_count;
    u64 rsdp_address; /* physical, perhaps of the loader's copy; 0: not told */
};

/* Physical memory below bytes. */
struct phys {
    const u8 *mem;
    u64 bytes;
};

static inline bool phys_read(const struct phys *p, u64 at, void *to, u64 bytes)
{
    if (bytes > p->bytes || at > p->bytes - bytes) {
        return false;
    }
    memcpy(to, p->mem + at, bytes);
    return true;
}

/* Fill *b. NULL, or what is wrong (for "cannot start"). magic and info are eax
 * and ebx of the loader; magic 0 stands for PVH. */
const char *bootinfo_parse(struct bootinfo *b, u32 magic, u32 info,
                           const u8 *mem, u64 mem_bytes) MUST_CHECK;
/* The range is not to be used, whatever the loader said of it. */
void bootinfo_leave_out(struct bootinfo *b, u64 start, u64 bytes);

#endif
